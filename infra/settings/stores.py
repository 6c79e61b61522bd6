"""The settings of Postgres and Redis, wherever they are."""

from enum import Enum

from pydantic import Field

from infra.settings.section import Section
from infra.settings.values import Certificates, Cidr, HostName, Identifier, InstanceClass, NodeType, Port


class StoreKind(Enum):
    """Where Postgres or Redis comes from: a pod without lasting data, a server that exists already, or AWS."""

    EPHEMERAL = "ephemeral"
    EXTERNAL = "external"
    MANAGED = "managed"


class Postgres(Section):
    """The database."""

    kind: StoreKind = Field(description="ephemeral: a pod; external: a server that exists; managed: RDS")
    host: HostName | None = Field(None, description="external only: name of the server")
    port: Port = Field(5432, description="TCP port")
    tls: bool = Field(description="require TLS, verified")
    ca: Certificates | None = Field(
        None, description="external and managed: PEM of the CA that signed its certificate; pxlctl init writes RDS's"
    )
    cidrs: list[Cidr] = Field(default_factory=list, description="external only: addresses that pods may reach it at")
    database: Identifier = Field("pxl", description="name of the database")
    username: Identifier = Field("pxl", description="the app's own user")
    max_connections: int = Field(
        ge=10, le=10000, description="connections that it accepts; RDS takes a change with a reboot"
    )
    reserved_connections: int = Field(10, ge=0, le=1000, description="of these, kept free for people and backups")
    engine_version: str = Field("17", pattern=r"^1[5-9](\.[0-9]{1,2})?$", description="managed only: major, or full")
    instance_class: InstanceClass = Field(description="managed only: its class; changes in the maintenance window")
    storage_gb: int = Field(ge=20, le=65536, description="managed only: GiB to begin with")
    max_storage_gb: int = Field(ge=20, le=65536, description="managed only: GiB that it may grow to by itself")
    multi_az: bool = Field(description="managed only: a standby in another zone")
    backup_days: int = Field(ge=1, le=35, description="managed only: days that can be gone back to")
    restore_tests: bool = Field(
        description="managed only: AWS Backup restores a copy every week, and lists how it went"
    )
    protect: bool = Field(description="managed only: neither AWS nor the engine deletes it")


class Redis(Section):
    """Queues, cache and pub/sub."""

    kind: StoreKind = Field(description="ephemeral: a pod; external: a server that exists; managed: ElastiCache")
    host: HostName | None = Field(None, description="external only: name of the server")
    port: Port = Field(6379, description="TCP port")
    tls: bool = Field(description="TLS, verified, by a proxy beside each process: the app's client speaks none")
    ca: Certificates | None = Field(
        None, description="external and managed: PEM of the CA that signed its certificate; default: those of the proxy"
    )
    cidrs: list[Cidr] = Field(default_factory=list, description="external only: addresses that pods may reach it at")
    max_memory_mb: int = Field(128, ge=16, le=65536, description="ephemeral only: MiB of data, then writes fail")
    engine_version: str = Field("7.1", pattern=r"^[78]\.[0-9]$", description="managed only: version of Redis or Valkey")
    node_type: NodeType = Field(description="managed only: the node type")
    replicas: int = Field(ge=1, le=5, description="managed only: copies of the primary; one takes over when it fails")
    snapshot_days: int = Field(ge=1, le=35, description="managed only: days that snapshots are kept")
    protect: bool = Field(description="managed only: the engine does not delete it")
