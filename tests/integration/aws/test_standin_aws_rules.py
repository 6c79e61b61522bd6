"""What the AWS stand-in keeps to besides making things: secrets, refusals, tags, accounts, repairs, previews."""

import json
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.aws.boto import client
from local.aws.seed import Landing
from local.aws.server import Server
from local.standins.values import Secret, decode, encode, plain
from tests.integration.aws.aws_engine import ACCOUNT, REGION, Context, Engine, Made, urn

KEY = "aws:kms/key:Key"
DATABASE: dict[str, Any] = {
    "instanceClass": "db.t4g.small",
    "engine": "postgres",
    "allocatedStorage": 20,
    "username": "app",
    "skipFinalSnapshot": True,
}


def _database(engine: Engine, identifier: str, **more: Any) -> Made:
    return engine.create("aws:rds/instance:Instance", {**DATABASE, "identifier": identifier, **more})


def test_the_master_user_secret_is_a_real_secret_with_user_and_password(aws: Server, engine: Engine) -> None:
    made = _database(engine, "managed", manageMasterUserPassword=True)
    secret = made.outputs["masterUserSecrets"][0]
    assert secret["secretStatus"] == "active"
    assert secret["kmsKeyId"], "a role needs the key to read it"
    manager = client("secretsmanager", aws.endpoint, REGION)
    value = json.loads(manager.get_secret_value(SecretId=secret["secretArn"])["SecretString"])
    assert value["username"] == "app"
    assert len(value["password"]) >= 8, "an app reads its password out of it"


def test_a_protected_database_is_not_deleted(engine: Engine) -> None:
    made = _database(engine, "protected", password="long-enough-1", deletionProtection=True)
    with pytest.raises(AssertionError, match="Cannot delete protected DB Instance") as refused:
        engine.delete(made)
    assert "delete aws:rds/instance:Instance" in str(refused.value), "the message names what was tried"
    assert engine.read(made), "and it is there"
    free = engine.update(made, {**plain(made.inputs), "deletionProtection": False})
    engine.delete(free)
    assert engine.read(free) is None


def test_a_database_is_not_deleted_without_a_word_on_its_last_snapshot(engine: Engine) -> None:
    made = _database(engine, "unsaid", password="long-enough-1", skipFinalSnapshot=False)
    with pytest.raises(AssertionError, match="finalSnapshotIdentifier is required"):
        engine.delete(made)


def test_a_renamed_database_is_the_same_one(engine: Engine) -> None:
    made = _database(engine, "before", password="long-enough-1")
    inputs = {**plain(made.inputs), "identifier": "after"}
    assert not list(engine.diff(made, inputs).replaces), "AWS renames in place, and so does the official provider"
    renamed = engine.update(made, inputs)
    assert renamed.outputs["identifier"] == "after"
    assert renamed.outputs["address"].startswith("after."), "clients have to be told the new address"
    engine.delete(renamed)


@pytest.mark.parametrize(
    ("token", "inputs", "secret"),
    [
        ("aws:rds/instance:Instance", {**DATABASE, "identifier": "s", "password": "long-enough-1"}, "password"),
        (
            "aws:elasticache/replicationGroup:ReplicationGroup",
            {"replicationGroupId": "s", "description": "d", "authToken": "a-token-of-more-than-sixteen",
             "transitEncryptionEnabled": True, "engine": "valkey"},
            "authToken",
        ),
    ],
)  # fmt: skip
def test_a_password_is_secret_whatever_the_program_says(
    engine: Engine, token: str, inputs: dict[str, Any], secret: str
) -> None:
    made = engine.create(token, inputs)
    assert isinstance(made.inputs[secret], Secret), "the state must hold it encrypted"
    assert isinstance(made.outputs[secret], Secret)
    found = engine.read(made)
    assert found and isinstance(found.outputs[secret], Secret), "after a refresh, too"
    engine.delete(made)


def test_a_secrets_value_is_secret_and_its_version_is_named(engine: Engine) -> None:
    secret = engine.create("aws:secretsmanager/secret:Secret", {"recoveryWindowInDays": 0})
    made = engine.create(
        "aws:secretsmanager/secretVersion:SecretVersion", {"secretId": secret.id, "secretString": "canary"}
    )
    assert made.outputs["secretString"] == Secret("canary")
    assert made.id == f"{secret.id}|{made.outputs['versionId']}", "as the official provider spells it"
    engine.delete(made)
    engine.delete(secret)


def test_the_providers_tags_are_on_everything_and_a_resources_own_win(aws: Server, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    engine = Engine(defaultTags=json.dumps({"tags": {"stack": "prod", "owner": "platform"}}))
    made = engine.create(KEY, {"tags": {"owner": "shop"}})
    assert made.outputs["tagsAll"] == {"stack": "prod", "owner": "shop"}
    tags = client("kms", aws.endpoint, REGION).list_resource_tags(KeyId=made.id)["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in tags} == made.outputs["tagsAll"]
    assert not engine.diff(made, {"tags": {"owner": "shop"}}).diffs, "a second run changes nothing"


def test_another_account_is_refused(aws: Server, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    engine = Engine(allowedAccountIds=json.dumps(["999999999999"]))
    with pytest.raises(AssertionError, match=rf"account {ACCOUNT}, and allowedAccountIds has 999999999999"):
        engine.create(KEY, {})


def test_what_was_made_and_not_finished_is_recorded_and_repaired(engine: Engine, monkeypatch: Any) -> None:
    inputs = engine.check(KEY, {"enableKeyRotation": True})
    kms = engine.provider._aws().client("kms")
    request = provider_pb2.CreateRequest(urn=urn(KEY), properties=encode(inputs))
    details: list[Any] = []
    monkeypatch.setattr(Context, "set_trailing_metadata", lambda self, metadata: details.append(metadata))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kms, "enable_key_rotation", _denied)
        with pytest.raises(AssertionError, match="AWS denies EnableKeyRotation"):
            engine.provider.Create(request, Context())
    assert details, "the engine learns the id of what was made, or the next run makes a second key"
    known = Made(KEY, _recorded_id(details), inputs, inputs)
    repaired = engine.update(known, {"enableKeyRotation": True})
    assert repaired.outputs["enableKeyRotation"] is True, "an update without a difference finishes it"


def _denied(**arguments: Any) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "EnableKeyRotation")


def _recorded_id(details: list[Any]) -> str:
    from pulumi.runtime.proto import status_pb2  # noqa: PLC0415

    status = status_pb2.Status.FromString(details[0][0][1])
    failed = provider_pb2.ErrorResourceInitFailed()
    status.details[0].Unpack(failed)
    return failed.id


def test_the_functions_find_what_a_stack_is_set_into(engine: Engine, landing: Landing) -> None:
    assert engine.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == ACCOUNT
    assert engine.invoke("aws:index/getRegion:getRegion")["region"] == REGION
    cluster = engine.invoke("aws:eks/getCluster:getCluster", name=landing.cluster_name)
    assert cluster["endpoint"] == "https://127.0.0.1:6443", "the API server that the rehearsal runs on"
    assert cluster["certificateAuthorities"] == [{"data": "Y2E="}]
    assert cluster["vpcConfig"]["vpcId"] == landing.vpc_id
    assert cluster["arn"] == landing.cluster_arn
    assert cluster["version"] == "1.34", "moto's own would be years old"
    assert engine.invoke("aws:ec2/getVpc:getVpc", id=landing.vpc_id)["cidrBlock"] == "10.40.0.0/16"
    subnets = [engine.invoke("aws:ec2/getSubnet:getSubnet", id=name) for name in landing.subnet_ids]
    assert [subnet["availabilityZone"] for subnet in subnets] == list(landing.zones)
    group = engine.invoke("aws:ec2/getSecurityGroup:getSecurityGroup", id=landing.node_security_group_id)
    assert group["vpcId"] == landing.vpc_id
    zone = engine.invoke("aws:route53/getZone:getZone", name=landing.zone_name)
    assert zone["zoneId"] == landing.zone_id
    with pytest.raises(AssertionError, match="no hosted zones match"):
        engine.invoke("aws:route53/getZone:getZone", name="nobody.example.com")


def test_a_preview_without_an_endpoint_checks_and_says_what_is_made_up(monkeypatch: Any) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    engine = Engine()
    assert any("no AWS has checked" in line for line in engine.host.lines), "whoever reads it has to know"
    inputs = engine.check(KEY, {"description": "d"})
    request = provider_pb2.CreateRequest(urn=urn(KEY), properties=encode(inputs), preview=True)
    shown = decode(engine.provider.Create(request, Context()).properties)
    assert shown["description"] == "d"
    asked = provider_pb2.InvokeRequest(tok="aws:ec2/getVpc:getVpc", args=encode({"id": "vpc-1"}), preview=True)
    answer = decode(getattr(engine.provider.Invoke(asked, Context()), "return"))
    assert (answer["id"], answer["cidrBlock"]) == ("vpc-1", "192.0.2.0/24"), "the engine takes no unknowns here"
    assert any("getVpc was answered with made-up values" in line for line in engine.host.lines)
    with pytest.raises(AssertionError, match="this machine only, and AWS_ENDPOINT_URL is not set"):
        engine.create(KEY, {})


def test_an_update_that_gives_no_answer_says_what_to_start(monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("local.standins.aws.reaching.ATTEMPTS", 1)
    with pytest.raises(AssertionError, match=r"is the local AWS running \(python -m local.aws.serve\)"):
        Engine().create(KEY, {})
