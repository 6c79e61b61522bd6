"""``pxlctl init`` against an account that moto plays: what it makes, and what it makes again."""

import json

import pytest
import yaml
from init_world import ACCOUNT, REGION, REPOSITORY, STACK_FILE, Interference, World, world
from typer.testing import CliRunner

from infra.settings import check_stack_file
from operations.command_line import app
from operations.errors import Problem
from operations.init import bucket, presenting
from operations.init.aws import Aws
from operations.init.names import Names
from operations.init.outcome import Verb

BUCKET = f"pxl-staging-state-{ACCOUNT}-{REGION}"


def test_the_bucket_of_the_state_is_closed_versioned_encrypted_and_tidied(there: World):
    there.run()
    made = there.everything()["buckets"][BUCKET]
    assert made["versioning"] == "Enabled", "an overwritten state must be there to go back to"
    assert set(made["public"].values()) == {True}, "a state must never be public"
    assert made["ownership"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], "ACLs of others must not count"
    (rule,) = made["encryption"]["Rules"]
    key = there.client("kms").describe_key(KeyId="alias/pxl-staging-state")["KeyMetadata"]["Arn"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert rule["BucketKeyEnabled"], "without it every object costs a request to KMS"
    (statement,) = json.loads(made["policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (rule,) = made["lifecycle"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90, "old versions must not be kept for ever"


def test_the_key_rotates_and_only_this_account_is_in_its_policy(there: World):
    there.run()
    ((policy, rotates),) = there.everything()["keys"].values()
    assert rotates, "a key that never changes is a finding in every audit"
    principals = [statement["Principal"] for statement in json.loads(policy)["Statement"]]
    assert principals == [{"AWS": f"arn:aws:iam::{ACCOUNT}:root"}], "a wildcard would let other accounts in"


def test_the_roles_trust_one_repository_and_each_only_its_own_kind_of_job(there: World):
    there.run()
    roles = there.everything()["roles"]
    for purpose, subject in (("preview", "pull_request"), ("deploy", "environment:staging")):
        (statement,) = roles[f"pxl-staging-ci-{purpose}"][0]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": f"repo:{REPOSITORY}:{subject}",
            }
        }, "StringLike, or a wildcard, would let other repositories or jobs in"
    assert roles["pxl-staging-ci-preview"][2] == ["ReadOnlyAccess"]
    assert roles["pxl-staging-ci-deploy"][2] == [], "no managed policy is narrow enough to deploy with"


def test_without_a_repository_no_role_is_made(there: World):
    report = there.run(repository=None)
    assert there.everything()["roles"] == {}, "a role that trusts nobody in particular must not exist"
    assert [one.verb for one in report.outcomes if one.part == "roles of CI"] == [Verb.SKIPPED]


def test_the_stack_file_says_where_it_lands_and_keeps_every_line_that_it_had(there: World):
    there.run()
    text = there.file.read_text()
    for line in STACK_FILE.splitlines():
        assert line in text.splitlines(), f"this line was lost or written anew: {line!r}"
    document = yaml.safe_load(text)
    assert document["secretsprovider"] == f"awskms://alias/pxl-staging-state?region={REGION}"
    assert document["config"]["pxl:aws"] == {
        "account": ACCOUNT,
        "region": REGION,
        "cluster": "staging",
        "vpcId": there.vpc,
        "subnetIds": there.private,
        "nodeSecurityGroupId": "sg-0aa11bb22cc33dd44",
    }
    assert f'account: "{ACCOUNT}"' in text, "12 digits without quotes are a number, which the settings refuse"
    wrong = [one for one in check_stack_file(there.file) if one.key.startswith(("pxl:aws", "secretsprovider"))]
    assert not wrong, "what init writes must be what the settings take"


def test_a_second_run_changes_nothing(there: World):
    there.run()
    made, text = there.everything(), there.file.read_text()
    interference = Interference(there.session)
    report = there.run()
    assert interference.changes == [], "a second run must not even try to change something"
    assert {one.verb for one in report.outcomes} <= {Verb.THERE, Verb.SKIPPED}
    assert (there.everything(), there.file.read_text()) == (made, text)


def test_a_run_that_ends_before_any_of_its_changes_is_completed_by_the_next(tmp_path, monkeypatch):
    """Each run may make one change only: so every state that an interrupt can leave is one that a run begins with."""
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
    with world(tmp_path / "whole", monkeypatch) as there:
        interference = Interference(there.session)
        there.run()
        steps, whole = list(interference.changes), _shape(there)
    assert len(steps) > 15, "too few changes: what is interrupted here?"
    with world(tmp_path / "pieces", monkeypatch) as there:
        interference = Interference(there.session)
        made: list[str] = []
        for _ in steps:
            interference.stop_at(1)
            try:
                there.run()
            except KeyboardInterrupt:
                assert there.file.read_text() == STACK_FILE, "the file is written when all of it is true"
            made += interference.changes
        assert made == steps, "a run must go on where the last one ended, with nothing lost or made twice"
        interference.go_on()
        there.run()
        assert interference.changes == [] and _shape(there) == whole


def _shape(there: World) -> str:
    """Everything without the ids that each account draws anew."""
    everything = there.everything()
    for number, key in enumerate(everything["keys"]):
        text = json.dumps(everything, sort_keys=True).replace(key, f"key-{number}")
        everything = json.loads(text)
    return json.dumps(everything, sort_keys=True)


def test_what_others_added_to_the_bucket_stays(there: World):
    there.run()
    s3 = there.client("s3")
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    audit = {
        "Sid": "Audit", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}",
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({**policy, "Statement": [audit]}))
    report = there.run()
    statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert [one["Sid"] for one in statements] == ["Audit", "TlsOnly"], "ours is added, theirs is kept"
    assert [one.changes for one in report.outcomes if one.verb is Verb.CHANGED] == [("TLS only",)]


@pytest.mark.parametrize("drift", ["versioning", "public", "trust", "inline"])
def test_what_was_loosened_since_is_put_right(there: World, drift):
    there.run()
    before = there.everything()
    s3, iam = there.client("s3"), there.client("iam")
    if drift == "versioning":
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    elif drift == "public":
        s3.delete_public_access_block(Bucket=BUCKET)
    elif drift == "trust":
        document = before["roles"]["pxl-staging-ci-deploy"][0]
        document = json.loads(json.dumps(document).replace("environment:staging", "*"))
        iam.update_assume_role_policy(RoleName="pxl-staging-ci-deploy", PolicyDocument=json.dumps(document))
    else:
        iam.delete_role_policy(RoleName="pxl-staging-ci-preview", PolicyName="no-contents")
    report = there.run()
    assert there.everything() == before, "init says how it has to be"
    assert [one.verb for one in report.outcomes if one.changes] == [Verb.CHANGED], "and says what it changed"


def test_a_dry_run_says_everything_and_makes_nothing(there: World):
    interference = Interference(there.session)
    report = there.run(dry=True)
    assert interference.changes == [], "a dry run must not change anything"
    assert there.file.read_text() == STACK_FILE
    verbs = {one.part: one.verb for one in report.outcomes}
    for part in ("key", "bucket", "identity provider", "preview role", "deploy role"):
        assert verbs[part] is Verb.WOULD_MAKE, f"{part} would be made"
    assert "nothing was changed" in presenting.text(report)


def test_the_account_of_the_stack_file_counts_as_much_as_that_of_the_command_line(there: World):
    there.file.write_text(STACK_FILE + '  pxl:aws:\n    account: "111111111111"\n')
    with pytest.raises(Problem, match="--account says"):
        there.run()
    with pytest.raises(Problem, match="but 111111111111 is meant"):
        there.run(account=None)


def test_the_same_values_in_another_order_or_dotted_are_the_same(there: World):
    listed = ", ".join(reversed(there.private))
    text = f"{STACK_FILE}  pxl:aws.region: {REGION}\n  pxl:aws:\n    subnetIds: [{listed}]\n"
    there.file.write_text(text)
    there.run()
    config = yaml.safe_load(there.file.read_text())["config"]
    assert config["pxl:aws"]["subnetIds"] == list(reversed(there.private)), "nothing that stands there is overwritten"
    assert "region" not in config["pxl:aws"], "it would be there twice"


@pytest.mark.parametrize("before", ["", "# Ours.\n\n"])
def test_a_file_that_is_empty_is_filled(there: World, before: str):
    there.file.write_text(before)
    there.run()
    text = there.file.read_text()
    assert text.startswith(before.rstrip()) and yaml.safe_load(text)["config"]["pxl:aws"]["vpcId"] == there.vpc


def test_subnets_and_a_group_of_ones_own_within_the_vpc_stay(there: World):
    ec2 = there.client("ec2")
    made = [
        ec2.create_subnet(VpcId=there.vpc, CidrBlock=f"10.0.10{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    databases = [one["Subnet"]["SubnetId"] for one in made]
    nodes = ec2.create_security_group(VpcId=there.vpc, GroupName="nodes", Description="of a launch template")["GroupId"]
    own = f"    subnetIds: [{', '.join(databases)}]\n    nodeSecurityGroupId: {nodes}\n"
    there.file.write_text(f"{STACK_FILE}  pxl:aws:\n{own}")
    there.run()
    found = yaml.safe_load(there.file.read_text())["config"]["pxl:aws"]
    assert (found["subnetIds"], found["nodeSecurityGroupId"]) == (databases, nodes)
    assert found["vpcId"] == there.vpc
    assert {one.verb for one in there.run().outcomes} <= {Verb.THERE, Verb.SKIPPED}, "and it can be run again"


@pytest.mark.parametrize("key", ["subnetIds", "nodeSecurityGroupId"])
def test_what_lies_in_another_vpc_is_refused(there: World, key):
    ec2 = there.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=other, CidrBlock="10.9.0.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]
    group = ec2.create_security_group(VpcId=other, GroupName="nodes", Description="elsewhere")["GroupId"]
    value = {"subnetIds": f"[{there.private[0]}, {subnet['SubnetId']}]", "nodeSecurityGroupId": group}[key]
    there.file.write_text(f"{STACK_FILE}  pxl:aws:\n    {key}: {value}\n")
    with pytest.raises(Problem, match=rf"pxl:aws\.{key} is "):
        there.run()


def test_with_a_platform_stack_its_outputs_say_where_it_lands(there: World):
    there.file.write_text(STACK_FILE + "  pxl:aws:\n    platform: organization/platform/staging\n")
    there.run()
    assert set(yaml.safe_load(there.file.read_text())["config"]["pxl:aws"]) == {
        "platform", "account", "region", "cluster",
    }  # fmt: skip


def test_an_identity_provider_of_another_repository_is_shared(there: World):
    there.client("iam").create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["another"], ThumbprintList=["a" * 40]
    )
    there.run()
    (provider,) = there.everything()["providers"]
    found = there.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    assert found["ClientIDList"] == ["another", "sts.amazonaws.com"], "theirs must go on working"


def test_what_comes_next_is_said_with_commands(there: World):
    text = presenting.text(there.run())
    for words in (
        f"pulumi login 's3://{BUCKET}?region={REGION}'",
        f"pulumi stack init staging --secrets-provider 'awskms://alias/pxl-staging-state?region={REGION}'",
        "without a release: it makes the registry",
        "gh variable set PREVIEW_ROLE_STAGING",
    ):
        assert words in text, f"the next step must be there to copy: {words}"


def test_scripts_get_the_same_as_data(there: World):
    data = json.loads(json.dumps(presenting.data(there.run())))
    assert data["changed"] is True and {part["verb"] for part in data["parts"]} == {"made", "changed", "skipped"}
    assert data["roles"]["preview"] == f"arn:aws:iam::{ACCOUNT}:role/pxl-staging-ci-preview"
    assert presenting.data(there.run())["changed"] is False, "scripts must see that nothing changed"


def pxlctl(there: World, *arguments: str):
    given = ["--account", ACCOUNT, "--region", REGION, "--cluster", "staging", "--skip-ca"]
    return CliRunner().invoke(app, ["--cwd", str(there.folder), "init", "staging", *given, *arguments])


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


def test_the_command_prints_what_scripts_read_and_nothing_else_on_standard_output(there: World, credentials):
    done = pxlctl(there, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["backend"] == f"s3://{BUCKET}?region={REGION}"
    assert "key alias/pxl-staging-state" in done.stderr, "progress goes where it does not disturb"


def test_an_interrupt_ends_the_command_as_every_other(there: World, credentials, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("operations.init.bucket.ensure", interrupted)
    done = pxlctl(there)
    assert done.exit_code == 130 and "Traceback" not in done.stderr
    assert there.file.read_text() == STACK_FILE


def test_a_stack_file_that_cannot_be_written_is_told_and_stays_whole(there: World, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Problem, match="cannot be written"):
        there.run()
    assert there.file.read_text() == STACK_FILE
    assert [path.name for path in there.folder.iterdir() if path.name.startswith(".")] == [], (
        "nothing is left beside it"
    )


def test_the_oldest_region_is_not_named_to_s3(there: World):
    """S3 refuses a bucket that is asked for in us-east-1 by name."""
    names = Names("pxl", "staging", ACCOUNT, "us-east-1")
    bucket.ensure(Aws("us-east-1", session=there.session), names, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1")
    assert there.client("s3").get_bucket_location(Bucket=names.bucket)["LocationConstraint"] is None
