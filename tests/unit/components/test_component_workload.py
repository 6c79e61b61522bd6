"""What every workload shares: pod security, the drain, probes, resources, scale, disruption."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi_recording import DIGEST, IMAGE, OTHER_DIGEST, Recorded, Recording, deploy
from pxl_components import (
    Api,
    ApiArgs,
    ContainerRegistry,
    EnvironmentContract,
    Migrations,
    Postgres,
    Redis,
    Worker,
)
from pxl_components.drain import Drain
from pxl_components.validation import ArgumentError, Arguments

NAMESPACE = {"namespace": "apps"}
APP = {**NAMESPACE, "image": IMAGE}
STORE = {**NAMESPACE, "password": "correct-horse-battery", "ephemeral": {"image": IMAGE}}
EVERYTHING: list[tuple[type[pulumi.ComponentResource], dict[str, Any]]] = [
    (Api, APP),
    (Worker, APP),
    (Migrations, {**APP, "seed_command": ["node", "seed.js"]}),
    (Postgres, STORE),
    (Redis, STORE),
    (ContainerRegistry, {**NAMESPACE, "cluster": {"image": IMAGE}}),
]
Deployed = Callable[[type, dict[str, Any]], Recording]


def workloads(recording: Recording) -> list[Recorded]:
    found = [resource for resource in recording if resource.kind in ("Deployment", "StatefulSet", "Job")]
    assert found, "there is something to look at"
    return found


every_component = pytest.mark.parametrize(("component", "args"), EVERYTHING, ids=lambda x: getattr(x, "__name__", ""))


@every_component
def test_pod_security_restricted_admits_every_pod(deployed: Deployed, component: type, args: dict[str, Any]):
    for workload in workloads(deployed(component, args)):
        pod, container = workload.pod["securityContext"], workload.container["securityContext"]
        for context in (pod, container):
            assert context["runAsNonRoot"] is True, "restricted: no root"
            assert context["runAsUser"] > 0, "a numeric user: the kubelet cannot check a name"
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, "restricted: a seccomp profile"
        assert container["allowPrivilegeEscalation"] is False, "restricted: no way up"
        assert container["capabilities"] == {"drop": ["ALL"]}, "restricted: no capability"
        assert container["readOnlyRootFilesystem"] is True, "what is broken into cannot be changed"
        assert container["privileged"] is False
        for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
            assert not workload.pod.get(forbidden), f"restricted: no {forbidden}"


@every_component
def test_no_pod_can_talk_to_the_api_server(deployed: Deployed, component: type, args: dict[str, Any]):
    recording = deployed(component, args)
    account = recording.one("ServiceAccount")
    assert account.inputs["automountServiceAccountToken"] is False
    for workload in workloads(recording):
        assert workload.pod["automountServiceAccountToken"] is False, "a token nobody uses is a token to steal"
        assert workload.pod["serviceAccountName"].startswith("web-account"), "an account of its own"
        assert workload.pod["enableServiceLinks"] is False, "REDIS_PORT=tcp://… would shadow the app's own setting"


@every_component
def test_every_pod_has_requests_and_ends(deployed: Deployed, component: type, args: dict[str, Any]):
    for workload in workloads(deployed(component, args)):
        resources = workload.container["resources"]
        assert sorted(resources["requests"]) == ["cpu", "ephemeral-storage", "memory"]
        assert sorted(resources["limits"]) == ["ephemeral-storage", "memory"], "no CPU limit: it throttles drains"


@every_component
def test_every_object_is_labelled_and_belongs_to_its_component(
    deployed: Deployed, component: type, args: dict[str, Any]
):
    recording = deployed(component, {**args, "labels": {"pxl.dev/owner": "shop"}})
    for resource in recording:
        if not resource.type.startswith("kubernetes:"):
            continue
        labels = resource.metadata["labels"]
        assert labels["pxl.dev/owner"] == "shop", f"{resource.name} has no owner: a sweep would not find it"
        assert labels["app.kubernetes.io/part-of"] == "pxl"
        assert resource.parent == "web", f"{resource.name} is nobody's child"
        assert resource.name.startswith("web-"), "children carry the component's name"


@every_component
def test_only_what_others_address_has_a_fixed_name(deployed: Deployed, component: type, args: dict[str, Any]):
    fixed = {r.kind for r in deployed(component, args) if r.type.startswith("kubernetes:") and "name" in r.metadata}
    assert fixed <= {"Service"}, "a fixed name makes a replacement delete first"


@every_component
def test_no_selector_or_label_holds_a_version(deployed: Deployed, component: type, args: dict[str, Any]):
    short = DIGEST.removeprefix("sha256:")[:12]
    for workload in workloads(deployed(component, args)):
        template = workload.spec["template"]["metadata"]
        for values in (workload.spec.get("selector", {}).get("matchLabels", {}), template["labels"]):
            assert not [value for value in values.values() if short in value], "a selector cannot change"


@every_component
def test_the_scanner_is_told_why_a_check_does_not_apply(deployed: Deployed, component: type, args: dict[str, Any]):
    for workload in workloads(deployed(component, args)):
        notes = {k: v for k, v in workload.metadata["annotations"].items() if k.startswith("checkov.io/skip")}
        for note in notes.values():
            check, _, reason = note.partition("=")
            assert check.startswith("CKV_K8S_"), f"{note!r} names no check"
            assert len(reason) > 20, f"{note!r} is no reason"
        assert any("CKV_K8S_11=" in note for note in notes.values()), "the CPU limit is left out on purpose"


def test_the_digest_is_shown_beside_the_pods_and_told_to_the_app(deployed: Deployed):
    deployment = deployed(Api, APP).one("Deployment")
    assert deployment.metadata["annotations"]["pxl.dev/image-digest"] == DIGEST
    assert deployment.spec["template"]["metadata"]["annotations"] == {"pxl.dev/image-digest": DIGEST}
    assert deployment.env["IMAGE_DIGEST"] == DIGEST
    assert deployment.container["image"] == IMAGE
    assert deployment.container["imagePullPolicy"] == "IfNotPresent", "a registry that is away must not stop a restart"


def test_another_digest_changes_the_pods_and_not_the_selector(deployed: Deployed):
    before = deployed(Api, APP).one("Deployment")
    after = deployed(Api, {**APP, "image": IMAGE.replace(DIGEST, OTHER_DIGEST)}).one("Deployment")
    assert before.name == after.name, "a new name would be a second Deployment"
    assert before.spec["selector"] == after.spec["selector"]
    assert before.spec["template"] != after.spec["template"]


@pytest.mark.parametrize(
    ("seconds", "pre_stop", "grace"),
    [(5, 5, 20), (10, 5, 25), (20, 10, 40), (30, 15, 55), (60, 15, 85), (3600, 15, 3625)],
)
def test_everything_about_a_drain_follows_from_one_number(seconds: int, pre_stop: int, grace: int):
    drain = Drain.read(Arguments("Api", {**APP, "drain_seconds": seconds}, ApiArgs), receives_traffic=True)
    assert drain.pre_stop_seconds == pre_stop
    assert drain.graceful_milliseconds == seconds * 1000
    assert drain.termination_grace_seconds == grace
    assert grace >= pre_stop + seconds + 10, "nobody is killed before the margin is over"
    assert drain.deregistration_seconds <= grace - 10, "a load balancer lets go before the kubelet kills"


def test_the_drain_reaches_the_pod_and_the_app(deployed: Deployed):
    deployment = deployed(Api, {**APP, "drain_seconds": 20}).one("Deployment")
    assert deployment.container["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}, "serves while others learn"
    assert deployment.env["GRACEFUL_TIMEOUT_MS"] == "20000", "the app knows how long it may take"
    assert deployment.pod["terminationGracePeriodSeconds"] == 40


def test_a_worker_needs_no_time_to_leave_a_rotation_it_is_not_in(deployed: Deployed):
    deployment = deployed(Worker, {**APP, "drain_seconds": 60}).one("Deployment")
    assert "lifecycle" not in deployment.container
    assert deployment.env["GRACEFUL_TIMEOUT_MS"] == "60000"
    assert deployment.pod["terminationGracePeriodSeconds"] == 70


@pytest.mark.parametrize("component", [Api, Worker])
@pytest.mark.parametrize("seconds", [4, 0, -1, 3601, 10.5, "30", True])
def test_a_drain_out_of_bounds_is_refused(refuses: Any, component: type, seconds: Any):
    refuses(component, {**APP, "drain_seconds": seconds}, f"drain_seconds = {seconds!r}", "from 5 to 3600")


def test_a_drain_that_the_framework_cannot_keep_is_refused(refuses: Any):
    args = {**APP, "drain_seconds": 10, "environment": {"contract": EnvironmentContract.FRAMEWORK}}
    refuses(Api, args, "drain_seconds = 10", "30 s that the framework takes", "raise it to 30")


def test_whole_numbers_may_arrive_as_floats(deployed: Deployed):
    deployment = deployed(Api, {**APP, "drain_seconds": 30.0, "replicas": 3.0}).one("Deployment")
    assert deployment.spec["replicas"] == 3
    assert deployment.env["GRACEFUL_TIMEOUT_MS"] == "30000", "other languages send 30.0, and 30000.0 is no number of ms"


def test_a_rollout_never_goes_below_what_runs(deployed: Deployed):
    spec = deployed(Api, APP).one("Deployment").spec
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert spec["minReadySeconds"] == 10
    assert spec["progressDeadlineSeconds"] == 300


def test_the_engine_waits_longer_than_the_rollout_may_take(deployed: Deployed):
    deployment = deployed(Api, {**APP, "progress_deadline_seconds": 120, "replicas": 1}).one("Deployment")
    assert deployment.create_timeout == "220s", "the Deployment's own verdict comes first"
    many = deployed(Api, {**APP, "autoscaling": {"max_replicas": 60}}).one("Deployment")
    assert int(many.create_timeout.removesuffix("s")) > 60 * 10, "60 pods, one after the other, each ready for 10 s"


def test_a_deadline_before_the_first_pod_can_count_is_refused(refuses: Any):
    args = {**APP, "progress_deadline_seconds": 30, "min_ready_seconds": 60}
    refuses(Api, args, "progress_deadline_seconds = 30", "min_ready_seconds (60)")


def test_pods_are_spread_without_being_stuck(deployed: Deployed):
    deployment = deployed(Api, APP).one("Deployment")
    constraints = deployment.pod["topologySpreadConstraints"]
    assert [c["topologyKey"] for c in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {c["whenUnsatisfiable"] for c in constraints} == {"ScheduleAnyway"}, "one node must be enough to start"
    assert constraints[0]["labelSelector"] == deployment.spec["selector"]


def test_a_disruption_takes_one_pod_at_a_time_and_never_waits_for_a_broken_one(deployed: Deployed):
    budget = deployed(Api, APP).one("PodDisruptionBudget")
    assert budget.spec["maxUnavailable"] == 1
    assert budget.spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget.spec["selector"] == deployed(Api, APP).one("Deployment").spec["selector"]


def test_a_single_pod_has_no_budget_because_it_would_block_every_drain(deployed: Deployed):
    assert deployed(Api, {**APP, "replicas": 1}).of("PodDisruptionBudget") == []
    scaled = {**APP, "autoscaling": {"min_replicas": 1, "max_replicas": 3}}
    assert deployed(Api, scaled).of("PodDisruptionBudget") == []


def test_an_autoscaler_owns_the_number_of_pods(deployed: Deployed):
    recording = deployed(Worker, {**APP, "autoscaling": {"min_replicas": 2, "max_replicas": 6, "cpu_percent": 60}})
    deployment = recording.one("Deployment")
    assert "replicas" not in deployment.spec, "every update would undo the autoscaler's number"
    assert deployment.ignore_changes == ("spec.replicas",), "a number that was fixed before would fall to one"
    assert "pulumi.com/patchForce" not in deployment.metadata["annotations"]


def test_a_fixed_number_of_pods_is_the_programs_own(deployed: Deployed):
    deployment = deployed(Worker, APP).one("Deployment")
    assert deployment.ignore_changes == ()
    force = deployment.metadata["annotations"]["pulumi.com/patchForce"]
    assert force == "true", "after an autoscaler was switched off, setting the number would be a conflict"


def test_an_autoscaler_scales_what_was_made(deployed: Deployed):
    recording = deployed(Worker, {**APP, "autoscaling": {"min_replicas": 2, "max_replicas": 6, "cpu_percent": 60}})
    scaler = recording.one("HorizontalPodAutoscaler")
    assert scaler.type == "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
    assert (scaler.spec["minReplicas"], scaler.spec["maxReplicas"]) == (2, 6)
    assert scaler.spec["scaleTargetRef"]["name"].startswith("web-deployment"), "it scales what was made"
    targets = {m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in scaler.spec["metrics"]}
    assert targets == {"cpu": 60}, "Node's heap stays as large as it once was: memory would only ever scale up"


def test_memory_scales_only_when_it_is_asked_for(deployed: Deployed):
    auto = {"max_replicas": 6, "memory_percent": 75}
    metrics = deployed(Worker, {**APP, "autoscaling": auto}).one("HorizontalPodAutoscaler").spec["metrics"]
    assert [metric["resource"]["name"] for metric in metrics] == ["cpu", "memory"]
    assert metrics[1]["resource"]["target"]["averageUtilization"] == 75


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"replicas": 2, "autoscaling": {"max_replicas": 3}}, ["replicas = 2 contradicts autoscaling"]),
        ({"replicas": 0}, ["replicas = 0", "from 1 to 1000"]),
        ({"replicas": True}, ["replicas = True"]),
        ({"replicas": 2.5}, ["replicas = 2.5"]),
        ({"autoscaling": {"min_replicas": 5, "max_replicas": 3}}, ["max_replicas = 3", "below min_replicas (5)"]),
        ({"autoscaling": {}}, ["autoscaling.max_replicas is missing"]),
        ({"autoscaling": {"max_replicas": 3, "cpu_percent": 101}}, ["cpu_percent = 101"]),
        ({"resources": {"memory_limit": "lots"}}, ["resources.memory_limit = 'lots'", "256Mi"]),
        (
            {"resources": {"memory_request": "1Gi", "memory_limit": "512Mi"}},
            ["memory_request = '1Gi'", "above the limit"],
        ),
        ({"resources": {"cpu_request": "2", "cpu_limit": "500m"}}, ["cpu_request = '2'", "above the limit (500m)"]),
        ({"resources": {"cpu": "1"}}, ["resources.cpu", "does not exist"]),
        ({"run_as_user": 0}, ["run_as_user = 0"]),
        ({"image": "ghcr.io/pxl/app:1.0"}, ["image", "'1.0' can move", "repository@sha256"]),
        ({"command": []}, ["command = [] is empty"]),
        ({"command": "node app.js"}, ["command = 'node app.js'", '["node", "dist/app.js"]']),
        ({"working_dir": "app"}, ["working_dir = 'app'", "absolute path"]),
        ({"replica": 3}, ["replica = 3 does not exist", "did you mean 'replicas'?"]),
        ({"namespace": ""}, ["namespace = ''"]),
        ({"cluster_workers": -1}, ["cluster_workers = -1"]),
    ],
)
@pytest.mark.parametrize("component", [Api, Worker])
def test_what_could_not_run_is_refused(refuses: Any, component: type, change: Any, words: list[str]):
    refuses(component, {**APP, **change}, *words)


def test_a_secret_under_a_misspelled_name_is_not_shown(refuses: Any):
    message = refuses(Postgres, {**NAMESPACE, "pasword": "hunter2-hunter2"}, "did you mean 'password'?")
    assert "hunter2" not in message, "the value may be what the right name keeps secret"


def test_an_empty_env_file_lies_where_the_app_looks_for_it(deployed: Deployed):
    recording = deployed(Api, {**APP, "empty_env_file": True, "working_dir": "/srv/app"})
    assert recording.one("ConfigMap").inputs["data"] == {".env": ""}
    (mount,) = [m for m in recording.one("Deployment").container["volumeMounts"] if m["name"] == "empty-env"]
    assert (mount["mountPath"], mount["subPath"], mount["readOnly"]) == ("/srv/app/.env", ".env", True)


def test_cluster_mode_gives_the_framework_a_signal_handler(deployed: Deployed):
    env = deployed(Api, {**APP, "cluster_workers": 1}).one("Deployment").env
    assert (env["PXL_CLUSTER_ENABLED"], env["PXL_CLUSTER_WORKERS"]) == ("true", "1")
    assert "PXL_CLUSTER_ENABLED" not in deployed(Api, APP).one("Deployment").env


@pytest.mark.parametrize("component", [Api, Worker])
def test_an_app_of_the_framework_alone_is_in_cluster_mode_by_itself(deployed: Deployed, component: type):
    args = {**APP, "environment": {**APP.get("environment", {}), "contract": "framework"}}
    env = deployed(component, args).one("Deployment").env
    assert (env["PXL_CLUSTER_ENABLED"], env["PXL_CLUSTER_WORKERS"]) == ("true", "1"), "it hears SIGTERM in no other"
    alone = deployed(component, {**args, "cluster_workers": 0}).one("Deployment").env
    assert "PXL_CLUSTER_ENABLED" not in alone, "unless it is told not to"


def test_a_namespace_that_is_empty_later_fails_the_deployment():
    with pytest.raises(Exception, match="namespace = '' is empty"):
        deploy(lambda: Worker("web", {**APP, "namespace": pulumi.Output.from_input("")}) and None)


@pytest.mark.parametrize("name", ["Web", "my_api", "api.v1", "1st", "a" * 41, "", "-web"])
def test_a_name_that_no_label_or_object_could_hold_is_refused(name: str):
    with pytest.raises(ArgumentError, match="the component's name is not lower-case letters"):
        Api(name, APP)
