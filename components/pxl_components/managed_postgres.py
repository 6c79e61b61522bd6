"""Postgres as a managed instance of Amazon RDS, with the settings that production asks for."""

import json
import re
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
import pulumi_random as random
from pulumi import Input

from pxl_components.access import Place, security_group
from pxl_components.validation import Arguments

PORT = 5432
_VERSION = re.compile(r"(1[5-9])(\.\d{1,2})?")
_CLASS = re.compile(r"db\.[a-z0-9]+\.[a-z0-9]+")
_ADMIN = "pxl_admin"
_AUTHORITY = "rds-ca-rsa2048-g1"
_MONITORING_SECONDS = 60
_INSIGHTS_DAYS = 7
_SLOW_MILLISECONDS = 1000
_MONITORING_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"


class ManagedPostgres(TypedDict):
    """A Postgres of Amazon RDS: encrypted, private, TLS only, its master password known to nobody who deploys."""

    vpc_id: Input[str]
    """The VPC of server and clients."""
    subnet_ids: Input[list[str]]
    """Private subnets in at least two zones."""
    subnet_cidrs: Input[list[str]]
    """The address ranges of these subnets: the network policies open exactly these."""
    client_security_group_ids: dict[str, Input[str]]
    """Name to id of the security groups that may connect, such as ``{"nodes": "sg-…"}``."""
    kms_key_arn: Input[str]
    """The key that encrypts storage, backups, insights and the master password."""
    psql_image: str
    """An image with ``psql`` 15 or newer, by digest: a Job makes the app's own user with it."""
    admin_store: "AdminStore"
    """The store from which the External Secrets operator brings the master password to that Job."""
    password_version: NotRequired[Input[str]]
    """For a password whose Secret keeps its name: changes with it, without telling it, and the Job sets it anew."""
    ca_pem: NotRequired[Input[str]]
    """The region's authorities of RDS, as PEM; default: those that Node trusts, which RDS is not among."""
    instance_class: NotRequired[str]
    """Instance class; default ``db.t4g.medium``."""
    engine_version: NotRequired[str]
    """Major version, or a full one to pin it; default ``17``."""
    storage_gb: NotRequired[int]
    """GiB to begin with, 20-65536; default 50."""
    max_storage_gb: NotRequired[int]
    """GiB that it may grow to by itself; default 4 times ``storage_gb``."""
    multi_az: NotRequired[bool]
    """A standby in another zone; default true."""
    backup_days: NotRequired[int]
    """Days that can be gone back to, 1-35; default 7."""
    max_connections: NotRequired[int]
    """Connections that the server accepts, 10-10000; default 200."""
    deletion_protection: NotRequired[bool]
    """Whether AWS and the engine refuse to delete it; default true."""
    tags: NotRequired[dict[str, str]]
    """Tags of everything that can have them."""


class AdminStore(TypedDict):
    """The store object of the External Secrets operator that reads Secrets Manager."""

    name: str
    """Its name."""
    kind: NotRequired[str]
    """``ClusterSecretStore`` (default) or ``SecretStore``."""


@dataclass(frozen=True)
class ManagedSpec:
    """A ``ManagedPostgres`` that has been checked."""

    place: Place
    instance_class: str
    engine_version: str
    storage_gb: int
    max_storage_gb: int
    multi_az: bool
    backup_days: int
    max_connections: int

    @staticmethod
    def read(given: Arguments) -> "ManagedSpec":
        """Reads it.

        Raises:
            ArgumentError: out of bounds, malformed, or storage that would shrink.
        """
        storage = given.integer("storage_gb", 50, 20, 65536)
        most = given.integer("max_storage_gb", min(4 * storage, 65536), 20, 65536)
        if most < storage:
            raise given.error("max_storage_gb", most, f"is less than storage_gb ({storage})", "raise it")
        return ManagedSpec(
            place=Place.read(given),
            instance_class=given.text("instance_class", "db.t4g.medium", _CLASS, "an instance class, db.t4g.medium"),
            engine_version=given.text("engine_version", "17", _VERSION, "a version of Postgres from 15 on, such as 17"),
            storage_gb=storage,
            max_storage_gb=most,
            multi_az=given.boolean("multi_az", True),
            backup_days=given.integer("backup_days", 7, 1, 35),
            max_connections=given.integer("max_connections", 200, 10, 10000),
        )

    @property
    def major(self) -> str:
        """The major version, which names the family of parameters."""
        return self.engine_version.partition(".")[0]


def instance(parent: pulumi.Resource, name: str, database: str, spec: ManagedSpec) -> "aws.rds.Instance":
    """Declares the instance with all that it stands on.

    Args:
        parent: The component.
        name: Its name.
        database: The database that is made in it.
        spec: What is wanted.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    group = security_group(parent, name, spec.place, PORT)
    places = aws.rds.SubnetGroup(f"{name}-subnets", subnet_ids=spec.place.subnet_ids, tags=spec.place.tags, opts=opts)
    final = random.RandomUuid(f"{name}-final", opts=opts)
    return aws.rds.Instance(
        f"{name}-instance",
        engine="postgres",
        engine_version=spec.engine_version,
        instance_class=spec.instance_class,
        allocated_storage=spec.storage_gb,
        max_allocated_storage=spec.max_storage_gb,
        storage_type="gp3",
        storage_encrypted=True,
        kms_key_id=spec.place.kms_key_arn,
        db_name=database,
        port=PORT,
        username=_ADMIN,
        manage_master_user_password=True,
        master_user_secret_kms_key_id=spec.place.kms_key_arn,
        iam_database_authentication_enabled=True,
        db_subnet_group_name=places.name,
        vpc_security_group_ids=[group.id],
        publicly_accessible=False,
        parameter_group_name=_parameters(parent, name, spec).name,
        ca_cert_identifier=_AUTHORITY,
        multi_az=spec.multi_az,
        auto_minor_version_upgrade=True,
        backup_retention_period=spec.backup_days,
        copy_tags_to_snapshot=True,
        delete_automated_backups=not spec.place.protect,
        deletion_protection=spec.place.protect,
        skip_final_snapshot=False,
        final_snapshot_identifier=final.result.apply(lambda drawn: f"{name}-final-{drawn[:8]}"),
        enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
        monitoring_interval=_MONITORING_SECONDS,
        monitoring_role_arn=_monitoring(parent, name, spec).arn,
        performance_insights_enabled=True,
        performance_insights_kms_key_id=spec.place.kms_key_arn,
        performance_insights_retention_period=_INSIGHTS_DAYS,
        tags=spec.place.tags,
        opts=pulumi.ResourceOptions(parent=parent, protect=spec.place.protect),
    )


def _parameters(parent: pulumi.Resource, name: str, spec: ManagedSpec) -> "aws.rds.ParameterGroup":
    fixed = {
        "rds.force_ssl": "1",
        "log_min_duration_statement": str(_SLOW_MILLISECONDS),
        # Who changed the schema; a password is set as a SCRAM verifier, so that none is ever logged.
        "log_statement": "ddl",
        "max_connections": str(spec.max_connections),
    }
    return aws.rds.ParameterGroup(
        f"{name}-parameters",
        family=f"postgres{spec.major}",
        parameters=[
            {
                "name": key,
                "value": value,
                "apply_method": "pending-reboot" if key == "max_connections" else "immediate",
            }
            for key, value in sorted(fixed.items())
        ],
        tags=spec.place.tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _monitoring(parent: pulumi.Resource, name: str, spec: ManagedSpec) -> "aws.iam.Role":
    trusted = {"Effect": "Allow", "Principal": {"Service": "monitoring.rds.amazonaws.com"}, "Action": "sts:AssumeRole"}
    opts = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        f"{name}-monitoring",
        assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trusted]}),
        tags=spec.place.tags,
        opts=opts,
    )
    aws.iam.RolePolicyAttachment(f"{name}-monitoring", role=role.name, policy_arn=_MONITORING_POLICY, opts=opts)
    return role
