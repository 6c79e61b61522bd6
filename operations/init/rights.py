"""What the deploy role may do on AWS: for each kind of resource that a stack consists of, what making it takes.

The one place to extend when the program declares a new kind: ``tests/unit/operations/test_init_documents.py`` fails
until it is here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """What some kinds take.

    Attributes:
        kinds: The classes of ``pulumi_aws``, with their module.
        actions: What IAM has to allow.
        resources: ``service:resource`` in the stack's account and region; ``*`` where AWS knows no narrower one.
    """

    kinds: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)


# The roles that the components make, by what the engine makes of their names. No other role can be made or changed, and
# none can be given a policy of one's own: who deploys could give itself everything that way.
ROLES = ("iam::role/postgres-monitoring-*", "iam::role/backups-role-*")
# Services whose things are one stack's alone: where the tag ``stack`` names another, this role has no business there.
# Networks, clusters and registries are left out: stacks share the first two, and a promotion reads the third.
OWNED = ("rds", "elasticache", "kms", "secretsmanager", "backup", "iam")
# What uses the stack's key on behalf of whoever makes things; itself, the deploy role decrypts nothing with it.
KEY_USERS = ("rds", "elasticache", "secretsmanager", "ecr", "backup")


def _all(service: str, *things: str) -> tuple[str, ...]:
    """To make, change and delete some things."""
    return tuple(f"{service}:{verb}{thing}" for thing in things for verb in ("Create", "Modify", "Delete"))


# AWS lets nobody narrow these: what is not there yet has no name, and lists have none at all.
READS = (
    "ec2:Describe*",
    "rds:Describe*",
    "rds:ListTagsForResource",
    "elasticache:Describe*",
    "elasticache:ListTagsForResource",
    "eks:DescribeCluster",
    "kms:DescribeKey",
    "kms:ListAliases",
    "acm:ListCertificates",
    "route53:ListHostedZones",
    "route53:GetChange",
    "ecr:DescribeRepositories",
    "ecr:GetAuthorizationToken",
    "cloudwatch:DescribeAlarms",
    "logs:DescribeLogGroups",
    "iam:ListPolicies",
    "sts:GetCallerIdentity",
)

RIGHTS: tuple[Right, ...] = (
    Right(
        ("rds.Instance", "rds.SubnetGroup", "rds.ParameterGroup"),
        (
            *_all("rds", "DBInstance", "DBSubnetGroup", "DBParameterGroup"),
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
            "rds:CreateDBSnapshot",
            "rds:RebootDBInstance",
        ),
        ("rds:db:*", "rds:subgrp:*", "rds:pg:*", "rds:og:*", "rds:snapshot:*"),
    ),
    Right(
        (
            "elasticache.ReplicationGroup",
            "elasticache.SubnetGroup",
            "elasticache.ParameterGroup",
            "elasticache.User",
            "elasticache.UserGroup",
        ),
        (
            *_all("elasticache", "ReplicationGroup", "CacheSubnetGroup", "CacheParameterGroup", "User", "UserGroup"),
            "elasticache:AddTagsToResource",
            "elasticache:RemoveTagsFromResource",
            "elasticache:CreateSnapshot",
            "elasticache:IncreaseReplicaCount",
            "elasticache:DecreaseReplicaCount",
        ),
        (
            "elasticache:replicationgroup:*",
            "elasticache:subnetgroup:*",
            "elasticache:parametergroup:*",
            "elasticache:cluster:*",
            "elasticache:snapshot:*",
            "elasticache:user:*",
            "elasticache:usergroup:*",
        ),
    ),
    Right(
        ("ec2.SecurityGroup", "vpc.SecurityGroupIngressRule", "vpc.SecurityGroupEgressRule", "ec2.SecurityGroupRule"),
        (
            "ec2:CreateSecurityGroup",
            "ec2:DeleteSecurityGroup",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:ModifySecurityGroupRules",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ),
        ("ec2:security-group/*", "ec2:security-group-rule/*", "ec2:vpc/*"),
    ),
    Right(
        ("ecr.Repository", "ecr.LifecyclePolicy", "ecr.RepositoryPolicy"),
        (
            "ecr:CreateRepository",
            "ecr:DeleteRepository",
            "ecr:Get*",
            "ecr:ListTagsForResource",
            "ecr:PutLifecyclePolicy",
            "ecr:DeleteLifecyclePolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:DeleteRepositoryPolicy",
            "ecr:PutImageScanningConfiguration",
            "ecr:PutImageTagMutability",
            "ecr:TagResource",
            "ecr:UntagResource",
            "ecr:BatchCheckLayerAvailability",
            "ecr:InitiateLayerUpload",
            "ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload",
            "ecr:PutImage",
            "ecr:BatchGetImage",
        ),
        ("ecr:repository/*",),
    ),
    Right(
        ("acm.Certificate", "acm.CertificateValidation"),
        (
            "acm:DescribeCertificate",
            "acm:DeleteCertificate",
            "acm:ListTagsForCertificate",
            "acm:AddTagsToCertificate",
            "acm:RemoveTagsFromCertificate",
        ),
        ("acm:certificate/*",),
    ),
    # What is asked for has no name yet, and AWS knows no narrower one for it.
    Right(("acm.Certificate",), ("acm:RequestCertificate",)),
    Right(
        ("route53.Record",),
        (
            "route53:GetHostedZone",
            "route53:ListResourceRecordSets",
            "route53:ChangeResourceRecordSets",
            "route53:ListTagsForResource",
        ),
        ("route53::hostedzone/*",),
    ),
    Right(
        ("secretsmanager.Secret", "secretsmanager.SecretVersion", "secretsmanager.SecretRotation"),
        (
            "secretsmanager:CreateSecret",
            "secretsmanager:UpdateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:RotateSecret",
        ),
        ("secretsmanager:secret:*",),
    ),
    Right(
        ("kms.Key", "kms.Alias"),
        (
            "kms:CreateKey",
            "kms:CreateAlias",
            "kms:UpdateAlias",
            "kms:DeleteAlias",
            "kms:EnableKeyRotation",
            "kms:GetKey*",
            "kms:ListResourceTags",
            "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:UpdateKeyDescription",
        ),
    ),
    Right(
        ("iam.Role", "iam.RolePolicyAttachment"),
        (
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:GetRole",
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:ListRolePolicies",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
        ),
        ROLES,
    ),
    Right(
        ("eks.PodIdentityAssociation",),
        (
            "eks:CreatePodIdentityAssociation",
            "eks:DeletePodIdentityAssociation",
            "eks:DescribePodIdentityAssociation",
            "eks:UpdatePodIdentityAssociation",
            "eks:ListPodIdentityAssociations",
            "eks:TagResource",
            "eks:UntagResource",
        ),
        ("eks:cluster/*", "eks:podidentityassociation/*"),
    ),
    Right(
        (
            "backup.Vault",
            "backup.Plan",
            "backup.Selection",
            "backup.RestoreTestingPlan",
            "backup.RestoreTestingSelection",
        ),
        (
            "backup:Create*",
            "backup:Update*",
            "backup:DeleteBackup*",
            "backup:DeleteRestoreTesting*",
            "backup:Get*",
            "backup:List*",
            "backup:Describe*",
            "backup:TagResource",
            "backup:UntagResource",
            "backup-storage:MountCapsule",
        ),
    ),
    Right(
        ("cloudwatch.MetricAlarm", "cloudwatch.EventRule", "cloudwatch.EventTarget", "cloudwatch.LogGroup"),
        (
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:DeleteAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:TagResource",
            "events:PutRule",
            "events:DeleteRule",
            "events:DescribeRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "events:ListTargetsByRule",
            "events:ListTagsForResource",
            "events:TagResource",
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:PutRetentionPolicy",
            "logs:ListTagsForResource",
            "logs:TagResource",
        ),
        ("cloudwatch:alarm:*", "events:rule/*", "logs:log-group:*"),
    ),
    Right(
        ("sns.Topic", "sns.TopicPolicy", "sns.TopicSubscription"),
        (
            "sns:CreateTopic",
            "sns:DeleteTopic",
            "sns:GetTopicAttributes",
            "sns:SetTopicAttributes",
            "sns:ListTagsForResource",
            "sns:TagResource",
            "sns:Subscribe",
            "sns:Unsubscribe",
            "sns:GetSubscriptionAttributes",
        ),
        ("sns:*",),
    ),
)

# Services that may be handed a role, so that nobody hands one to a machine of their own.
PASSED_TO = (
    "pods.eks.amazonaws.com",
    "backup.amazonaws.com",
    "restore-testing.backup.amazonaws.com",
    "monitoring.rds.amazonaws.com",
)
# Only these may come with the first resource of their kind in an account.
SERVICE_LINKED = (
    "rds.amazonaws.com",
    "elasticache.amazonaws.com",
    "backup.amazonaws.com",
    "restore-testing.backup.amazonaws.com",
)
# What AWS itself publishes for the roles that a stack makes; any other managed policy cannot be attached.
ATTACHABLE = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
    "service-role/AmazonRDSEnhancedMonitoringRole",
)
