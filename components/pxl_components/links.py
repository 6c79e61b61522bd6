"""NetworkPolicies of declared links: for each one, the way out of the client and the way into the target.

Policies apply to pods. By their definition the kubelet's own traffic to the pods of its node (probes) is always let
through, so probes need no policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyPeerArgsDict,
    NetworkPolicyPortArgsDict,
    NetworkPolicySpecArgsDict,
)

from pxl_components.endpoints import EgressSpec, SourceSpec, Target, read_external_egress, read_links, read_sources
from pxl_components.labels import Identity
from pxl_components.validation import Arguments, on_known

ANYBODY = "0.0.0.0/0"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Links:
    """Everything that one workload may talk to and be called by."""

    targets: list[Target | pulumi.Output[Target]]
    egress: list[EgressSpec]
    sources: list[SourceSpec]

    @staticmethod
    def read(args: Arguments, *, egress: bool = True, sources: bool = False) -> "Links":
        """Reads ``connects_to``, and where the component has them ``external_egress`` and ``ingress_from``."""
        links = Links(
            read_links(args),
            read_external_egress(args) if egress else [],
            read_sources(args) if sources else [],
        )
        taken = [target.name for target in links.targets if isinstance(target, Target)]
        for outside in links.egress:
            if outside.name in taken:
                problem = "is also the name of a link in connects_to"
                raise args.error("external_egress", outside.name, problem, "policies are named after it: rename it")
        return links


class Pods(NamedTuple):
    """The pods on this side of a link."""

    identity: Identity
    namespace: Input[str]


def declare(
    parent: pulumi.Resource, name: str, pods: Pods, links: Links, port: int | None = None
) -> list[pulumi.Resource]:
    """Writes the policies of all links, as children of ``parent``.

    Args:
        parent: The component that declares the links.
        name: Its name; every policy's name starts with it and says what it allows.
        pods: The component's pods.
        links: What they may reach and who may call them.
        port: The TCP port that callers may use; None when nobody may call.

    Returns:
        The policies. Pods should wait for them: an app that looks for its stores once, at its start, must find them.
    """
    write = _Writer(parent, pods.identity)
    for number, target in enumerate(links.targets):
        label = target.name if isinstance(target, Target) else f"link-{number}"
        write(f"{name}-to-{label}-egress", pods.namespace, _out(pods, target))
        if not isinstance(target, Target):
            namespace = target.apply(lambda known: known.namespace or pods.namespace)
            write(f"{name}-to-{label}-ingress", namespace, _into(pods, target))
        elif target.namespace is not None and target.pod_labels is not None:
            write(f"{name}-to-{label}-ingress", target.namespace, _into(pods, target))
    for outside in links.egress:
        write(f"{name}-to-{outside.name}-egress", pods.namespace, _outside(pods, outside))
    for source in links.sources if port is not None else []:
        write(f"{name}-from-{source.name}-ingress", pods.namespace, _from(pods, source, port))
    return write.written


@dataclass(frozen=True)
class _Writer:
    parent: pulumi.Resource
    identity: Identity
    written: list[pulumi.Resource] = field(default_factory=list[pulumi.Resource])

    def __call__(self, name: str, namespace: Input[str], spec: Input[NetworkPolicySpecArgsDict]) -> None:
        metadata = self.identity.metadata(namespace)
        opts = pulumi.ResourceOptions(parent=self.parent)
        self.written.append(kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=spec, opts=opts))


def pods_peer(namespace: Input[str], labels: dict[str, str] | None = None) -> NetworkPolicyPeerArgsDict:
    """Pods of one namespace; all of them without labels."""
    peer: NetworkPolicyPeerArgsDict = {"namespace_selector": {"match_labels": {_NAMESPACE_LABEL: namespace}}}
    if labels:
        peer["pod_selector"] = {"match_labels": labels}
    return peer


def cidr_peers(cidrs: Sequence[str], holes: Sequence[str] = ()) -> list[NetworkPolicyPeerArgsDict]:
    """Address ranges, without the holes in them."""
    if holes:
        return [{"ip_block": {"cidr": cidr, "except_": list(holes)}} for cidr in cidrs]
    return [{"ip_block": {"cidr": cidr}} for cidr in cidrs]


def tcp(*ports: int) -> list[NetworkPolicyPortArgsDict]:
    """TCP ports of a rule."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def egress_policy(
    pods: dict[str, str], peers: Input[list[NetworkPolicyPeerArgsDict]], ports: list[NetworkPolicyPortArgsDict]
) -> NetworkPolicySpecArgsDict:
    """Lets the pods out to the peers; no labels means all pods of the namespace."""
    return {
        "pod_selector": {"match_labels": pods} if pods else {},
        "policy_types": ["Egress"],
        "egress": [{"to": peers, "ports": ports}],
    }


def ingress_policy(
    pods: dict[str, str], peers: list[NetworkPolicyPeerArgsDict], ports: list[NetworkPolicyPortArgsDict]
) -> NetworkPolicySpecArgsDict:
    """Lets the peers into the pods; no peers means anybody."""
    return {
        "pod_selector": {"match_labels": pods},
        "policy_types": ["Ingress"],
        "ingress": [{"from_": peers, "ports": ports} if peers else {"ports": ports}],
    }


def _out(pods: Pods, link: Target | pulumi.Output[Target]) -> Input[NetworkPolicySpecArgsDict]:
    def spec(target: Target) -> NetworkPolicySpecArgsDict:
        if target.namespace is not None and target.pod_labels is not None:
            peers = [pods_peer(target.namespace, target.pod_labels)]
        else:
            peers = on_known(target.cidrs, cidr_peers)
        return egress_policy(pods.identity.selector, peers, tcp(target.port))

    return spec(link) if isinstance(link, Target) else link.apply(spec)


def _into(pods: Pods, link: Target | pulumi.Output[Target]) -> Input[NetworkPolicySpecArgsDict]:
    def spec(target: Target) -> NetworkPolicySpecArgsDict:
        client = pods_peer(pods.namespace, pods.identity.selector)
        return ingress_policy(target.pod_labels or {}, [client], tcp(target.port))

    return spec(link) if isinstance(link, Target) else link.apply(spec)


def _outside(pods: Pods, outside: EgressSpec) -> NetworkPolicySpecArgsDict:
    peers = cidr_peers([outside.cidr], outside.except_cidrs)
    return egress_policy(pods.identity.selector, peers, tcp(*outside.ports))


def _from(pods: Pods, source: SourceSpec, port: int | None) -> NetworkPolicySpecArgsDict:
    if source.namespace is not None:
        peers = [pods_peer(source.namespace, source.pod_labels)]
    else:
        # A range of addresses matches no IPv6 client and, with some network plugins, no pod: anybody is a rule without.
        peers = [] if ANYBODY in source.cidrs else cidr_peers(source.cidrs)
    return ingress_policy(pods.identity.selector, peers, tcp(*([] if port is None else [port])))
