"""What the doctor says of a cluster: what the settings ask for has to be there, and is asked for only then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from doctor_world import Answering, Bare, of
from kubernetes.client.exceptions import ApiException

from operations.doctor import cluster
from operations.doctor.registry import CHECKS, Area, Level, run
from operations.doctor.subjects import Subject
from operations.errors import Problem

_BY_KEDA = {
    "autoscaling": {"engine": "keda", "kedaNamespace": "scaling"},
    "worker": {"queues": ["jobs"], "replicas": {"min": 1, "max": 4}},
}
_OPERATOR = "apps/v1/namespaces/scaling/deployments/keda-operator"


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("v1.29.4", Level.FAIL),
        ("v1.32.1-eks-1", Level.WARN),
        ("v1.36.3", Level.OK),
        ("v1.40.0", Level.WARN),
        ("", Level.WARN),
    ],
)
def test_a_kubernetes_release_has_to_fit(version: str, level: Level) -> None:
    assert cluster.judge_version("blue", version, client="37.0.2")[0] is level


def test_a_cluster_that_does_not_answer_is_reported_once() -> None:
    silent = {path: OSError("timed out") for path in ("/version", "/apis/apps/v1/daemonsets")}
    found = [result for check, result in run(CHECKS, of(Answering(silent))) if check.area is Area.CLUSTER]
    failures = [result.name for result in found if result.level is not Level.OK and "timed out" in result.detail]
    assert failures[0] == "cluster"
    assert "NetworkPolicies" not in failures, "one cause, one line"


def test_an_unknown_context_is_a_finding_not_a_crash() -> None:
    subject = Subject(machine=Bare(), cluster_problem=Problem("the context nope cannot be used", why="not in the file"))
    found = cluster.reachable(subject)
    assert found is not None
    assert found[0] is Level.FAIL
    assert "the context nope cannot be used" in found[1]


def test_external_secrets_are_asked_for_only_if_the_settings_use_them() -> None:
    direct = of(Answering({}), secrets={"delivery": "direct"})
    assert cluster.external_secrets(direct) is None
    missing = cluster.external_secrets(of(Answering({})))
    assert missing is not None
    assert missing[0] is Level.FAIL, "staging fetches its secrets from the operator"


def test_the_secret_store_that_the_settings_name_has_to_exist() -> None:
    api = {"/apis/external-secrets.io/v1": {}}
    absent = cluster.external_secrets(of(Answering(api), secrets={"store": {"name": "vault"}}))
    assert absent is not None
    assert "there is no ClusterSecretStore vault" in absent[1]
    there = {**api, "/apis/external-secrets.io/v1/clustersecretstores/vault": {}}
    present = cluster.external_secrets(of(Answering(there), secrets={"store": {"name": "vault"}}))
    assert present is not None
    assert present[0] is Level.OK


@pytest.mark.parametrize(
    ("there", "level"),
    [
        (None, Level.FAIL),
        ("k8s.io/ingress-nginx", Level.FAIL),
        ("ingress.k8s.aws/alb", Level.OK),
        ("eks.amazonaws.com/alb", Level.OK),
    ],
)
def test_a_front_door_needs_the_controller_that_makes_it(there: str | None, level: Level) -> None:
    path = "/apis/networking.k8s.io/v1/ingressclasses/alb"
    answers = {} if there is None else {path: {"spec": {"controller": there}}}
    found = cluster.front_door(of(Answering(answers), ingress={"kind": "alb"}))
    assert found is not None
    assert found[0] is level
    assert cluster.front_door(of(Answering(answers))) is None, "without one, nobody is asked"


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"ENABLE_POD_ENI": "true", "POD_SECURITY_GROUP_ENFORCING_MODE": "standard"}, None),
        ({"ENABLE_POD_ENI": "true"}, "POD_SECURITY_GROUP_ENFORCING_MODE=standard"),
        ({"ENABLE_POD_ENI": "false", "POD_SECURITY_GROUP_ENFORCING_MODE": "standard"}, "ENABLE_POD_ENI=true"),
        (None, "DaemonSet aws-node"),
    ],
)
def test_security_groups_of_pods_need_a_network_plugin_that_gives_them(variables, wrong) -> None:
    answers: dict[str, Any] = {"/apis/vpcresources.k8s.aws/v1beta1": {}}
    if variables is not None:
        env = [{"name": name, "value": value} for name, value in variables.items()]
        spec = {"template": {"spec": {"containers": [{"name": "aws-node", "env": env}]}}}
        answers["/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node"] = {"spec": spec}
    found = cluster.pod_security_groups(of(Answering(answers), aws={"podSecurityGroups": True}))
    assert found is not None
    assert found[0] is (Level.OK if wrong is None else Level.FAIL)
    assert wrong is None or wrong in f"{found[1]} {found[2]}", "it says what is missing, and how to set it"
    assert cluster.pod_security_groups(of(Answering(answers))) is None, "without them, nobody is asked"


def test_the_metrics_api_is_asked_for_only_if_something_scales() -> None:
    fixed = {"replicas": {"min": 2, "max": 2}}
    assert cluster.metrics(of(Answering({}), api=fixed, worker=fixed)) is None
    scaling = cluster.metrics(of(Answering({}), api={"replicas": {"min": 2, "max": 4}}))
    assert scaling is not None
    assert scaling[0] is Level.FAIL


def test_a_further_group_of_workers_scales_too() -> None:
    fixed = {"replicas": {"min": 2, "max": 2}}
    groups = {"reports": {"queues": ["reports"], "replicas": {"min": 1, "max": 4}}}
    found = cluster.metrics(of(Answering({}), api=fixed, worker=fixed, workers=groups))
    assert found is not None and found[0] is Level.FAIL
    keda = {"engine": "keda"}
    by_keda = cluster.metrics(of(Answering({}), api=fixed, worker=fixed, workers=groups, autoscaling=keda))
    assert by_keda is None, "what scales on queues needs no metrics server"


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ((), "no keda.sh/v1alpha1"),
        (("keda.sh/v1alpha1",), "no external.metrics.k8s.io"),
        (("keda.sh/v1alpha1", "external.metrics.k8s.io/v1beta1"), "no keda-operator in namespace scaling"),
        (("keda.sh/v1alpha1", "external.metrics.k8s.io/v1beta1", _OPERATOR), None),
    ],
)
def test_scaling_on_queues_needs_keda_where_it_may_ask(there: tuple[str, ...], words: str | None) -> None:
    answers = {f"/apis/{path}": {"metadata": {}} for path in there}
    found = cluster.keda(of(Answering(answers), **_BY_KEDA))
    assert found is not None
    assert found[0] is (Level.OK if words is None else Level.FAIL)
    assert words is None or words in found[1]
    assert cluster.keda(of(Answering({}))) is None, "without it, nobody is asked"
    fixed = {**_BY_KEDA, "worker": {"replicas": 2}}
    assert cluster.keda(of(Answering({}), **fixed)) is None, "nor where nothing is scaled"


@pytest.mark.parametrize(("label", "level"), [("2.20.1", Level.OK), ("2.21.0", Level.OK), ("v2.19.3", Level.FAIL),
                                              ("latest", Level.OK), ("", Level.OK)])  # fmt: skip
def test_a_keda_whose_operator_can_crash_is_too_old(label: str, level: Level) -> None:
    answers: dict[str, Any] = {f"/apis/{path}": {} for path in ("keda.sh/v1alpha1", "external.metrics.k8s.io/v1beta1")}
    answers[f"/apis/{_OPERATOR}"] = {"metadata": {"labels": {"app.kubernetes.io/version": label}}}
    found = cluster.keda(of(Answering(answers), **_BY_KEDA))
    assert found is not None and found[0] is level


def test_a_group_whose_queues_cannot_be_measured_is_named() -> None:
    def named(name: str, status: str) -> dict[str, Any]:
        return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Fallback", "status": status}]}}

    path = "/apis/keda.sh/v1alpha1/namespaces/pxl-staging/scaledobjects"
    blind = cluster.queue_scaling(
        of(Answering({path: {"items": [named("a", "True"), named("b", "False")]}}), **_BY_KEDA)
    )
    assert blind is not None and blind[0] is Level.FAIL and blind[1].startswith("a does not know")
    seeing = cluster.queue_scaling(of(Answering({path: {"items": [named("b", "False")]}}), **_BY_KEDA))
    assert seeing is not None and seeing[0] is Level.OK
    assert cluster.queue_scaling(of(Answering({}))) is None


def test_a_priority_class_that_does_not_exist_is_named() -> None:
    answers = {"/apis/scheduling.k8s.io/v1/priorityclasses/high": {}}
    groups = {"reports": {"queues": ["reports"], "priorityClass": "low"}}
    found = cluster.priority_classes(of(Answering(answers), api={"priorityClass": "high"}, workers=groups))
    assert found is not None and found[0] is Level.FAIL
    assert "no PriorityClass low" in found[1] and "high" not in found[1]
    assert cluster.priority_classes(of(Answering(answers))) is None


def test_pod_security_is_tried_not_believed() -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    answers = {"/api/v1/namespaces/pxl-staging": {"metadata": {"labels": labels}}}
    enforced = cluster.pod_security(of(Answering(answers, refusal='403 violates PodSecurity "restricted"')))
    open_door = cluster.pod_security(of(Answering(answers)))
    assert enforced is not None
    assert open_door is not None
    assert enforced[0] is Level.OK
    assert open_door[0] is Level.FAIL, "a label without the admission plugin protects nobody"


@pytest.mark.parametrize(
    ("names", "level", "words"),
    [
        (["calico-node"], Level.OK, "Calico"),
        (["cilium"], Level.OK, "Cilium"),
        (["antrea-agent"], Level.OK, "Antrea"),
        (["kube-flannel-ds"], Level.FAIL, "Flannel"),
        (["aws-node"], Level.WARN, "policy agent"),
        (["something-new"], Level.WARN, "no known network plugin"),
        ([], Level.WARN, "no known network plugin"),
    ],
)
def test_a_network_plugin_is_known_to_enforce_policies_or_not(names: list[str], level: Level, words: str) -> None:
    found = cluster.judge_plugin(names, [{"metadata": {"name": name}} for name in names])
    assert found[0] is level
    assert words in found[1]


@pytest.mark.parametrize(("age", "level"), [(5, Level.OK), (31, Level.FAIL)])
def test_the_embedded_node_enforces_policies_for_as_long_as_its_agent_says_so(age: int, level: Level) -> None:
    renewed = datetime.now(UTC) - timedelta(seconds=age)
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/pxl-network-policies"
    lease = {"spec": {"renewTime": renewed.isoformat(), "leaseDurationSeconds": 30}}
    found = cluster.network_policies(of(Answering({path: lease})))
    assert found is not None
    assert found[0] is level, "an agent that has fallen silent may have left the rules of yesterday"


def test_a_refused_question_is_a_warning() -> None:
    refused = Answering({"/apis/apps/v1/daemonsets": ApiException(status=403, reason="Forbidden")})
    found = cluster.network_policies(of(refused))
    assert found is not None
    assert found[0] is Level.WARN
