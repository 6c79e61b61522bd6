"""Redis as a replication group of Amazon ElastiCache, with the settings that production asks for."""

import re
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
import pulumi_random as random
from pulumi import Input

from pxl_components.access import Place, security_group
from pxl_components.validation import Arguments

PORT = 6379
_VERSION = re.compile(r"[78]\.\d")
_TYPE = re.compile(r"cache\.[a-z0-9]+\.[a-z0-9]+")
_SHORTEST_TOKEN, _LONGEST_TOKEN = 16, 128


class ManagedRedis(TypedDict):
    """A Redis of Amazon ElastiCache: encrypted, private, TLS only, with a copy that takes over."""

    vpc_id: Input[str]
    """The VPC of server and clients."""
    subnet_ids: Input[list[str]]
    """Private subnets in at least two zones."""
    subnet_cidrs: Input[list[str]]
    """The address ranges of these subnets: the network policies open exactly these."""
    client_security_group_ids: dict[str, Input[str]]
    """Name to id of the security groups that may connect, such as ``{"nodes": "sg-…"}``."""
    kms_key_arn: Input[str]
    """The key that encrypts data and snapshots."""
    proxy_image: str
    """HAProxy 2.6 or newer, by digest: it speaks TLS for the app, whose client does not."""
    auth_token: Input[str]
    """The password that ``password_secret`` holds, 16-128 characters; kept as a secret."""
    ca_pem: NotRequired[Input[str]]
    """The authority that signed the server's certificate, as PEM; default: those of ``proxy_image``."""
    node_type: NotRequired[str]
    """Node type; default ``cache.t4g.small``."""
    engine_version: NotRequired[str]
    """Version of Redis OSS (7.1) or Valkey (8.0); default ``7.1``."""
    replicas: NotRequired[int]
    """Copies of the primary, 1-5; default 1. One takes over when the primary fails."""
    snapshot_days: NotRequired[int]
    """Days that snapshots are kept, 1-35; default 7."""
    deletion_protection: NotRequired[bool]
    """Whether the engine refuses to delete it; default true."""
    tags: NotRequired[dict[str, str]]
    """Tags of everything that can have them."""


@dataclass(frozen=True)
class ManagedSpec:
    """A ``ManagedRedis`` that has been checked."""

    place: Place
    auth_token: pulumi.Output[str]
    node_type: str
    engine_version: str
    replicas: int
    snapshot_days: int

    @staticmethod
    def read(given: Arguments) -> "ManagedSpec":
        """Reads it.

        Raises:
            ArgumentError: out of bounds or malformed.
        """
        return ManagedSpec(
            place=Place.read(given),
            auth_token=_token(given),
            node_type=given.text("node_type", "cache.t4g.small", _TYPE, "a node type such as cache.t4g.small"),
            engine_version=given.text("engine_version", "7.1", _VERSION, "a version such as 7.1"),
            replicas=given.integer("replicas", 1, 1, 5),
            snapshot_days=given.integer("snapshot_days", 7, 1, 35),
        )

    @property
    def engine(self) -> str:
        """Redis OSS ends with 7.1 on ElastiCache; what follows is Valkey, which speaks the same protocol."""
        return "redis" if self.engine_version == "7.1" else "valkey"

    @property
    def family(self) -> str:
        """The family of its parameters."""
        return f"{self.engine}{self.engine_version.partition('.')[0]}"


def replication_group(parent: pulumi.Resource, name: str, spec: ManagedSpec) -> "aws.elasticache.ReplicationGroup":
    """Declares the replication group with all that it stands on.

    Args:
        parent: The component.
        name: Its name.
        spec: What is wanted.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    group = security_group(parent, name, spec.place, PORT)
    places = aws.elasticache.SubnetGroup(
        f"{name}-subnets", subnet_ids=spec.place.subnet_ids, tags=spec.place.tags, opts=opts
    )
    parameters = aws.elasticache.ParameterGroup(
        f"{name}-parameters",
        family=spec.family,
        # BullMQ needs every key it wrote: a full Redis must refuse writes, not forget jobs.
        parameters=[{"name": "maxmemory-policy", "value": "noeviction"}],
        tags=spec.place.tags,
        opts=opts,
    )
    final = random.RandomUuid(f"{name}-final", opts=opts)
    return aws.elasticache.ReplicationGroup(
        f"{name}-group",
        description=f"{name}: queues, rooms and cache",
        engine=spec.engine,
        engine_version=spec.engine_version,
        node_type=spec.node_type,
        port=PORT,
        num_cache_clusters=1 + spec.replicas,
        automatic_failover_enabled=True,
        multi_az_enabled=True,
        at_rest_encryption_enabled=True,
        kms_key_id=spec.place.kms_key_arn,
        transit_encryption_enabled=True,
        transit_encryption_mode="required",
        auth_token=spec.auth_token,
        auth_token_update_strategy="ROTATE",
        parameter_group_name=parameters.name,
        subnet_group_name=places.name,
        security_group_ids=[group.id],
        snapshot_retention_limit=spec.snapshot_days,
        final_snapshot_identifier=final.result.apply(lambda drawn: f"{name}-final-{drawn[:8]}"),
        auto_minor_version_upgrade=True,
        apply_immediately=True,
        tags=spec.place.tags,
        opts=pulumi.ResourceOptions(parent=parent, protect=spec.place.protect),
    )


def _token(given: Arguments) -> pulumi.Output[str]:
    def check(token: str) -> str:
        if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
            problem = "has a length that ElastiCache does not take"
            raise given.error("auth_token", None, problem, f"give {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters")
        return token

    return given.secret_input("auth_token").apply(check)
