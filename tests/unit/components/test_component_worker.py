"""The worker serves nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi_recording import AUTO_NAME_SUFFIX, IMAGE, Recording, deploy
from pxl_components import Worker

ARGS = {"namespace": "apps", "image": IMAGE}
Deployed = Callable[[type, dict[str, Any]], Recording]


def test_it_runs_the_queues_and_nothing_listens(deployed: Deployed):
    recording = deployed(Worker, ARGS)
    container = recording.one("Deployment").container
    assert container["command"] == ["node", "dist/queue-worker.js"]
    assert "ports" not in container
    assert recording.of("Service") == [], "nobody sends it anything"
    assert not [name for name in recording.one("Deployment").env if name in ("PORT", "PXL_WEB_PORT")]


def test_without_a_port_its_process_is_its_health(deployed: Deployed):
    deployment = deployed(Worker, ARGS).one("Deployment")
    assert not [key for key in deployment.container if key.endswith("Probe")]
    notes = " ".join(deployment.metadata["annotations"].values())
    for check in ("CKV_K8S_8=", "CKV_K8S_9="):
        assert check in notes, "the scanner is told why there is no probe"


def test_a_health_port_brings_probes(deployed: Deployed):
    args = {**ARGS, "port": 9000, "probes": {"readiness_path": "/healthz"}}
    deployment = deployed(Worker, args).one("Deployment")
    assert deployment.container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": 9000}
    assert deployment.container["livenessProbe"]["tcpSocket"] == {"port": 9000}
    assert deployment.env["PORT"] == "9000", "the app listens where it is asked"


def test_its_concurrency_is_told_to_the_app(deployed: Deployed):
    assert deployed(Worker, {**ARGS, "concurrency": 20}).one("Deployment").env["QUEUE_CONCURRENCY"] == "20"
    assert "QUEUE_CONCURRENCY" not in deployed(Worker, ARGS).one("Deployment").env, "the app's own default stands"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probes": {"readiness_path": "/x"}}, ["probes have no port to ask", "give port"]),
        ({"concurrency": 0}, ["concurrency = 0"]),
        ({"node_port": 30080}, ["node_port = 30080 does not exist"]),
        ({"port": 99999}, ["port = 99999"]),
    ],
)
def test_what_could_not_work_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Worker, {**ARGS, **change}, *words)


def test_its_images_are_pulled_with_the_secrets_that_are_named(deployed: Deployed):
    account = deployed(Worker, {**ARGS, "pull_secrets": ["registry-login"]}).one("ServiceAccount")
    assert account.inputs["imagePullSecrets"] == [{"name": "registry-login"}], "a private registry asks who pulls"
    assert "imagePullSecrets" not in deployed(Worker, ARGS).one("ServiceAccount").inputs, "and nothing else is sent"


def test_a_pull_secret_that_is_no_name_is_refused(deployed: Deployed):
    with pytest.raises(ValueError, match=r"pull_secrets\[0\].*dockerconfigjson"):
        deployed(Worker, {**ARGS, "pull_secrets": ["user:password"]})


SCALING = {"max_replicas": 8, "queues": ["jobs", "mail.out"], "metrics_url": "http://metrics.apps.svc:9465/"}


def scaled(deployed: Deployed, **more: Any) -> dict[str, Any]:
    args = {**ARGS, "concurrency": 5, "queue_scaling": {**SCALING, **more}}
    return deployed(Worker, args).one("ScaledObject").spec


def test_it_scales_on_all_that_there_is_to_do_in_its_queues(deployed: Deployed):
    spec = scaled(deployed)
    terms = spec["advanced"]["scalingModifiers"]["formula"].split(" + ")
    asked = {trigger["name"]: trigger["metadata"] for trigger in spec["triggers"]}
    assert sorted(terms) == sorted(asked), "the sum of every trigger: by themselves the highest would count"
    wanted = {
        f'bullmq_job_count{{queue="{queue}",state="{state}"}}'
        for queue in ("jobs", "mail.out")
        for state in ("waiting", "prioritized", "active")
    }
    assert {one["valueLocation"] for one in asked.values()} == wanted, "delayed and paused jobs are not to be done now"
    assert {one["url"] for one in asked.values()} == {"http://metrics.apps.svc:9465/metrics"}


@pytest.mark.parametrize(
    ("more", "processes", "jobs"),
    [({}, 1, 150), ({"target_seconds": 60}, 1, 300), ({"job_milliseconds": 10}, 2, 30_000),
     ({"target_seconds": 1, "job_milliseconds": 60_000}, 1, 1)],
)  # fmt: skip
def test_a_pod_gets_as_many_jobs_as_it_can_do_in_time(
    deployed: Deployed, more: dict[str, int], processes: int, jobs: int
):
    args = {**ARGS, "concurrency": 5, "cluster_workers": processes, "queue_scaling": {**SCALING, **more}}
    modifiers = deployed(Worker, args).one("ScaledObject").spec["advanced"]["scalingModifiers"]
    assert (modifiers["target"], modifiers["metricType"]) == (str(jobs), "AverageValue")


def test_workers_are_never_scaled_to_none(deployed: Deployed):
    spec = scaled(deployed)
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 8)
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher", "what cannot be measured takes no pod away"
    assert "idleReplicaCount" not in spec
    refused = {**ARGS, "concurrency": 5, "queue_scaling": {**SCALING, "min_replicas": 0}}
    with pytest.raises(ValueError, match="min_replicas = 0"):
        deployed(Worker, refused)


def test_keda_owns_the_number_of_pods(deployed: Deployed):
    recording = deployed(Worker, {**ARGS, "concurrency": 5, "queue_scaling": SCALING})
    deployment = recording.one("Deployment")
    assert "replicas" not in deployment.spec and "spec.replicas" in deployment.ignore_changes
    assert recording.of("HorizontalPodAutoscaler") == [], "two would undo each other's changes"
    assert recording.one("ScaledObject").spec["scaleTargetRef"]["name"] == deployment.name + AUTO_NAME_SUFFIX


def test_kedas_own_autoscaler_has_a_name_that_it_accepts():
    name = "w" * 40
    args: Any = {**ARGS, "concurrency": 5, "queue_scaling": SCALING}
    recording = deploy(lambda: Worker(name, args) and None)
    ours = recording.one("ScaledObject").spec["advanced"]["horizontalPodAutoscalerConfig"]["name"]
    assert name in ours and len(ours) <= 63, "KEDA refuses a longer one"


def test_one_autoscaler_may_take_over_from_the_other(deployed: Deployed):
    ours = deployed(Worker, {**ARGS, "autoscaling": {"max_replicas": 3}}).one("HorizontalPodAutoscaler")
    assert ours.metadata["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}, "both are there for a moment"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"replicas": 3}, ["replicas = 3 contradicts queue_scaling"]),
        ({"autoscaling": {"max_replicas": 3}}, ["queue_scaling contradicts autoscaling"]),
        ({"concurrency": None}, ["concurrency is missing, but queue_scaling is given"]),
        ({"queue_scaling": {**SCALING, "queues": []}}, ["queue_scaling.queues is empty"]),
        ({"queue_scaling": {**SCALING, "queues": ['a"}']}}, ["queue_scaling.queues[0]", "is not the name of a queue"]),
        ({"queue_scaling": {**SCALING, "queues": ["a", "a"]}}, ["queue_scaling.queues[1]", "is named twice"]),
        ({"queue_scaling": {**SCALING, "min_replicas": 9}}, ["max_replicas = 8 is below min_replicas (9)"]),
        ({"queues": ["a,b"]}, ["queues[0]", "is not the name of a queue"]),
        ({"priority_class": "High!"}, ["priority_class", "is not the name of a PriorityClass"]),
    ],
)
def test_a_scaling_that_could_not_work_is_refused(refuses: Any, change: Any, words: list[str]):
    args = {**ARGS, "concurrency": 5, "queue_scaling": SCALING, **change}
    refuses(Worker, {key: value for key, value in args.items() if value is not None}, *words)


def test_its_queues_are_told_to_the_app(deployed: Deployed):
    assert deployed(Worker, {**ARGS, "queues": ["jobs", "mail"]}).one("Deployment").env["QUEUES"] == "jobs,mail"
    assert "QUEUES" not in deployed(Worker, ARGS).one("Deployment").env, "the app's own stand"


def test_its_priority_is_that_of_its_class(deployed: Deployed):
    pod = deployed(Worker, {**ARGS, "priority_class": "business-critical"}).one("Deployment").spec["template"]["spec"]
    assert pod["priorityClassName"] == "business-critical"
    assert "priorityClassName" not in deployed(Worker, ARGS).one("Deployment").spec["template"]["spec"]
