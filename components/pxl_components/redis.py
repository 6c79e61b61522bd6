"""Redis: ephemeral in the cluster, one that exists already, or managed by AWS. The outputs are the same."""

import math
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
from pulumi import Input

from pxl_components import quantities
from pxl_components.endpoints import Endpoint, in_cluster, output, read_cidrs
from pxl_components.environment import RedisConnection, connection_output, from_secret
from pxl_components.images import ImageReference
from pxl_components.labels import Identity
from pxl_components.managed_redis import ManagedRedis, ManagedSpec, replication_group
from pxl_components.pods import Container, scratch
from pxl_components.secrets import SecretKeyRef
from pxl_components.stores import Password, Server, exec_probes, serve, with_room_for
from pxl_components.tls_proxy import TlsProxy, configure
from pxl_components.validation import Arguments
from pxl_components.workload import Resources, ResourceSpec, read_quantity

_PORT = 6379
_USER = 999
_DATA = "/data"
_MEBI = 2**20


class EphemeralRedis(TypedDict):
    """A Redis in the cluster, for development: its data survives a restart of the process, not of the pod."""

    image: str
    """The image, by digest; docker.io/library/redis or one that has ``redis-server`` and ``redis-cli``."""
    resources: NotRequired[Resources]
    """What the pod may use; default 50m CPU and 256Mi of memory."""
    max_memory: NotRequired[str]
    """What the data may take as a Kubernetes quantity, below the memory limit; default: 3/4 of that limit."""
    storage: NotRequired[str]
    """Upper limit of the append-only file as a Kubernetes quantity; default: 4 times the data, at least ``1Gi``."""


class ExternalRedis(TypedDict):
    """A Redis that exists already, such as a managed one."""

    host: Input[str]
    """DNS name or address."""
    port: NotRequired[int]
    """TCP port; default 6379."""
    cidrs: list[str]
    """The address ranges that the host may resolve to: the network policies open exactly these."""
    tls: NotRequired[bool]
    """Whether the server asks for TLS; default true. The app's client cannot speak it: see ``proxy_image``."""
    proxy_image: NotRequired[str]
    """With TLS, required: HAProxy 2.6 or newer, by digest. One beside each process speaks TLS for it."""
    ca_pem: NotRequired[Input[str]]
    """With TLS: the authority that signed the server's certificate, as PEM; default: those of ``proxy_image``."""


class RedisArgs(TypedDict):
    """Arguments of ``Redis``."""

    namespace: Input[str]
    """The namespace of the clients, and of the server if it is ephemeral."""
    ephemeral: NotRequired[EphemeralRedis]
    """Run one in the cluster. Exactly one of ``ephemeral``, ``external`` and ``managed`` is given."""
    external: NotRequired[ExternalRedis]
    """Use one that exists."""
    managed: NotRequired[ManagedRedis]
    """Have one of Amazon ElastiCache."""
    password: NotRequired[Input[str]]
    """The password, kept as a secret. Exactly one of ``password`` and ``password_secret`` is given."""
    password_secret: NotRequired[SecretKeyRef]
    """Where the password is, in ``namespace``."""
    service_name: NotRequired[str]
    """Name of the ephemeral server's Service, a DNS label; default: the component's name. It is an API."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class Redis(pulumi.ComponentResource):
    """A Redis for the app's queues and rooms; ephemeral, external or managed, with the same outputs."""

    endpoint: Endpoint
    """What ``connects_to`` takes."""
    connection: RedisConnection
    """What ``environment.redis`` takes."""
    host: pulumi.Output[str]
    """DNS name or address."""
    port: pulumi.Output[int]
    """TCP port."""
    secret_name: pulumi.Output[str]
    """Name of the Secret that holds the password."""

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:Redis", name, {}, opts)
        password = spec.password.deliver(self, name, spec.identity, spec.namespace)
        if spec.managed is not None:
            self.endpoint = self._managed(name, spec.managed)
        else:
            self.endpoint = spec.external or self._server(name, spec, password)
        self.connection = {
            "host": self.endpoint["host"],
            "port": self.endpoint["port"],
            "password_secret": password,
        }
        if spec.tls is not None:
            self.connection["tls_proxy"] = self._proxy(name, spec, spec.tls)
        self.host = pulumi.Output.from_input(self.endpoint["host"])
        self.port = pulumi.Output.from_input(self.endpoint["port"])
        self.secret_name = pulumi.Output.from_input(password["name"])
        self.register_outputs(
            {
                "endpoint": output(self.endpoint),
                "connection": connection_output(self.connection),
                "host": self.host,
                "port": self.port,
                "secretName": self.secret_name,
            }
        )

    def _managed(self, name: str, spec: ManagedSpec) -> Endpoint:
        made = replication_group(self, name, spec)
        host, cidrs = made.primary_endpoint_address.apply(str), spec.place.subnet_cidrs
        return {"name": name, "host": host, "port": _PORT, "cidrs": cidrs}

    def _proxy(self, name: str, spec: "_Spec", tls: "_Tls") -> TlsProxy:
        port = self.endpoint["port"]
        config = configure(
            self, name, spec.identity, spec.namespace, host=self.endpoint["host"], port=port, ca_pem=tls.ca_pem
        )
        return {"image": str(tls.image), "config_map": config, "port": port}

    def _server(self, name: str, spec: "_Spec", password: SecretKeyRef) -> Endpoint:
        server = Server(
            identity=spec.identity,
            namespace=spec.namespace,
            service_name=spec.service_name,
            port=_PORT,
            container=spec.container(password),
        )
        return in_cluster(serve(self, name, server), spec.namespace, _PORT, spec.identity)


@dataclass(frozen=True)
class _Ephemeral:
    image: ImageReference
    resources: ResourceSpec
    max_memory: int
    storage: str

    @staticmethod
    def read(given: Arguments) -> "_Ephemeral":
        wanted = quantities.parse(read_quantity(given, "max_memory", "192Mi"))
        # Rewriting the append-only file forks: the pod needs room for a copy of what changes meanwhile.
        room = f"{max(256, math.ceil(2 * wanted / _MEBI))}Mi" if given.has("max_memory") else "256Mi"
        limit = quantities.parse(ResourceSpec.read(given, cpu="50m", memory=room).memory_limit)
        if not given.has("max_memory"):
            wanted = limit * 3 / 4
        # The file grows to twice the data before it is rewritten, and both lie there until the new one is whole.
        storage = read_quantity(given, "storage", f"{max(1024, math.ceil(4 * wanted / _MEBI))}Mi")
        resources = with_room_for(given, storage, cpu="50m", memory=room)
        if wanted >= limit:
            problem = f"is not below the memory limit ({resources.memory_limit}): the pod would be killed first"
            raise given.error("max_memory", given.values["max_memory"], problem, "lower it, or raise the limit")
        return _Ephemeral(given.image(), resources, int(wanted), storage)


@dataclass(frozen=True)
class _Tls:
    """Who speaks TLS with the server, and whom it trusts."""

    image: ImageReference
    ca_pem: Input[str] | None

    @staticmethod
    def read(given: Arguments) -> "_Tls":
        return _Tls(given.image("proxy_image"), given.text_input("ca_pem") if given.has("ca_pem") else None)


@dataclass(frozen=True)
class _Spec:
    identity: Identity
    namespace: Input[str]
    ephemeral: _Ephemeral | None
    external: Endpoint | None
    managed: ManagedSpec | None
    tls: _Tls | None
    password: Password
    service_name: str

    @staticmethod
    def read(name: str, args: RedisArgs) -> "_Spec":
        given = Arguments.of("Redis", name, args, RedisArgs)
        given.exactly_one_of("ephemeral", "external", "managed")
        ephemeral, external = given.group("ephemeral", EphemeralRedis), given.group("external", ExternalRedis)
        managed = given.group("managed", ManagedRedis)
        return _Spec(
            identity=Identity("redis", name, "redis", given.labels()),
            namespace=given.text_input("namespace"),
            ephemeral=None if ephemeral is None else _Ephemeral.read(ephemeral),
            external=None if external is None else _read_external(external, name),
            managed=None if managed is None else ManagedSpec.read(managed),
            tls=_read_tls(external, managed),
            password=Password.read(given),
            service_name=given.dns_label("service_name", name),
        )

    def container(self, password: SecretKeyRef) -> Container:
        assert self.ephemeral is not None
        settings = {
            "requirepass": "$(REDIS_PASSWORD)",
            "maxmemory": str(self.ephemeral.max_memory),
            # BullMQ needs every key it wrote: a full Redis must refuse writes, not forget jobs.
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "save": "",
            "dir": _DATA,
            "port": str(_PORT),
        }
        return Container(
            name="redis",
            image=self.ephemeral.image,
            resources=self.ephemeral.resources,
            user=_USER,
            # REDISCLI_AUTH is how redis-cli finds the password without one on its command line.
            env=[from_secret("REDISCLI_AUTH", password), from_secret("REDIS_PASSWORD", password)],
            command=["redis-server"],
            arguments=[word for key, value in settings.items() for word in (f"--{key}", value)],
            port=_PORT,
            # -e: an answer that is an error (still loading, wrong password) is a failure.
            probes=exec_probes(["redis-cli", "-e", "-p", str(_PORT), "ping"]),
            mounts=[scratch("data", _DATA, self.ephemeral.storage), scratch("tmp", "/tmp", "16Mi")],
        )


def _read_external(given: Arguments, name: str) -> Endpoint:
    # The proxy listens on the same port, and below 1024 it would need a capability.
    port = given.integer("port", _PORT, 1024 if given.boolean("tls", True) else 1, 65535)
    return {"name": name, "host": given.text_input("host"), "port": port, "cidrs": read_cidrs(given, "cidrs")}


def _read_tls(external: Arguments | None, managed: Arguments | None) -> _Tls | None:
    if managed is not None:
        return _Tls.read(managed)
    if external is None:
        return None
    if external.boolean("tls", True):
        if not external.has("proxy_image"):
            problem = "is missing: the app's Redis client takes TLS only from its code"
            raise external.error(
                "proxy_image", None, problem, "give an image of HAProxy by digest, or set tls to false"
            )
        return _Tls.read(external)
    for key in ("proxy_image", "ca_pem"):
        if external.has(key):
            raise external.error(key, None, "has no use with tls false", "remove it, or set tls to true")
    return None
