"""How many pods: a fixed number, or an autoscaler's bounds and what it looks at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.autoscaling.v2 import MetricSpecArgsDict

from pxl_components.links import Pods
from pxl_components.validation import Arguments, on_known

QUEUE_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
QUEUE_FORM = "the name of a queue: letters, digits, _ . and -, at most 100"
JOB_COUNT = "bullmq_job_count"
# What a worker has to do: what waits, in either of BullMQ's two orders, and what is being done. Delayed jobs are not
# due, and a paused queue would only get pods that take nothing from it.
BACKLOG_STATES = ("waiting", "prioritized", "active")
_SCALE_DOWN_STABILISATION_SECONDS = 300
_SCALE_UP_SECONDS = 15
_SCALE_UP_PODS = 4
_FAILURES_BEFORE_FALLBACK = 3
# KEDA refuses to scale what another autoscaler scales; when the stack goes over from one to the other, both are there
# for a moment.
_MAY_BE_REPLACED = {"validations.keda.sh/hpa-ownership": "false"}


class Autoscaling(TypedDict):
    """A horizontal autoscaler instead of a fixed number of replicas. The cluster needs a metrics server."""

    min_replicas: NotRequired[int]
    """Never fewer, 1-1000; default 2."""
    max_replicas: int
    """Never more, 1-1000, at least ``min_replicas``."""
    cpu_percent: NotRequired[int]
    """Mean CPU in percent of the request to aim for, 1-100; default 70."""
    memory_percent: NotRequired[int]
    """Mean memory in percent of the request to aim for, 1-100; default none: Node's heap does not shrink with load."""


class QueueScaling(TypedDict):
    """As many pods as it takes to get the waiting jobs done in time. The cluster needs KEDA 2.20.1 or newer.

    Jobs that wait on something else use no CPU, so an autoscaler that looks at CPU does not see them.
    """

    min_replicas: NotRequired[int]
    """Never fewer, 1-1000; default 2. Never 0: a delayed job becomes due only where a worker looks after its queue."""
    max_replicas: int
    """Never more, 1-1000, at least ``min_replicas``."""
    queues: list[str]
    """Names of the BullMQ queues that these workers take jobs from; at least one."""
    metrics_url: Input[str]
    """Where ``QueueMetrics`` tells about them: its output ``url``."""
    target_seconds: NotRequired[int]
    """In how many seconds what waits now is to be done, 1-86400; default 30."""
    job_milliseconds: NotRequired[int]
    """How long a job takes on average, 1-86400000; default 1000."""


@dataclass(frozen=True)
class QueueScale:
    """A ``QueueScaling`` that has been checked.

    Attributes:
        queues: Names of the queues.
        metrics_url: Where to ask for their depth.
        jobs_per_pod: How many jobs one pod gets done in the time that there is.
    """

    queues: tuple[str, ...]
    metrics_url: Input[str]
    jobs_per_pod: int


@dataclass(frozen=True)
class Scale:
    """How many pods: a fixed number, or an autoscaler's bounds."""

    replicas: int | None
    """None where the autoscaler owns the number."""
    min_replicas: int
    max_replicas: int
    cpu_percent: int = 0
    memory_percent: int | None = None
    queue: QueueScale | None = None
    """Where the autoscaler looks at queues instead of CPU and memory."""

    @staticmethod
    def fixed(replicas: int) -> "Scale":
        """A number that nobody changes."""
        return Scale(replicas, replicas, replicas)

    @staticmethod
    def read(args: Arguments) -> "Scale":
        """Reads ``replicas`` or ``autoscaling``.

        Raises:
            ArgumentError: both, or bounds that cross.
        """
        auto = args.group("autoscaling", Autoscaling)
        if auto is None:
            return Scale.fixed(args.integer("replicas", 2, 1, 1000))
        _refuse_replicas(args, "autoscaling")
        low, high = _bounds(auto)
        cpu, memory = auto.integer("cpu_percent", 70, 1, 100), auto.optional_integer("memory_percent", 1, 100)
        return Scale(None, low, high, cpu, memory)

    @staticmethod
    def read_with_queues(args: Arguments, *, jobs_at_once: int | None) -> "Scale":
        """Reads ``replicas``, ``autoscaling`` or ``queue_scaling``.

        Args:
            args: The component's args.
            jobs_at_once: How many jobs one pod works on at a time, None if only the app knows.

        Raises:
            ArgumentError: two of them, bounds that cross, or no number of jobs to reckon with.
        """
        given = args.group("queue_scaling", QueueScaling)
        if given is None:
            return Scale.read(args)
        _refuse_replicas(args, "queue_scaling")
        if args.has("autoscaling"):
            raise args.error("queue_scaling", None, "contradicts autoscaling", "give one of them")
        if jobs_at_once is None:
            remedy = "say how many jobs a process works on at once: how many a pod gets done follows from it"
            raise args.error("concurrency", None, "is missing, but queue_scaling is given", remedy)
        low, high = _bounds(given)
        seconds = given.integer("target_seconds", 30, 1, 86_400)
        job = given.integer("job_milliseconds", 1000, 1, 86_400_000)
        queue = QueueScale(
            queues=read_queues(given),
            metrics_url=given.text_input("metrics_url"),
            jobs_per_pod=max(1, seconds * 1000 * jobs_at_once // job),
        )
        return Scale(None, low, high, queue=queue)


def read_queues(args: Arguments) -> tuple[str, ...]:
    """The names of BullMQ queues.

    Raises:
        ArgumentError: None, the same twice, or a name that cannot stand in a query.
    """
    names = args.strings("queues", [])
    if not names:
        raise args.error("queues", None, "is empty", 'name the queues, such as ["jobs"]')
    for number, name in enumerate(names):
        if not QUEUE_NAME.fullmatch(name):
            raise args.error(f"queues[{number}]", name, f"is not {QUEUE_FORM}", "rename the queue")
        if name in names[:number]:
            raise args.error(f"queues[{number}]", name, "is named twice", "name it once")
    return tuple(names)


def autoscaler(
    parent: pulumi.Resource,
    name: str,
    pods: Pods,
    deployment: kubernetes.apps.v1.Deployment,
    scale: Scale,
) -> None:
    """Writes what owns the number of pods of a Deployment.

    Args:
        parent: The component.
        name: Its name.
        pods: Whose they are, and where.
        deployment: What is scaled.
        scale: Bounds and what to look at.
    """
    deployment_name = deployment.metadata.apply(lambda known: str(known.name))
    opts = pulumi.ResourceOptions(parent=parent)
    if scale.queue is not None:
        kubernetes.apiextensions.CustomResource(
            f"{name}-autoscaler",
            api_version="keda.sh/v1alpha1",
            kind="ScaledObject",
            metadata=pods.identity.metadata(pods.namespace),
            spec=_scaled_object(name, deployment_name, scale, scale.queue),
            opts=opts,
        )
        return
    metrics = [_metric("cpu", scale.cpu_percent)]
    if scale.memory_percent is not None:
        metrics.append(_metric("memory", scale.memory_percent))
    kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
        f"{name}-autoscaler",
        metadata=pods.identity.metadata(pods.namespace, notes=_MAY_BE_REPLACED),
        spec={
            "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": deployment_name},
            "min_replicas": scale.min_replicas,
            "max_replicas": scale.max_replicas,
            "metrics": metrics,
            "behavior": {"scale_down": {"stabilization_window_seconds": _SCALE_DOWN_STABILISATION_SECONDS}},
        },
        opts=opts,
    )


def _scaled_object(name: str, deployment: Input[str], scale: Scale, queue: QueueScale) -> Mapping[str, Any]:
    """KEDA's object: the sum of all that there is to do, divided by what one pod gets done in time."""
    triggers = {
        f"q{number}_{state}": f'{JOB_COUNT}{{queue="{name}",state="{state}"}}'
        for number, name in enumerate(queue.queues)
        for state in BACKLOG_STATES
    }
    growth = [
        {"type": "Percent", "value": 100, "periodSeconds": _SCALE_UP_SECONDS},
        {"type": "Pods", "value": _SCALE_UP_PODS, "periodSeconds": _SCALE_UP_SECONDS},
    ]
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicaCount": scale.min_replicas,
        "maxReplicaCount": scale.max_replicas,
        # Nobody knows how much waits: what is there stays, and grows no more.
        "fallback": {
            "failureThreshold": _FAILURES_BEFORE_FALLBACK,
            "replicas": scale.min_replicas,
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {
            # Several triggers on their own would take the highest of their answers, not the sum.
            "scalingModifiers": {
                "formula": " + ".join(triggers),
                "target": str(queue.jobs_per_pod),
                "metricType": "AverageValue",
            },
            "horizontalPodAutoscalerConfig": {
                # KEDA's own name for it would be longer than it accepts itself.
                "name": f"{name}-queues",
                "behavior": {
                    "scaleUp": {"stabilizationWindowSeconds": 0, "policies": growth, "selectPolicy": "Max"},
                    "scaleDown": {"stabilizationWindowSeconds": _SCALE_DOWN_STABILISATION_SECONDS},
                },
            },
        },
        "triggers": [
            {
                "type": "metrics-api",
                "name": trigger,
                "metadata": {
                    "url": on_known(queue.metrics_url, lambda url: f"{str(url).rstrip('/')}/metrics"),
                    "format": "prometheus",
                    "valueLocation": where,
                    "targetValue": str(queue.jobs_per_pod),
                },
            }
            for trigger, where in triggers.items()
        ],
    }


def _metric(resource: str, percent: int) -> MetricSpecArgsDict:
    target: MetricSpecArgsDict = {
        "type": "Resource",
        "resource": {"name": resource, "target": {"type": "Utilization", "average_utilization": percent}},
    }
    return target


def _refuse_replicas(args: Arguments, instead: str) -> None:
    if args.has("replicas"):
        remedy = f"remove it, or remove {instead}: a fixed number would undo the autoscaler's at every update"
        raise args.error("replicas", args.values["replicas"], f"contradicts {instead}", remedy)


def _bounds(given: Arguments) -> tuple[int, int]:
    low, high = given.integer("min_replicas", 2, 1, 1000), given.integer("max_replicas", 2, 1, 1000)
    if low > high:
        raise given.error("max_replicas", high, f"is below min_replicas ({low})", "raise it, or lower the minimum")
    return low, high
