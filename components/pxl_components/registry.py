"""Where the app's images are pushed: a registry inside the cluster for development, or a repository of Amazon ECR."""

import json
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.core.v1 import ProbeArgsDict

from pxl_components.endpoints import Endpoint, IngressSource, in_cluster, output, read_sources
from pxl_components.images import ImageReference
from pxl_components.labels import Identity
from pxl_components.links import Links, Pods, declare
from pxl_components.managed_registry import ManagedRegistry, RepositorySpec, repository
from pxl_components.pods import Container, config_file, scratch
from pxl_components.stores import Server, serve, with_room_for
from pxl_components.validation import Arguments
from pxl_components.workload import ContainerProbes, Resources, ResourceSpec, read_quantity

_PORT = 5000
_USER = 10001
_DATA = "/var/lib/registry"
_CONFIG_FOLDER = "/etc/pxl/registry"
_CONFIG_KEY = "config.yml"  # read as YAML, of which JSON is a part
_CONFIG = {
    "version": "0.1",
    "log": {"level": "info", "formatter": "json"},
    "storage": {"filesystem": {"rootdirectory": _DATA}, "delete": {"enabled": True}},
    "http": {"addr": f":{_PORT}", "headers": {"X-Content-Type-Options": ["nosniff"]}},
}


class ClusterRegistry(TypedDict):
    """A registry in the cluster; its images end with its pod."""

    image: str
    """The image, by digest; docker.io/library/registry or one whose entry point takes ``serve <config file>``."""
    node_port: NotRequired[int]
    """The port on every node, 30000-32767; default 30500."""
    storage_limit: NotRequired[str]
    """Upper limit of the stored images as a Kubernetes quantity; default ``5Gi``."""
    resources: NotRequired[Resources]
    """What the pod may use; default 50m CPU and 256Mi of memory."""
    ingress_from: NotRequired[list[IngressSource]]
    """Who may pull and push besides the pod's own node; default nobody. Other nodes need their address range here."""


class ContainerRegistryArgs(TypedDict):
    """Arguments of ``ContainerRegistry``."""

    namespace: NotRequired[Input[str]]
    """The namespace of the registry; required with ``cluster``."""
    cluster: NotRequired[ClusterRegistry]
    """Run it in the cluster. Exactly one of ``cluster`` and ``managed`` is given."""
    managed: NotRequired[ManagedRegistry]
    """Have a repository of Amazon ECR."""
    service_name: NotRequired[str]
    """Name of the Service, a DNS label; default: the component's name. It is an API."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class ContainerRegistry(pulumi.ComponentResource):
    """A registry for the app's images."""

    repository_prefix: pulumi.Output[str]
    """What comes before a repository's name in an image reference: ``localhost:30500``; of ECR, the repository."""
    endpoint: Endpoint | None
    """What ``connects_to`` takes; none outside the cluster."""
    pod_labels: dict[str, str] | None
    """The labels that select its pod; none outside the cluster."""

    def __init__(self, name: str, args: ContainerRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        given = Arguments.of("ContainerRegistry", name, args, ContainerRegistryArgs)
        given.exactly_one("cluster", "managed")
        managed = given.group("managed", ManagedRegistry)
        kept = None if managed is None else RepositorySpec.read(managed)
        spec = _Spec.read(name, given) if kept is None else None
        super().__init__("pxl:index:ContainerRegistry", name, {}, opts)
        self.endpoint, self.pod_labels = None, None
        if spec is not None:
            self._serve(name, spec)
        elif kept is not None:
            self.repository_prefix = repository(self, name, kept).repository_url
        self.register_outputs(
            {
                "repositoryPrefix": self.repository_prefix,
                "endpoint": None if self.endpoint is None else output(self.endpoint),
                "podLabels": self.pod_labels,
            }
        )

    def _serve(self, name: str, spec: "_Spec") -> None:
        policies = declare(self, name, Pods(spec.identity, spec.namespace), spec.links, _PORT)
        server = Server(
            identity=spec.identity,
            namespace=spec.namespace,
            service_name=spec.service_name,
            port=_PORT,
            container=spec.container(self._config(name, spec)),
            node_port=spec.node_port,
        )
        service = serve(self, name, server, after=policies)
        self.endpoint = in_cluster(service, spec.namespace, _PORT, spec.identity)
        self.repository_prefix = service.apply(lambda _: f"localhost:{spec.node_port}")
        self.pod_labels = spec.identity.selector

    def _config(self, name: str, spec: "_Spec") -> pulumi.Output[str]:
        made = kubernetes.core.v1.ConfigMap(
            f"{name}-config",
            metadata=spec.identity.metadata(spec.namespace),
            data={_CONFIG_KEY: json.dumps(_CONFIG)},
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["data"]),
        )
        return made.metadata.apply(lambda metadata: str(metadata.name))


@dataclass(frozen=True)
class _Spec:
    identity: Identity
    namespace: Input[str]
    image: ImageReference
    node_port: int
    storage: str
    resources: ResourceSpec
    links: Links
    service_name: str

    @staticmethod
    def read(name: str, given: Arguments) -> "_Spec":
        if not given.has("namespace"):
            raise given.error("namespace", None, "is missing", "name the namespace that the registry runs in")
        cluster = given.group_or_empty("cluster", ClusterRegistry)
        storage = read_quantity(cluster, "storage_limit", "5Gi")
        return _Spec(
            identity=Identity("registry", name, "registry", given.labels()),
            namespace=given.text_input("namespace"),
            image=cluster.image(),
            node_port=cluster.integer("node_port", 30500, 30000, 32767),
            storage=storage,
            resources=with_room_for(cluster, storage, cpu="50m", memory="256Mi"),
            links=Links([], [], read_sources(cluster)),
            service_name=given.dns_label("service_name", name),
        )

    def container(self, config: Input[str]) -> Container:
        return Container(
            name="registry",
            image=self.image,
            resources=self.resources,
            user=_USER,
            env=[{"name": "OTEL_TRACES_EXPORTER", "value": "none"}],
            arguments=["serve", f"{_CONFIG_FOLDER}/{_CONFIG_KEY}"],
            port=_PORT,
            probes=_probes(),
            mounts=[
                config_file("config", config, f"{_CONFIG_FOLDER}/{_CONFIG_KEY}", _CONFIG_KEY),
                scratch("data", _DATA, self.storage),
                scratch("tmp", "/tmp", "64Mi"),
            ],
        )


def _probes() -> ContainerProbes:
    answers: ProbeArgsDict = {"http_get": {"path": "/v2/", "port": _PORT}, "timeout_seconds": 2}
    startup: ProbeArgsDict = {**answers, "period_seconds": 2, "failure_threshold": 30}
    readiness: ProbeArgsDict = {**answers, "period_seconds": 5, "failure_threshold": 3}
    liveness: ProbeArgsDict = {**answers, "period_seconds": 10, "failure_threshold": 6}
    return ContainerProbes(startup, readiness, liveness)
