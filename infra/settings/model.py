"""Every setting of a stack: its type, unit, default and bounds. The schema in ``Pulumi.yaml`` is generated from here.

Keys are camelCase, as Pulumi writes them, and live under ``pxl:``. A field without a default here gets one from the
table in ``infra/environments.py`` or must be set.
"""

from enum import Enum
from typing import Annotated

from pydantic import Field, SecretStr

from infra.settings.aws import Aws, Ingress
from infra.settings.promotion import Promotion
from infra.settings.section import Section
from infra.settings.stores import Postgres, Redis
from infra.settings.values import (
    FOLDER,
    AppPort,
    Cidr,
    Command,
    Concept,
    Digest,
    DnsLabel,
    EnvName,
    GroupName,
    HttpPath,
    Image,
    LabelValue,
    Moment,
    NodePort,
    Port,
    Repository,
    SecretVariable,
    Size,
)
from infra.settings.workloads import Api, Autoscaling, AutoscalingEngine, Queues, Worker, WorkerGroup

SECRET_KEYS = ("databasePassword", "redisPassword", "jwtSecret", "appSecrets")


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


class RegistryKind(Enum):
    """Where the app's image is pushed: a registry of the stack's own, in the cluster or on AWS, or one that exists."""

    NONE = "none"
    CLUSTER = "cluster"
    ECR = "ecr"


class Delivery(Enum):
    """How secrets reach the cluster: written by the stack, or fetched by the External Secrets operator."""

    DIRECT = "direct"
    EXTERNAL_SECRETS = "externalSecrets"


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
    tls_proxy: Image | None = Field(None, description="HAProxy 2.6 or newer, with redis.tls: speaks TLS for the app")


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
    workdir: Annotated[str, Field(pattern=FOLDER)] = Field("/app", description="the image's working directory")
    cluster_workers: Annotated[int, Field(ge=0, le=32)] | None = Field(
        None,
        description="processes of Node cluster in a pod, 0 for none; 1 gives an app without signal handlers a graceful "
        "end, and is the default with app.contract framework",
    )


class Migrations(Section):
    """The Job that must succeed before a new digest serves."""

    enabled: bool = Field(True, description="run migrations before the app changes")
    command: Command = Field(["node", "dist/scripts/run-migrations.js"], description="what the container runs")
    deadline_seconds: int = Field(600, ge=10, le=86400, description="after which it has failed")
    lock_timeout_seconds: int = Field(
        5, ge=1, le=600, description="how long a statement may wait for a lock, and with it everybody behind it"
    )
    allow_destructive: bool = Field(
        False, description="lets a release drop tables and columns and change types; set it for that release only"
    )


class Seed(Section):
    """The idempotent Job that fills a database with data to work with."""

    enabled: bool = Field(description="run after the migrations")
    command: Command = Field(["node", "dist/scripts/seed.js"], description="what the container runs")


class SecretStore(Section):
    """Where the External Secrets operator fetches from."""

    name: DnsLabel = Field(description="name of the store object")
    kind: str = Field("ClusterSecretStore", pattern="^(Cluster)?SecretStore$", description="its kind")
    prefix: str = Field("pxl", pattern=r"^[A-Za-z0-9_/-]+$", description="put before the names of the remote secrets")


class Secrets(Section):
    """How secrets reach the pods."""

    delivery: Delivery = Field(description="direct, or fetched by the External Secrets operator")
    generate: bool = Field(True, description="draw what is not set, once, and keep it in the state")
    store: SecretStore | None = Field(None, description="with externalSecrets: where they are fetched from")
    variables: list[SecretVariable] = Field(
        default_factory=list, description="further environment variables that are secret, such as STRIPE_API_KEY"
    )


class Registry(Section):
    """Where images are pushed."""

    kind: RegistryKind = Field(
        description="cluster: a small registry beside the app; ecr: one on AWS; none: it exists elsewhere"
    )
    node_port: NodePort = Field(30500, description="port of every node at which it answers")
    storage: Size = Field("4Gi", description="space for images at most")


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
    aws: Aws | None = Field(None, description="where the managed parts land; without it nothing is made on AWS")
    ingress: Ingress = Field(
        default_factory=lambda: Ingress.model_validate({}), description="how the world reaches the API"
    )
    image: ImageSource = Field(default_factory=lambda: ImageSource.model_validate({}), description="the app's image")
    release: Release | None = Field(None, description="what runs; without it only what a release stands on is made")
    promotion: Promotion = Field(description="what an image must have shown before it comes here")
    images: PlatformImages = Field(
        default_factory=lambda: PlatformImages.model_validate({}), description="images of what runs beside the app"
    )
    app: App = Field(description="what the app expects from its surroundings")
    api: Api = Field(description="the HTTP and WebSocket pods")
    worker: Worker = Field(description="the BullMQ worker pods")
    workers: dict[GroupName, WorkerGroup] = Field(
        default_factory=dict, description="further worker pods by name, each with queues and resources of its own"
    )
    autoscaling: Autoscaling = Field(
        default_factory=lambda: Autoscaling.model_validate({}), description="what scales the workers"
    )
    queues: Queues = Field(
        default_factory=lambda: Queues.model_validate({}), description="what is told about BullMQ's queues"
    )
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

    @property
    def worker_groups(self) -> dict[str, Worker]:
        """Every kind of worker pod by the name of its component, complete."""
        groups = {f"worker-{name}": group.over(self.worker) for name, group in self.workers.items()}
        return {**({"worker": self.worker} if self.worker.enabled else {}), **groups}

    @property
    def measured_queues(self) -> list[str]:
        """The queues that something tells about, each once; none where nothing does."""
        if self.autoscaling.engine is not AutoscalingEngine.KEDA and not self.queues.metrics:
            return []
        return list(dict.fromkeys(queue for worker in self.worker_groups.values() for queue in worker.queues))
