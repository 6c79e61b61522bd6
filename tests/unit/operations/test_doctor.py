"""The doctor says what is missing, with the command that mends it; it only looks, and never for long."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from operations.doctor import cluster, kernel, machine, presenting, stack
from operations.doctor.registry import CHECKS, Area, Check, Level, ok, run
from operations.doctor.subjects import Cluster, Machine, Subject
from operations.errors import Problem

GIB = 1024**3

_BY_KEDA = {
    "autoscaling": {"engine": "keda", "kedaNamespace": "scaling"},
    "worker": {"queues": ["jobs"], "replicas": {"min": 1, "max": 4}},
}
_OPERATOR = "apps/v1/namespaces/scaling/deployments/keda-operator"


class Bare(Machine):
    """A machine with only what a test gives it."""

    def __init__(
        self,
        programs: dict[str, tuple[int, str]] | None = None,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        **facts: Any,
    ) -> None:
        self.programs, self.files, self.variables, self.facts = programs or {}, files or {}, env or {}, facts

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self.programs else None

    def run(self, *command: str) -> tuple[int, str]:
        return self.programs.get(command[0], (127, "not found"))

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files

    def glob(self, folder: Path, pattern: str) -> list[Path]:
        return [
            folder / one for one in self.facts.get("built", []) if one.partition("-")[0] == pattern.partition("-")[0]
        ]

    def is_root(self) -> bool:
        return self.facts.get("root", True)

    def free_bytes(self, folder: Path) -> int:
        return int(self.facts.get("free", 50) * GIB)

    def has_module(self, name: str) -> bool:
        return name not in self.facts.get("missing_modules", [])

    def env(self, name: str) -> str | None:
        return self.variables.get(name)


class Answering(Cluster):
    """A cluster that answers from a table: an object, None for 404, or an error to raise."""

    def __init__(self, answers: dict[str, Any], name: str = "blue", refusal: str | None = None) -> None:
        self.name, self.answers, self.refusal = name, answers, refusal

    def get(self, path: str) -> dict[str, Any] | None:
        answer = self.answers.get(path)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dry_run_pod(self, namespace: str, pod: dict[str, Any]) -> str | None:
        return self.refusal


def on(bare: Bare) -> Subject:
    return Subject(machine=bare)


def of(found: Answering, **config: Any) -> Subject:
    settings = {f"pxl:{key}": value for key, value in {"environment": "staging", **config}.items()}
    return Subject(machine=Bare(), stack="staging", config=settings, cluster=found)


def test_every_check_has_a_name_of_its_own() -> None:
    names = [one.name for one in CHECKS]
    assert len(names) == len(set(names)), "the names are what scripts look for"
    assert len(names) >= 20


def test_a_warning_or_failure_never_comes_without_a_remedy() -> None:
    for _, result in presenting.examine(on(Bare(root=False, free=1, missing_modules=["pulumi"]))):
        assert result.level is Level.OK or result.remedy, f"{result.name} leaves the user alone with it"


def test_a_machine_without_go_needs_it_only_if_something_has_to_be_built() -> None:
    assert machine.go(on(Bare()))[0] is Level.FAIL
    built = Bare(built=["engine-1/pulumi", "bin-kubernetes-1/kubelet"])
    assert machine.go(on(built))[0] is Level.OK, "with everything built before, Go would be installed for nothing"


def test_an_old_go_is_refused() -> None:
    assert machine.go(on(Bare({"go": (0, "go1.19.8")})))[0] is Level.FAIL, "Debian 12's own Go fetches no newer one"
    assert machine.go(on(Bare({"go": (0, "go1.26.1")})))[0] is Level.OK


def test_no_remedy_leads_to_a_go_that_is_refused() -> None:
    for finding in (machine.go(on(Bare())), machine.engine(on(Bare()))):
        assert "apt-get install golang-go" not in finding[2], "on Debian 12 that is Go 1.19, too old to build with"
        assert "go.dev/dl" in finding[2]


def test_an_engine_that_make_up_built_has_to_be_on_path_for_other_clusters() -> None:
    built = on(Bare(built=["engine-1/pulumi"]))
    assert machine.engine(built)[0] is Level.OK, "make up finds it by itself"
    level, _, remedy = machine.engine(replace(built, stack="staging", cluster=Answering({})))
    assert level is Level.WARN, "pxlctl up does not look into the cache"
    assert remedy == f'export PATH="{built.cache}/engine-1:$PATH"'


@pytest.mark.parametrize(
    ("programs", "level"),
    [
        ({"pulumi": (0, "v3.259.0"), "pulumi-language-python": (0, "")}, Level.OK),
        ({"pulumi": (0, "v3.259.0")}, Level.FAIL),
        ({"pulumi": (0, "v2.1.0"), "pulumi-language-python": (0, "")}, Level.FAIL),
        ({"pulumi": (1, "cannot execute"), "pulumi-language-python": (0, "")}, Level.FAIL),
        ({"go": (0, "go1.26.1")}, Level.OK),
        ({}, Level.FAIL),
    ],
)
def test_an_engine_is_on_path_or_can_be_built(programs: dict[str, tuple[int, str]], level: Level) -> None:
    assert machine.engine(on(Bare(programs)))[0] is level


def test_modules_that_cannot_be_imported_are_named() -> None:
    level, detail, _ = machine.python(on(Bare(missing_modules=["pulumi_kubernetes"])))
    assert level is Level.FAIL
    assert "without pulumi_kubernetes" in detail


@pytest.mark.parametrize(("free", "level"), [(3, Level.FAIL), (10, Level.WARN), (50, Level.OK)])
def test_disk_space_is_weighed_against_what_a_first_build_takes(free: float, level: Level) -> None:
    assert machine.disk(on(Bare(free=free)))[0] is level


@pytest.mark.parametrize(
    ("kilobytes", "level"), [(1_000_000, Level.FAIL), (3_000_000, Level.WARN), (9_000_000, Level.OK)]
)
def test_memory_is_weighed_against_a_control_plane(kilobytes: int, level: Level) -> None:
    found = machine.memory(on(Bare(files={"/proc/meminfo": f"MemAvailable:   {kilobytes} kB\n"})))
    assert found is not None
    assert found[0] is level


def test_what_only_the_embedded_node_needs_is_not_asked_for_with_another_cluster() -> None:
    subject = replace(on(Bare(root=False)), cluster=Answering({}))
    for one in (machine.root, machine.namespaces, machine.mmdebstrap, machine.memory, kernel.cgroups, kernel.overlay):
        assert one(subject) is None, "nobody needs root to deploy to a cluster that exists"


def test_without_root_another_way_is_offered() -> None:
    found = machine.root(on(Bare(root=False)))
    assert found is not None
    assert "KUBE_CONTEXT" in found[2]


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    table = "  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 0 0\n"
    subject = replace(on(Bare(files={"/proc/net/tcp": table})), port=8080)
    assert machine.port(subject)[0] is Level.WARN  # type: ignore[index]
    assert machine.port(replace(subject, port=8081))[0] is Level.OK  # type: ignore[index]
    client = table.replace(" 0A ", " 01 ")
    other = replace(on(Bare(files={"/proc/net/tcp": client})), port=8080)
    assert machine.port(other)[0] is Level.OK, "a connection from that port is no listener"  # type: ignore[index]


@pytest.mark.parametrize(
    ("files", "level", "words"),
    [
        ({"/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids"}, Level.OK, "version 2"),
        ({"/sys/fs/cgroup/cgroup.controllers": "cpu io"}, Level.FAIL, "without memory, pids"),
        (
            {f"/sys/fs/cgroup/{one}/cgroup.procs": "" for one in ("cpu", "memory", "pids", "unified")},
            Level.OK,
            "version 1 (hybrid)",
        ),
        ({}, Level.FAIL, "without cpu, memory, pids"),
    ],
)
def test_both_versions_of_cgroups_are_understood(files: dict[str, str], level: Level, words: str) -> None:
    found = kernel.cgroups(on(Bare(files=files)))
    assert found is not None
    assert found[0] is level
    assert words in found[1]


def test_a_kernel_feature_counts_whether_loaded_built_in_or_loadable() -> None:
    loaded = Bare(files={"/sys/module/nf_tables": ""})
    built_in = Bare({"zcat": (0, "CONFIG_NF_TABLES=y\n")})
    loadable = Bare({"modprobe": (0, "")})
    for bare in (loaded, built_in, loadable):
        assert kernel.has_feature(bare, "nf_tables", "CONFIG_NF_TABLES")
    assert not kernel.has_feature(
        Bare({"zcat": (0, "# CONFIG_NF_TABLES is not set\n")}), "nf_tables", "CONFIG_NF_TABLES"
    )


def test_the_first_mistake_of_a_stack_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config: {'pxl:environment': dev, 'pxl:colour': red, 'pxl:flavour': sweet}\n")
    found = stack.settings(Subject(machine=Bare(), stack="dev", file=file))
    assert found is not None
    assert found[0] is Level.FAIL
    assert "and 1 more" in found[1]
    assert found[2] == "pxlctl check dev"


def test_encrypted_settings_want_their_passphrase(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("encryptionsalt: v1:abc\nconfig: {}\n")
    subject = Subject(machine=Bare(), stack="dev", file=file)
    assert stack.passphrase(subject)[0] is Level.WARN  # type: ignore[index]
    given = replace(subject, machine=Bare(env={"PULUMI_CONFIG_PASSPHRASE": "x"}))
    assert stack.passphrase(given)[0] is Level.OK  # type: ignore[index]


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


def test_a_check_that_hangs_does_not_hold_up_the_others() -> None:
    release = threading.Event()
    hanging = Check("hangs", Area.MACHINE, lambda _: ok(str(release.wait(30))))
    quick = Check("quick", Area.MACHINE, lambda _: ok("fine"))
    began = time.monotonic()
    results = [result for _, result in run([hanging, quick], on(Bare()), seconds=0.05)]
    release.set()
    assert time.monotonic() - began < 2, "probing is bounded in time"
    assert [(one.name, one.level) for one in results] == [("hangs", Level.WARN), ("quick", Level.OK)]


def test_a_check_that_breaks_is_reported_and_the_others_go_on() -> None:
    def broken(_: Subject) -> Any:
        raise RuntimeError("defect")

    results = [result for _, result in run([Check("broken", Area.MACHINE, broken)], on(Bare()))]
    assert "RuntimeError: defect" in results[0].detail


def test_the_report_goes_from_the_machine_to_the_cluster() -> None:
    areas = [check.area for check, _ in presenting.examine(of(Answering({"/version": {"gitVersion": "v1.36.3"}})))]
    order = list(Area)
    assert areas == sorted(areas, key=order.index), "what comes first mends what comes later"
