"""What runs in the cluster before anything of the user's: CoreDNS, and who may ask what of whom."""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from local.node import api, sandbox
from local.node.layout import API_SERVICE_IP, DNS_IP, Layout
from operations.console import Step
from operations.errors import Problem

_NAMESPACE = "kube-system"
_RBAC = "rbac.authorization.k8s.io/v1"
POLICY_LEASE = "pxl-network-policies"
"""The Lease in kube-system that is renewed while NetworkPolicies are enforced."""
_DNS_SECONDS = 90.0
_PORT = 53

_COREFILE = """.:53 {
    errors
%s    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    cache 30
    reload
}
"""


def allow(layout: Layout) -> None:
    """Gives the node's own parts the rights that they need beyond those that Kubernetes gives them."""
    for manifest in (*kubelet_access(), *policy_agent_access()):
        api.apply(layout, manifest)


def kubelet_access() -> list[dict[str, Any]]:
    """What lets ``kubectl logs`` and ``exec`` pass from the API server to the kubelet."""
    subject = {"kind": "User", "name": "kube-apiserver-kubelet-client", "apiGroup": "rbac.authorization.k8s.io"}
    return [_binding("pxl:kubelet-api-admin", "system:kubelet-api-admin", subject)]


def policy_agent_access() -> list[dict[str, Any]]:
    """What the agent that enforces NetworkPolicies may read, and the one object that it keeps."""
    subject = {"kind": "User", "name": "pxl:network-policies", "apiGroup": "rbac.authorization.k8s.io"}
    reads = [
        {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]},
    ]
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    keeps = [{**leases, "verbs": ["create"]}, {**leases, "resourceNames": [POLICY_LEASE], "verbs": ["get", "update"]}]
    name = "pxl:network-policies"
    return [
        _role("ClusterRole", name, reads),
        _binding(name, name, subject),
        _role("Role", name, keeps),
        _binding(name, name, subject, role_kind="Role"),
    ]


def coredns(image: str, rules: Sequence[str] = ()) -> list[dict[str, Any]]:
    """CoreDNS as every cluster has it: Service ``kube-dns``, pods labelled ``k8s-app: kube-dns``.

    Args:
        image: CoreDNS.
        rules: Further lines of its configuration.
    """
    corefile = _COREFILE % "".join(f"    {rule}\n" for rule in rules)
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": _NAMESPACE}
    access = [
        {"apiGroups": [""], "resources": ["services", "namespaces", "pods"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _named("coredns")},
        _role("ClusterRole", "system:coredns", access),
        _binding("system:coredns", "system:coredns", account),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _named("coredns"), "data": {"Corefile": corefile}},
        _service(),
        _deployment(image, corefile),
    ]


def install(layout: Layout, pid: int, image: str, current: Step, rules: Sequence[str] = ()) -> None:
    """Applies CoreDNS and returns when it resolves a name.

    Args:
        layout: The node's files.
        pid: Its first process.
        image: CoreDNS.
        current: Says what it waits for.
        rules: Further lines of its configuration.

    Raises:
        Problem: It does not resolve in time; with the state of its pods.
    """
    for manifest in coredns(image, rules):
        api.apply(layout, manifest)
    end = time.monotonic() + _DNS_SECONDS
    while not resolves(pid):
        if time.monotonic() > end:
            raise Problem(
                "The cluster's DNS does not answer.",
                where=f"Deployment {_NAMESPACE}/coredns",
                why=describe_pods(layout) or "it has no pod",
                remedy="see its log: kubectl --kubeconfig KUBECONFIG -n kube-system logs deployment/coredns",
            )
        current.update(describe_pods(layout))
        time.sleep(0.25)


def resolves(pid: int) -> bool:
    """Whether the cluster's DNS answers for the API server's own Service."""
    question = ["getent", "ahostsv4", "kubernetes.default.svc.cluster.local."]
    done = sandbox.run(pid, ["env", "RES_OPTIONS=timeout:1 attempts:1", *question], check=False)
    return done.stdout.split()[:1] == [API_SERVICE_IP.encode()]


def describe_pods(layout: Layout) -> str:
    """What the pods of CoreDNS wait for, one line each."""
    path = f"/api/v1/namespaces/{_NAMESPACE}/pods?labelSelector=k8s-app%3Dkube-dns"
    return "\n".join(_state(pod) for pod in api.request(layout, "GET", path)["items"])


def _state(pod: dict[str, Any]) -> str:
    status = pod["status"]
    for container in status.get("containerStatuses", []):
        waiting = container["state"].get("waiting")
        if waiting:
            return f"{pod['metadata']['name']}: {waiting.get('reason')} {waiting.get('message', '')}".strip()
    reasons = [c.get("message", "") for c in status.get("conditions", []) if c["status"] == "False"]
    return f"{pod['metadata']['name']}: {status.get('phase')} {'; '.join(filter(None, reasons))}".strip()


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": _NAMESPACE, "labels": {"k8s-app": "kube-dns"}}


def _role(kind: str, name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": _RBAC, "kind": kind, "metadata": _scoped(kind, name), "rules": rules}


def _binding(name: str, role: str, subject: dict[str, str], role_kind: str = "ClusterRole") -> dict[str, Any]:
    return {
        "apiVersion": _RBAC,
        "kind": f"{role_kind}Binding",
        "metadata": _scoped(role_kind, name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [subject],
    }


def _scoped(kind: str, name: str) -> dict[str, str]:
    return {"name": name} if kind == "ClusterRole" else {"name": name, "namespace": _NAMESPACE}


def _service() -> dict[str, Any]:
    ports = [{"name": name, "port": _PORT, "protocol": kind} for name, kind in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    spec = {"clusterIP": DNS_IP, "selector": {"k8s-app": "kube-dns"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _named("kube-dns"), "spec": spec}


def _deployment(image: str, corefile: str) -> dict[str, Any]:
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
            # Lets a user other than root have port 53.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}],
        },
        "containers": [_container(image)],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        # It reads a changed configuration by itself, but only after a minute or two.
        "template": {
            "metadata": {
                "labels": {"k8s-app": "kube-dns"},
                "annotations": {"pxl.dev/corefile": hashlib.sha256(corefile.encode()).hexdigest()[:12]},
            },
            "spec": pod,
        },
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _named("coredns"), "spec": spec}


def _container(image: str) -> dict[str, Any]:
    def probe(path: str, port: int, seconds: int) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": port}, "periodSeconds": seconds, "timeoutSeconds": 5}

    return {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": _PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": _PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "20m", "memory": "40Mi"}, "limits": {"memory": "170Mi"}},
        "readinessProbe": probe("/ready", 8181, 2),
        "livenessProbe": {**probe("/health", 8080, 10), "failureThreshold": 5},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
