"""The library: Pulumi components that run a PXL app on Kubernetes, each usable alone."""

from pxl_components.api import Api, ApiArgs, ExternalTrafficPolicy
from pxl_components.backups import Backups, BackupsArgs
from pxl_components.contracts import EnvironmentContract
from pxl_components.encryption import EncryptionKey, EncryptionKeyArgs
from pxl_components.environment import AppEnvironment, DatabaseConnection, RedisConnection
from pxl_components.front_door import Certificate, CertificateArgs, FrontDoor
from pxl_components.images import ImageReference
from pxl_components.managed_postgres import AdminStore, ManagedPostgres
from pxl_components.managed_redis import ManagedRedis
from pxl_components.managed_registry import ManagedRegistry
from pxl_components.migrations import Migrations, MigrationsArgs
from pxl_components.network import (
    Endpoint,
    ExternalEgress,
    IngressSource,
    IsolatedNamespace,
    IsolatedNamespaceArgs,
    PodSecurity,
)
from pxl_components.postgres import EphemeralPostgres, ExternalPostgres, Postgres, PostgresArgs
from pxl_components.redis import EphemeralRedis, ExternalRedis, Redis, RedisArgs
from pxl_components.registry import ClusterRegistry, ContainerRegistry, ContainerRegistryArgs
from pxl_components.secret_store import KeepIn
from pxl_components.secrets import (
    AppSecrets,
    AppSecretsArgs,
    ExternalStore,
    GeneratedSecret,
    SecretDelivery,
    SecretKeyRef,
)
from pxl_components.tls_proxy import TlsProxy
from pxl_components.worker import Worker, WorkerArgs
from pxl_components.workload import Autoscaling, Probes, Resources

__all__ = [
    "AdminStore",
    "Api",
    "ApiArgs",
    "AppEnvironment",
    "AppSecrets",
    "AppSecretsArgs",
    "Autoscaling",
    "Backups",
    "BackupsArgs",
    "Certificate",
    "CertificateArgs",
    "ClusterRegistry",
    "ContainerRegistry",
    "ContainerRegistryArgs",
    "DatabaseConnection",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "Endpoint",
    "EnvironmentContract",
    "EphemeralPostgres",
    "EphemeralRedis",
    "ExternalEgress",
    "ExternalPostgres",
    "ExternalRedis",
    "ExternalStore",
    "ExternalTrafficPolicy",
    "FrontDoor",
    "GeneratedSecret",
    "ImageReference",
    "IngressSource",
    "IsolatedNamespace",
    "IsolatedNamespaceArgs",
    "KeepIn",
    "ManagedPostgres",
    "ManagedRedis",
    "ManagedRegistry",
    "Migrations",
    "MigrationsArgs",
    "PodSecurity",
    "Postgres",
    "PostgresArgs",
    "Probes",
    "Redis",
    "RedisArgs",
    "RedisConnection",
    "Resources",
    "SecretDelivery",
    "SecretKeyRef",
    "TlsProxy",
    "Worker",
    "WorkerArgs",
]
