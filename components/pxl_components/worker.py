"""The worker: takes jobs from the queues, serves nobody."""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
from pulumi import Input

from pxl_components.app import AppSpec, app_container, read_cluster_workers, read_drain
from pxl_components.deployment import Rollout, deploy
from pxl_components.drain import Drain
from pxl_components.endpoints import Endpoint, ExternalEgress
from pxl_components.environment import AppEnvironment
from pxl_components.labels import Identity
from pxl_components.links import Links, Pods, declare
from pxl_components.pods import Container
from pxl_components.scaling import Autoscaling, QueueScaling, Scale, read_queues
from pxl_components.validation import Arguments
from pxl_components.workload import NO_PROBES, ContainerProbes, Probes, ProbeSpec, Resources


class WorkerArgs(TypedDict):
    """Arguments of ``Worker``."""

    namespace: Input[str]
    """The namespace of the workload."""
    image: str
    """The app's image, by digest."""
    environment: NotRequired[AppEnvironment]
    """What the process finds in its environment."""
    command: NotRequired[list[str]]
    """What to run; default ``["node", "dist/queue-worker.js"]``."""
    queues: NotRequired[list[str]]
    """Names of the BullMQ queues that it takes jobs from, told to the app as ``QUEUES``; default: the app's own."""
    concurrency: NotRequired[int]
    """Jobs of each queue that one process works on at a time, 1-1000; default: the app's own."""
    port: NotRequired[int]
    """TCP port of the worker's health endpoint, 1024-65535; default none: the process is the only sign."""
    probes: NotRequired[Probes]
    """How its health is asked for; only with ``port``."""
    replicas: NotRequired[int]
    """Number of pods, 1-1000; default 2. Not together with ``autoscaling`` or ``queue_scaling``."""
    autoscaling: NotRequired[Autoscaling]
    """Lets an autoscaler own the number of pods, which looks at CPU and memory."""
    queue_scaling: NotRequired[QueueScaling]
    """Lets KEDA own the number of pods, which looks at the queues; needs ``concurrency``."""
    drain_seconds: NotRequired[int]
    """How long a pod that is told to go may take to finish its jobs, 5-3600; default 30."""
    min_ready_seconds: NotRequired[int]
    """How long a new pod must be ready before it counts, 0-600; default 5."""
    progress_deadline_seconds: NotRequired[int]
    """How long a rollout may make no progress before it has failed, 30-3600; default 300."""
    resources: NotRequired[Resources]
    """What a pod may use; default 100m CPU and 256Mi of memory."""
    priority_class: NotRequired[str]
    """Name of an existing PriorityClass: whose pods go first when nodes are full; default: the cluster's."""
    cluster_workers: NotRequired[int]
    """Processes in the framework's cluster mode, 0-64; 0 is a single process without it. Default 0, but 1 with contract
    ``framework``: its apps hear SIGTERM in no other mode."""
    connects_to: NotRequired[list[Input[Endpoint]]]
    """What the worker may reach."""
    external_egress: NotRequired[list[ExternalEgress]]
    """What it may reach outside the cluster."""
    pull_secrets: NotRequired[list[str]]
    """Names of Secrets in ``namespace`` that the kubelet logs in to the image's registry with; default none."""
    run_as_user: NotRequired[int]
    """Numeric user, not 0; default 10001."""
    working_dir: NotRequired[str]
    """Where the image's app is; default ``/app``."""
    empty_env_file: NotRequired[bool]
    """Mounts an empty ``.env`` into ``working_dir``, for apps that insist on loading one; default false."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class Worker(pulumi.ComponentResource):
    """The app's queue workers, rolled out without losing a job that is in progress."""

    deployment_name: pulumi.Output[str]
    """Name of the Deployment."""
    pod_labels: dict[str, str]
    """The labels that select its pods."""

    def __init__(self, name: str, args: WorkerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:Worker", name, {}, opts)
        policies = declare(self, name, Pods(spec.app.identity, spec.app.namespace), spec.app.links)
        deployment = deploy(
            self,
            name,
            spec.app,
            spec.container(self, name),
            scale=spec.scale,
            rollout=spec.rollout,
            after=policies,
        )
        self.deployment_name = deployment.metadata.apply(lambda metadata: str(metadata.name))
        self.pod_labels = spec.app.identity.selector
        self.register_outputs({"deploymentName": self.deployment_name, "podLabels": self.pod_labels})


@dataclass(frozen=True)
class _Spec:
    app: AppSpec
    port: int | None
    probes: ContainerProbes
    scale: Scale
    rollout: Rollout
    drain: Drain
    cluster_workers: int | None
    concurrency: int | None
    queues: tuple[str, ...]

    @staticmethod
    def read(name: str, args: WorkerArgs) -> "_Spec":
        given = Arguments.of("Worker", name, args, WorkerArgs)
        identity = Identity("pxl-app", name, "worker", given.labels())
        port = given.optional_integer("port", 1024, 65535)
        if port is None and given.has("probes"):
            raise given.error("probes", None, "have no port to ask", "give port, or remove probes")
        concurrency = given.optional_integer("concurrency", 1, 1000)
        app = AppSpec.read(given, identity, ("node", "dist/queue-worker.js"), Links.read(given))
        processes = read_cluster_workers(given, app.environment)
        at_once = None if concurrency is None else concurrency * (processes or 1)
        return _Spec(
            app=app,
            port=port,
            probes=NO_PROBES if port is None else ProbeSpec.read(given, port, None).probes(),
            scale=Scale.read_with_queues(given, jobs_at_once=at_once),
            rollout=Rollout.read(given, min_ready_seconds=5),
            drain=read_drain(given, receives_traffic=False),
            cluster_workers=processes,
            concurrency=concurrency,
            queues=read_queues(given) if given.has("queues") else (),
        )

    def container(self, parent: pulumi.Resource, name: str) -> Container:
        process = self.app.process(
            port=self.port,
            drain=self.drain,
            workers=self.cluster_workers,
            jobs=self.concurrency,
            queues=self.queues,
        )
        return app_container(parent, name, self.app, process, probes=self.probes, drain=self.drain)
