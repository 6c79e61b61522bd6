"""Every setting of a stack: its type, unit, default and bounds. The schema in ``Pulumi.yaml`` is generated from here.

Keys are camelCase, as Pulumi writes them, and live under ``pxl:``. A field without a default here gets one from the
table in ``infra/environments.py`` or must be set.
"""

import ipaddress
import re
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from pxl_components import quantities
from pxl_components.contracts import CONCEPTS
from pxl_components.images import ImageReference
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

_LEAST_MEMORY = 32 * 2**20
SECRET_KEYS = ("databasePassword", "redisPassword", "jwtSecret", "appSecrets")


def refuse(problem: str, remedy: str) -> PydanticCustomError:
    """An error that carries its remedy to whoever presents it."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})


def _digest(value: str) -> str:
    if re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        return value
    what = "is cut short or malformed" if value.startswith("sha256:") else "is a tag, not a digest"
    raise refuse(what, "give the image's digest, sha256: and 64 hex digits, as the build printed it")


def _image(value: str) -> str:
    repository, at, digest = value.partition("@")
    if not at:
        raise refuse("names no digest", "write repository@sha256:<64 hex digits>; a tag can change under you")
    _digest(digest)
    if not repository or re.search(r":[^/]*$", repository):
        raise refuse("carries a tag beside its digest", "leave the tag out: repository@sha256:<64 hex digits>")
    if not _is_image(value):
        raise refuse("names no repository", "write repository@sha256:<64 hex digits>, the path in lower case")
    return value


def _is_image(value: str) -> bool:
    """Whether the components would take it: what they refuse would stop a deployment half-way."""
    try:
        ImageReference.parse(value)
    except ValueError:
        return False
    return True


def _repository(value: str) -> str:
    if "@" in value or re.search(r":[^/]*$", value):
        raise refuse("is more than a repository", "leave tag and digest out; the digest goes into release.digest")
    known = re.fullmatch(r"[a-z0-9.\-]+(:\d+)?(/[a-z0-9._\-]+)+", value)
    if known is None or not _is_image(f"{value}@sha256:{'0' * 64}"):
        raise refuse("is not a repository", "write registry/path in lower case, such as registry.example.com/pxl/app")
    return value


def _cidr(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise refuse(f"is not a CIDR block ({error})", "write one such as 203.0.113.0/24") from None


def _cpu(value: str) -> str:
    if re.fullmatch(r"[1-9]\d{0,5}m|[1-9]\d{0,2}(\.\d{1,3})?|0\.\d{1,3}", value) and value.strip("0."):
        return value
    raise refuse("is not a CPU quantity", 'write cores or millicores as a string, such as "250m" or "1"')


def _bytes(value: str) -> str:
    if re.fullmatch(r"[1-9]\d{0,6}(Ki|Mi|Gi|Ti)", value):
        return value
    raise refuse("is not a size", 'write a whole number with a binary unit, such as "256Mi" or "1Gi"')


def _memory(value: str) -> str:
    _bytes(value)
    if quantities.parse(value) < _LEAST_MEMORY:
        raise refuse("is too little for a Node process to start", "give at least 32Mi; an empty app takes 70Mi")
    return value


def _http_path(value: str) -> str:
    if re.fullmatch(r"/[\w\-./]*", value):
        return value
    raise refuse("is not a URL path", "start it with / and leave host and query out, such as /ready")


def _certificates(value: str) -> str:
    """PEM of certificates and of nothing else: it ends in a ConfigMap that anybody in the namespace may read."""
    text = re.sub(r"\s", "", re.sub(r"(?m)^#.*$", "", value))
    if re.fullmatch(r"(-----BEGINCERTIFICATE-----[A-Za-z0-9+/=]+-----ENDCERTIFICATE-----)+", text):
        return value
    raise refuse("is no PEM of certificates", "write -----BEGIN CERTIFICATE----- and all that follows, without a key")


def _moment(value: str) -> str:
    # The engine hands on a moment without quotes in its own form: 2030-01-31 12:00:00 +0000 UTC.
    value = re.sub(r"^(\S+) (\S+) ([+-]\d{4}) [A-Z]+$", r"\1T\2\3", value)
    try:
        known = datetime.fromisoformat(value)
    except ValueError:
        known = None
    if known is None or known.tzinfo is None:
        raise refuse("is no moment in time", "write it with its time zone, such as 2030-01-31T12:00:00Z")
    return value


def _replicas(value: Any) -> Any:
    """``3`` means three, always."""
    return {"min": value, "max": value} if isinstance(value, int) and not isinstance(value, bool) else value


def _concept(value: str) -> str:
    if value in CONCEPTS:
        return value
    raise refuse("is not a concept of the environment contract", f"choose from: {', '.join(CONCEPTS)}")


Concept = Annotated[str, AfterValidator(_concept)]
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_HOST_NAME = r"^[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$"
_IDENTIFIER = r"^[a-z_][a-z0-9_]{0,62}$"
LABEL_VALUE = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_FOLDER = r"^/[^\s?#]*$"
FORMS = {
    DNS_LABEL: "lower-case letters, digits and hyphens, at most 63",
    _ENV_NAME: "letters, digits and underscores, no digit first",
    _HOST_NAME: "a DNS name or an address, without scheme, port or path",
    _IDENTIFIER: "lower-case letters, digits and underscores, no digit first, at most 63",
    _FOLDER: "an absolute path without spaces, ? and #",
    LABEL_VALUE: "letters, digits, hyphens, dots and underscores, at most 63",
}
"""Each pattern in words, for messages."""

Port = Annotated[int, Field(ge=1, le=65535)]
AppPort = Annotated[int, Field(ge=1024, le=65535)]  # below, a process needs a capability
NodePort = Annotated[int, Field(ge=30000, le=32767)]
DnsLabel = Annotated[str, Field(pattern=DNS_LABEL)]
EnvName = Annotated[str, Field(pattern=_ENV_NAME)]
HostName = Annotated[str, Field(pattern=_HOST_NAME)]
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]
Digest = Annotated[str, AfterValidator(_digest)]
Image = Annotated[str, AfterValidator(_image)]
Repository = Annotated[str, AfterValidator(_repository)]
Cidr = Annotated[str, AfterValidator(_cidr)]
HttpPath = Annotated[str, AfterValidator(_http_path)]
Certificates = Annotated[str, AfterValidator(_certificates)]
Moment = Annotated[str, AfterValidator(_moment)]
Command = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class Section(BaseModel):
    """A group of settings; keys that are not in it are refused, and nothing is coerced."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True)


class EnvironmentName(Enum):
    """The column of the table in ``infra/environments.py`` that a stack starts from."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Contract(Enum):
    """Which names of environment variables the app reads."""

    GUIDE = "guide"
    FRAMEWORK = "framework"
    BOTH = "both"


class StoreKind(Enum):
    """Where Postgres or Redis comes from: a pod without lasting data, or a server that exists already."""

    EPHEMERAL = "ephemeral"
    EXTERNAL = "external"


class RegistryKind(Enum):
    """Where the app's image is pushed: a registry of the stack's own in the cluster, or one that exists already."""

    NONE = "none"
    CLUSTER = "cluster"


class Delivery(Enum):
    """How secrets reach the cluster: written by the stack, or fetched by the External Secrets operator."""

    DIRECT = "direct"
    EXTERNAL_SECRETS = "externalSecrets"


class ExternalTrafficPolicy(Enum):
    """What a node does with traffic that reaches its port from outside."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


class LogLevel(Enum):
    """The app's log level."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Kubernetes(Section):
    """The cluster that the stack is deployed to."""

    context: str | None = Field(None, min_length=1, description="context of the kubeconfig; default: its current one")
    kubeconfig: str | None = Field(None, min_length=1, description="path of a kubeconfig file; default: KUBECONFIG")
    cluster_identifier: str | None = Field(
        None, min_length=1, description="a name of the cluster that outlives changes of its kubeconfig"
    )


class ImageSource(Section):
    """Where the app's image lies, without its digest."""

    repository: Repository | None = Field(
        None, description="repository without tag or digest; with registry.kind cluster it follows from the registry"
    )
    pull_secrets: list[DnsLabel] = Field(
        default_factory=list, description="names of Secrets in the namespace that log in to the repository's registry"
    )


class Release(Section):
    """What runs: one image, by digest, and how it came here."""

    digest: Digest = Field(description="sha256:… of the app's image")
    proven_in: str | None = Field(None, min_length=1, description="stack in which this digest ran before")
    healthy_since: Moment | None = Field(None, description="since when it was healthy there (RFC 3339)")
    promoted_by: str | None = Field(None, min_length=1, description="who promoted it")
    reason: str | None = Field(None, min_length=1, description="why it was forced, if it was")


class PlatformImages(Section):
    """Images of what runs beside the app, each repository@sha256:…; `make up` fills them in."""

    postgres: Image | None = Field(None, description="Postgres 15 or newer")
    redis: Image | None = Field(None, description="Redis 7 or newer")
    registry: Image | None = Field(None, description="Docker Distribution 2.8 or newer")


class Probes(Section):
    """Paths that the kubelet asks; a path left out follows from app.contract."""

    readiness: HttpPath | None = Field(None, description="200 when the pod can serve")
    startup: HttpPath | None = Field(None, description="200 once the app has started")
    liveness: HttpPath | None = Field(None, description="default: a TCP connect, which no rate limit can fail")


class App(Section):
    """What the app expects from its surroundings."""

    contract: Contract = Field(Contract.GUIDE, description="names of the environment variables that the app reads")
    port: AppPort | None = Field(None, description="TCP port of HTTP and WebSocket; default: that of the contract")
    log_level: LogLevel = Field(description="the app's log level")
    probes: Probes = Field(default_factory=lambda: Probes.model_validate({}), description="paths that the kubelet asks")
    env_names: dict[Concept, list[EnvName]] = Field(
        default_factory=dict, description="other names for a concept of the contract, such as dbHost: [PGHOST]"
    )
    env: dict[EnvName, str] = Field(default_factory=dict, description="further environment variables, not secret")
    empty_env_file: bool = Field(False, description="mount an empty .env in the working directory")
    workdir: Annotated[str, Field(pattern=_FOLDER)] = Field("/app", description="the image's working directory")
    cluster_workers: Annotated[int, Field(ge=1, le=32)] | None = Field(
        None, description="processes of Node cluster in a pod; 1 gives an app without signal handlers a graceful end"
    )


class Replicas(Section):
    """How many pods: a number, or bounds between which an autoscaler decides."""

    min: int = Field(ge=1, le=200, description="pods at least")
    max: int = Field(ge=1, le=200, description="pods at most; more than min switches autoscaling on")
    cpu_percent: int = Field(70, ge=10, le=95, description="CPU use, in percent of the request, to scale on")


class Resources(Section):
    """What one pod asks for. Memory is request and limit; CPU has no limit, because throttling breaks drains."""

    cpu: Annotated[str, AfterValidator(_cpu)] = Field(description="cores or millicores")
    memory: Annotated[str, AfterValidator(_memory)] = Field(description="request and limit")
    ephemeral_storage: Annotated[str, AfterValidator(_bytes)] = Field("256Mi", description="request and limit")


class Workload(Section):
    """What API and worker share."""

    replicas: Annotated[Replicas, BeforeValidator(_replicas)] = Field(description="pods, or bounds to scale between")
    resources: Resources = Field(description="what one pod asks for")
    drain_seconds: int = Field(ge=5, le=3600, description="time from the end of traffic to the last answer")
    pool_size: int = Field(10, ge=1, le=500, description="database connections of one process at most")
    progress_deadline_seconds: int = Field(300, ge=30, le=3600, description="a rollout that stands still fails then")


class Api(Workload):
    """The HTTP and WebSocket pods."""

    command: Command = Field(["node", "dist/app.js"], description="what the container runs")
    node_port: NodePort | None = Field(None, description="a port of every node that reaches the API")
    external_traffic_policy: ExternalTrafficPolicy = Field(
        ExternalTrafficPolicy.CLUSTER,
        description="with nodePort: Cluster reaches any pod, from the node's address; Local keeps clients' addresses "
        "and answers only on nodes with a pod",
    )
    sticky: bool = Field(False, description="one client keeps one pod, for in-memory WebSocket state")


class Worker(Workload):
    """The BullMQ worker pods."""

    enabled: bool = Field(True, description="false when the API process runs the queues itself")
    command: Command = Field(["node", "dist/queue-worker.js"], description="what the container runs")
    concurrency: int = Field(5, ge=1, le=1000, description="jobs that one pod works on at once")


class Migrations(Section):
    """The Job that must succeed before a new digest serves."""

    enabled: bool = Field(True, description="run migrations before the app changes")
    command: Command = Field(["node", "dist/scripts/run-migrations.js"], description="what the container runs")
    deadline_seconds: int = Field(600, ge=10, le=86400, description="after which it has failed")


class Seed(Section):
    """The idempotent Job that fills a database with data to work with."""

    enabled: bool = Field(description="run after the migrations")
    command: Command = Field(["node", "dist/scripts/seed.js"], description="what the container runs")


class Postgres(Section):
    """The database."""

    kind: StoreKind = Field(description="ephemeral: a pod; external: a server that exists")
    host: HostName | None = Field(None, description="external only: name of the server")
    port: Port = Field(5432, description="TCP port")
    tls: bool = Field(description="require TLS, verified")
    ca: Certificates | None = Field(None, description="external only: PEM of the CA that signed its certificate")
    cidrs: list[Cidr] = Field(default_factory=list, description="external only: addresses that pods may reach it at")
    database: Identifier = Field("pxl", description="name of the database")
    username: Identifier = Field("pxl", description="the app's own user")
    max_connections: int = Field(ge=10, le=10000, description="connections that the server accepts")
    reserved_connections: int = Field(10, ge=0, le=1000, description="of these, kept free for people and backups")


class Redis(Section):
    """Queues, cache and pub/sub."""

    kind: StoreKind = Field(description="ephemeral: a pod; external: a server that exists")
    host: HostName | None = Field(None, description="external only: name of the server")
    port: Port = Field(6379, description="TCP port")
    tls: bool = Field(False, description="not supported yet: a PXL app's client takes TLS only from its code")
    cidrs: list[Cidr] = Field(default_factory=list, description="external only: addresses that pods may reach it at")
    max_memory_mb: int = Field(128, ge=16, le=65536, description="ephemeral only: MiB of data, then writes fail")


class SecretStore(Section):
    """Where the External Secrets operator fetches from."""

    name: DnsLabel = Field(description="name of the store object")
    kind: str = Field("ClusterSecretStore", pattern="^(Cluster)?SecretStore$", description="its kind")
    prefix: str = Field("pxl", pattern=r"^[A-Za-z0-9_/-]+$", description="put before the names of the remote secrets")


class Secrets(Section):
    """How secrets reach the pods."""

    delivery: Delivery = Field(description="direct, or fetched by the External Secrets operator")
    generate: bool = Field(description="draw what is not set, once, and keep it in the state")
    store: SecretStore | None = Field(None, description="with externalSecrets: where they are fetched from")
    variables: list[EnvName] = Field(
        default_factory=list, description="further environment variables that are secret, such as STRIPE_API_KEY"
    )


class Registry(Section):
    """Where images are pushed."""

    kind: RegistryKind = Field(description="cluster: a small registry beside the app; none: it exists elsewhere")
    node_port: NodePort = Field(30500, description="port of every node at which it answers")
    storage: Annotated[str, AfterValidator(_bytes)] = Field("4Gi", description="space for images at most")


class Egress(Section):
    """A destination outside the cluster that pods may reach."""

    name: DnsLabel = Field(description="what it is, such as payments")
    cidr: Cidr = Field(description="its addresses")
    except_: list[Cidr] = Field(default_factory=list, alias="except", description="addresses in it that stay closed")
    ports: list[Port] = Field(min_length=1, description="TCP ports")


class Network(Section):
    """Who may talk to whom, beyond what the components declare themselves."""

    ingress_cidrs: list[Cidr] = Field(
        default_factory=list, description="addresses that may call the API; without them and namespaces: anyone"
    )
    ingress_namespaces: list[DnsLabel] = Field(
        default_factory=list, description="namespaces whose pods may call the API, such as an ingress controller's"
    )
    dns_namespace: DnsLabel = Field("kube-system", description="namespace of the cluster's DNS pods")
    dns_cidrs: list[Cidr] = Field(
        default_factory=list, description="DNS servers that are no pods, such as a node-local cache's 169.254.20.10/32"
    )
    egress: list[Egress] = Field(default_factory=list[Egress], description="destinations outside the cluster")


class Settings(Section):
    """A stack's settings, checked once. ``infra.settings.load`` is the way to get one."""

    environment: EnvironmentName = Field(description="dev, staging or prod: what the stack starts from")
    owner: LabelValue = Field("platform", description="team that answers for the stack; a label on every object")
    namespace: DnsLabel | None = Field(None, description="Kubernetes namespace; default: pxl-<stack>")
    kubernetes: Kubernetes = Field(default_factory=lambda: Kubernetes.model_validate({}), description="the cluster")
    image: ImageSource = Field(default_factory=lambda: ImageSource.model_validate({}), description="the app's image")
    release: Release | None = Field(None, description="what runs; without it only what a release stands on is made")
    images: PlatformImages = Field(
        default_factory=lambda: PlatformImages.model_validate({}), description="images of what runs beside the app"
    )
    app: App = Field(description="what the app expects from its surroundings")
    api: Api = Field(description="the HTTP and WebSocket pods")
    worker: Worker = Field(description="the BullMQ worker pods")
    migrations: Migrations = Field(
        default_factory=lambda: Migrations.model_validate({}), description="the Job that gates a release"
    )
    seed: Seed = Field(description="the Job that fills an empty database")
    postgres: Postgres = Field(description="the database")
    redis: Redis = Field(description="queues, cache and pub/sub")
    registry: Registry = Field(description="where images are pushed")
    secrets: Secrets = Field(description="how secrets reach the pods")
    network: Network = Field(
        default_factory=lambda: Network.model_validate({}), description="links beyond the built-in"
    )
    database_password: SecretStr | None = Field(None, min_length=12, description="secret: the app's database password")
    redis_password: SecretStr | None = Field(None, min_length=12, description="secret: the Redis password")
    jwt_secret: SecretStr | None = Field(None, min_length=32, description="secret: signs and verifies tokens")
    app_secrets: SecretStr | None = Field(
        None, min_length=2, description='secret: values of secrets.variables, a JSON object such as {"SMTP_TOKEN": "…"}'
    )
