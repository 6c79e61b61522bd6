"""From settings to the arguments of everything that runs the app's image: migrations, API, workers, and who watches."""

import pulumi
from pxl_components import (
    ApiArgs,
    AppEnvironment,
    AppSecrets,
    Autoscaling,
    EnvironmentContract,
    ExternalEgress,
    ExternalTrafficPolicy,
    FrontDoor,
    IngressSource,
    MigrationsArgs,
    Postgres,
    Probes,
    QueueMetrics,
    QueueMetricsArgs,
    QueueScaling,
    Redis,
    Resources,
    WorkerArgs,
)

from infra.arguments import image, labels
from infra.settings import Settings
from infra.settings.app_secrets import JWT_SECRET, key_of
from infra.settings.model import Release
from infra.settings.workloads import AutoscalingEngine, Replicas, Worker
from infra.settings.workloads import Resources as ResourceSettings


class Workloads:
    """The arguments of everything that runs the app's image; they share most of them."""

    def __init__(
        self,
        settings: Settings,
        stack: str,
        release: Release,
        namespace: pulumi.Input[str],
        stores: tuple[Postgres, Redis, AppSecrets],
    ) -> None:
        self._settings = settings
        self._postgres, self._redis, self._secrets = stores
        self._namespace = namespace
        self._labels = labels(settings, stack)
        self._image = image(settings, stack, release)

    def migrations(self) -> MigrationsArgs:
        """The Jobs that gate a release."""
        args: MigrationsArgs = {
            "namespace": self._namespace,
            "image": self._image,
            "pull_secrets": self._settings.image.pull_secrets,
            "command": self._settings.migrations.command,
            "environment": self._environment(None),
            "connects_to": [self._postgres.endpoint, self._redis.endpoint],
            "deadline_seconds": self._settings.migrations.deadline_seconds,
            "lock_timeout_seconds": self._settings.migrations.lock_timeout_seconds,
            "allow_destructive": self._settings.migrations.allow_destructive,
            "working_dir": self._settings.app.workdir,
            "empty_env_file": self._settings.app.empty_env_file,
            "labels": self._labels,
        }
        if self._settings.images.postgres is not None:
            args["guard_image"] = self._settings.images.postgres
        if self._settings.seed.enabled:
            args["seed_command"] = self._settings.seed.command
        return args

    def api(self, front_door: FrontDoor | None = None) -> ApiArgs:
        """The HTTP and WebSocket pods."""
        api, app = self._settings.api, self._settings.app
        args: ApiArgs = {
            "namespace": self._namespace,
            "image": self._image,
            "pull_secrets": self._settings.image.pull_secrets,
            "command": api.command,
            "environment": self._environment(api.pool_size),
            "probes": self._probes(),
            "resources": _resources(api.resources),
            "drain_seconds": api.drain_seconds,
            "progress_deadline_seconds": api.progress_deadline_seconds,
            "sticky": api.sticky,
            "connects_to": [self._postgres.endpoint, self._redis.endpoint],
            "external_egress": self._egress(),
            "ingress_from": self._ingress(),
            "working_dir": app.workdir,
            "empty_env_file": app.empty_env_file,
            "labels": self._labels,
        }
        if not api.replicas.scaled:
            args["replicas"] = api.replicas.min
        else:
            args["autoscaling"] = _autoscaling(api.replicas)
        if api.priority_class is not None:
            args["priority_class"] = api.priority_class
        if not self._settings.worker.enabled and self._settings.worker.queues:
            # It runs them itself, and must not take from those of a group.
            args["queues"] = self._settings.worker.queues
        if front_door is not None:
            args["front_door"] = front_door
        if app.port is not None:
            args["port"] = app.port
        if app.cluster_workers is not None:
            args["cluster_workers"] = app.cluster_workers
        if api.node_port is not None:
            args["node_port"] = api.node_port
            args["external_traffic_policy"] = ExternalTrafficPolicy(api.external_traffic_policy.value)
        return args

    def queue_metrics(self) -> QueueMetricsArgs:
        """The pod that tells how much waits."""
        wanted, scaling = self._settings.queues, self._settings.autoscaling
        callers = dict.fromkeys(wanted.metrics_namespaces)
        if scaling.engine is AutoscalingEngine.KEDA:
            callers[scaling.keda_namespace] = None
        return {
            "namespace": self._namespace,
            "image": self._image,
            "pull_secrets": self._settings.image.pull_secrets,
            "redis": self._redis.connection,
            "queues": self._settings.measured_queues,
            "prefix": wanted.prefix,
            "connects_to": [self._redis.endpoint],
            "ingress_from": [{"name": f"{name[:58]}-pods", "namespace": name} for name in callers],
            "labels": self._labels,
        }

    def worker(self, worker: Worker, metrics: QueueMetrics | None) -> WorkerArgs:
        """One kind of BullMQ worker pods.

        Args:
            worker: Its settings.
            metrics: What tells about its queues, if something does.
        """
        app = self._settings.app
        args: WorkerArgs = {
            "namespace": self._namespace,
            "image": self._image,
            "pull_secrets": self._settings.image.pull_secrets,
            "command": worker.command,
            "environment": self._environment(worker.pool_size),
            "concurrency": worker.concurrency,
            "resources": _resources(worker.resources),
            "drain_seconds": worker.drain_seconds,
            "progress_deadline_seconds": worker.progress_deadline_seconds,
            "connects_to": [self._postgres.endpoint, self._redis.endpoint],
            "external_egress": self._egress(),
            "working_dir": app.workdir,
            "empty_env_file": app.empty_env_file,
            "labels": self._labels,
        }
        if worker.queues:
            args["queues"] = worker.queues
        if not worker.replicas.scaled:
            args["replicas"] = worker.replicas.min
        elif self._settings.autoscaling.engine is AutoscalingEngine.KEDA and metrics is not None:
            args["queue_scaling"] = _queue_scaling(worker, metrics)
        else:
            args["autoscaling"] = _autoscaling(worker.replicas)
        if worker.priority_class is not None:
            args["priority_class"] = worker.priority_class
        if app.cluster_workers is not None:
            args["cluster_workers"] = app.cluster_workers
        return args

    def _environment(self, pool_size: int | None) -> AppEnvironment:
        app = self._settings.app
        environment: AppEnvironment = {
            "contract": EnvironmentContract(app.contract.value),
            "names": dict(app.env_names),
            "log_level": app.log_level.value,
            "app_name": "pxl",
            "database": self._postgres.connection,
            "redis": self._redis.connection,
            "jwt_secret": self._secrets.ref(JWT_SECRET),
            "values": dict(app.env),
            "secrets": {name: self._secrets.ref(key_of(name)) for name in self._settings.secrets.variables},
        }
        if pool_size is not None:
            environment["database_pool"] = pool_size
        return environment

    def _probes(self) -> Probes:
        wanted = self._settings.app.probes
        paths = {
            "readiness_path": wanted.readiness,
            "startup_path": wanted.startup,
            "liveness_path": wanted.liveness,
        }
        given = {key: path for key, path in paths.items() if path is not None}
        return Probes(**given)  # pyright: ignore[reportArgumentType]  # keys are Probes' own, values its strings

    def _egress(self) -> list[ExternalEgress]:
        found: list[ExternalEgress] = []
        for item in self._settings.network.egress:
            egress: ExternalEgress = {"name": item.name, "cidr": item.cidr, "ports": item.ports}
            if item.except_:
                egress["except_cidrs"] = item.except_
            found.append(egress)
        return found

    def _ingress(self) -> list[IngressSource]:
        network = self._settings.network
        if not network.ingress_cidrs and not network.ingress_namespaces:
            return [{"name": "clients", "cidrs": ["0.0.0.0/0"]}]
        callers: list[IngressSource] = [
            {"name": f"{name[:58]}-pods", "namespace": name} for name in dict.fromkeys(network.ingress_namespaces)
        ]
        if network.ingress_cidrs:
            callers.append({"name": "clients", "cidrs": network.ingress_cidrs})
        return callers


def _resources(wanted: ResourceSettings) -> Resources:
    return {
        "cpu_request": wanted.cpu,
        "memory_request": wanted.memory,
        "memory_limit": wanted.memory,
        "ephemeral_storage_request": wanted.ephemeral_storage,
        "ephemeral_storage_limit": wanted.ephemeral_storage,
    }


def _autoscaling(replicas: Replicas) -> Autoscaling:
    bounds: Autoscaling = {
        "min_replicas": replicas.min,
        "max_replicas": replicas.max,
        "cpu_percent": replicas.cpu_percent,
    }
    if replicas.memory_percent is not None:
        bounds["memory_percent"] = replicas.memory_percent
    return bounds


def _queue_scaling(worker: Worker, metrics: QueueMetrics) -> QueueScaling:
    return {
        "min_replicas": worker.replicas.min,
        "max_replicas": worker.replicas.max,
        "queues": worker.queues,
        "metrics_url": metrics.url,
        "target_seconds": worker.target_seconds,
        "job_milliseconds": worker.job_milliseconds,
    }
