"""From settings to the arguments of each component: one function a component, nothing decided twice.

Those that run the app's image are in ``infra.workloads``.
"""

from typing import TypedDict

import pulumi
from pulumi_kubernetes import ProviderArgs
from pxl_components import (
    AppSecrets,
    AppSecretsArgs,
    ContainerRegistryArgs,
    GeneratedSecret,
    IsolatedNamespaceArgs,
    KeepIn,
    ManagedPostgres,
    ManagedRedis,
    PostgresArgs,
    RedisArgs,
    SecretDelivery,
)

from infra.marks import STACK_LABEL
from infra.repositories import repository
from infra.settings import Settings, default_namespace
from infra.settings.app_secrets import DATABASE_PASSWORD, JWT_SECRET, REDIS_PASSWORD, key_of, values_of
from infra.settings.aws import FrontDoor as FrontDoorKind
from infra.settings.model import Delivery, Release
from infra.settings.stores import StoreKind

_GENERATED_LENGTH = 48
_KEYS = (DATABASE_PASSWORD, REDIS_PASSWORD, JWT_SECRET)


class _Written(TypedDict):
    values: dict[str, pulumi.Input[str]]
    generate: list[GeneratedSecret]


def provider(settings: Settings) -> ProviderArgs:
    """The cluster, under a name that outlives its kubeconfig: a changed one must not replace what runs in it."""
    cluster = settings.kubernetes
    return ProviderArgs(
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        cluster_identifier=cluster.cluster_identifier or cluster.context,
    )


def labels(settings: Settings, stack: str) -> dict[str, str]:
    """The owner labels that every object carries."""
    return {STACK_LABEL: stack, "pxl.dev/environment": settings.environment.value, "pxl.dev/owner": settings.owner}


def namespace(settings: Settings, stack: str) -> IsolatedNamespaceArgs:
    """The namespace that holds everything of the stack."""
    args: IsolatedNamespaceArgs = {
        "namespace_name": settings.namespace or default_namespace(stack),
        "dns_namespace": settings.network.dns_namespace,
        "labels": labels(settings, stack),
    }
    if settings.ingress.kind is FrontDoorKind.ALB:
        # A new pod counts as ready when the balancer sends to it, and not before.
        args["namespace_labels"] = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
    if settings.network.dns_cidrs:
        args["dns_cidrs"] = settings.network.dns_cidrs
    return args


def secrets(
    settings: Settings, stack: str, namespace: pulumi.Input[str], keep_in: KeepIn | None = None
) -> AppSecretsArgs:
    """The app's secrets: those that are set, those to draw, or those that the operator fetches.

    Args:
        settings: The stack's settings.
        stack: Its name.
        namespace: Its namespace.
        keep_in: Where the stack writes what the operator fetches; None when others do.
    """
    if settings.secrets.delivery is not Delivery.EXTERNAL_SECRETS or settings.secrets.store is None:
        # A changed secret of the app must not restart the stores, and with them what an ephemeral one holds.
        own = [DATABASE_PASSWORD, REDIS_PASSWORD]
        return {**_written(settings), "namespace": namespace, "own_secret": own, "labels": labels(settings, stack)}
    store = settings.secrets.store
    fetched: AppSecretsArgs = {
        "namespace": namespace,
        "delivery": SecretDelivery.EXTERNAL_SECRETS,
        "external_store": {"name": store.name, "kind": store.kind},
        "external_prefix": f"{store.prefix}/{stack}/",
        "labels": labels(settings, stack),
    }
    if settings.secrets.generate and keep_in is not None:
        return {**_written(settings), **fetched, "keep_in": keep_in}
    return {**fetched, "external_keys": [*_KEYS, *map(key_of, settings.secrets.variables)]}


def _written(settings: Settings) -> _Written:
    """The values that are set, and which others are to be drawn."""
    given = dict(zip(_KEYS, (settings.database_password, settings.redis_password, settings.jwt_secret), strict=True))
    drawn: list[GeneratedSecret] = [
        {"key": key, "length": _GENERATED_LENGTH} for key, value in given.items() if value is None
    ]
    values = {key: value.get_secret_value() for key, value in given.items() if value is not None}
    values |= {key_of(variable): value for variable, value in values_of(settings).items()}
    return {"values": {key: pulumi.Output.secret(value) for key, value in values.items()}, "generate": drawn}


def postgres(
    settings: Settings,
    stack: str,
    namespace: pulumi.Input[str],
    app_secrets: AppSecrets,
    managed: ManagedPostgres | None = None,
) -> PostgresArgs:
    """The database, wherever it is."""
    wanted = settings.postgres
    args: PostgresArgs = {
        "namespace": namespace,
        "database": wanted.database,
        "username": wanted.username,
        "password_secret": app_secrets.ref(DATABASE_PASSWORD),
        "labels": labels(settings, stack),
    }
    if wanted.kind is StoreKind.EPHEMERAL:
        args["ephemeral"] = {"image": settings.images.postgres or "", "max_connections": wanted.max_connections}
        return args
    if managed is not None:
        args["managed"] = managed
        return args
    args["external"] = {
        "host": wanted.host or "",
        "port": wanted.port,
        "cidrs": wanted.cidrs,
        "tls": wanted.tls,
        "max_connections": wanted.max_connections,
    }
    if wanted.ca:
        args["external"]["ca_pem"] = wanted.ca
    return args


def redis(
    settings: Settings,
    stack: str,
    namespace: pulumi.Input[str],
    app_secrets: AppSecrets,
    managed: ManagedRedis | None = None,
) -> RedisArgs:
    """Queues, cache and pub/sub, wherever they are."""
    wanted = settings.redis
    args: RedisArgs = {
        "namespace": namespace,
        "password_secret": app_secrets.ref(REDIS_PASSWORD),
        "labels": labels(settings, stack),
    }
    if wanted.kind is StoreKind.EPHEMERAL:
        # As much again on top of the data: the append-only file is rewritten by a copy of the process.
        args["ephemeral"] = {
            "image": settings.images.redis or "",
            "max_memory": f"{wanted.max_memory_mb}Mi",
            "resources": {"memory_limit": f"{wanted.max_memory_mb * 2}Mi"},
        }
    elif managed is not None:
        args["managed"] = managed
    else:
        args["external"] = {
            "host": wanted.host or "",
            "port": wanted.port,
            "cidrs": wanted.cidrs,
            "tls": wanted.tls,
        }
        if wanted.tls:
            args["external"]["proxy_image"] = settings.images.tls_proxy or ""
        if wanted.ca:
            args["external"]["ca_pem"] = wanted.ca
    return args


def registry(settings: Settings, stack: str, namespace: pulumi.Input[str]) -> ContainerRegistryArgs:
    """A registry beside the app, for clusters that have none in reach."""
    return {
        "namespace": namespace,
        "cluster": {
            "image": settings.images.registry or "",
            "node_port": settings.registry.node_port,
            "storage_limit": settings.registry.storage,
            "ingress_from": [{"name": "nodes", "cidrs": ["0.0.0.0/0"]}],
        },
        "labels": labels(settings, stack),
    }


def image(settings: Settings, stack: str, release: Release) -> str:
    """The app's image, by digest."""
    return f"{repository(settings, stack)}@{release.digest}"
