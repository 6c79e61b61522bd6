"""Settings of Postgres and Redis that cannot hold together."""

from collections.abc import Iterator

from infra.settings.contradiction import Contradiction, Rule
from infra.settings.model import Delivery, Settings
from infra.settings.stores import StoreKind

_LEAST_PORT = 1024
_SHORTEST_TOKEN, _LONGEST_TOKEN = 16, 128
_STORE_PORTS = {"postgres": 5432, "redis": 6379}


def _stores(settings: Settings) -> Iterator[Contradiction]:
    for name in ("postgres", "redis"):
        store = getattr(settings, name)
        external, kind = store.kind is StoreKind.EXTERNAL, store.kind.value
        if external and store.host is None:
            yield Contradiction(
                (f"{name}.host", f"{name}.kind"), None, f"is missing, but {name}.kind is external",
                f"pulumi config set --path 'pxl:{name}.host' <name of the server>, or {name}.kind ephemeral",
            )  # fmt: skip
        if external and not store.cidrs:
            yield Contradiction(
                (f"{name}.cidrs", f"{name}.kind"), None, f"is empty, so no pod may reach the {name} server",
                f"list the addresses of the server's subnets under {name}.cidrs",
            )  # fmt: skip
        if not external and store.host is not None:
            yield Contradiction(
                (f"{name}.host", f"{name}.kind"), store.host, f"is set, but {name}.kind is {kind}, which ignores it",
                f"remove {name}.host, or set {name}.kind to external",
            )  # fmt: skip
        if not external and store.cidrs:
            yield Contradiction(
                (f"{name}.cidrs", f"{name}.kind"), store.cidrs, f"is set, but {name}.kind is {kind}",
                f"remove {name}.cidrs",
            )  # fmt: skip
        if not external and store.port != _STORE_PORTS[name]:
            yield Contradiction(
                (f"{name}.port", f"{name}.kind"), store.port, f"is set, but {name}.kind is {kind}, which ignores it",
                f"remove {name}.port",
            )  # fmt: skip


def _tls(settings: Settings) -> Iterator[Contradiction]:
    for name in ("postgres", "redis"):
        store = getattr(settings, name)
        if store.tls and store.kind is StoreKind.EPHEMERAL:
            yield Contradiction(
                (f"{name}.tls", f"{name}.kind"), True, f"is set, but the ephemeral {name.capitalize()} speaks no TLS",
                f"set {name}.tls to false, or {name}.kind to external",
            )  # fmt: skip
        if not store.tls and store.kind is StoreKind.MANAGED:
            yield Contradiction(
                (f"{name}.tls", f"{name}.kind"), False, f"is off, but a managed {name.capitalize()} takes nothing else",
                f"leave {name}.tls out",
            )  # fmt: skip
        if store.ca is not None and not store.tls:
            yield Contradiction(
                (f"{name}.ca", f"{name}.tls"), "(PEM)",
                f"is set, but {name}.tls is false, so nothing would be verified",
                f"set {name}.tls to true, or remove {name}.ca",
            )  # fmt: skip


def _managed_postgres(settings: Settings) -> Iterator[Contradiction]:
    postgres = settings.postgres
    if postgres.kind is not StoreKind.MANAGED:
        return
    if postgres.max_storage_gb < postgres.storage_gb:
        yield Contradiction(
            ("postgres.maxStorageGb", "postgres.storageGb"), postgres.max_storage_gb,
            f"is less than postgres.storageGb ({postgres.storage_gb})", "raise it, or lower storageGb",
        )  # fmt: skip
    if settings.secrets.delivery is not Delivery.EXTERNAL_SECRETS:
        yield Contradiction(
            ("secrets.delivery", "postgres.kind"), settings.secrets.delivery.value,
            "cannot work: RDS keeps its master password in Secrets Manager, and only the operator brings it into the "
            "cluster without showing it to whoever deploys",
            "set secrets.delivery to externalSecrets",
        )  # fmt: skip


def _managed_redis(settings: Settings) -> Iterator[Contradiction]:
    if settings.redis.kind is not StoreKind.MANAGED:
        return
    if settings.secrets.delivery is Delivery.EXTERNAL_SECRETS and not settings.secrets.generate:
        yield Contradiction(
            ("secrets.generate", "redis.kind"), False,
            "is off, but ElastiCache is told its password by the stack, which then has to know it",
            "leave secrets.generate out, or use a Redis that exists (redis.kind external)",
        )  # fmt: skip
    given = settings.redis_password
    if given is not None and not _SHORTEST_TOKEN <= len(given.get_secret_value()) <= _LONGEST_TOKEN:
        yield Contradiction(
            ("redisPassword", "redis.kind"), given, "has a length that ElastiCache does not take",
            f"give it {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters: pulumi config set --secret pxl:redisPassword",
        )  # fmt: skip


def _helpers(settings: Settings) -> Iterator[Contradiction]:
    images = settings.images
    if settings.postgres.kind is StoreKind.MANAGED and images.postgres is None:
        yield _no_image("postgres", "postgres.kind", "a Job makes the app's own user with its psql")
    if settings.redis.tls and images.tls_proxy is None:
        yield _no_image("tlsProxy", "redis.tls", "a proxy speaks TLS for the app")


def _no_image(name: str, other: str, reason: str) -> Contradiction:
    remedy = f"pulumi config set --path 'pxl:images.{name}' repository@sha256:..."
    return Contradiction((f"images.{name}", other), None, f"is missing, but {reason}", remedy)


def _proxy_port(settings: Settings) -> Iterator[Contradiction]:
    redis = settings.redis
    if redis.tls and redis.port < _LEAST_PORT:
        yield Contradiction(
            ("redis.port", "redis.tls"), redis.port,
            "is below 1024: the proxy that speaks TLS for the app listens on the same one, and may not",
            "let the server listen on another port",
        )  # fmt: skip


RULES: tuple[Rule, ...] = (_stores, _tls, _managed_postgres, _managed_redis, _helpers, _proxy_port)
