"""Checks of a cluster: reachable, of a version that fits, and with what the settings ask for."""

import re
from datetime import UTC, datetime
from typing import Any

import kubernetes
import urllib3
from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.doctor.registry import Area, Finding, check, fail, ok, warn
from operations.doctor.subjects import Cluster, Subject

# lifecycle.preStop.sleep: on by default from 1.30, stable from 1.34, the oldest release upstream still mends.
_OLDEST, _SUPPORTED = 30, 34
_UNREACHABLE = (ApiException, urllib3.exceptions.HTTPError, OSError)

# Name of a DaemonSet (or a part of it) -> the plugin, for those that enforce NetworkPolicies.
_ENFORCING = {
    "calico": "Calico", "canal": "Canal", "cilium": "Cilium", "antrea": "Antrea", "weave": "Weave Net",
    "kube-router": "kube-router", "ovnkube": "OVN-Kubernetes", "ovs-ovn": "Kube-OVN", "azure-npm": "Azure NPM",
    "anetd": "GKE Dataplane V2", "kube-network-policies": "kube-network-policies", "kindnet": "kindnet",
}  # fmt: skip
# Before it, several triggers that fail at once could end its operator.
_OLDEST_KEDA = (2, 20, 1)
_NODE_AGENT_LEASE = "pxl-network-policies"
_SILENT = {"flannel": "Flannel"}
# The controller's own, and that of EKS Auto Mode.
_ALB_CONTROLLERS = ("ingress.k8s.aws/alb", "eks.amazonaws.com/alb")


@check("cluster", Area.CLUSTER)
def reachable(subject: Subject) -> Finding | None:
    """The API server answers, and is of a release that this project and its client fit."""
    if subject.cluster_problem is not None:
        problem = subject.cluster_problem
        return fail(": ".join(filter(None, (problem.what, problem.why))), problem.remedy or "name another context")
    cluster = subject.cluster
    if cluster is None:
        return None
    try:
        version = cluster.get("/version")
    except _UNREACHABLE as error:
        remedy = f"kubectl --context {cluster.name} version"
        return fail(f"{cluster.name} does not answer: {rollout.api_words(error)}", remedy)
    if version is None:
        return fail(
            f"what answers at {cluster.name} is no Kubernetes API server", "kubectl config view; correct the server"
        )
    return judge_version(cluster.name, str(version.get("gitVersion", "")))


def judge_version(name: str, version: str, client: str = kubernetes.__version__) -> Finding:
    """Whether a server's version fits: not too old for a drain without a shell, not too new for the client."""
    found = re.match(r"v?1\.(\d+)", version)
    if not found:
        return warn(f"{name} is of an unknown version {version!r}", "kubectl version")
    minor, newest = int(found[1]), int(client.split(".", maxsplit=1)[0]) + 1
    if minor < _OLDEST:
        return fail(f"{name} runs {version}, at least 1.{_OLDEST} is needed (preStop sleep)", "upgrade the cluster")
    if minor < _SUPPORTED:
        return warn(f"{name} runs {version}, which upstream no longer mends", "upgrade the cluster")
    if minor > newest:
        return warn(f"{name} runs {version}; the client library knows up to 1.{newest}", "update requirements.txt")
    return ok(f"{name} runs {version}")


@check("External Secrets operator", Area.CLUSTER)
def external_secrets(subject: Subject) -> Finding | None:
    """With ``secrets.delivery: externalSecrets``, its API and the store that the settings name."""
    cluster = subject.cluster
    if cluster is None or subject.value("secrets", "delivery") != "externalSecrets":
        return None
    try:
        if cluster.get("/apis/external-secrets.io/v1") is None:
            return fail(
                "the cluster has no external-secrets.io/v1",
                "install the External Secrets operator 0.16 or newer",
            )
        store = subject.value("secrets", "store") or {}
        kind, name = store.get("kind", "ClusterSecretStore"), store.get("name")
        where = f"namespaces/{subject.namespace}/secretstores" if kind == "SecretStore" else "clustersecretstores"
        if name and cluster.get(f"/apis/external-secrets.io/v1/{where}/{name}") is None:
            return fail(
                f"there is no {kind} {name}",
                f"kubectl get {kind.lower()}s; create it, or correct secrets.store",
            )
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    return ok("its API is there" + (f", and so is {kind} {name}" if name else ""))


@check("load balancer controller", Area.CLUSTER)
def front_door(subject: Subject) -> Finding | None:
    """With ``ingress.kind: alb``, the class that the AWS Load Balancer Controller answers for."""
    cluster = subject.cluster
    if cluster is None or (subject.value("ingress", "kind") or "none") != "alb":
        return None
    try:
        found = cluster.get("/apis/networking.k8s.io/v1/ingressclasses/alb")
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    if found is None:
        remedy = "install the AWS Load Balancer Controller 2.13 or newer, or set ingress.kind to none"
        return fail("the cluster has no IngressClass alb, so nothing makes the load balancer", remedy)
    controller = found.get("spec", {}).get("controller")
    if controller not in _ALB_CONTROLLERS:
        return fail(f"IngressClass alb belongs to {controller}", "give that one another name: alb is the controller's")
    return ok("there")


@check("metrics API", Area.CLUSTER)
def metrics(subject: Subject) -> Finding | None:
    """With autoscaling on, what the autoscaler reads."""
    cluster = subject.cluster
    if cluster is None or not _autoscaled(subject):
        return None
    try:
        found = cluster.get("/apis/metrics.k8s.io/v1beta1")
    except _UNREACHABLE as error:
        # An APIService without its server answers 503: registered, but dead.
        return fail(
            f"it does not answer: {rollout.api_words(error)}",
            "kubectl -n kube-system get pods; mend metrics-server",
        )
    if found is None:
        remedy = "install metrics-server, or set replicas to a number (min = max)"
        return fail("the cluster has no metrics.k8s.io, so nothing scales", remedy)
    return ok("yes")


@check("KEDA", Area.CLUSTER)
def keda(subject: Subject) -> Finding | None:
    """With ``autoscaling.engine: keda``, its API and the metrics that it serves, from where the policies let it ask."""
    cluster = subject.cluster
    if cluster is None or not _by_keda(subject) or not any(map(_is_scaled, _worker_groups(subject))):
        return None
    namespace = subject.value("autoscaling", "kedaNamespace") or "keda"
    try:
        defined = cluster.get("/apis/keda.sh/v1alpha1")
        served = None if defined is None else cluster.get("/apis/external.metrics.k8s.io/v1beta1")
    except _UNREACHABLE as error:
        # An APIService without its server answers 503: registered, but dead.
        remedy = f"kubectl --namespace {namespace} get pods; mend keda-operator-metrics-apiserver"
        return fail(f"its metrics do not answer: {rollout.api_words(error)}", remedy)
    if defined is None or served is None:
        missing = "keda.sh/v1alpha1" if defined is None else "external.metrics.k8s.io"
        remedy = "install KEDA 2.20.1 or newer, or set autoscaling.engine to hpa"
        return fail(f"the cluster has no {missing}, so no worker is scaled", remedy)
    try:
        return _judge_keda(namespace, cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/keda-operator"))
    except _UNREACHABLE as error:
        return _unknown(cluster, error)


def _judge_keda(namespace: str, operator: dict[str, Any] | None) -> Finding:
    if operator is None:
        remedy = "set autoscaling.kedaNamespace to the namespace of its operator"
        return fail(f"there is no keda-operator in namespace {namespace}, the only one that may ask the queues", remedy)
    label = operator["metadata"].get("labels", {}).get("app.kubernetes.io/version", "")
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+).*", label)
    version = tuple(map(int, found.groups())) if found else None
    if version is not None and version < _OLDEST_KEDA:
        least = ".".join(map(str, _OLDEST_KEDA))
        return fail(
            f"it is {label}: before {least} its operator can crash over several triggers", f"upgrade to {least}"
        )
    return ok(f"{label if version else 'there'}, and the queues may be asked from its namespace")


@check("scaling on queues", Area.CLUSTER)
def queue_scaling(subject: Subject) -> Finding | None:
    """With KEDA, whether it knows how much waits: while it does not, it keeps the pods that there are."""
    cluster = subject.cluster
    if cluster is None or not _by_keda(subject):
        return None
    try:
        found = cluster.get(f"/apis/keda.sh/v1alpha1/namespaces/{subject.namespace}/scaledobjects") or {}
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    blind = [one["metadata"]["name"] for one in found.get("items", []) if _falls_back(one)]
    if blind:
        remedy = (
            f"kubectl --namespace {subject.namespace} logs -l app.kubernetes.io/name=queue-metrics; a queue that Redis "
            "does not know (bullmq_queue_found 0) keeps its whole group as it is"
        )
        return fail(f"{', '.join(blind)} does not know how much waits, and keeps the pods that there are", remedy)
    return ok(f"{len(found.get('items', []))} groups of workers") if found.get("items") else None


def _falls_back(scaled_object: dict[str, Any]) -> bool:
    conditions = scaled_object.get("status", {}).get("conditions", [])
    return any(one.get("type") == "Fallback" and one.get("status") == "True" for one in conditions)


@check("priority classes", Area.CLUSTER)
def priority_classes(subject: Subject) -> Finding | None:
    """The PriorityClasses that the settings name: without its class no pod is made."""
    cluster = subject.cluster
    groups = [subject.section("api"), subject.section("worker"), *subject.section("workers").values()]
    groups = [group for group in groups if isinstance(group, dict)]
    wanted = sorted({str(group["priorityClass"]) for group in groups if group.get("priorityClass")})
    if cluster is None or not wanted:
        return None
    try:
        missing = [one for one in wanted if cluster.get(f"/apis/scheduling.k8s.io/v1/priorityclasses/{one}") is None]
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    if missing:
        return fail(
            f"the cluster has no PriorityClass {', '.join(missing)}", "kubectl get priorityclasses; name one of those"
        )
    return ok(f"{', '.join(wanted)} exist" if len(wanted) > 1 else f"{wanted[0]} exists")


@check("Pod Security admission", Area.CLUSTER)
def pod_security(subject: Subject) -> Finding | None:  # noqa: PLR0911 (one case a line)
    """The cluster refuses a pod that breaks its namespace's level; tried with a dry run."""
    cluster = subject.cluster
    if cluster is None or subject.stack is None:
        return None
    try:
        namespace = cluster.get(f"/api/v1/namespaces/{subject.namespace}")
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    if namespace is None:
        return ok(f"on by default; tried once namespace {subject.namespace} exists")
    labels = namespace["metadata"].get("labels", {})
    level = labels.get("pod-security.kubernetes.io/enforce")
    if level not in {"restricted", "baseline"}:
        return warn(f"namespace {subject.namespace} enforces no level", f"pxlctl up {subject.stack}")
    refusal = cluster.dry_run_pod(subject.namespace, _forbidden_pod())
    if refusal is None:
        return fail(
            f"a pod with the network of its node would be let into {subject.namespace}",
            "enable the PodSecurity admission plugin",
        )
    if "PodSecurity" not in refusal:
        return warn(f"cannot be told: {refusal[:160]}", "look with an account that may create pods")
    return ok(f"{level} is enforced in {subject.namespace}")


@check("NetworkPolicies", Area.CLUSTER)
def network_policies(subject: Subject) -> Finding | None:
    """The network plugin is one that enforces NetworkPolicies; without it isolation is only on paper."""
    cluster = subject.cluster
    if cluster is None:
        return None
    try:
        lease = cluster.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{_NODE_AGENT_LEASE}")
        if lease is not None:
            return judge_node_agent(lease["spec"], datetime.now(UTC))
        found = cluster.get("/apis/apps/v1/daemonsets") or {}
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    return judge_plugin([one["metadata"]["name"] for one in found.get("items", [])], found.get("items", []))


def judge_node_agent(lease: dict[str, Any], now: datetime) -> Finding:
    """Whether the agent of an embedded node is at work: it renews its lease for as long as its rules are in force."""
    age = (now - datetime.fromisoformat(lease["renewTime"])).total_seconds()
    if age > lease["leaseDurationSeconds"]:
        return fail(
            f"the embedded node's agent has not said for {age:.0f} s that they are enforced",
            "make status; then see network-policies.log in node/log of the state folder",
        )
    return ok("enforced by the embedded node's agent")


def judge_plugin(names: list[str], daemon_sets: list[dict[str, Any]]) -> Finding:
    """What the DaemonSets of a cluster say about its network plugin."""
    enforcing = [plugin for part, plugin in _ENFORCING.items() if any(part in name for name in names)]
    if enforcing:
        return ok(f"enforced by {enforcing[0]}")
    if any(name == "aws-node" for name in names):
        if _aws_enforces(daemon_sets):
            return ok("enforced by the AWS VPC CNI")
        remedy = 'set enableNetworkPolicy to "true" in the vpc-cni add-on'
        return warn("the AWS VPC CNI runs without its policy agent", remedy)
    silent = [plugin for part, plugin in _SILENT.items() if any(part in name for name in names)]
    if silent:
        remedy = "add an engine, such as Calico in policy-only mode"
        return fail(f"{silent[0]} does not enforce them: every pod reaches the database", remedy)
    return warn("no known network plugin was found", "make sure that yours enforces NetworkPolicies")


def _aws_enforces(daemon_sets: list[dict[str, Any]]) -> bool:
    for one in daemon_sets:
        if one["metadata"]["name"] == "aws-node":
            containers = one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
            return any("--enable-network-policy=true" in container.get("args", []) for container in containers)
    return False


def _autoscaled(subject: Subject) -> bool:
    """Whether something is scaled on CPU and memory."""
    bounds = [] if _by_keda(subject) else _worker_groups(subject)
    return any(map(_is_scaled, (subject.value("api", "replicas"), *bounds)))


def _worker_groups(subject: Subject) -> list[Any]:
    """How many pods each kind of worker has, as the settings say it."""
    groups = [group for group in subject.section("workers").values() if isinstance(group, dict)]
    return [subject.value("worker", "replicas"), *(group.get("replicas") for group in groups)]


def _is_scaled(replicas: Any) -> bool:
    return isinstance(replicas, dict) and replicas.get("max", 0) > replicas.get("min", 0)


def _by_keda(subject: Subject) -> bool:
    return subject.value("autoscaling", "engine") == "keda"


def _forbidden_pod() -> dict[str, Any]:
    """A pod that every level but ``privileged`` refuses, and that is valid otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "pxlctl-doctor-"},
        "spec": {"hostNetwork": True, "containers": [{"name": "probe", "image": "none"}]},
    }


@check("security groups of pods", Area.CLUSTER)
def pod_security_groups(subject: Subject) -> Finding | None:
    """With ``aws.podSecurityGroups``, a VPC CNI that gives pods groups of their own and still enforces policies."""
    cluster = subject.cluster
    if cluster is None or not subject.value("aws", "podSecurityGroups"):
        return None
    try:
        defined = cluster.get("/apis/vpcresources.k8s.aws/v1beta1")
        plugin = cluster.get("/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node")
    except _UNREACHABLE as error:
        return _unknown(cluster, error)
    if defined is None or plugin is None:
        missing = "SecurityGroupPolicy" if defined is None else "DaemonSet aws-node of the VPC CNI"
        return fail(
            f"the cluster has no {missing}", "run the stack on EKS nodes, or set aws.podSecurityGroups to false"
        )
    containers = plugin["spec"]["template"]["spec"]["containers"]
    found = {one["name"]: one.get("value", "") for each in containers for one in each.get("env", [])}
    wanted = {"ENABLE_POD_ENI": "true", "POD_SECURITY_GROUP_ENFORCING_MODE": "standard"}
    if wrong := [f"{name}={value}" for name, value in wanted.items() if found.get(name) != value]:
        remedy = f"kubectl --namespace kube-system set env daemonset aws-node {' '.join(wrong)}"
        return fail(f"the VPC CNI runs without {' and '.join(wrong)}", remedy)
    return ok("the VPC CNI gives pods groups of their own")


def _unknown(cluster: Cluster, error: Exception) -> Finding | None:
    """For a question without an answer; a cluster that does not answer at all has a check of its own."""
    if not isinstance(error, ApiException):
        return None
    return warn(f"{cluster.name} does not say: {rollout.api_words(error)}", "look with an account that may read this")
