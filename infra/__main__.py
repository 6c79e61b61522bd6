"""A PXL application on Kubernetes. Read it from top to bottom: this is everything that a stack consists of."""

import pulumi
import pulumi_kubernetes as kubernetes
from pxl_components import (
    Api,
    AppSecrets,
    ContainerRegistry,
    IsolatedNamespace,
    Migrations,
    Postgres,
    QueueMetrics,
    Redis,
    Worker,
)

from infra import arguments, ownership
from infra.guards import WrongTargetError
from infra.links import Links
from infra.managed import Managed
from infra.settings import SettingsError, from_engine
from infra.settings.model import RegistryKind
from infra.workloads import Workloads

stack = pulumi.get_stack()

# 1. Settings: all of them checked before anything is touched, and whether the credentials lead where they say.
try:
    settings = from_engine(stack)
    managed = Managed.of(settings, stack)
except (SettingsError, WrongTargetError) as error:
    # Without a traceback: the message says file, key, value and remedy.
    raise pulumi.RunError(str(error)) from None

# 2. Where it lands. Every object says which state made it.
ownership.mark_objects()
cluster = kubernetes.Provider("cluster", arguments.provider(settings))
providers = [cluster, *managed.providers]
here = pulumi.ResourceOptions(providers=providers)
namespace = IsolatedNamespace("pxl", arguments.namespace(settings, stack), here)
place = namespace.namespace_name
guarded = pulumi.ResourceOptions(providers=providers, depends_on=managed.guard_pods(place, here))
links = Links(place, arguments.namespace(settings, stack))

# 3. What the app stands on.
secrets = AppSecrets("secrets", arguments.secrets(settings, stack, place, managed.keep_in()), here)
stored = arguments.postgres(settings, stack, place, secrets, managed.postgres())
postgres = Postgres("postgres", stored, guarded)
links.add_postgres(postgres)
managed.backups(postgres)
redis = Redis("redis", arguments.redis(settings, stack, place, secrets, managed.redis(secrets)), guarded)
if settings.registry.kind is not RegistryKind.NONE:
    kept = managed.registry() or arguments.registry(settings, stack, place)
    registry = ContainerRegistry("registry", kept, here)
    links.add_registry(registry, kept)
    pulumi.export("registry", registry.repository_prefix)

# 4. The app: migrations first, then API and workers. A stack without a release yet ends above.
if settings.release is not None:
    workloads = Workloads(settings, stack, settings.release, place, (postgres, redis, secrets))
    gate: list[pulumi.Resource] = [postgres, redis]
    if settings.migrations.enabled:
        ready = pulumi.ResourceOptions(providers=providers, depends_on=gate)
        migrations = Migrations("migrations", workloads.migrations(), ready)
        links.add("migrations", migrations.pod_labels, workloads.migrations())
        gate = [migrations]
    released = pulumi.ResourceOptions(providers=providers, depends_on=gate)
    served = workloads.api(managed.front_door())
    api = Api("api", served, released)
    links.add("api", api.pod_labels, served, api.endpoint["port"])
    metrics: QueueMetrics | None = None
    if settings.measured_queues:
        told = workloads.queue_metrics()
        metrics = QueueMetrics("queue-metrics", told, released)
        links.add("queue-metrics", metrics.pod_labels, told, metrics.endpoint["port"])
    for name, group in settings.worker_groups.items():
        worker = Worker(name, workloads.worker(group, metrics), released)
        links.add(name, worker.pod_labels, workloads.worker(group, metrics))
        pulumi.export(name, worker.deployment_name)
    pulumi.export("api", api.deployment_name)
    pulumi.export("url", api.url)
    pulumi.export("digest", settings.release.digest)
else:
    pulumi.log.info(f"no release in Pulumi.{stack}.yaml yet: what a release stands on is made, the app is not")

# 5. What others ask for.
pulumi.export("links", links.document())
pulumi.export("namespace", place)
pulumi.export("environment", settings.environment.value)
