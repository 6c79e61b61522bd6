"""Who may talk to whom, as data: the stack's output ``links``.

It is made of the arguments that the components get, never of the NetworkPolicies that they make of them: only so can
``pxlctl proof isolation`` compare what the policies do with what was meant.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast

import pulumi
from pulumi import Input
from pxl_components import (
    ContainerRegistry,
    ContainerRegistryArgs,
    Endpoint,
    ExternalEgress,
    IngressSource,
    IsolatedNamespaceArgs,
    Postgres,
)

_DNS_PORT = 53
_DNS_NAMESPACE = "kube-system"

Side = Literal["egress", "ingress"]
# The keys are those of the output, in its JSON: "from" is no name for a field.
Pods = TypedDict("Pods", {"namespace": Input[str], "labels": dict[str, str]})  # noqa: UP013
Addresses = TypedDict("Addresses", {"cidrs": list[str], "except": NotRequired[list[str]], "host": NotRequired[str]})
Link = TypedDict(
    "Link",
    {"name": str, "opens": list[Side], "from": Pods | Addresses, "to": Pods | Addresses, "ports": list[int]},
)
"""A way that is open: ``egress`` out of ``from``, ``ingress`` into ``to``, on the TCP ports (of DNS on UDP, too)."""


class Document(TypedDict):
    """The output ``links``."""

    namespace: Input[str]
    """The namespace that is closed but for the links."""
    links: list[Input[Link]]
    """Every way that is open, from the pods of that namespace or to them."""


class Links:
    """Collects the links while the components are declared.

    Args:
        namespace: The stack's namespace.
        args: What the namespace was made with: which DNS its pods may ask.
    """

    def __init__(self, namespace: Input[str], args: IsolatedNamespaceArgs) -> None:
        """Begins with DNS, which every pod may reach."""
        self._namespace = namespace
        self._links: list[Input[Link]] = []
        everybody = self._pods({})
        there: Pods = {"namespace": args.get("dns_namespace", _DNS_NAMESPACE), "labels": {}}
        self._add("dns", ["egress"], everybody, there, [_DNS_PORT])
        if servers := args.get("dns_cidrs"):
            self._add("dns-servers", ["egress"], everybody, {"cidrs": servers}, [_DNS_PORT])

    def add(self, name: str, pod_labels: dict[str, str], args: Mapping[str, object], port: int | None = None) -> None:
        """Adds those of one component.

        Args:
            name: Its name.
            pod_labels: The labels that select its pods.
            args: What it was made with; ``connects_to``, ``external_egress`` and ``ingress_from`` are read.
            port: The TCP port that callers may use; None when nobody may call.
        """
        pods = self._pods(pod_labels)
        for endpoint in cast("list[Input[Endpoint]]", args.get("connects_to", [])):
            known = pulumi.Output.all(pods, endpoint)
            self._links.append(known.apply(lambda both: _to(name, both[0], both[1])))
        for outside in cast("list[ExternalEgress]", args.get("external_egress", [])):
            there: Addresses = {"cidrs": [outside["cidr"]], "except": outside.get("except_cidrs", [])}
            self._add(f"{name}-to-{outside['name']}", ["egress"], pods, there, outside["ports"])
        for source in cast("list[IngressSource]", args.get("ingress_from", [])):
            assert port is not None, f"{name} has callers and no port"
            self._add(f"{name}-from-{source['name']}", ["ingress"], _caller(source), pods, [port])

    def add_postgres(self, postgres: Postgres) -> None:
        """Adds that of the Job that makes the app's user, where there is one."""
        if postgres.user_pod_labels is not None:
            self.add("postgres-user", postgres.user_pod_labels, {"connects_to": [postgres.endpoint]})

    def add_registry(self, registry: ContainerRegistry, args: ContainerRegistryArgs) -> None:
        """Adds those of a registry, which has pods only within the cluster."""
        if registry.pod_labels is not None and registry.endpoint is not None:
            self.add("registry", registry.pod_labels, args.get("cluster", {}), registry.endpoint["port"])

    def document(self) -> Document:
        """What the stack puts out."""
        return {"namespace": self._namespace, "links": self._links}

    def _pods(self, labels: dict[str, str]) -> Pods:
        return {"namespace": self._namespace, "labels": labels}

    def _add(
        self, name: str, opens: list[Side], here: Pods | Addresses, there: Pods | Addresses, ports: list[int]
    ) -> None:
        self._links.append({"name": name, "opens": opens, "from": here, "to": there, "ports": ports})


def _to(name: str, pods: Pods, endpoint: Any) -> Link:
    """The link to an endpoint: both sides of pods, the way out to what lies outside the cluster."""
    inside = "pod_labels" in endpoint
    there: Pods | Addresses = (
        {"namespace": endpoint["namespace"], "labels": endpoint["pod_labels"]}
        if inside
        else {"cidrs": endpoint["cidrs"], "host": endpoint["host"]}
    )
    opens: list[Side] = ["egress", "ingress"] if inside else ["egress"]
    full_name = f"{name}-to-{endpoint['name']}"
    return {"name": full_name, "opens": opens, "from": pods, "to": there, "ports": [endpoint["port"]]}


def _caller(source: IngressSource) -> Pods | Addresses:
    if "namespace" in source:
        return {"namespace": source["namespace"], "labels": source.get("pod_labels", {})}
    return {"cidrs": source.get("cidrs", [])}
