"""What waits in BullMQ's queues and for how long, told to whoever scales the workers or watches over them."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components.app import AppSpec, app_container
from pxl_components.contracts import EnvironmentContract
from pxl_components.deployment import Rollout, deploy
from pxl_components.drain import Drain
from pxl_components.endpoints import Endpoint, IngressSource, in_cluster, output
from pxl_components.environment import AppEnvironment, EnvironmentSpec, RedisConnection
from pxl_components.labels import Identity
from pxl_components.links import Links, Pods, declare
from pxl_components.pods import Container, config_folder
from pxl_components.scaling import Scale, read_queues
from pxl_components.validation import Arguments
from pxl_components.workload import ProbeSpec, Resources, ResourceSpec

_PROGRAM = "queue_metrics.mjs"
_FOLDER = "/etc/pxl/queue-metrics"
_PREFIX = re.compile(r"[A-Za-z0-9{}_.:\-]{1,100}")
_PREFIX_FORM = "a prefix of keys: letters, digits, { } _ . : and -"
# It holds nothing that must be finished.
_DRAIN = Drain(drain_seconds=5, pre_stop_seconds=0)


class QueueMetricsArgs(TypedDict):
    """Arguments of ``QueueMetrics``."""

    namespace: Input[str]
    """The namespace of its pod."""
    image: str
    """Any image with Node 18 or newer on its path, by digest: the app's own is one."""
    redis: RedisConnection
    """The Redis that holds the queues."""
    queues: list[str]
    """Names of the queues to tell about; at least one."""
    prefix: NotRequired[str]
    """What BullMQ puts before the names of its keys; default ``bull``, which is BullMQ's."""
    connects_to: NotRequired[list[Input[Endpoint]]]
    """What it may reach: the Redis."""
    ingress_from: NotRequired[list[IngressSource]]
    """Who may ask: KEDA's operator, Prometheus; default nobody."""
    port: NotRequired[int]
    """TCP port of pod and Service, 1024-65535; default 9465."""
    service_name: NotRequired[str]
    """Name of the Service, a DNS label; default: the component's name."""
    resources: NotRequired[Resources]
    """What the pod may use; default 20m CPU and 96Mi of memory."""
    pull_secrets: NotRequired[list[str]]
    """Names of Secrets in ``namespace`` that the kubelet logs in to the image's registry with; default none."""
    run_as_user: NotRequired[int]
    """Numeric user, not 0; default 10001."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class QueueMetrics(pulumi.ComponentResource):
    """One pod that tells Prometheus and KEDA about queues; of a queue that Redis does not know it tells no number."""

    endpoint: Endpoint
    """What ``connects_to`` takes."""
    url: pulumi.Output[str]
    """Where it answers within the cluster; the numbers are at ``/metrics``."""
    deployment_name: pulumi.Output[str]
    """Name of the Deployment."""
    pod_labels: dict[str, str]
    """The labels that select its pod."""

    def __init__(self, name: str, args: QueueMetricsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:QueueMetrics", name, {}, opts)
        app = spec.app
        policies = declare(self, name, Pods(app.identity, app.namespace), app.links, spec.probes.port)
        rollout = Rollout(min_ready_seconds=0, progress_deadline_seconds=300)
        container = spec.container(self, name)
        deployment = deploy(self, name, app, container, scale=Scale.fixed(1), rollout=rollout, after=policies)
        service = self._service(name, spec)
        self.endpoint = in_cluster(spec.service_name, app.namespace, spec.probes.port, app.identity)
        host = service.urn.apply(lambda _: self.endpoint["host"])
        self.url = pulumi.Output.concat("http://", host, ":", str(spec.probes.port))
        self.deployment_name = deployment.metadata.apply(lambda metadata: str(metadata.name))
        self.pod_labels = app.identity.selector
        self.register_outputs(
            {
                "endpoint": output(self.endpoint),
                "url": self.url,
                "deploymentName": self.deployment_name,
                "podLabels": self.pod_labels,
            }
        )

    def _service(self, name: str, spec: "_Spec") -> kubernetes.core.v1.Service:
        port = spec.probes.port
        return kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=spec.app.identity.metadata(spec.app.namespace, name=spec.service_name),
            spec={
                "type": "ClusterIP",
                "selector": spec.app.identity.selector,
                "ports": [{"name": "metrics", "port": port, "target_port": port, "protocol": "TCP"}],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


@dataclass(frozen=True)
class _Spec:
    app: AppSpec
    probes: ProbeSpec
    service_name: str

    @staticmethod
    def read(name: str, args: QueueMetricsArgs) -> "_Spec":
        given = Arguments.of("QueueMetrics", name, args, QueueMetricsArgs)
        if not given.has("redis"):
            raise given.error("redis", None, "is missing", "give the connection that Redis puts out")
        app = AppSpec.of(
            given,
            Identity("queue-metrics", name, "metrics", given.labels()),
            environment=_environment(given),
            command=["node", f"{_FOLDER}/{_PROGRAM}"],
            resources=ResourceSpec.read(given, cpu="20m", memory="96Mi", storage="32Mi"),
            links=Links.read(given, egress=False, sources=True),
        )
        port = given.integer("port", 9465, 1024, 65535)
        return _Spec(
            app=app,
            # Its own health, never that of Redis: while that is away, it is what says so.
            probes=ProbeSpec.read(given, port, "/healthz"),
            service_name=given.dns_label("service_name", name),
        )

    def container(self, parent: pulumi.Resource, name: str) -> Container:
        process = self.app.process(port=self.probes.port, drain=_DRAIN)
        container = app_container(parent, name, self.app, process, probes=self.probes.probes(), drain=_DRAIN)
        program = config_folder("queue-metrics", _program(parent, name, self.app), _FOLDER)
        # The image's working directory: it may have no /app.
        return replace(container, mounts=[*container.mounts, program], working_dir=None)


def _environment(given: Arguments) -> EnvironmentSpec:
    prefix = given.text("prefix", "bull", _PREFIX, _PREFIX_FORM)
    environment: AppEnvironment = {
        "contract": EnvironmentContract.GUIDE,
        "app_name": "queue-metrics",
        "redis": cast("RedisConnection", given.values["redis"]),
        "values": {"QUEUE_PREFIX": prefix},
    }
    spec = EnvironmentSpec.of(Arguments(given.component, environment, AppEnvironment, given.path))
    return replace(spec, plain={**spec.plain, "queues": ",".join(read_queues(given))})


def _program(parent: pulumi.Resource, name: str, spec: AppSpec) -> Input[str]:
    made = kubernetes.core.v1.ConfigMap(
        f"{name}-program",
        metadata=spec.identity.metadata(spec.namespace),
        data={_PROGRAM: (Path(__file__).parent / _PROGRAM).read_text(encoding="utf-8")},
        immutable=True,
        # Under a new name, so that a changed program is a changed pod.
        opts=pulumi.ResourceOptions(parent=parent, replace_on_changes=["data"]),
    )
    return made.metadata.apply(lambda known: str(known.name))
