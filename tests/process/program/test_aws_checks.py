"""What security scanners look for on AWS, by their ids, on what the program declares for prod; staging's differences.

The ids are checkov's. Open: CKV2_AWS_57 and CKV_AWS_304 (rotation of secrets).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from operations import access
from operations.rendering.manifests import Resource
from tests.process.program.recordings import Recorded

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def prod(recorded: Recorded) -> list[Resource]:
    return recorded("prod")


@pytest.fixture(scope="module")
def guarded() -> list[Resource]:
    return access.resources(pods=True)


@pytest.fixture(scope="module")
def staging(recorded: Recorded) -> list[Resource]:
    return recorded("staging")


def of(found: list[Resource], kind: str) -> list[dict[str, Any]]:
    made = [one.inputs for one in found if one.type.startswith("aws:") and one.type.endswith(f":{kind}")]
    assert made, f"the stack must have a {kind}"
    return made


def parameters(found: list[Resource]) -> dict[str, str]:
    groups = [one.inputs for one in found if one.type == "aws:rds/parameterGroup:ParameterGroup"]
    return {one["name"]: one["value"] for group in groups for one in group["parameters"]}


# id → (kind, what must hold of every one of them)
CHECKS: dict[str, tuple[str, Any]] = {
    "CKV_AWS_16": ("Instance", lambda db: db["storageEncrypted"]),
    "CKV_AWS_17": ("Instance", lambda db: db["publiclyAccessible"] is False),
    "CKV_AWS_157": ("Instance", lambda db: db["multiAz"]),
    "CKV_AWS_293": ("Instance", lambda db: db["deletionProtection"]),
    "CKV_AWS_133": ("Instance", lambda db: db["backupRetentionPeriod"] >= 7),
    "CKV_AWS_161": ("Instance", lambda db: db["iamDatabaseAuthenticationEnabled"]),
    "CKV_AWS_129": ("Instance", lambda db: "postgresql" in db["enabledCloudwatchLogsExports"]),
    "CKV_AWS_118": ("Instance", lambda db: db["monitoringInterval"] > 0 and db["monitoringRoleArn"]),
    "CKV_AWS_226": ("Instance", lambda db: db["autoMinorVersionUpgrade"]),
    "CKV_AWS_353": ("Instance", lambda db: db["performanceInsightsEnabled"]),
    "CKV_AWS_354": ("Instance", lambda db: db["performanceInsightsKmsKeyId"]),
    "CKV2_AWS_60": ("Instance", lambda db: db["copyTagsToSnapshot"]),
    "CKV_AWS_211": ("Instance", lambda db: db["caCertIdentifier"].startswith("rds-ca-rsa2048")),
    "CKV_AWS_29": ("ReplicationGroup", lambda group: group["atRestEncryptionEnabled"]),
    "CKV_AWS_30": ("ReplicationGroup", lambda group: group["transitEncryptionEnabled"]),
    "CKV_AWS_31": ("ReplicationGroup", lambda group: group["transitEncryptionEnabled"] and group["authToken"]),
    "CKV_AWS_191": ("ReplicationGroup", lambda group: group["kmsKeyId"]),
    "CKV2_AWS_50": ("ReplicationGroup", lambda group: group["automaticFailoverEnabled"] and group["multiAzEnabled"]),
    "CKV_AWS_51": ("Repository", lambda kept: kept["imageTagMutability"] == "IMMUTABLE"),
    "CKV_AWS_163": ("Repository", lambda kept: kept["imageScanningConfiguration"]["scanOnPush"]),
    "CKV_AWS_136": ("Repository", lambda kept: kept["encryptionConfigurations"][0]["encryptionType"] == "KMS"),
    "CKV_AWS_149": ("Secret", lambda secret: secret["kmsKeyId"]),
    "CKV_AWS_7": ("Key", lambda key: key["enableKeyRotation"]),
    "CKV2_AWS_64": ("Key", lambda key: json.loads(key["policy"])["Statement"]),
}


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_prod_passes(prod: list[Resource], check: str) -> None:
    kind, holds = CHECKS[check]
    for inputs in of(prod, kind):
        assert holds(inputs), f"{check} does not hold of {kind} {inputs}"


def test_prod_passes_ckv2_aws_69_and_ckv2_aws_30(prod: list[Resource]) -> None:
    found = parameters(prod)
    assert found["rds.force_ssl"] == "1", "CKV2_AWS_69: a connection without TLS is refused by the server, too"
    assert {"log_statement", "log_min_duration_statement"} <= set(found), "CKV2_AWS_30: slow and changing statements"


def test_prod_passes_ckv_aws_33(prod: list[Resource]) -> None:
    (key,) = of(prod, "Key")
    for statement in json.loads(key["policy"])["Statement"]:
        assert statement["Principal"] == {"AWS": "arn:aws:iam::222222222222:root"}, "nobody outside of the account"


def test_prod_passes_ckv_aws_32(prod: list[Resource]) -> None:
    kinds = {one.type for one in prod}
    assert "aws:ecr/repositoryPolicy:RepositoryPolicy" not in kinds, "without a policy, only the account may pull"


def test_prod_is_restored_every_week_and_keeps_a_last_snapshot(prod: list[Resource]) -> None:
    (database,) = of(prod, "Instance")
    assert database["skipFinalSnapshot"] is False and database["finalSnapshotIdentifier"]
    assert of(prod, "RestoreTestingPlan") and of(prod, "RestoreTestingSelection")
    (group,) = of(prod, "ReplicationGroup")
    assert group["snapshotRetentionLimit"] >= 7


def test_the_master_password_is_known_to_nobody_who_deploys(prod: list[Resource]) -> None:
    (database,) = of(prod, "Instance")
    assert database["manageMasterUserPassword"] is True and "password" not in database
    assert database["username"] != "pxl", "the app does not connect as the master user"
    (job,) = [one.inputs for one in prod if one.name == "postgres-user" and one.type.endswith(":Job")]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {item["name"]: item.get("valueFrom") for item in container["env"]}
    assert env["PGPASSWORD"]["secretKeyRef"]["name"] == "postgres-admin", "by reference, from the operator's Secret"


def test_a_released_image_is_out_of_reach_of_what_expires(prod: list[Resource]) -> None:
    (policy,) = of(prod, "LifecyclePolicy")
    first, *others = sorted(json.loads(policy["policy"])["rules"], key=lambda rule: rule["rulePriority"])
    assert first["selection"]["tagPrefixList"] == ["release-"], "what the first rule matches, no later one may expire"
    assert all("tagPrefixList" not in rule["selection"] for rule in others)


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_every_resource_that_can_be_tagged_is(stack: str, request: pytest.FixtureRequest) -> None:
    found: list[Resource] = request.getfixturevalue(stack)
    cannot = {"Alias", "LifecyclePolicy", "RolePolicyAttachment", "SecretVersion", "CertificateValidation", "Record",
              "Selection", "RestoreTestingSelection"}  # fmt: skip
    for one in found:
        kind = one.type.rpartition(":")[2]
        if one.type.startswith("aws:") and kind not in cannot:
            tags = one.inputs.get("tags", {})
            assert {"stack", "environment", "owner"} <= set(tags), f"{one.type} {one.name} is nobody's: {tags}"
            assert tags["stack"] == stack


def test_the_stores_let_in_who_a_link_names_and_nobody_else(prod: list[Resource]) -> None:
    rules = of(prod, "SecurityGroupIngressRule")
    assert sorted((rule["fromPort"], rule["toPort"]) for rule in rules) == [(5432, 5432), (6379, 6379)]
    for rule in rules:
        assert rule["referencedSecurityGroupId"] == "sg-0200000000000000", "the nodes, by group and not by address"
        assert "cidrIpv4" not in rule
    assert all("ingress" not in group and "egress" not in group for group in of(prod, "SecurityGroup"))


def test_every_way_to_a_store_is_in_the_page_with_both_of_its_guards(
    prod: list[Resource], guarded: list[Resource]
) -> None:
    written = (ROOT / "docs" / "access.md").read_text()
    assert written == access.text(prod, guarded), "write it again: make schema"
    tables = [
        [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ") and "`" in line]
        for part in written.split("\n## ")[1:]
    ]
    apps = {(who, store) for who in ("api", "worker", "migrations") for store in ("postgres", "redis")}
    for rows in tables:
        assert {(row[0], row[1]) for row in rows} == apps | {("database-user", "postgres")}
        assert all(row[4].startswith("`") for row in rows), "each has a policy and a rule"
    of_nodes, of_pods = tables
    assert {row[5] for row in of_nodes} == {"nodes"}
    assert all(row[5] == row[0] for row in of_pods), "only the pods that have the link"


def test_groups_of_pods_let_the_stores_leave_the_nodes_out(guarded: list[Resource]) -> None:
    rules = of(guarded, "SecurityGroupIngressRule")
    assert all(rule["referencedSecurityGroupId"] != "sg-0200000000000000" for rule in rules), "not all of the nodes"
    opened = sorted((rule["fromPort"], rule["description"]) for rule in rules)
    both = ["from api", "from migrations", "from worker"]
    assert opened == sorted([(5432, "from database-user"), *((p, who) for p in (5432, 6379) for who in both)])
    policies = [one for one in guarded if one.inputs.get("kind") == "SecurityGroupPolicy"]
    assert len(policies) == 4
    for policy in policies:
        own, *shared = policy.inputs["spec"]["securityGroups"]["groupIds"]
        assert shared == ["sg-0200000000000000"], "probes, DNS and the load balancer come by the nodes' group"
        assert own not in shared
    selected = {one.inputs["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in policies}
    made = [
        one.inputs["spec"]["template"]["metadata"]["labels"]
        for one in guarded
        if "template" in one.inputs.get("spec", {})
    ]
    assert {labels["app.kubernetes.io/component"] for labels in made} == selected, (
        "every pod of the stack has its group"
    )


def test_what_staging_relaxes_is_size_and_what_keeps_data(prod: list[Resource], staging: list[Resource]) -> None:
    (ours,), (theirs,) = of(staging, "Instance"), of(prod, "Instance")
    differing = {key for key in theirs if ours.get(key) != theirs[key]}
    assert differing <= {
        "allocatedStorage", "maxAllocatedStorage", "instanceClass", "multiAz", "backupRetentionPeriod",
        "deletionProtection", "deleteAutomatedBackups", "tags",
    }, f"environments.py is the whole difference: {differing}"  # fmt: skip
