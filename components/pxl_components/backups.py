"""Backups of a database that are restored to prove that they can be: AWS Backup and its restore tests."""

import json
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
import pulumi_random as random
from pulumi import Input

from pxl_components.tags import read_tags
from pxl_components.validation import Arguments

_DAILY = "cron(0 3 * * ? *)"
_WEEKLY = "cron(0 5 ? * SUN *)"
_START_HOURS = 4
_LOOK_BACK_DAYS = 7
_POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")


class BackupsArgs(TypedDict):
    """Arguments of ``Backups``."""

    resource_arn: Input[str]
    """ARN of the RDS instance to keep copies of."""
    kms_key_arn: Input[str]
    """The key that encrypts the copies."""
    subnet_group_name: Input[str]
    """The subnet group that a test restores into."""
    keep_days: NotRequired[int]
    """Days that a daily copy is kept, 7-3650; default 35."""
    deletion_protection: NotRequired[bool]
    """Whether the engine refuses to delete the vault; default true."""
    tags: NotRequired[dict[str, str]]
    """Tags of everything that can have them."""


class Backups(pulumi.ComponentResource):
    """A vault with a daily copy, and a restore of the newest one every week that tells whether it could be done."""

    vault_name: pulumi.Output[str]
    """Name of the vault."""

    def __init__(self, name: str, args: BackupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:Backups", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=spec.kms_key_arn,
            tags=spec.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=spec.protect),
        )
        role = self._role(name, spec)
        rule: aws.backup.PlanRuleArgsDict = {
            "rule_name": "daily",
            "target_vault_name": vault.name,
            "schedule": _DAILY,
            "lifecycle": {"delete_after": spec.keep_days},
        }
        plan = aws.backup.Plan(f"{name}-plan", rules=[rule], tags=spec.tags, opts=child)
        aws.backup.Selection(
            f"{name}-selection", plan_id=plan.id, iam_role_arn=role.arn, resources=[spec.resource_arn], opts=child
        )
        self._tests(name, spec, vault, role)
        self.vault_name = vault.name
        self.register_outputs({"vaultName": self.vault_name})

    def _role(self, name: str, spec: "_Spec") -> "aws.iam.Role":
        child = pulumi.ResourceOptions(parent=self)
        trusted = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trusted]}),
            tags=spec.tags,
            opts=child,
        )
        for policy in _POLICIES:
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy[-8:].lower()}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/service-role/{policy}",
                opts=child,
            )
        return role

    def _tests(self, name: str, spec: "_Spec", vault: "aws.backup.Vault", role: "aws.iam.Role") -> None:
        child = pulumi.ResourceOptions(parent=self)
        # Names of these two hold letters, digits and underscores only, so the engine's own would be refused.
        drawn = random.RandomUuid(f"{name}-tests", opts=child).result.apply(lambda uuid: f"{name}_{uuid[:8]}")
        tests = aws.backup.RestoreTestingPlan(
            f"{name}-restore-tests",
            name=drawn.apply(lambda known: known.replace("-", "_")),
            schedule_expression=_WEEKLY,
            start_window_hours=_START_HOURS,
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [vault.arn],
                "recovery_point_types": ["SNAPSHOT"],
                "selection_window_days": _LOOK_BACK_DAYS,
            },
            tags=spec.tags,
            opts=child,
        )
        aws.backup.RestoreTestingSelection(
            f"{name}-restore-test",
            name="database",
            restore_testing_plan_name=tests.name,
            protected_resource_type="RDS",
            protected_resource_arns=[spec.resource_arn],
            iam_role_arn=role.arn,
            restore_metadata_overrides={"dbSubnetGroupName": spec.subnet_group_name, "publiclyAccessible": "false"},
            validation_window_hours=1,
            opts=child,
        )


@dataclass(frozen=True)
class _Spec:
    resource_arn: Input[str]
    kms_key_arn: Input[str]
    subnet_group_name: Input[str]
    keep_days: int
    protect: bool
    tags: dict[str, str]

    @staticmethod
    def read(name: str, args: BackupsArgs) -> "_Spec":
        given = Arguments.of("Backups", name, args, BackupsArgs)
        return _Spec(
            resource_arn=given.text_input("resource_arn"),
            kms_key_arn=given.text_input("kms_key_arn"),
            subnet_group_name=given.text_input("subnet_group_name"),
            keep_days=given.integer("keep_days", 35, 7, 3650),
            protect=given.boolean("deletion_protection", True),
            tags=read_tags(given),
        )
