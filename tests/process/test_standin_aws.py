"""Every type of the AWS stand-in on the local AWS: made, read back without drift, changed, replaced, deleted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.aws import server
from local.aws.seed import Landing, seed
from local.paths import State
from local.standins.aws.catalogue import TYPES
from local.standins.aws.provider import AwsProvider
from local.standins.values import decode, encode, plain

REGION = "eu-central-1"
ACCOUNT = "222222222222"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
ALLOW = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}]}
)
PLAN_NAME = "restores"


class Context:
    """The gRPC context: an abort is an error here."""

    def abort(self, code: Any, text: str) -> None:
        raise AssertionError(text)

    def set_trailing_metadata(self, metadata: Any) -> None:
        """Nothing reads it here."""


class Quiet:
    """The engine's log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str, urn: str = "") -> None:
        self.lines.append(message)

    warn = info


@dataclass
class Made:
    """A resource as the engine records it."""

    token: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Engine:
    """What the engine asks of a provider, in its order."""

    def __init__(self, **arguments: Any) -> None:
        self.host = Quiet()
        self.provider = AwsProvider(self.host)  # pyright: ignore[reportArgumentType]
        given = encode({"region": REGION, **arguments})
        self.provider.Configure(provider_pb2.ConfigureRequest(args=given), Context())

    def check(self, token: str, inputs: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
        request = provider_pb2.CheckRequest(
            urn=_urn(token), news=encode(inputs), olds=encode(old or {}), randomSeed=b"1"
        )
        return decode(self.provider.Check(request, Context()).inputs)

    def create(self, token: str, inputs: dict[str, Any]) -> Made:
        checked = self.check(token, inputs)
        answer = self.provider.Create(
            provider_pb2.CreateRequest(urn=_urn(token), properties=encode(checked)), Context()
        )
        return Made(token, answer.id, checked, decode(answer.properties))

    def diff(self, made: Made, inputs: dict[str, Any]) -> Any:
        checked = self.check(made.token, inputs, made.inputs)
        request = provider_pb2.DiffRequest(
            id=made.id,
            urn=_urn(made.token),
            olds=encode(made.outputs),
            news=encode(checked),
            old_inputs=encode(made.inputs),
        )
        return self.provider.Diff(request, Context())

    def update(self, made: Made, inputs: dict[str, Any]) -> Made:
        checked = self.check(made.token, inputs, made.inputs)
        request = provider_pb2.UpdateRequest(
            id=made.id,
            urn=_urn(made.token),
            olds=encode(made.outputs),
            news=encode(checked),
            old_inputs=encode(made.inputs),
        )
        answer = self.provider.Update(request, Context())
        return Made(made.token, made.id, checked, decode(answer.properties))

    def read(self, made: Made) -> Made | None:
        request = provider_pb2.ReadRequest(
            id=made.id, urn=_urn(made.token), properties=encode(made.outputs), inputs=encode(made.inputs)
        )
        answer = self.provider.Read(request, Context())
        return Made(made.token, answer.id, decode(answer.inputs), decode(answer.properties)) if answer.id else None

    def delete(self, made: Made) -> None:
        request = provider_pb2.DeleteRequest(
            id=made.id, urn=_urn(made.token), properties=encode(made.outputs), old_inputs=encode(made.inputs)
        )
        self.provider.Delete(request, Context())

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        answer = self.provider.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)), Context())
        return decode(getattr(answer, "return"))


def _urn(token: str) -> str:
    return f"urn:pulumi:test::pxl::{token}::thing"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Server]:
    state = State(tmp_path_factory.mktemp("aws"))
    running = server.start(state, account=ACCOUNT)
    yield running
    server.stop(state)
    assert server.find(state) is None, "what is ended is not found again"


@pytest.fixture(scope="module")
def landing(aws: server.Server) -> Landing:
    return seed(
        aws.endpoint,
        REGION,
        vpc_cidr="10.40.0.0/16",
        subnet_cidrs=["10.40.0.0/20", "10.40.16.0/20"],
        cluster_name="rehearsal",
        cluster_endpoint="https://127.0.0.1:6443",
        cluster_authority="Y2E=",
        zone_name="rehearsal.example.com",
    )


@pytest.fixture(scope="module")
def engine(aws: server.Server) -> Engine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        return Engine()


@dataclass
class World:
    """What a case may build on: the landing, and other resources that it makes itself."""

    landing: Landing
    engine: Engine
    made: list[Made] = field(default_factory=list)

    def make(self, token: str, **inputs: Any) -> Made:
        made = self.engine.create(token, inputs)
        self.made.append(made)
        return made

    def key(self) -> str:
        return self.make("aws:kms/key:Key").outputs["arn"]

    def role(self) -> Made:
        return self.make("aws:iam/role:Role", assumeRolePolicy=TRUST)

    def plan(self) -> str:
        vault = self.make("aws:backup/vault:Vault", name="vault-of-plan")
        rule = {"ruleName": "daily", "targetVaultName": vault.id}
        return self.make("aws:backup/plan:Plan", name="plan-of-selection", rules=[rule]).id


@dataclass(frozen=True)
class Case:
    """A type: its inputs, a change in place, a change that replaces, and outputs that programs use."""

    inputs: Callable[[World], dict[str, Any]]
    outputs: tuple[str, ...]
    change: dict[str, Any] = field(default_factory=dict)
    replace: dict[str, Any] = field(default_factory=dict)


def _rule(**more: Any) -> dict[str, Any]:
    rule = {"ruleName": "daily", "targetVaultName": "v", "schedule": "cron(0 3 * * ? *)", "startWindow": 60}
    return {**rule, "completionWindow": 180, "lifecycle": {"deleteAfter": 14}, **more}


def _restores(world: World) -> str:
    points = {"algorithm": "LATEST_WITHIN_WINDOW", "includeVaults": ["*"], "recoveryPointTypes": ["SNAPSHOT"]}
    made = world.make(
        "aws:backup/restoreTestingPlan:RestoreTestingPlan",
        name=PLAN_NAME,
        scheduleExpression="cron(0 5 ? * SUN *)",
        recoveryPointSelection=points,
    )
    return made.id


# AWS has no way to take these back: a certificate stays issued, a version stays with its secret.
STAYS = ("aws:acm/certificateValidation:CertificateValidation", "aws:secretsmanager/secretVersion:SecretVersion")
TAGS = {"tags": {"owner": "shop", "kept": "yes"}}
CASES = {
    "aws:kms/key:Key": Case(
        lambda w: {"description": "data", "enableKeyRotation": True, "deletionWindowInDays": 7, **TAGS},
        ("arn", "keyId"),
        {"description": "other", "enableKeyRotation": False, "tags": {"owner": "till"}},
        {"keyUsage": "SIGN_VERIFY"},
    ),
    "aws:kms/alias:Alias": Case(
        lambda w: {"name": "alias/data", "targetKeyId": w.key()}, ("arn", "targetKeyArn"), {}, {"name": "alias/x"}
    ),
    "aws:rds/subnetGroup:SubnetGroup": Case(
        lambda w: {"name": "db", "subnetIds": list(w.landing.subnet_ids), **TAGS},
        ("arn", "vpcId"),
        {"description": "other", "tags": {"owner": "till"}},
        {"name": "db2"},
    ),
    "aws:rds/parameterGroup:ParameterGroup": Case(
        lambda w: {
            "family": "postgres17",
            "parameters": [
                {"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"},
                {"name": "max_connections", "value": "200", "applyMethod": "pending-reboot"},
            ],
        },
        ("arn", "name"),
        {"parameters": [{"name": "rds.force_ssl", "value": "0", "applyMethod": "immediate"}]},
        {"family": "postgres18"},
    ),
    "aws:rds/instance:Instance": Case(
        lambda w: {
            "instanceClass": "db.t4g.small",
            "engine": "postgres",
            "engineVersion": "17.4",
            "allocatedStorage": 20,
            "dbName": "app",
            "username": "app",
            "manageMasterUserPassword": True,
            "storageEncrypted": True,
            "kmsKeyId": w.key(),
            "multiAz": True,
            "backupRetentionPeriod": 7,
            "maintenanceWindow": "sun:03:00-sun:04:00",
            "backupWindow": "01:00-02:00",
            "caCertIdentifier": "rds-ca-rsa2048-g1",
            "enabledCloudwatchLogsExports": ["postgresql"],
            "skipFinalSnapshot": True,
            "deletionProtection": False,
            "vpcSecurityGroupIds": [w.landing.node_security_group_id],
            "dbSubnetGroupName": w.make(
                "aws:rds/subnetGroup:SubnetGroup", name="of-db", subnetIds=list(w.landing.subnet_ids)
            ).id,
            **TAGS,
        },
        ("arn", "address", "port", "endpoint", "masterUserSecrets", "identifier", "engineVersionActual", "resourceId"),
        {"instanceClass": "db.t4g.medium", "allocatedStorage": 40, "backupRetentionPeriod": 14, "tags": {"a": "b"}},
        {"storageEncrypted": False},
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Case(
        lambda w: {"name": "cache", "subnetIds": list(w.landing.subnet_ids), **TAGS},
        ("arn", "vpcId"),
        {"description": "other", "tags": {"owner": "till"}},
        {"name": "cache2"},
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Case(
        lambda w: {"family": "valkey8", "parameters": [{"name": "maxmemory-policy", "value": "noeviction"}], **TAGS},
        ("arn", "name"),
        {"parameters": [{"name": "timeout", "value": "300"}], "tags": {}},
        {"family": "redis7"},
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Case(
        lambda w: {
            "description": "queues",
            "engine": "valkey",
            "engineVersion": "8.0",
            "nodeType": "cache.t4g.small",
            "numCacheClusters": 2,
            "automaticFailoverEnabled": True,
            "multiAzEnabled": True,
            "atRestEncryptionEnabled": True,
            "transitEncryptionEnabled": True,
            "kmsKeyId": w.key(),
            "port": 6379,
            "snapshotRetentionLimit": 5,
            "snapshotWindow": "02:00-03:00",
            "authToken": "a-token-of-more-than-sixteen",
            "securityGroupIds": [w.landing.node_security_group_id],
            "subnetGroupName": w.make(
                "aws:elasticache/subnetGroup:SubnetGroup", name="of-cache", subnetIds=list(w.landing.subnet_ids)
            ).id,
            **TAGS,
        },
        ("arn", "primaryEndpointAddress", "readerEndpointAddress", "port", "memberClusters"),
        {"nodeType": "cache.t4g.medium", "numCacheClusters": 3, "snapshotWindow": "04:00-05:00", "tags": {"a": "b"}},
        {"atRestEncryptionEnabled": False},
    ),
    "aws:ec2/securityGroup:SecurityGroup": Case(
        lambda w: {"vpcId": w.landing.vpc_id, "description": "db", **TAGS},
        ("arn", "ownerId", "name"),
        {"tags": {"owner": "till"}},
        {"description": "other"},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Case(
        lambda w: {
            "securityGroupId": w.make("aws:ec2/securityGroup:SecurityGroup", vpcId=w.landing.vpc_id).id,
            "ipProtocol": "tcp",
            "fromPort": 5432,
            "toPort": 5432,
            "referencedSecurityGroupId": w.landing.node_security_group_id,
            "description": "from nodes",
            **TAGS,
        },
        ("arn", "securityGroupRuleId"),
        {"description": "from the nodes", "tags": {}},
        {"securityGroupId": "sg-00000000000000000"},
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Case(
        lambda w: {
            "securityGroupId": w.make("aws:ec2/securityGroup:SecurityGroup", vpcId=w.landing.vpc_id).id,
            "ipProtocol": "-1",
            "cidrIpv4": "10.40.0.0/16",
        },
        ("arn",),
        {"cidrIpv4": "10.40.0.0/17"},
        {"securityGroupId": "sg-00000000000000000"},
    ),
    "aws:secretsmanager/secret:Secret": Case(
        lambda w: {"name": "pxl/test", "kmsKeyId": w.key(), "recoveryWindowInDays": 0, "description": "app", **TAGS},
        ("arn", "name"),
        {"description": "other", "tags": {"owner": "till"}},
        {"name": "pxl/other"},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Case(
        lambda w: {
            "secretId": w.make("aws:secretsmanager/secret:Secret", name="v", recoveryWindowInDays=0).id,
            "secretString": "first",
        },
        ("versionId", "arn"),
        {},
        {"secretString": "second"},
    ),
    "aws:ecr/repository:Repository": Case(
        lambda w: {
            "name": "pxl/app",
            "imageTagMutability": "MUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": w.key()}],
            **TAGS,
        },
        ("arn", "repositoryUrl", "registryId"),
        {"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": False}, "tags": {}},
        {"encryptionConfigurations": [{"encryptionType": "AES256"}]},
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Case(
        lambda w: {
            "repository": w.make("aws:ecr/repository:Repository", name="pxl/kept").id,
            "policy": json.dumps({"rules": [{"rulePriority": 1, "description": "untagged", "action": {"type": "expire"},
                                             "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan",
                                                           "countNumber": 5}}]}),
        },
        ("registryId",),
        {},
        {"policy": json.dumps({"rules": []})},
    ),
    "aws:iam/role:Role": Case(
        lambda w: {"assumeRolePolicy": TRUST, "description": "app", **TAGS},
        ("arn", "uniqueId", "name"),
        {"description": "other", "maxSessionDuration": 7200, "tags": {"owner": "till"}},
        {"path": "/pxl/"},
    ),
    "aws:iam/rolePolicy:RolePolicy": Case(
        lambda w: {"role": w.role().id, "name": "pull", "policy": ALLOW},
        ("name",),
        {"policy": ALLOW.replace("BatchGetImage", "PutImage")},
        {"name": "push"},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Case(
        lambda w: {"role": w.role().id, "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        ("role",),
        {},
        {"policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"},
    ),
    "aws:cloudwatch/logGroup:LogGroup": Case(
        lambda w: {"name": "/pxl/db", "retentionInDays": 30, "kmsKeyId": w.key(), **TAGS},
        ("arn",),
        {"retentionInDays": 90, "kmsKeyId": None, "tags": {"owner": "till"}},
        {"name": "/pxl/other"},
    ),
    "aws:backup/vault:Vault": Case(
        lambda w: {"name": "vault", "kmsKeyArn": w.key(), **TAGS},
        ("arn", "recoveryPoints"),
        {"tags": {"owner": "till"}},
        {"name": "other"},
    ),
    "aws:backup/plan:Plan": Case(
        lambda w: {"name": "plan", "rules": [_rule()], **TAGS},
        ("arn", "version"),
        {"rules": [_rule(lifecycle={"deleteAfter": 30})], "tags": {"owner": "till"}},
        {"name": "other"},
    ),
    "aws:backup/selection:Selection": Case(
        lambda w: {
            "name": "database",
            "iamRoleArn": w.role().outputs["arn"],
            "planId": w.plan(),
            "resources": ["arn:aws:rds:*:*:db:*"],
        },
        ("name",),
        {},
        {"resources": ["*"]},
    ),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": Case(
        lambda w: {
            "scheduleExpression": "cron(0 5 ? * SUN *)",
            "recoveryPointSelection": {
                "algorithm": "LATEST_WITHIN_WINDOW",
                "includeVaults": ["*"],
                "recoveryPointTypes": ["SNAPSHOT", "CONTINUOUS"],
            },
            **TAGS,
        },
        ("arn", "name"),
        {"scheduleExpression": "cron(0 6 ? * SUN *)", "tags": {"owner": "till"}},
        {"name": "other"},
    ),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": Case(
        lambda w: {
            "restoreTestingPlanName": _restores(w),
            "name": "database",
            "iamRoleArn": w.role().outputs["arn"],
            "protectedResourceType": "RDS",
            "protectedResourceArns": ["arn:aws:rds:eu-central-1:222222222222:db:app"],
            "validationWindowHours": 4,
        },
        ("name",),
        {"validationWindowHours": 8},
        {"protectedResourceType": "S3"},
    ),
    "aws:acm/certificate:Certificate": Case(
        lambda w: {
            "domainName": "app.rehearsal.example.com",
            "validationMethod": "DNS",
            "subjectAlternativeNames": ["ws.rehearsal.example.com", "app.rehearsal.example.com"],
            **TAGS,
        },
        ("arn", "domainValidationOptions", "status"),
        {"tags": {"owner": "till"}},
        {"domainName": "other.rehearsal.example.com"},
    ),
    "aws:acm/certificateValidation:CertificateValidation": Case(
        lambda w: {
            "certificateArn": w.make(
                "aws:acm/certificate:Certificate", domainName="v.rehearsal.example.com", validationMethod="DNS"
            ).id
        },
        ("certificateArn",),
        {},
        {"validationRecordFqdns": ["x"]},
    ),
    "aws:route53/record:Record": Case(
        lambda w: {
            "zoneId": w.landing.zone_id,
            "name": "app.rehearsal.example.com",
            "type": "CNAME",
            "ttl": 300,
            "records": ["lb.example.com"],
        },
        ("fqdn",),
        {"ttl": 60, "records": ["other.example.com"]},
        {"name": "ws.rehearsal.example.com"},
    ),
}  # fmt: skip


def test_every_type_has_a_case() -> None:
    assert CASES.keys() == TYPES.keys(), "a type without a case has been run by nobody"


@pytest.mark.parametrize("token", sorted(CASES))
def test_a_type_is_made_read_changed_and_deleted(token: str, landing: Landing, engine: Engine) -> None:
    case, world = CASES[token], World(landing, engine)
    inputs = case.inputs(world)
    made = engine.create(token, inputs)
    assert made.id, "the engine needs an id"
    missing = [name for name in case.outputs if plain(made.outputs).get(name) in (None, "")]
    assert not missing, f"programs read {missing} of {token}; it has {sorted(made.outputs)}"
    assert not engine.diff(made, inputs).diffs, "the same program again changes nothing"
    _holds(engine, made, inputs)
    if case.change:
        changed = {**inputs, **case.change}
        differs = engine.diff(made, changed)
        assert set(differs.diffs) == set(case.change), "exactly what was changed differs"
        assert not list(differs.replaces), f"AWS changes {sorted(case.change)} in place"
        made = engine.update(made, changed)
        _holds(engine, made, changed)
    replaced = engine.diff(made, {**inputs, **case.change, **case.replace})
    assert set(replaced.replaces) == set(case.replace), "AWS makes another one of it"
    engine.delete(made)
    if token not in STAYS:
        assert engine.read(made) is None, "what is deleted is gone"
    engine.delete(made)
    for other in reversed(world.made):
        engine.delete(other)


def _holds(engine: Engine, made: Made, inputs: dict[str, Any]) -> None:
    found = engine.read(made)
    assert found is not None, "a refresh finds it"
    drifted = {name: (given, plain(found.inputs).get(name)) for name, given in plain(made.inputs).items()
               if given is not None and plain(found.inputs).get(name) != given}  # fmt: skip
    assert not drifted, f"a refresh finds what was set: {drifted}"
    assert not engine.diff(found, inputs).diffs, "and the program again changes nothing"
