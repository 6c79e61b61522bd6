"""A namespace where nothing may talk until a link is declared."""

from dataclasses import dataclass
from enum import Enum
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.networking.v1 import NetworkPolicyPortArgsDict, NetworkPolicySpecArgsDict

from pxl_components.endpoints import Endpoint, ExternalEgress, IngressSource, read_cidrs
from pxl_components.labels import Identity
from pxl_components.links import cidr_peers, egress_policy, pods_peer
from pxl_components.validation import Arguments

__all__ = ["Endpoint", "ExternalEgress", "IngressSource", "IsolatedNamespace", "IsolatedNamespaceArgs", "PodSecurity"]

_DNS_PORTS: list[NetworkPolicyPortArgsDict] = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


class PodSecurity(Enum):
    """A level of the Pod Security Standards."""

    RESTRICTED = "restricted"
    """Current hardening practice; every pod of this library complies."""
    BASELINE = "baseline"
    """Prevents known privilege escalations."""
    PRIVILEGED = "privileged"
    """No restriction."""


class IsolatedNamespaceArgs(TypedDict):
    """Arguments of ``IsolatedNamespace``."""

    namespace_name: str
    """The name of the Namespace, a DNS label. It is an API: DNS names contain it."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""
    namespace_labels: NotRequired[dict[str, str]]
    """Labels of the Namespace alone, for controllers that look for them there; default none."""
    pod_security: NotRequired[PodSecurity]
    """The Pod Security level to enforce; default ``restricted``."""
    dns_namespace: NotRequired[str]
    """The namespace of the cluster's DNS pods; default ``kube-system``."""
    dns_cidrs: NotRequired[list[str]]
    """Addresses of DNS servers that are no pods, such as a node-local cache (``169.254.20.10/32``); default none."""


@dataclass(frozen=True)
class _Spec:
    namespace_name: str
    owner: dict[str, str]
    own_labels: dict[str, str]
    pod_security: PodSecurity
    dns_namespace: str
    dns_cidrs: list[str]

    @staticmethod
    def read(name: str, args: IsolatedNamespaceArgs) -> "_Spec":
        given = Arguments.of("IsolatedNamespace", name, args, IsolatedNamespaceArgs)
        return _Spec(
            namespace_name=given.dns_label("namespace_name", ""),
            owner=given.labels(),
            own_labels=given.labels("namespace_labels"),
            pod_security=given.choice("pod_security", PodSecurity.RESTRICTED),
            dns_namespace=given.dns_label("dns_namespace", "kube-system"),
            dns_cidrs=read_cidrs(given, "dns_cidrs"),
        )


class IsolatedNamespace(pulumi.ComponentResource):
    """A Namespace that enforces Pod Security and where nothing may talk until a link is declared, except to DNS."""

    namespace_name: pulumi.Output[str]
    """The name of the Namespace; whoever uses it also waits for the Namespace and for its isolation."""

    def __init__(self, name: str, args: IsolatedNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:IsolatedNamespace", name, {}, opts)
        identity = Identity("namespace", name, "isolation", spec.owner)
        namespace = self._namespace(name, spec, identity)
        made = namespace.urn.apply(lambda _: spec.namespace_name)
        policies = [
            self._policy(f"{name}-default-deny", identity, made, _default_deny()),
            self._policy(f"{name}-allow-dns", identity, made, _allow_dns(spec)),
        ]
        # By their URNs, which are known in a preview, too: whoever uses the name waits for all three.
        all_made = pulumi.Output.all(namespace.urn, *(policy.urn for policy in policies))
        self.namespace_name = all_made.apply(lambda _: spec.namespace_name)
        self.register_outputs({"namespaceName": self.namespace_name})

    def _namespace(self, name: str, spec: _Spec, identity: Identity) -> kubernetes.core.v1.Namespace:
        metadata = identity.metadata(name=spec.namespace_name)
        level = spec.pod_security.value
        modes = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")}
        metadata["labels"] = {**spec.own_labels, **identity.labels, **modes}
        opts = pulumi.ResourceOptions(parent=self)
        return kubernetes.core.v1.Namespace(f"{name}-namespace", metadata=metadata, opts=opts)

    def _policy(
        self, name: str, identity: Identity, namespace: Input[str], spec: NetworkPolicySpecArgsDict
    ) -> kubernetes.networking.v1.NetworkPolicy:
        opts = pulumi.ResourceOptions(parent=self)
        metadata = identity.metadata(namespace)
        return kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=spec, opts=opts)


def _default_deny() -> NetworkPolicySpecArgsDict:
    return {"pod_selector": {}, "policy_types": ["Ingress", "Egress"]}


def _allow_dns(spec: _Spec) -> NetworkPolicySpecArgsDict:
    peers = [pods_peer(spec.dns_namespace), *cidr_peers(spec.dns_cidrs)]
    return egress_policy({}, peers, _DNS_PORTS)
