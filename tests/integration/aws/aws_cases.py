"""Every type of the AWS stand-in: inputs, changes in place, changes that replace, and outputs that programs use."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.aws.seed import Landing
from tests.integration.aws.aws_engine import Engine, Made

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
