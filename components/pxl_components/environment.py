"""What the app finds in its environment: concepts on one side, the names that an app reads on the other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, cast

import pulumi
from pulumi import Input
from pulumi_kubernetes.core.v1 import EnvVarArgsDict

from pxl_components.contracts import CONCEPTS, CONTRACTS, Contract, EnvironmentContract
from pxl_components.secrets import SecretKeyRef
from pxl_components.tls_proxy import LOOPBACK, ProxySpec, TlsProxy
from pxl_components.validation import Arguments, on_known

CA_FOLDER = "/etc/pxl/postgres-ca"
CA_KEY = "ca.pem"
CA_FILE = f"{CA_FOLDER}/{CA_KEY}"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


class DatabaseConnection(TypedDict):
    """How to reach a Postgres database; ``Postgres`` puts one out."""

    host: Input[str]
    """DNS name or address."""
    port: Input[int]
    """TCP port."""
    database: Input[str]
    """Name of the database."""
    username: Input[str]
    """Name of the role."""
    password_secret: SecretKeyRef
    """Where the password is."""
    ssl_mode: NotRequired[str]
    """``PGSSLMODE`` for the driver, such as ``verify-full``; default: not set."""
    ca_config_map: NotRequired[Input[str]]
    """Name of a ConfigMap whose key ``ca.pem`` is the authority that signed the server's certificate."""


class RedisConnection(TypedDict):
    """How to reach a Redis; ``Redis`` puts one out."""

    host: Input[str]
    """DNS name or address."""
    port: Input[int]
    """TCP port."""
    password_secret: SecretKeyRef
    """Where the password is."""
    tls_proxy: NotRequired[TlsProxy]
    """Speaks TLS with the server for the app, which then connects to it; default: the app connects to the server."""


class AppEnvironment(TypedDict):
    """The environment of the app's processes, the same for API, worker and migrations."""

    contract: NotRequired[EnvironmentContract]
    """Which built-in names to use; default ``both``."""
    names: NotRequired[dict[str, list[str]]]
    """Other names for single concepts, such as ``{"dbHost": ["DATABASE_HOST"]}``; an empty list leaves it out."""
    node_env: NotRequired[str]
    """``NODE_ENV``; default ``production``."""
    log_level: NotRequired[str]
    """Log level of the app; default ``info``."""
    app_name: NotRequired[str]
    """What the app calls itself, the same in all its processes; default ``pxl``."""
    database: NotRequired[DatabaseConnection]
    """The database; without it the app is told that it has none."""
    database_pool: NotRequired[int]
    """Connections that one process may hold, 1-1000; default: the app's own."""
    redis: NotRequired[RedisConnection]
    """The Redis."""
    jwt_secret: NotRequired[SecretKeyRef]
    """The key that signs JSON Web Tokens."""
    values: NotRequired[dict[str, Input[str]]]
    """More variables, name to plain value. A secret does not belong here: it would be readable in the pod spec."""
    secrets: NotRequired[dict[str, SecretKeyRef]]
    """More variables, name to the key of a Secret."""


@dataclass(frozen=True)
class Process:
    """What one kind of process is told besides the environment that all of them share.

    Attributes:
        digest: Digest of its image.
        port: TCP port to listen on; None for a process that serves nobody.
        graceful_milliseconds: How long it may take to close; None for a process that ends by itself.
        cluster_workers: Processes in the framework's cluster mode; None for a single process.
        queue_concurrency: Jobs at a time; None leaves it to the app.
        queues: Names of the queues to take jobs from; none leaves it to the app.
        keep_alive_milliseconds: How long it keeps a silent connection; None leaves it to the app.
        database_options: What each session with the database begins with, as ``PGOPTIONS`` has it; None for nothing.
    """

    digest: str
    port: int | None = None
    graceful_milliseconds: int | None = None
    cluster_workers: int | None = None
    queue_concurrency: int | None = None
    queues: tuple[str, ...] = ()
    keep_alive_milliseconds: int | None = None
    database_options: str | None = None


@dataclass(frozen=True)
class EnvironmentSpec:
    """An ``AppEnvironment`` that has been checked."""

    kind: EnvironmentContract
    names: Mapping[str, Sequence[str]]
    plain: dict[str, Input[str]]
    """Concept to value, for what is the same in every process."""
    concealed: dict[str, SecretKeyRef]
    """Concept to the key of a Secret."""
    values: dict[str, Input[str]]
    secrets: dict[str, SecretKeyRef]
    ca_config_map: Input[str] | None
    redis_proxy: ProxySpec | None

    @property
    def contract(self) -> Contract:
        """Ports and paths that the app has by itself."""
        return CONTRACTS[self.kind]

    @staticmethod
    def read(args: Arguments) -> "EnvironmentSpec":
        """Reads the ``environment`` argument of a workload.

        Raises:
            ArgumentError: malformed names, a concept that does not exist, one variable with two values.
        """
        return EnvironmentSpec.of(args.group_or_empty("environment", AppEnvironment))

    @staticmethod
    def of(given: Arguments) -> "EnvironmentSpec":
        """Reads an ``AppEnvironment``.

        Raises:
            ArgumentError: as ``read``.
        """
        kind = given.choice("contract", EnvironmentContract.BOTH)
        plain, concealed = _shared(given)
        ca_config_map = _database(given, plain, concealed)
        redis_proxy = _redis(given, plain, concealed)
        spec = EnvironmentSpec(
            kind=kind,
            names={**CONTRACTS[kind].names, **_renamed(given)},
            plain=plain,
            concealed=concealed,
            values={name: _public(given, name, value) for name, value in _variables(given, "values")},
            secrets={
                name: _secret_ref(given, f"secrets.{name}", value) for name, value in _variables(given, "secrets")
            },
            ca_config_map=ca_config_map,
            redis_proxy=redis_proxy,
        )
        _refuse_two_values(given, spec)
        return spec

    def variables(self, process: Process) -> list[EnvVarArgsDict]:
        """The container's environment, sorted by name, so that only a change is a change."""
        env: dict[str, EnvVarArgsDict] = {}
        for concept, value in {**self.plain, **_told(process)}.items():
            env.update({name: {"name": name, "value": value} for name in self.names[concept]})
        for concept in ("podName", "instanceId"):
            for name in self.names[concept]:
                env[name] = {"name": name, "value_from": {"field_ref": {"field_path": "metadata.name"}}}
        for concept, ref in self.concealed.items():
            env.update({name: from_secret(name, ref) for name in self.names[concept]})
        env.update({name: {"name": name, "value": value} for name, value in self.values.items()})
        env.update({name: from_secret(name, ref) for name, ref in self.secrets.items()})
        return [env[name] for name in sorted(env)]


def from_secret(name: str, ref: SecretKeyRef) -> EnvVarArgsDict:
    """A variable whose value the kubelet reads from a Secret: it is in no pod spec."""
    return {"name": name, "value_from": {"secret_key_ref": {"name": ref["name"], "key": ref["key"]}}}


def connection_output(connection: DatabaseConnection | RedisConnection) -> dict[str, object]:
    """A connection as the engine records it: with the names of the schema."""
    names = {"password_secret": "passwordSecret", "ssl_mode": "sslMode", "ca_config_map": "caConfigMap"}
    known = {names.get(key, key): value for key, value in connection.items() if key != "tls_proxy"}
    if "tls_proxy" in connection:
        proxy = connection["tls_proxy"]
        known["tlsProxy"] = {"image": proxy["image"], "configMap": proxy["config_map"], "port": proxy.get("port", 6379)}
    return known


def read_secret_ref(args: Arguments, key: str) -> SecretKeyRef:
    """A reference to one key of a Secret, checked."""
    return _secret_ref(args, key, args.values.get(key))


def _secret_ref(args: Arguments, where: str, value: object) -> SecretKeyRef:
    path = f"{args.path}.{where}" if args.path else where
    ref = Arguments(args.component, value, SecretKeyRef, path)
    form = "the key of a Secret (letters, digits, - _ .)"
    return {"name": ref.text_input("name"), "key": ref.text("key", pattern=_SECRET_KEY, form=form)}


def _told(process: Process) -> dict[str, str]:
    told: dict[str, object] = {"imageDigest": process.digest}
    if process.port is not None:
        told |= {"port": process.port, "host": "0.0.0.0"}
    if process.graceful_milliseconds is not None:
        told["gracefulTimeout"] = process.graceful_milliseconds
    if process.cluster_workers is not None:
        told |= {"clusterEnabled": "true", "clusterWorkers": process.cluster_workers}
    if process.queue_concurrency is not None:
        told["queueConcurrency"] = process.queue_concurrency
    if process.queues:
        told["queues"] = ",".join(process.queues)
    if process.keep_alive_milliseconds is not None:
        told["keepAliveTimeout"] = process.keep_alive_milliseconds
    if process.database_options is not None:
        told["dbOptions"] = process.database_options
    return {concept: str(value) for concept, value in told.items()}


def _shared(given: Arguments) -> tuple[dict[str, Input[str]], dict[str, SecretKeyRef]]:
    plain: dict[str, Input[str]] = {
        "nodeEnv": given.text("node_env", "production"),
        "logLevel": given.text("log_level", "info"),
        "name": given.text("app_name", "pxl"),
        "dbEnabled": "true" if given.has("database") else "false",
    }
    if given.has("database_pool"):
        plain["dbPool"] = str(given.integer("database_pool", 10, 1, 1000))
    concealed = {"jwtSecret": read_secret_ref(given, "jwt_secret")} if given.has("jwt_secret") else {}
    return plain, concealed


def _database(given: Arguments, plain: dict[str, Input[str]], concealed: dict[str, SecretKeyRef]) -> Input[str] | None:
    """Adds what the connection says; the ConfigMap of the database's CA comes back."""
    database = given.group("database", DatabaseConnection)
    if database is None:
        return None
    plain |= {"dbHost": database.text_input("host"), "dbPort": _port(database)}
    plain |= {"dbName": database.text_input("database"), "dbUsername": database.text_input("username")}
    concealed["dbPassword"] = read_secret_ref(database, "password_secret")
    if database.has("ssl_mode"):
        plain["dbSslMode"] = database.text("ssl_mode")
    if not database.has("ca_config_map"):
        return None
    plain["caFile"] = CA_FILE
    return database.text_input("ca_config_map")


def _redis(given: Arguments, plain: dict[str, Input[str]], concealed: dict[str, SecretKeyRef]) -> ProxySpec | None:
    """Adds what the connection says; the proxy that the app connects to instead comes back."""
    redis = given.group("redis", RedisConnection)
    if redis is None:
        return None
    concealed["redisPassword"] = read_secret_ref(redis, "password_secret")
    proxy = redis.group("tls_proxy", TlsProxy)
    if proxy is None:
        plain |= {"redisHost": redis.text_input("host"), "redisPort": _port(redis)}
        return None
    spec = ProxySpec.read(proxy)
    plain |= {"redisHost": LOOPBACK, "redisPort": str(spec.port)}
    return spec


def _port(connection: Arguments) -> Input[str]:
    return on_known(connection.values["port"], lambda port: str(connection.whole("port", port, 1, 65535)))


def _renamed(given: Arguments) -> dict[str, list[str]]:
    renamed: dict[str, list[str]] = {}
    group = given.mapping("names")
    for concept, names in group.items():
        if concept not in CONCEPTS:
            raise given.error(f"names.{concept}", names, "is no concept", f"there are: {', '.join(CONCEPTS)}")
        listed = cast("list[object]", names) if isinstance(names, list) else [None]
        renamed[concept] = [_variable_name(given, f"names.{concept}", name) for name in listed]
    return renamed


def _variables(given: Arguments, key: str) -> list[tuple[str, object]]:
    return [(_variable_name(given, key, name), value) for name, value in given.mapping(key).items()]


def _variable_name(given: Arguments, key: str, name: object) -> str:
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        form = "the name of an environment variable (letters, digits and _, no digit first)"
        raise given.error(key, name, f"is not {form}", f"write {form}")
    return name


def _public(given: Arguments, name: str, value: object) -> Input[str]:
    where = f"values.{name}"
    if isinstance(value, str):
        return value  # an empty value is a value
    if not isinstance(value, pulumi.Output):
        raise given.error(where, value, "is not a text", "write numbers and booleans in quotes")
    later = cast("pulumi.Output[object]", value)

    def check(known: Sequence[Any]) -> str:
        if known[1]:
            raise given.error(where, None, "is a secret and would be readable in the pod", "give it under secrets")
        return str(known[0])

    return pulumi.Output.all(later, pulumi.Output.from_input(later.is_secret())).apply(check)


def _refuse_two_values(given: Arguments, spec: EnvironmentSpec) -> None:
    """Every variable has one source; what a drain needs above all."""
    owner: dict[str, str] = {}
    for concept, names in spec.names.items():
        for name in names:
            if name in owner:
                raise given.error(f"names.{concept}", name, f"is also the name of {owner[name]}", "name it once")
            owner[name] = concept
    for key, group in (("values", spec.values), ("secrets", spec.secrets)):
        for name in group:
            if name in owner:
                remedy = f"remove it, or free the name with names.{owner[name]}"
                raise given.error(f"{key}.{name}", None, f"is already set: it carries {owner[name]}", remedy)
    for name in spec.values.keys() & spec.secrets.keys():
        raise given.error(f"secrets.{name}", None, "is also in values", "give it once")
