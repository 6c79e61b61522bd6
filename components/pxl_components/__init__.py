"""The library: Pulumi components that run a PXL app on Kubernetes, each usable alone.

A name is loaded when it is first asked for: the SDK of Kubernetes takes longer to load than most commands run, and who
imports ``Postgres`` alone does not wait for the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pxl_components.api import Api, ApiArgs, ExternalTrafficPolicy
    from pxl_components.app_image import AppImage, AppImageArgs, RegistryLogin
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
    from pxl_components.pod_security_groups import GuardedPods, PodSecurityGroups, PodSecurityGroupsArgs
    from pxl_components.postgres import EphemeralPostgres, ExternalPostgres, Postgres, PostgresArgs
    from pxl_components.queue_metrics import QueueMetrics, QueueMetricsArgs
    from pxl_components.redis import EphemeralRedis, ExternalRedis, Redis, RedisArgs
    from pxl_components.registry import ClusterRegistry, ContainerRegistry, ContainerRegistryArgs
    from pxl_components.scaling import Autoscaling, QueueScaling
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
    from pxl_components.workload import Probes, Resources

__all__ = [
    "AdminStore",
    "Api",
    "ApiArgs",
    "AppEnvironment",
    "AppImage",
    "AppImageArgs",
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
    "GuardedPods",
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
    "PodSecurityGroups",
    "PodSecurityGroupsArgs",
    "Postgres",
    "PostgresArgs",
    "Probes",
    "QueueMetrics",
    "QueueMetricsArgs",
    "QueueScaling",
    "Redis",
    "RedisArgs",
    "RedisConnection",
    "RegistryLogin",
    "Resources",
    "SecretDelivery",
    "SecretKeyRef",
    "TlsProxy",
    "Worker",
    "WorkerArgs",
]

_MODULES = {
    "AdminStore": "managed_postgres",
    "Api": "api",
    "ApiArgs": "api",
    "AppEnvironment": "environment",
    "AppImage": "app_image",
    "AppImageArgs": "app_image",
    "AppSecrets": "secrets",
    "AppSecretsArgs": "secrets",
    "Autoscaling": "scaling",
    "Backups": "backups",
    "BackupsArgs": "backups",
    "Certificate": "front_door",
    "CertificateArgs": "front_door",
    "ClusterRegistry": "registry",
    "ContainerRegistry": "registry",
    "ContainerRegistryArgs": "registry",
    "DatabaseConnection": "environment",
    "EncryptionKey": "encryption",
    "EncryptionKeyArgs": "encryption",
    "Endpoint": "network",
    "EnvironmentContract": "contracts",
    "EphemeralPostgres": "postgres",
    "EphemeralRedis": "redis",
    "ExternalEgress": "network",
    "ExternalPostgres": "postgres",
    "ExternalRedis": "redis",
    "ExternalStore": "secrets",
    "ExternalTrafficPolicy": "api",
    "FrontDoor": "front_door",
    "GeneratedSecret": "secrets",
    "GuardedPods": "pod_security_groups",
    "ImageReference": "images",
    "IngressSource": "network",
    "IsolatedNamespace": "network",
    "IsolatedNamespaceArgs": "network",
    "KeepIn": "secret_store",
    "ManagedPostgres": "managed_postgres",
    "ManagedRedis": "managed_redis",
    "ManagedRegistry": "managed_registry",
    "Migrations": "migrations",
    "MigrationsArgs": "migrations",
    "PodSecurity": "network",
    "PodSecurityGroups": "pod_security_groups",
    "PodSecurityGroupsArgs": "pod_security_groups",
    "Postgres": "postgres",
    "PostgresArgs": "postgres",
    "Probes": "workload",
    "QueueMetrics": "queue_metrics",
    "QueueMetricsArgs": "queue_metrics",
    "QueueScaling": "scaling",
    "Redis": "redis",
    "RedisArgs": "redis",
    "RedisConnection": "environment",
    "RegistryLogin": "app_image",
    "Resources": "workload",
    "SecretDelivery": "secrets",
    "SecretKeyRef": "secrets",
    "TlsProxy": "tls_proxy",
    "Worker": "worker",
    "WorkerArgs": "worker",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
