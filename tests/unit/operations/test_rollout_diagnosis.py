"""A rollout that stalls is explained from what the API says: which pod, why, and what to do."""

import json

import cluster_objects as objects
import pytest
from cluster_objects import Recorded

from operations.rollout import Answer, Snapshot, diagnose


def explain(snapshot: Snapshot, evidence: Recorded | None = None) -> str:
    return diagnose(snapshot, evidence or Recorded()).text()


def test_a_failing_readiness_probe_is_shown_with_what_it_answers_now() -> None:
    snapshot = objects.rollout_of(objects.running())
    message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    snapshot.events.append(objects.event(snapshot.pods[1], "Unhealthy", message, count=12))
    evidence = Recorded(log=["listening on 3000", "database is not connected"])

    text = explain(snapshot, evidence)

    assert "deployment pxl-api: 1 of 3 ready" in text, "the workload and its count come first"
    assert "pod pxl-api-2-0 on node node1" in text, "it must be said which pod"
    assert "image localhost:30500/pxl/app@sha256:abababababab" in text, "it must be said which image, shortened"
    assert "GET /ready on port http failed 12 times: HTTP probe failed with statuscode: 503" in text
    assert 'asked just now: 503 {"redis":true,"db":false}' in text, "the status alone does not say what is missing"
    assert evidence.asked == [("pxl-api-2-0", 3000, "/ready", "http")], "a named port must be resolved"
    assert "| database is not connected" in text, "the last log lines belong to the explanation"


def test_pods_of_an_older_revision_are_not_blamed() -> None:
    text = explain(objects.rollout_of(objects.running()))
    assert "pxl-api-1-old" not in text, "the old pods serve; only the new revision is in the way"


def test_a_rate_limit_on_probes_is_named_as_one() -> None:
    text = explain(objects.rollout_of(objects.running()), Recorded(Answer(429, "Too Many Requests")))
    assert "429 is a rate limit that counts the probes" in text, "a 429 is easily taken for a broken app"
    assert "next: a rate limit counts the probes: exempt the probe paths" in text, "there is a remedy for it"


def test_a_rate_limit_is_also_seen_in_the_event_of_a_tcp_or_silent_app() -> None:
    snapshot = objects.rollout_of(objects.running())
    message = "Readiness probe failed: HTTP probe failed with statuscode: 429"
    snapshot.events.append(objects.event(snapshot.pods[1], "Unhealthy", message))
    text = explain(snapshot, Recorded(Answer(200, "ok")))
    assert "rate limit" in text, "by the time we ask, the limit may be over"


def test_a_path_that_the_app_does_not_have_gets_the_setting_that_names_it() -> None:
    text = explain(objects.rollout_of(objects.running()), Recorded(Answer(404, "not found")))
    assert "next: the app has no such path: correct the probe's (pxl:app.probes), or add it to the app" in text


def test_a_probe_that_gets_no_answer_says_why() -> None:
    text = explain(objects.rollout_of(objects.running()), Recorded(Answer(None, "dial tcp: connection refused")))
    assert "asked just now: no answer (dial tcp: connection refused)" in text


def test_a_startup_probe_is_blamed_before_readiness() -> None:
    container = objects.api_container(startupProbe={"httpGet": {"path": "/healthz", "port": 3000}})
    evidence = Recorded()
    text = explain(objects.rollout_of(objects.running(started=False), container=container), evidence)
    assert "startup probe GET /healthz" in text
    assert "readiness probe" not in text, "readiness is not asked before the app has started"
    assert [path for _, _, path, _ in evidence.asked] == ["/healthz"]


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("failed to resolve reference: not found", "push it first"),
        ("pull access denied: 401 Unauthorized", "image pull secret"),
        ("dial tcp 10.0.0.1:5000: connection refused", "does not reach the registry"),
    ],
)
def test_an_image_that_cannot_be_pulled_gets_the_remedy_that_fits(message: str, remedy: str) -> None:
    text = explain(objects.rollout_of(objects.waiting("ImagePullBackOff", message)), Recorded(log=["never read"]))
    assert "ImagePullBackOff (the image cannot be pulled)" in text
    assert message in text
    assert remedy in text
    assert "never read" not in text, "a container that never ran has no log"


def test_a_crash_loop_shows_the_log_of_the_run_that_crashed() -> None:
    ended = {"terminated": {"exitCode": 78, "reason": "Error"}}
    status = objects.waiting("CrashLoopBackOff", "back-off 10s restarting", restartCount=4, lastState=ended)
    text = explain(objects.rollout_of(status), Recorded(log=["current"], previous_log=["PXL_DB_HOST is missing"]))
    assert "restarted 4 times" in text
    assert "exit code 78: the program refused its configuration" in text
    assert "last log lines of the run before:" in text
    assert "| PXL_DB_HOST is missing" in text
    assert "| current" not in text, "the run that waits has written nothing of interest"


def test_running_out_of_memory_names_the_limit() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    text = explain(objects.rollout_of(objects.waiting("CrashLoopBackOff", lastState=ended)))
    assert "needed more memory than its limit of 256Mi" in text


def test_a_kill_without_memory_pressure_names_the_grace_period() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "Error"}}
    text = explain(objects.rollout_of(objects.waiting("CrashLoopBackOff", lastState=ended)))
    assert "outlived its grace period of 35 s" in text


def test_a_missing_secret_is_named() -> None:
    text = explain(objects.rollout_of(objects.waiting("CreateContainerConfigError", 'secret "pxl-app" not found')))
    assert 'secret "pxl-app" not found' in text, "the name of a Secret is no secret"
    assert "next: create the Secret or ConfigMap" in text


def test_a_pod_without_a_node_says_what_the_scheduler_says() -> None:
    message = "0/1 nodes are available: 1 Insufficient memory."
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    text = explain(objects.rollout_of({"phase": "Pending", "conditions": [unscheduled]}))
    assert f"Unschedulable: {message}" in text
    assert "lower the requests" in text


def test_pods_in_the_same_trouble_are_counted_not_repeated() -> None:
    text = explain(objects.rollout_of(objects.waiting("ImagePullBackOff", "not found"), pods=3))
    assert text.count("ImagePullBackOff") == 1, "three equal blocks say no more than one"
    assert "(and 2 more pods like it)" in text


def test_a_pod_that_the_api_server_refuses_is_seen_although_it_does_not_exist() -> None:
    owner = objects.deployment(updatedReplicas=0)
    message = 'pods "pxl-api-2-" is forbidden: violates PodSecurity "restricted:latest": privileged'
    owner["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    ]
    text = explain(Snapshot("pxl-dev", [owner], [objects.replica_set("pxl-api-2", owner, 2)], [], []))
    assert 'violates PodSecurity "restricted:latest"' in text
    assert "next: bring the pod within the Pod Security level" in text


def test_a_failed_job_shows_its_pod_and_log() -> None:
    job = {
        "kind": "Job",
        "metadata": {"name": "migrations", "uid": "uid-job"},
        "spec": {},
        "status": {
            "failed": 1,
            "conditions": [
                {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too many retries"}
            ],
        },
    }
    ended = objects.container_status({"terminated": {"exitCode": 1, "reason": "Error"}})
    status = {"phase": "Failed", "conditions": [], "containerStatuses": [ended]}
    snapshot = Snapshot("pxl-dev", [job], [], [objects.pod("migrations-x", "uid-job", status)], [])
    text = explain(snapshot, Recorded(log=["column users.email does not exist"]))
    assert "job migrations: 0 of 1 done" in text
    assert "BackoffLimitExceeded: too many retries" in text
    assert "| column users.email does not exist" in text


def test_what_a_condition_says_is_not_said_again_as_an_event() -> None:
    snapshot = objects.rollout_of(objects.running())
    said = "the pod is refused by the quota"
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": said}
    snapshot.workloads[0]["status"]["conditions"] = [condition]
    snapshot.events.append(objects.event(snapshot.workloads[0], "FailedCreate", said))
    assert explain(snapshot).count(said) == 1, "a reason that repeats takes the room of the next one"


def test_workloads_that_are_done_are_not_mentioned() -> None:
    done = objects.deployment("pxl-worker", wanted=2, available=2)
    explanation = diagnose(Snapshot("pxl-dev", [done]), Recorded())
    assert explanation.done
    assert explanation.text() == "all 1 workload in namespace pxl-dev are done"


def test_a_deployment_that_the_controller_has_not_seen_yet_is_not_done() -> None:
    stale = objects.deployment(wanted=2, available=2, observedGeneration=1)
    assert not diagnose(Snapshot("pxl-dev", [stale]), Recorded()).done, "its counts are those of the version before"


def test_old_pods_that_still_run_keep_a_rollout_unfinished() -> None:
    surging = objects.deployment(wanted=2, available=2, replicas=3)
    assert not diagnose(Snapshot("pxl-dev", [surging]), Recorded()).done


def test_secrets_in_logs_and_answers_are_not_shown() -> None:
    log = ["connect postgres://pxl:s3cret@db:5432/pxl", "Authorization: Bearer abcdef123456", "password=hunter2"]
    evidence = Recorded(Answer(503, '{"password":"hunter2","db":false}'), log=log)
    text = explain(objects.rollout_of(objects.running()), evidence)
    for secret in ("s3cret", "abcdef123456", "hunter2"):
        assert secret not in text, "what is printed ends up in CI logs"
    assert '"db":false' in text, "only the secret may go"


def test_the_explanation_is_also_plain_data() -> None:
    found = diagnose(objects.rollout_of(objects.running()), Recorded()).as_dict()
    probe = found["workloads"][0]["pods"][0]["containers"][0]["probes"][0]
    assert probe["answer"] == {"status": 503, "body": '{"redis":true,"db":false}'}
    assert json.loads(json.dumps(found))["done"] is False


def test_a_kill_by_the_liveness_probe_is_told_although_its_event_is_normal() -> None:
    snapshot = objects.rollout_of(objects.running(restartCount=2))
    message = "Container api failed liveness probe, will be restarted"
    snapshot.events.append(objects.event(snapshot.pods[1], "Killing", message, type="Normal"))
    assert f"event Killing: {message}" in explain(snapshot)


def test_warnings_about_other_objects_are_left_out() -> None:
    snapshot = objects.rollout_of(objects.running())
    snapshot.events.append(objects.event(snapshot.pods[0], "FailedMount", "old pod's trouble"))
    assert "old pod's trouble" not in explain(snapshot)


def job(**status: object) -> dict[str, object]:
    return {"kind": "Job", "metadata": {"name": "migrations", "uid": "uid-job"}, "spec": {}, "status": status}


def test_a_job_that_ran_out_of_time_tells_what_its_pods_waited_for_although_they_are_gone() -> None:
    late = job(conditions=[{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}])
    name = late["metadata"]["name"]
    gone, others = objects.pod(f"{name}-abc12", "x", {}), objects.pod(f"{name}-of-another-abc12", "y", {})
    pull = 'Failed to pull image "localhost:30500/pxl/app@sha256:1": dial tcp [::1]:30500: connect: connection refused'
    events = [objects.event(gone, "Failed", pull), objects.event(others, "Failed", "of another Job")]
    text = explain(Snapshot("pxl-dev", [late], [], [], events))
    assert "DeadlineExceeded: too long" in text
    assert "connection refused" in text, "the Job itself does not know why"
    assert "next: the node does not reach the registry" in text
    assert "of another Job" not in text


def test_a_job_that_hangs_shows_what_it_wrote_last() -> None:
    snapshot = Snapshot(
        "pxl-dev", [job(active=1)], [], [objects.pod("m-1", "uid-job", objects.running(ready=True))], []
    )
    text = explain(snapshot, Recorded(log=["waiting for a lock on table users"]))
    assert "Running (it has not ended yet)" in text, "a Job's pod that is ready is not done"
    assert "| waiting for a lock on table users" in text


def test_of_several_failed_tries_the_newest_is_shown() -> None:
    ended = objects.container_status({"terminated": {"exitCode": 1, "reason": "Error"}})
    tries = [
        objects.pod(name, "uid-job", {"phase": "Failed", "conditions": [], "containerStatuses": [ended]})
        for name in ("m-a", "m-b")
    ]
    for number, one in enumerate(tries):
        one["metadata"]["creationTimestamp"] = f"2026-01-01T00:0{number}:00Z"
    text = explain(Snapshot("pxl-dev", [job(failed=2)], [], tries, []))
    assert "pod m-b on node node1 (and 1 more pod like it)" in text


def test_new_pods_that_only_have_to_stay_ready_are_no_trouble() -> None:
    owner = objects.deployment(wanted=3, available=2, readyReplicas=3)
    owner["spec"]["minReadySeconds"] = 10
    assert "it counts once it has been so for 10 s" in explain(Snapshot("pxl-dev", [owner]))


def test_old_pods_that_still_stop_are_counted() -> None:
    surging = objects.deployment(wanted=2, available=2, replicas=3)
    assert "1 pod of the version before still to stop" in explain(Snapshot("pxl-dev", [surging]))


def test_an_init_container_is_blamed_instead_of_those_that_wait_for_it() -> None:
    status = objects.waiting("PodInitializing")
    status["initContainerStatuses"] = [
        {**objects.container_status({"waiting": {"reason": "CrashLoopBackOff"}}), "name": "wait-for-db"}
    ]
    text = explain(objects.rollout_of(status))
    assert "container wait-for-db" in text
    assert "container api" not in text


def test_events_that_differ_only_in_a_pods_name_are_one_event() -> None:
    failed = job(failed=0)
    snapshot = Snapshot("pxl-dev", [failed], [], [], [])
    for name in ("qbzwl", "s7q7r", "hdjx6"):
        message = f'Error creating: pods "migrations-{name}" is forbidden: exceeded quota: small'
        snapshot.events.append(objects.event(failed, "FailedCreate", message))
    text = explain(snapshot)
    assert text.count("exceeded quota") == 1, "the same refusal three times says no more than once"
    assert "FailedCreate (3 times)" in text
