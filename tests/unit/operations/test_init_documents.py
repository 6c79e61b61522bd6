"""The policies that init writes: what they must never allow, and that they cover what the stacks consist of."""

import json
import re
from pathlib import Path

import pytest

from operations.errors import Problem
from operations.init import documents
from operations.init.names import Names
from operations.init.rights import PASSED_TO, READS, RIGHTS, ROLES, SERVICE_LINKED

ROOT = Path(__file__).resolve().parents[3]
NAMES = Names("pxl", "staging", "123456789012", "eu-central-1")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
PREVIEW, DEPLOY = documents.preview(NAMES, KEY), documents.deploy(NAMES, KEY)
# What makes, changes, or hands on; beginnings of the names of actions.
CHANGING = ("Create", "Put", "Update", "Delete", "Modify", "Add", "Attach", "Pass", "Set", "Tag", "Remove", "Schedule")


def statements(policies):
    return [statement for policy in policies.values() for statement in policy["Statement"]]


def listed(value):
    return value if isinstance(value, list) else [value]


def test_the_preview_role_cannot_change_anything_nor_read_contents():
    for statement in statements(PREVIEW):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                assert action.partition(":")[2].startswith(("Get", "List", "Describe", "Decrypt")), action
                assert "*" not in action, f"{action} may come to mean more"
    denied = {action for one in statements(PREVIEW) if one["Effect"] == "Deny" for action in listed(one["Action"])}
    for action in ("secretsmanager:GetSecretValue", "ssm:GetParameter", "logs:GetLogEvents", "s3:GetObject"):
        assert action in denied, f"ReadOnlyAccess allows {action}, and whoever opens a pull request would have it"


def test_the_preview_role_reads_the_state_and_nothing_else_that_is_encrypted():
    (other,) = [one for one in statements(PREVIEW) if one.get("Sid") == "NoOtherKey"]
    assert (other["Effect"], other["NotResource"]) == ("Deny", KEY)
    (key,) = [one for one in statements(PREVIEW) if one.get("Sid") == "Key"]
    assert key["Resource"] == [KEY] and "kms:Decrypt" in key["Action"], "without it the state cannot be read"


def test_the_deploy_role_can_neither_change_itself_nor_its_ground():
    denied = {one["Sid"]: one for one in statements(DEPLOY) if one["Effect"] == "Deny"}
    assert denied["NotItself"]["Action"] == "iam:*"
    assert NAMES.role_arn("deploy") in denied["NotItself"]["Resource"], "it could give itself everything"
    assert KEY in denied["NotItsGround"]["Resource"] and "kms:ScheduleKeyDeletion" in denied["NotItsGround"]["Action"]


def test_the_deploy_role_stays_away_from_what_another_stacks_tag_is_on():
    (deny,) = [one for one in statements(DEPLOY) if one["Sid"] == "NotAnothersStack"]
    assert (deny["Effect"], deny["Resource"]) == ("Deny", "*")
    assert deny["Condition"]["StringNotEquals"] == {"aws:ResourceTag/stack": "staging"}
    assert deny["Condition"]["Null"] == {"aws:ResourceTag/stack": "false"}, "what is being made has no tag yet"
    assert {"rds:*", "elasticache:*", "kms:*", "secretsmanager:*", "backup:*"} <= set(deny["Action"]), (
        "in an account that staging and prod share, who deploys one could delete the other"
    )
    assert not {"ec2:*", "eks:*"} & set(deny["Action"]), "a VPC carries the tag of the platform's stack"
    (masters,) = [one for one in statements(DEPLOY) if one["Sid"] == "NotTheMasters"]
    assert masters["Effect"] == "Deny", "the operator reads the master password, and nobody who deploys"


def test_what_has_no_narrower_resource_is_allowed_on_everything():
    """Actions for which IAM knows no type of resource are refused on any other, however right the ARN looks."""
    everywhere = {action for right in RIGHTS if right.resources == ("*",) for action in right.actions} | set(READS)
    needed = {"acm:RequestCertificate", "ecr:GetAuthorizationToken", "kms:CreateKey", "backup-storage:MountCapsule"}
    assert needed <= everywhere


def test_restore_tests_may_be_made_as_backups_may():
    both = {"backup.amazonaws.com", "restore-testing.backup.amazonaws.com"}
    assert both <= set(SERVICE_LINKED) and both <= set(PASSED_TO), "the first plan in an account would fail"


def test_a_repository_whose_tokens_say_ids_is_trusted_by_them_alone():
    trusted = documents.trust(NAMES, "example@12/app@34", "deploy")["Statement"][0]["Condition"]["StringEquals"]
    assert trusted["token.actions.githubusercontent.com:sub"] == "repo:example@12/app@34:environment:staging"


def test_the_deploy_role_has_no_service_as_a_whole():
    for statement in statements(DEPLOY):
        if statement["Effect"] == "Allow":
            assert not [one for one in listed(statement["Action"]) if re.fullmatch(r"\*|[a-z0-9-]+:\*", one)]


def test_every_role_that_the_components_make_may_be_made():
    """By the ends of their names; what stands before is the component's name in the program."""
    patterns = [role.rpartition("/")[2].removesuffix("-*") for role in ROLES]
    for path in (ROOT / "components" / "pxl_components").glob("*.py"):
        for name in re.findall(r'aws\.iam\.Role\(\s*f"\{name\}(-[\w-]+)"', path.read_text(encoding="utf-8")):
            assert any(pattern.endswith(name) for pattern in patterns), f"{path.name} makes *{name}: add it to ROLES"


def test_a_role_is_made_under_known_names_only_and_handed_to_few():
    for statement in statements(DEPLOY):
        changing = [one for one in listed(statement["Action"]) if re.match(r"iam:(Create|Put|Attach|Pass|Update)", one)]
        if statement["Effect"] == "Allow" and changing and changing != ["iam:CreateServiceLinkedRole"]:
            for role in statement["Resource"]:
                assert re.fullmatch(r"arn:aws:iam::123456789012:role/[a-z-]{8,}-\*", role), f"{changing}: {role}"
            assert "iam:PutRolePolicy" not in changing, "a role with a policy of one's own can be given everything"
    by_sid = {one["Sid"]: one for one in statements(DEPLOY)}
    assert "iam:PassedToService" in by_sid["Pass"]["Condition"]["StringEquals"], "else to any machine"
    attachable = by_sid["Attach"]["Condition"]["ArnEquals"]["iam:PolicyARN"]
    assert not [one for one in attachable if one.endswith(("AdministratorAccess", "PowerUserAccess"))]


def test_what_changes_something_names_what_it_may_change_wherever_aws_can_tell():
    """Keys and backups have no name before they exist; everything else has."""
    for right in RIGHTS:
        services = {action.partition(":")[0] for action in right.actions}
        if not services & {"kms", "backup", "backup-storage"} and right.actions != ("acm:RequestCertificate",):
            assert "*" not in right.resources, f"{services} could be narrowed"
    changing = [one for one in READS if one.partition(":")[2].startswith(CHANGING)]
    assert not changing, f"these are allowed on everything: {changing}"


@pytest.mark.parametrize("policies", [PREVIEW, DEPLOY], ids=["preview", "deploy"])
def test_the_policies_of_a_role_are_within_what_aws_takes(policies):
    size = sum(len(documents.text(policy)) for policy in policies.values())
    assert size < 10_240, f"{size}: AWS takes 10,240 characters of inline policies for a role"


def test_every_kind_that_the_program_declares_is_covered():
    """By its text: ``aws.rds.Instance(`` and the like, in the program and in the components."""
    covered = {kind for right in RIGHTS for kind in right.kinds}
    declared: set[str] = set()
    for path in [*(ROOT / "components").rglob("*.py"), *(ROOT / "infra").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        declared |= set(re.findall(r"\baws\.([a-z0-9]+\.[A-Z]\w+)\(", text)) - {"aws.Provider"}
        for module, names in re.findall(r"from pulumi_aws\.(\w+) import \(?([^)\n]+)", text):
            declared |= {f"{module}.{name.strip()}" for name in names.split(",") if f"{name.strip()}(" in text}
    kinds = {kind for kind in declared if not kind.endswith(("Args", "ArgsDict"))}
    assert kinds <= covered, f"add to operations/init/rights.py what these take: {sorted(kinds - covered)}"


def test_policies_are_compared_by_what_they_say():
    wanted = documents.trust(NAMES, "example/app", "preview")
    reordered = json.dumps(wanted, sort_keys=True, indent=1)
    assert documents.same(reordered, wanted), "AWS gives policies back in its own order"
    assert not documents.same(reordered.replace("pull_request", "*"), wanted)


@pytest.mark.parametrize(("project", "stack"), [("pxl", "Staging"), ("pxl", "a_b"), ("pxl", "x" * 40)])
def test_names_that_no_bucket_can_have_are_refused_at_once(project, stack):
    with pytest.raises(Problem, match="cannot be used"):
        Names(project, stack, "123456789012", "eu-central-1")


def test_every_stack_has_a_bucket_a_key_and_roles_of_its_own():
    other = Names("pxl", "prod", "123456789012", "eu-central-1")
    for name in ("bucket", "alias", "secrets_provider"):
        assert getattr(NAMES, name) != getattr(other, name), "who deploys one must not read the other"


def test_in_other_partitions_arns_say_so():
    china = Names("pxl", "prod", "123456789012", "cn-north-1", "aws-cn")
    assert china.bucket_arn == "arn:aws-cn:s3:::pxl-prod-state-123456789012-cn-north-1"
    assert all("arn:aws:" not in documents.text(policy) for policy in documents.deploy(china, "k").values())
