"""What there is to try: the stack's pods, and what of the cluster they could reach."""

from collections.abc import Iterable
from dataclasses import dataclass

from operations.errors import Problem
from operations.proof.isolation.cluster import Cluster, Object
from operations.proof.isolation.declared import Declared, Pods
from operations.proof.isolation.model import Kind, Place, Target
from operations.proof.isolation.owned import is_ours

_APP = {"app.kubernetes.io/name": "pxl-app"}
_INSTANCE = "app.kubernetes.io/instance"
_DNS_PORT = 53
_API = "/api/v1/namespaces/default/services/kubernetes"
_API_NAME = "kubernetes.default.svc"
_API_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
# Ports that nothing declares, for the proof to listen on; below the range that connections leave from.
_SPARE_PORTS = range(18080, 18180)


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        pods: The stack's pods that run.
        ports: Their declared TCP ports, by pod name.
        idle: Pods of the stack that do not run, in words.
        labels: The labels of the stack's namespace.
        app: The running pod of the app whose image temporary pods are made of.
        cluster: Node, API server and DNS, as targets.
        spare_port: A TCP port that nothing in the stack declares or is linked to.
        services: The selectors of the namespace's Services.
    """

    pods: tuple[Place, ...]
    ports: dict[str, tuple[int, ...]]
    idle: tuple[str, ...]
    labels: dict[str, str]
    app: Object
    cluster: tuple[Target, ...]
    spare_port: int
    services: tuple[dict[str, str], ...]

    @property
    def all_ports(self) -> tuple[int, ...]:
        """Every declared port of any pod, in order."""
        return tuple(sorted({port for ports in self.ports.values() for port in ports}))

    @property
    def own_targets(self) -> tuple[Target, ...]:
        """The stack's pods, each with its declared ports and one that it does not declare."""
        return tuple(
            target
            for pod in self.pods
            for target in (
                *(Target(pod, port) for port in self.ports[pod.pod]),
                *([] if pod.host_network else [Target(pod, self.spare_port, declared=False)]),
            )
        )

    def roles_without_pods(self, declared: Declared) -> dict[str, dict[str, str]]:
        """The labels, by group, of clients that have links and no running pod, such as the Job that migrates."""
        ends = (link.here for link in declared.links if "egress" in link.opens)
        found: dict[str, dict[str, str]] = {}
        for end in ends:
            if not isinstance(end, Pods) or end.namespace != declared.namespace or not end.labels:
                continue
            if not any(end.labels.items() <= pod.labels.items() for pod in self.pods):
                found[end.labels.get(_INSTANCE, "-".join(end.labels.values()))] = end.labels
        return found


def look(cluster: Cluster, declared: Declared) -> Survey:
    """Looks; changes nothing.

    Raises:
        Problem: If there is nothing to prove anything with.
    """
    where = declared.namespace
    namespace = cluster.get(f"/api/v1/namespaces/{where}")
    if namespace is None:
        raise Problem(f"there is no namespace {where}", remedy="deploy the stack, or name its cluster: --kube-context")
    present = [pod for pod in cluster.pods(where) if not _is_over(pod) and not is_ours(pod)]
    running = [pod for pod in present if running_container(pod)]
    places = sorted(map(place_of, running), key=lambda place: (place.group, place.pod))
    ports = {pod["metadata"]["name"]: tuple(_ports(pod)) for pod in running}
    services = [one["spec"].get("selector") or {} for one in cluster.items(f"/api/v1/namespaces/{where}/services")]
    taken = {port for each in ports.values() for port in each} | {p for link in declared.links for p in link.ports}
    return Survey(
        pods=tuple(places),
        ports=ports,
        idle=tuple(_idle_words(pod) for pod in present if pod not in running),
        labels=namespace["metadata"].get("labels") or {},
        app=_app(running, where),
        cluster=(*_nodes(cluster, places), *_api_server(cluster), *_dns(cluster, declared)),
        spare_port=next(port for port in _SPARE_PORTS if port not in taken),
        services=tuple(one for one in services if one),
    )


def _idle_words(pod: Object) -> str:
    where, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    return f"pod {where}/{name} does not run, so that nobody knows what it may reach: pxlctl explain {where}"


def _app(running: Iterable[Object], namespace: str) -> Object:
    for pod in running:
        if _APP.items() <= (pod["metadata"].get("labels") or {}).items():
            return pod
    raise Problem(
        "no pod of the app runs, and temporary pods are made of its image",
        where=f"namespace {namespace}",
        remedy=f"release the app first; if it should run: pxlctl explain {namespace}",
    )


def _is_over(pod: Object) -> bool:
    """Whether a pod has ended, or has been told to."""
    return pod["status"].get("phase") in ("Succeeded", "Failed") or "deletionTimestamp" in pod["metadata"]


def running_container(pod: Object) -> str:
    """The first container of a pod that runs; "" if there is none, or no network yet."""
    if not pod["status"].get("podIP"):
        return ""
    states = pod["status"].get("containerStatuses") or []
    return next((one["name"] for one in states if "running" in one["state"]), "")


def place_of(pod: Object, group: str = "", kind: Kind = Kind.STACK) -> Place:
    """A running pod as an end of connections; its group is its workload's unless one is named."""
    spec, metadata = pod["spec"], pod["metadata"]
    return Place(
        group=group or _group(pod),
        kind=kind,
        namespace=metadata["namespace"],
        pod=metadata["name"],
        labels=metadata.get("labels") or {},
        address=pod["status"]["podIP"],
        more_addresses=tuple(
            one["ip"] for one in pod["status"].get("podIPs") or [] if one["ip"] != pod["status"]["podIP"]
        ),
        node=spec.get("nodeName", ""),
        host_network=bool(spec.get("hostNetwork")),
        container=running_container(pod),
    )


def _group(pod: Object) -> str:
    """The workload's name, without anything that was drawn for it."""
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    if _INSTANCE in labels:
        return labels[_INSTANCE]
    owner = next(iter(metadata.get("ownerReferences") or []), None)
    if owner is None:
        return metadata["name"]
    drawn = labels.get("pod-template-hash")
    return owner["name"].removesuffix(f"-{drawn}") if drawn else owner["name"]


def _ports(pod: Object) -> list[int]:
    """The TCP ports that a pod declares, or that its probes ask."""
    found: set[int] = set()
    for container in pod["spec"]["containers"]:
        listed = container.get("ports") or []
        found |= {port["containerPort"] for port in listed if port.get("protocol", "TCP") == "TCP"}
        for probe in (container.get(f"{kind}Probe") or {} for kind in ("startup", "readiness", "liveness")):
            port = str((probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port", ""))
            found |= {int(port)} if port.isdigit() else set()
    return sorted(found)


def _nodes(cluster: Cluster, pods: Iterable[Place]) -> list[Target]:
    """The kubelets of the nodes that the stack runs on."""
    found: list[Target] = []
    for name in sorted({pod.node for pod in pods}):
        node = cluster.get(f"/api/v1/nodes/{name}")
        if node is None:
            continue
        addresses = {one["type"]: one["address"] for one in node["status"].get("addresses", [])}
        port = (node["status"].get("daemonEndpoints") or {}).get("kubeletEndpoint", {}).get("Port")
        if port and "InternalIP" in addresses:
            place = Place("node", Kind.CLUSTER, address=addresses["InternalIP"], node=name)
            found.append(Target(place, int(port), required=False))
    return found


def _api_server(cluster: Cluster) -> list[Target]:
    found: list[Target] = []
    for part in cluster.items(_API_SLICES, "kubernetes.io/service-name=kubernetes"):
        addresses = sorted(address for one in part.get("endpoints") or [] for address in one["addresses"])
        for port in part.get("ports") or []:
            found += [
                Target(Place("API server", Kind.CLUSTER, address=a), port["port"], required=False) for a in addresses
            ]
    service = cluster.get(_API)
    if service is not None:
        place = Place("API Service", Kind.CLUSTER, address=service["spec"]["clusterIP"])
        found += [Target(place, port["port"], required=False) for port in service["spec"]["ports"]]
    return found


def _dns(cluster: Cluster, declared: Declared) -> list[Target]:
    """The cluster's DNS: a name to resolve, and every port of its pods."""
    service = cluster.get(_API)
    right = frozenset(service["spec"].get("clusterIPs") or [service["spec"]["clusterIP"]] if service else [])
    found: list[Target] = []
    for namespace in _dns_namespaces(declared):
        for pod in _dns_pods(cluster, namespace):
            place = place_of(pod, "DNS", Kind.CLUSTER)
            if not found:
                found.append(Target(place, _DNS_PORT, lookup=_API_NAME, answers=right))
            found.append(Target(place, _DNS_PORT))
            found += [Target(place, port, required=False) for port in _ports(pod) if port != _DNS_PORT]
    return found


def _dns_namespaces(declared: Declared) -> list[str]:
    ends = [link.there for link in declared.links if _DNS_PORT in link.ports]
    return list(dict.fromkeys(end.namespace for end in ends if isinstance(end, Pods)))


def _dns_pods(cluster: Cluster, namespace: str) -> list[Object]:
    """The running pods behind the Services that answer on the port of DNS."""
    services = [one["spec"] for one in cluster.items(f"/api/v1/namespaces/{namespace}/services")]
    selectors = [
        spec["selector"]
        for spec in services
        if spec.get("selector") and any(port["port"] == _DNS_PORT for port in spec.get("ports") or [])
    ]
    found: dict[str, Object] = {}
    for selector in selectors:
        for pod in cluster.pods(namespace, ",".join(f"{key}={value}" for key, value in selector.items())):
            if not _is_over(pod) and running_container(pod):
                found[pod["metadata"]["name"]] = pod
    return [found[name] for name in sorted(found)]
