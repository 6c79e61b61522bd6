"""Postgres: ephemeral in the cluster, one that exists already, or managed by AWS. The outputs are the same."""

import re
from dataclasses import dataclass
from typing import NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.core.v1 import PersistentVolumeClaimArgsDict

from pxl_components.database_user import Admin, Database, make_user, user_identity
from pxl_components.endpoints import Endpoint, in_cluster, output, read_cidrs
from pxl_components.environment import CA_KEY, DatabaseConnection, connection_output, from_secret
from pxl_components.images import ImageReference
from pxl_components.labels import Identity
from pxl_components.managed_postgres import AdminStore, ManagedPostgres, ManagedSpec, instance
from pxl_components.pods import Container, claimed, scratch
from pxl_components.secrets import STORE_FORM, STORE_KIND, SecretKeyRef
from pxl_components.stores import Password, Server, exec_probes, serve, with_room_for
from pxl_components.validation import Arguments
from pxl_components.workload import Resources, ResourceSpec, read_quantity

_PORT = 5432
_USER = 999
_DATA = "/var/lib/postgresql/data"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_IDENTIFIER_FORM = "a plain SQL name (lower-case letters, digits and _, at most 63)"


class EphemeralPostgres(TypedDict):
    """A Postgres in the cluster, for development: without a storage class its data ends with its pod."""

    image: str
    """The image, by digest; docker.io/library/postgres or one with the same entry point and environment."""
    resources: NotRequired[Resources]
    """What the pod may use; default 100m CPU and 512Mi of memory."""
    max_connections: NotRequired[int]
    """Connections that the server accepts, 10-10000; default 100."""
    storage: NotRequired[str]
    """Upper limit of the data as a Kubernetes quantity; default ``1Gi``."""
    storage_class: NotRequired[str]
    """Keeps the data in a volume of this class; default: in the pod."""


class ExternalPostgres(TypedDict):
    """A Postgres that exists already, such as a managed one."""

    host: Input[str]
    """DNS name or address."""
    port: NotRequired[int]
    """TCP port; default 5432."""
    cidrs: list[str]
    """The address ranges that the host may resolve to: the network policies open exactly these."""
    tls: NotRequired[bool]
    """Whether clients must use TLS; default true."""
    ca_pem: NotRequired[Input[str]]
    """The authority that signed the server's certificate, as PEM; default: those that Node trusts."""
    max_connections: NotRequired[int]
    """Connections that the server accepts, 10-10000; default 100."""


class PostgresArgs(TypedDict):
    """Arguments of ``Postgres``."""

    namespace: Input[str]
    """The namespace of the clients, and of the server if it is ephemeral."""
    ephemeral: NotRequired[EphemeralPostgres]
    """Run one in the cluster. Exactly one of ``ephemeral``, ``external`` and ``managed`` is given."""
    external: NotRequired[ExternalPostgres]
    """Use one that exists."""
    managed: NotRequired[ManagedPostgres]
    """Have one of Amazon RDS."""
    database: NotRequired[str]
    """Name of the database; default ``pxl``."""
    username: NotRequired[str]
    """Name of the role; default ``pxl``."""
    password: NotRequired[Input[str]]
    """The password, kept as a secret. Exactly one of ``password`` and ``password_secret`` is given."""
    password_secret: NotRequired[SecretKeyRef]
    """Where the password is, in ``namespace``."""
    service_name: NotRequired[str]
    """Name of the ephemeral server's Service, a DNS label; default: the component's name. It is an API."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class Postgres(pulumi.ComponentResource):
    """A Postgres database for the app; ephemeral, external or managed, with the same outputs."""

    endpoint: Endpoint
    """What ``connects_to`` takes."""
    connection: DatabaseConnection
    """What ``environment.database`` takes."""
    host: pulumi.Output[str]
    """DNS name or address."""
    port: pulumi.Output[int]
    """TCP port."""
    database: pulumi.Output[str]
    """Name of the database."""
    username: pulumi.Output[str]
    """Name of the role."""
    secret_name: pulumi.Output[str]
    """Name of the Secret that holds the password."""
    max_connections: pulumi.Output[int]
    """Connections that the server accepts."""
    instance_arn: pulumi.Output[str] | None
    """ARN of the RDS instance; none of any other."""
    subnet_group_name: pulumi.Output[str] | None
    """Name of its subnet group."""
    user_pod_labels: dict[str, str] | None
    """The labels that select the pods of the Job that makes the app's user; none where nobody has to."""

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:Postgres", name, {}, opts)
        password = spec.password.deliver(self, name, spec.identity, spec.namespace)
        authority = None if spec.ca_pem is None else self._authority(name, spec, spec.ca_pem)
        self.instance_arn = self.subnet_group_name = None
        if spec.managed is not None:
            server = instance(self, name, spec.database, spec.managed.server)
            self.instance_arn, self.subnet_group_name = server.arn, server.db_subnet_group_name
            self.endpoint = spec.managed.endpoint(self, name, spec, made=server, password=password, authority=authority)
        elif spec.external is not None:
            self.endpoint = spec.external.endpoint(name)
        else:
            self.endpoint = self._server(name, spec, password)
        self.connection = spec.connection(self.endpoint, password)
        if authority is not None:
            self.connection["ca_config_map"] = authority
        self.host = pulumi.Output.from_input(self.endpoint["host"])
        self.port = pulumi.Output.from_input(self.endpoint["port"])
        self.database = pulumi.Output.from_input(spec.database)
        self.username = pulumi.Output.from_input(spec.username)
        self.secret_name = pulumi.Output.from_input(password["name"])
        self.max_connections = pulumi.Output.from_input(spec.max_connections)
        self.user_pod_labels = None if spec.managed is None else user_identity(name, spec.identity.owner).selector
        self.register_outputs(
            {
                "endpoint": output(self.endpoint),
                "connection": connection_output(self.connection),
                "host": self.host,
                "port": self.port,
                "database": self.database,
                "username": self.username,
                "secretName": self.secret_name,
                "maxConnections": self.max_connections,
                "instanceArn": self.instance_arn,
                "subnetGroupName": self.subnet_group_name,
                "userPodLabels": self.user_pod_labels,
            }
        )

    def _server(self, name: str, spec: "_Spec", password: SecretKeyRef) -> Endpoint:
        server = Server(
            identity=spec.identity,
            namespace=spec.namespace,
            service_name=spec.service_name,
            port=_PORT,
            container=spec.container(password),
            claim=spec.claim(),
        )
        return in_cluster(serve(self, name, server), spec.namespace, _PORT, spec.identity)

    def _authority(self, name: str, spec: "_Spec", pem: Input[str]) -> pulumi.Output[str]:
        made = kubernetes.core.v1.ConfigMap(
            f"{name}-ca",
            metadata=spec.identity.metadata(spec.namespace),
            data={CA_KEY: pem},
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["data"]),
        )
        return made.metadata.apply(lambda metadata: str(metadata.name))


@dataclass(frozen=True)
class _External:
    host: Input[str]
    port: int
    cidrs: list[str]
    tls: bool

    @staticmethod
    def read(given: Arguments) -> "_External":
        tls = given.boolean("tls", True)
        if given.has("ca_pem") and not tls:
            raise given.error("ca_pem", None, "verifies nothing with tls false", "remove it, or set tls to true")
        return _External(
            host=given.text_input("host"),
            port=given.integer("port", _PORT, 1, 65535),
            cidrs=read_cidrs(given, "cidrs"),
            tls=tls,
        )

    def endpoint(self, name: str) -> Endpoint:
        return {"name": name, "host": self.host, "port": self.port, "cidrs": self.cidrs}


@dataclass(frozen=True)
class _Managed:
    server: ManagedSpec
    psql_image: ImageReference
    store_name: str
    store_kind: str
    password_version: Input[str]

    @staticmethod
    def read(given: Arguments) -> "_Managed":
        store = given.group_or_empty("admin_store", AdminStore)
        return _Managed(
            server=ManagedSpec.read(given),
            psql_image=given.image("psql_image"),
            store_name=store.dns_label("name", ""),
            store_kind=store.text("kind", "ClusterSecretStore", STORE_KIND, STORE_FORM),
            password_version=cast("Input[str]", given.values.get("password_version", "")),
        )

    def endpoint(
        self,
        parent: pulumi.Resource,
        name: str,
        spec: "_Spec",
        *,
        made: "aws.rds.Instance",
        password: SecretKeyRef,
        authority: Input[str] | None,
    ) -> Endpoint:
        """Declares the app's user in the instance; whoever uses the endpoint's host waits for both."""
        secret = made.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        user = make_user(
            parent,
            name,
            namespace=spec.namespace,
            owner=spec.identity.owner,
            image=self.psql_image,
            database=Database(
                made.address, _PORT, self.server.place.subnet_cidrs, spec.database, spec.username, password, authority
            ),
            admin=Admin(secret, self.store_name, self.store_kind),
            version=self.password_version,
        )
        host = pulumi.Output.all(made.address, user.urn).apply(lambda known: str(known[0]))
        return {"name": name, "host": host, "port": _PORT, "cidrs": self.server.place.subnet_cidrs}


@dataclass(frozen=True)
class _Ephemeral:
    image: ImageReference
    resources: ResourceSpec
    storage: str
    storage_class: str | None

    @staticmethod
    def read(given: Arguments) -> "_Ephemeral":
        storage = read_quantity(given, "storage", "1Gi")
        kept = given.has("storage_class")
        return _Ephemeral(
            image=given.image(),
            resources=(
                ResourceSpec.read(given, cpu="100m", memory="512Mi")
                if kept
                else with_room_for(given, storage, cpu="100m", memory="512Mi")
            ),
            storage=storage,
            storage_class=given.text("storage_class") if kept else None,
        )


@dataclass(frozen=True)
class _Spec:
    identity: Identity
    namespace: Input[str]
    ephemeral: _Ephemeral | None
    external: _External | None
    managed: _Managed | None
    ca_pem: Input[str] | None
    database: str
    username: str
    password: Password
    service_name: str
    max_connections: int

    @staticmethod
    def read(name: str, args: PostgresArgs) -> "_Spec":
        given = Arguments.of("Postgres", name, args, PostgresArgs)
        given.exactly_one_of("ephemeral", "external", "managed")
        ephemeral, external = given.group("ephemeral", EphemeralPostgres), given.group("external", ExternalPostgres)
        managed = given.group("managed", ManagedPostgres)
        kind = ephemeral or external or managed or given
        return _Spec(
            identity=Identity("postgres", name, "database", given.labels()),
            namespace=given.text_input("namespace"),
            ephemeral=None if ephemeral is None else _Ephemeral.read(ephemeral),
            external=None if external is None else _External.read(external),
            managed=None if managed is None else _Managed.read(managed),
            ca_pem=kind.text_input("ca_pem") if kind.has("ca_pem") else None,
            database=given.text("database", "pxl", _IDENTIFIER, _IDENTIFIER_FORM),
            username=given.text("username", "pxl", _IDENTIFIER, _IDENTIFIER_FORM),
            password=Password.read(given),
            service_name=given.dns_label("service_name", name),
            max_connections=kind.integer("max_connections", 200 if managed else 100, 10, 10000),
        )

    def connection(self, endpoint: Endpoint, password: SecretKeyRef) -> DatabaseConnection:
        connection: DatabaseConnection = {
            "host": endpoint["host"],
            "port": endpoint["port"],
            "database": self.database,
            "username": self.username,
            "password_secret": password,
        }
        if self.managed is not None or (self.external is not None and self.external.tls):
            # Not "require": to libpq, and to the next major version of pg, that encrypts without verifying.
            connection["ssl_mode"] = "verify-full"
        return connection

    def claim(self) -> PersistentVolumeClaimArgsDict | None:
        if self.ephemeral is None or self.ephemeral.storage_class is None:
            return None
        return {
            "metadata": {"name": "data", "labels": self.identity.labels},
            "spec": {
                "access_modes": ["ReadWriteOnce"],
                "storage_class_name": self.ephemeral.storage_class,
                "resources": {"requests": {"storage": self.ephemeral.storage}},
            },
        }

    def container(self, password: SecretKeyRef) -> Container:
        assert self.ephemeral is not None
        check = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(_PORT), "-U", self.username, "-d", self.database]
        return Container(
            name="postgres",
            image=self.ephemeral.image,
            resources=self.ephemeral.resources,
            user=_USER,
            env=[
                {"name": "PGDATA", "value": f"{_DATA}/pgdata"},
                {"name": "POSTGRES_DB", "value": self.database},
                from_secret("POSTGRES_PASSWORD", password),
                {"name": "POSTGRES_USER", "value": self.username},
            ],
            arguments=["-c", f"max_connections={self.max_connections}"],
            port=_PORT,
            # By address, not by socket: while the image sets the database up, only the socket answers.
            probes=exec_probes(check),
            mounts=[
                scratch("data", _DATA, self.ephemeral.storage) if self.claim() is None else claimed("data", _DATA),
                scratch("run", "/var/run/postgresql", "16Mi"),
                scratch("tmp", "/tmp", "64Mi"),
            ],
        )
