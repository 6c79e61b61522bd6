"""The settings of the pods that run the app: how many, how large, how they end, and what scales them."""

from enum import Enum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from infra.settings.section import Section
from infra.settings.values import QUEUE_PREFIX, Command, Cpu, DnsLabel, Memory, NodePort, ObjectName, QueueName, Size


def _replicas(value: Any) -> Any:
    """``3`` means three, always."""
    return {"min": value, "max": value} if isinstance(value, int) and not isinstance(value, bool) else value


class ExternalTrafficPolicy(Enum):
    """What a node does with traffic that reaches its port from outside."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


class Replicas(Section):
    """How many pods: a number, or bounds between which an autoscaler decides."""

    min: int = Field(ge=1, le=200, description="pods at least")
    max: int = Field(ge=1, le=200, description="pods at most; more than min switches autoscaling on")
    cpu_percent: int = Field(70, ge=10, le=95, description="CPU use, in percent of the request, to scale on")
    memory_percent: Annotated[int, Field(ge=10, le=95)] | None = Field(
        None, description="memory use to scale on, too; only for an app whose memory falls again with its load"
    )

    @property
    def scaled(self) -> bool:
        """Whether an autoscaler owns the number."""
        return self.min < self.max


class Resources(Section):
    """What one pod asks for. Memory is request and limit; CPU has no limit, because throttling breaks drains."""

    cpu: Cpu = Field(description="cores or millicores")
    memory: Memory = Field(description="request and limit")
    ephemeral_storage: Size = Field("256Mi", description="request and limit")


class Workload(Section):
    """What API and worker share."""

    replicas: Annotated[Replicas, BeforeValidator(_replicas)] = Field(description="pods, or bounds to scale between")
    resources: Resources = Field(description="what one pod asks for")
    drain_seconds: int = Field(ge=5, le=3600, description="time from the end of traffic to the last answer")
    pool_size: int = Field(10, ge=1, le=500, description="database connections of one process at most")
    progress_deadline_seconds: int = Field(300, ge=30, le=3600, description="a rollout that stands still fails then")
    priority_class: ObjectName | None = Field(
        None, description="an existing PriorityClass: whose pods go first when nodes are full; default: the cluster's"
    )


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
    queues: list[QueueName] = Field(
        default_factory=list,
        description="BullMQ queues that it takes jobs from, told to it as QUEUES; default: its own",
    )
    concurrency: int = Field(5, ge=1, le=1000, description="jobs of each queue that one process works on at once")
    target_seconds: int = Field(30, ge=1, le=86400, description="with keda: in how long what waits now is to be done")
    job_milliseconds: int = Field(
        1000,
        ge=1,
        le=86_400_000,
        description="with keda: how long a job takes on average, its waiting on others included",
    )


class WorkerGroup(Section):
    """Further worker pods with queues, concurrency and resources of their own; what is left out is as in worker."""

    command: Command | None = Field(None, description="what the container runs")
    queues: list[QueueName] = Field(min_length=1, description="BullMQ queues that this group alone takes jobs from")
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = Field(None, description="see worker")
    replicas: Annotated[Replicas, BeforeValidator(_replicas)] | None = Field(None, description="pods, or bounds")
    resources: Resources | None = Field(None, description="what one pod asks for")
    drain_seconds: Annotated[int, Field(ge=5, le=3600)] | None = Field(None, description="time to finish jobs")
    pool_size: Annotated[int, Field(ge=1, le=500)] | None = Field(None, description="database connections")
    progress_deadline_seconds: Annotated[int, Field(ge=30, le=3600)] | None = Field(None, description="see worker")
    priority_class: ObjectName | None = Field(None, description="an existing PriorityClass")
    target_seconds: Annotated[int, Field(ge=1, le=86400)] | None = Field(None, description="see worker")
    job_milliseconds: Annotated[int, Field(ge=1, le=86_400_000)] | None = Field(None, description="see worker")

    def over(self, base: Worker) -> Worker:
        """The group's settings, with those of ``base`` where it has none of its own."""
        own = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}
        return base.model_copy(update={**own, "enabled": True})


class AutoscalingEngine(Enum):
    """What owns the number of worker pods between the bounds of their ``replicas``."""

    HPA = "hpa"
    KEDA = "keda"


class Autoscaling(Section):
    """What scales the workers. The API is scaled on CPU and memory by either."""

    engine: AutoscalingEngine = Field(
        AutoscalingEngine.HPA, description="hpa: on CPU and memory; keda: on what waits in their queues"
    )
    keda_namespace: DnsLabel = Field("keda", description="with keda: where its operator runs, which asks for the depth")


class Queues(Section):
    """What is told about BullMQ's queues: depth and age of the oldest job. With autoscaling.engine keda, always."""

    metrics: bool = Field(False, description="a pod that tells Prometheus about the workers' queues")
    metrics_namespaces: list[DnsLabel] = Field(
        default_factory=list, description="namespaces whose pods may ask, such as Prometheus's"
    )
    prefix: Annotated[str, Field(pattern=QUEUE_PREFIX, max_length=100)] = Field(
        "bull", description="what BullMQ puts before its keys"
    )
