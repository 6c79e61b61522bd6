"""The API: HTTP and WebSocket on one port, rolled out without a failed request."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.core.v1 import ServiceSpecArgsDict

from pxl_components.app import AppSpec, app_container, read_cluster_workers, read_drain
from pxl_components.deployment import Rollout, deploy
from pxl_components.drain import Drain
from pxl_components.endpoints import Endpoint, ExternalEgress, IngressSource, in_cluster, output
from pxl_components.environment import AppEnvironment
from pxl_components.front_door import FrontDoor, FrontDoorSpec, ingress
from pxl_components.labels import Identity
from pxl_components.links import Links, Pods, declare
from pxl_components.pods import Container
from pxl_components.scaling import Autoscaling, Scale, read_queues
from pxl_components.validation import Arguments
from pxl_components.workload import Probes, ProbeSpec, Resources

_STICKY_SECONDS = 10800


class ExternalTrafficPolicy(Enum):
    """What a node does with traffic that reaches its port from outside."""

    CLUSTER = "Cluster"
    """Hands it to any pod; the app sees the node's address."""
    LOCAL = "Local"
    """Hands it to its own pods only; the app sees the client's address. Nodes without a pod do not answer."""


class ApiArgs(TypedDict):
    """Arguments of ``Api``."""

    namespace: Input[str]
    """The namespace of the workload."""
    image: str
    """The app's image, by digest."""
    environment: NotRequired[AppEnvironment]
    """What the process finds in its environment."""
    command: NotRequired[list[str]]
    """What to run; default ``["node", "dist/app.js"]``."""
    port: NotRequired[int]
    """TCP port of the app and of its Service, 1024-65535; default that of the environment contract."""
    probes: NotRequired[Probes]
    """How its health is asked for."""
    replicas: NotRequired[int]
    """Number of pods, 1-1000; default 2. Not together with ``autoscaling``."""
    autoscaling: NotRequired[Autoscaling]
    """Lets an autoscaler own the number of pods."""
    drain_seconds: NotRequired[int]
    """How long the app may take to close once no new work comes, 5-3600; default 30. A drain's other times follow."""
    min_ready_seconds: NotRequired[int]
    """How long a new pod must be ready before it counts, 0-600; default 10."""
    progress_deadline_seconds: NotRequired[int]
    """How long a rollout may make no progress before it has failed, 30-3600; default 300."""
    resources: NotRequired[Resources]
    """What a pod may use; default 100m CPU and 256Mi of memory."""
    queues: NotRequired[list[str]]
    """Names of the BullMQ queues that it runs itself, told to the app as ``QUEUES``; default: the app's own."""
    priority_class: NotRequired[str]
    """Name of an existing PriorityClass: whose pods go first when nodes are full; default: the cluster's."""
    cluster_workers: NotRequired[int]
    """Processes in the framework's cluster mode, 0-64; 0 is a single process without it. Default 0, but 1 with contract
    ``framework``: its apps hear SIGTERM in no other mode."""
    connects_to: NotRequired[list[Input[Endpoint]]]
    """What the API may reach."""
    external_egress: NotRequired[list[ExternalEgress]]
    """What it may reach outside the cluster."""
    ingress_from: NotRequired[list[IngressSource]]
    """Who may call it besides declared links; default nobody. Required with ``node_port``."""
    service_name: NotRequired[str]
    """Name of the Service, a DNS label; default: the component's name. It is an API."""
    node_port: NotRequired[int]
    """Opens this port on every node, 30000-32767; default: none."""
    external_traffic_policy: NotRequired[ExternalTrafficPolicy]
    """Only with ``node_port``; default ``Cluster``."""
    front_door: NotRequired[FrontDoor]
    """Puts an Application Load Balancer of AWS in front; default: none."""
    sticky: NotRequired[bool]
    """Sends a client address to the same pod for three hours, for WebSocket state held in memory; default false."""
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


class Api(pulumi.ComponentResource):
    """The app's HTTP and WebSocket server: Deployment, Service, network policies and what keeps it up."""

    endpoint: Endpoint
    """What ``connects_to`` takes."""
    service_name: pulumi.Output[str]
    """Name of the Service."""
    deployment_name: pulumi.Output[str]
    """Name of the Deployment."""
    url: pulumi.Output[str]
    """Where it answers: at its front door, or without one within the cluster."""
    pod_labels: dict[str, str]
    """The labels that select its pods."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:Api", name, {}, opts)
        app = spec.app
        policies = declare(self, name, Pods(app.identity, app.namespace), app.links, spec.probes.port)
        deployment = deploy(
            self,
            name,
            app,
            spec.container(self, name),
            scale=spec.scale,
            rollout=spec.rollout,
            after=policies,
        )
        service = self._service(name, spec)
        self.service_name = service.urn.apply(lambda _: spec.service_name)
        self.deployment_name = deployment.metadata.apply(lambda metadata: str(metadata.name))
        self.endpoint = spec.endpoint()
        self.url = pulumi.Output.concat("http://", self.endpoint["host"], ":", str(spec.probes.port))
        if spec.front_door is not None:
            ingress(
                self,
                name,
                app.identity,
                app.namespace,
                spec.front_door,
                service=self.service_name,
                port=spec.probes.port,
                health_path=spec.probes.readiness_path or "/",
                drain=spec.drain,
                sticky=spec.sticky,
            )
            self.url = pulumi.Output.from_input(f"https://{spec.front_door.hostname}")
        self.pod_labels = app.identity.selector
        self.register_outputs(
            {
                "endpoint": output(self.endpoint),
                "serviceName": self.service_name,
                "deploymentName": self.deployment_name,
                "url": self.url,
                "podLabels": self.pod_labels,
            }
        )

    def _service(self, name: str, spec: "_Spec") -> kubernetes.core.v1.Service:
        port = spec.probes.port
        service: ServiceSpecArgsDict = {
            "type": "ClusterIP",
            "selector": spec.app.identity.selector,
            "ports": [{"name": "http", "port": port, "target_port": port, "protocol": "TCP"}],
        }
        if spec.node_port is not None:
            service["type"] = "NodePort"
            service["external_traffic_policy"] = spec.traffic_policy.value
            service["ports"] = [
                {"name": "http", "port": port, "target_port": port, "protocol": "TCP", "node_port": spec.node_port}
            ]
        if spec.sticky:
            service["session_affinity"] = "ClientIP"
            service["session_affinity_config"] = {"client_ip": {"timeout_seconds": _STICKY_SECONDS}}
        return kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=spec.app.identity.metadata(spec.app.namespace, name=spec.service_name),
            spec=service,
            opts=pulumi.ResourceOptions(parent=self),
        )


@dataclass(frozen=True)
class _Spec:
    app: AppSpec
    probes: ProbeSpec
    scale: Scale
    rollout: Rollout
    drain: Drain
    cluster_workers: int | None
    service_name: str
    node_port: int | None
    traffic_policy: ExternalTrafficPolicy
    sticky: bool
    front_door: FrontDoorSpec | None
    queues: tuple[str, ...]

    @staticmethod
    def read(name: str, args: ApiArgs) -> "_Spec":
        given = Arguments.of("Api", name, args, ApiArgs)
        identity = Identity("pxl-app", name, "api", given.labels())
        links = Links.read(given, sources=True)
        app = AppSpec.read(given, identity, ("node", "dist/app.js"), links)
        contract = app.environment.contract
        port = given.integer("port", contract.port, 1024, 65535)
        node_port = given.optional_integer("node_port", 30000, 32767)
        _refuse_unreachable(given, node_port, links)
        door = given.group("front_door", FrontDoor)
        return _Spec(
            app=app,
            probes=ProbeSpec.read(given, port, contract.readiness_path),
            scale=Scale.read(given),
            rollout=Rollout.read(given, min_ready_seconds=10),
            drain=read_drain(given, receives_traffic=True),
            cluster_workers=read_cluster_workers(given, app.environment),
            service_name=given.dns_label("service_name", name),
            node_port=node_port,
            traffic_policy=given.choice("external_traffic_policy", ExternalTrafficPolicy.CLUSTER),
            sticky=given.boolean("sticky"),
            front_door=None if door is None else FrontDoorSpec.read(door),
            queues=read_queues(given) if given.has("queues") else (),
        )

    def container(self, parent: pulumi.Resource, name: str) -> Container:
        process = self.app.process(
            port=self.probes.port, drain=self.drain, workers=self.cluster_workers, queues=self.queues
        )
        if self.front_door is not None:
            process = replace(process, keep_alive_milliseconds=self.front_door.keep_alive_milliseconds)
        return app_container(parent, name, self.app, process, probes=self.probes.probes(), drain=self.drain)

    def endpoint(self) -> Endpoint:
        return in_cluster(self.service_name, self.app.namespace, self.probes.port, self.app.identity)


def _refuse_unreachable(given: Arguments, node_port: int | None, links: Links) -> None:
    if node_port is not None and not links.sources:
        remedy = 'say who may call, such as ingress_from=[{"name": "anybody", "cidrs": ["0.0.0.0/0"]}]'
        raise given.error("node_port", node_port, "opens a port that the network policies keep everybody from", remedy)
    if node_port is None and given.has("external_traffic_policy"):
        value = given.values["external_traffic_policy"]
        raise given.error("external_traffic_policy", value, "has no effect without node_port", "remove it")
