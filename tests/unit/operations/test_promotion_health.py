"""When a digest counts as healthy, and since when: what starts the clock anew, and what must not."""

from collections.abc import Callable
from typing import Any

import pytest
import released_world as w
from released_world import DIGEST, OTHER, ROLES, at, when, world

from operations.promotion.health import Health, judge
from operations.rollout import Snapshot


def judged(snapshot: Snapshot, roles: tuple[str, ...] = ROLES) -> Health:
    return judge(snapshot, DIGEST, roles)


def test_what_is_rolled_out_and_quiet_is_healthy_since_the_last_rollout_ended() -> None:
    health = judged(world())
    assert health.troubles == ()
    assert health.since == when(2), "the API was the last to be done"
    assert health.ran and health.pods == 4


def change(part: str, number: int, edit: Callable[[dict[str, Any]], None]) -> Snapshot:
    snapshot = world()
    edit(getattr(snapshot, part)[number])
    return snapshot


def with_pods(*pods: dict[str, Any], count: int = 3) -> Snapshot:
    """The API scaled to some more pods, rolled out at minute 2 as before."""
    usual = world()
    return world(
        pods=[*usual.pods, *pods], workloads=[w.deployment("api", pods=count), *usual.workloads[1:]]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("snapshot", "minutes", "why"),
    [
        (world(workloads=[w.deployment("api"), w.deployment("worker", done=9), w.job()]), 9,
         "the worker's rollout ended last"),
        (world(workloads=[w.deployment("api"), w.deployment("worker"), w.job(ended=30)]), 30,
         "migrations that were run again ended last"),
        (world(pods=[w.pod("api-1", "api", restarts=1, started=40), *world().pods[1:]]), 40,
         "a container was restarted"),
        (world(pods=[w.pod("api-1", "api", ready=50), *world().pods[1:]]), 50,
         "a pod of the rollout was ready at its end, so it has lost that and got it back"),
        (world(pods=[w.pod("api-1", "api", made=1.8, ready=2.4), *world().pods[1:]]), 2.4,
         "likewise, however shortly after its start"),
        (with_pods(w.pod("api-3", "api", made=100, ready=130)), 130,
         "a pod that was added and became ready long after its start had been ready before"),
        (with_pods(w.pod("api-3", "api", made=100, ready=101, restarts=2, started=140)), 140,
         "a pod that was added and then restarted"),
        (world(replica_sets=[w.replica_set("api"), w.replica_set("api", made=200, name="newer"),
                             w.replica_set("worker")]), 200,
         "a changed setting rolled the same digest out again"),
    ],
)  # fmt: skip
def test_the_clock_starts_anew(snapshot: Snapshot, minutes: float, why: str) -> None:
    health = judged(snapshot)
    assert health.troubles == ()
    assert health.since == when(minutes), why


def test_a_digest_that_serves_again_after_a_way_back_is_as_old_as_the_way_back() -> None:
    snapshot = world(
        workloads=[w.deployment("api", done=500), w.deployment("worker", done=480), w.job()],
        replica_sets=[w.replica_set("api"), w.replica_set("api", OTHER, made=300, name="bad"), w.replica_set("worker")],
    )
    assert judged(snapshot).since == when(500), "its ReplicaSet is old, and served nothing in between"


def test_a_pod_that_an_autoscaler_adds_does_not_start_the_clock_anew() -> None:
    snapshot = with_pods(w.pod("api-3", "api", made=600, ready=600.5))
    snapshot.workloads[0]["status"]["conditions"][1]["lastTransitionTime"] = at(600.5)
    assert judged(snapshot).since == when(2), "Available is False for a moment whenever a pod is added"


def test_the_time_that_a_start_may_take_follows_from_the_probes() -> None:
    def without_startup(pod: dict[str, Any]) -> Snapshot:
        snapshot = with_pods(pod)
        del snapshot.workloads[0]["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
        return snapshot

    late = w.pod("api-3", "api", made=100, ready=103)
    assert judged(with_pods(late)).since == when(103), "70 s after its start its startup probe would have ended it"
    assert judged(without_startup(late)).since == when(2), (
        "without one it may take as long as a rollout may stand still"
    )


def test_a_pod_that_failed_starts_the_clock_anew_although_another_took_its_place() -> None:
    evicted = w.pod("api-0", "api", made=0.4, ready=None)
    evicted["status"] = {"phase": "Failed", "reason": "Evicted", "conditions": [
        {"type": "Ready", "status": "False", "lastTransitionTime": at(70)}
    ]}  # fmt: skip
    snapshot = world()
    snapshot.pods.append(evicted)
    health = judged(snapshot)
    assert health.healthy, "it is gone, and nobody misses it"
    assert health.since == when(70)


def test_a_sidecar_that_was_restarted_counts_like_the_app() -> None:
    pod = w.pod("api-1", "api")
    pod["spec"]["initContainers"] = [{"name": "tls", "restartPolicy": "Always"}, {"name": "once"}]
    pod["status"]["initContainerStatuses"] = [
        {"name": "tls", "restartCount": 1, "state": {"running": {"startedAt": at(80)}}},
        {"name": "once", "restartCount": 3, "lastState": {"terminated": {"finishedAt": at(90)}}, "state": {}},
    ]
    assert judged(world(pods=[pod, *world().pods[1:]])).since == when(80), "what ran once and ended is no interruption"


@pytest.mark.parametrize(
    ("snapshot", "word"),
    [
        (change("workloads", 0, lambda one: one["spec"].update(template={"spec": {"containers": [
            w.container(OTHER)]}})), "Deployment api runs b2b2b2b2b2b2"),
        (change("workloads", 0, lambda one: one["status"].update(availableReplicas=1)), "not rolled out in full"),
        (change("workloads", 0, lambda one: one["status"].update(observedGeneration=2)), "not rolled out in full"),
        (change("workloads", 0, lambda one: one["status"].update(replicas=3)), "not rolled out in full"),
        (change("workloads", 1, lambda one: one["spec"].update(replicas=0)), "scaled to 0"),
        (change("workloads", 1, lambda one: one["spec"].update(paused=True)), "paused"),
        (change("workloads", 0, lambda one: one["status"]["conditions"][0].update(
            reason="ProgressDeadlineExceeded", status="False")), "does not say when its rollout ended"),
        (change("workloads", 0, lambda one: one["status"]["conditions"][0].update(
            reason="ReplicaSetUpdated")), "does not say when its rollout ended"),
        (change("pods", 0, lambda one: one["status"]["conditions"][0].update(status="False")), "api-1 is not ready"),
        (change("pods", 3, lambda one: one["spec"]["containers"][0].update(
            image=f"localhost:30500/pxl/app@{OTHER}")), "worker-2 still runs b2b2b2b2b2b2"),
        (change("pods", 3, lambda one: one["spec"]["containers"][0].update(
            image="localhost:30500/pxl/app:v1")), "still runs"),
        (change("workloads", 2, lambda one: one["status"].clear()), "Job migrations is not done"),
        (change("workloads", 2, lambda one: one.update(status={"conditions": [
            {"type": "Failed", "status": "True"}]})), "Job migrations has failed"),
        (world(workloads=[w.deployment("api"), w.deployment("worker"), w.job(OTHER)]), "no Job has migrated"),
        (world(workloads=[w.deployment("api"), w.job()]), "no Deployment of the worker"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_is_said_and_makes_it_unhealthy(snapshot: Snapshot, word: str) -> None:
    health = judged(snapshot)
    assert health.since is None
    assert word in "\n".join(health.troubles)
    assert health.ran, "it runs somewhere, or did: that can be forced"


def test_an_old_pod_that_still_drains_is_another_digest_that_runs() -> None:
    old = w.pod("api-0", "api", OTHER, owner="old")
    old["metadata"]["deletionTimestamp"] = at(3)
    snapshot = world(replica_sets=[*world().replica_sets, w.replica_set("api", OTHER, made=-900, name="old")])
    snapshot.pods.append(old)
    assert "api-0 still runs" in "\n".join(judged(snapshot).troubles)


def test_a_pod_of_the_digest_that_is_on_its_way_out_is_no_trouble() -> None:
    leaving = w.pod("api-3", "api", ready=None)
    leaving["metadata"]["deletionTimestamp"] = at(60)
    snapshot = world()
    snapshot.pods.append(leaving)
    assert judged(snapshot).since == when(2), "scaling down is no failure"


def test_a_digest_that_is_nowhere_never_ran() -> None:
    snapshot = world(
        workloads=[w.deployment("api", OTHER), w.deployment("worker", OTHER), w.job(OTHER)],
        replica_sets=[w.replica_set("api", OTHER), w.replica_set("worker", OTHER)],
        pods=[w.pod("api-1", "api", OTHER), w.pod("worker-1", "worker", OTHER)],
    )
    health = judged(snapshot)
    assert not health.ran
    assert "Deployment api runs b2b2b2b2b2b2" in health.troubles


def test_a_digest_that_was_replaced_did_run() -> None:
    snapshot = world(
        workloads=[w.deployment("api", OTHER), w.deployment("worker", OTHER), w.job(OTHER)],
        replica_sets=[w.replica_set("api"), w.replica_set("api", OTHER, name="newer"), w.replica_set("worker", OTHER)],
        pods=[],
    )
    assert judged(snapshot).ran, "its ReplicaSet is still there"


def test_an_empty_namespace_runs_nothing() -> None:
    health = judged(Snapshot("pxl-staging"))
    assert not health.ran and health.since is None
    assert len(health.troubles) == 3, "every part is missing"


def test_what_a_stack_does_not_have_is_not_asked_for() -> None:
    snapshot = world(workloads=[w.deployment("api")])
    assert judged(snapshot, ("api",)).since == when(2)


def test_other_workloads_of_the_namespace_do_not_matter() -> None:
    other = w.deployment("api", OTHER)
    other["metadata"].update(name="postgres", uid="uid-pg", labels={"app.kubernetes.io/name": "postgres"})
    snapshot = world()
    snapshot.workloads.append(other)
    assert judged(snapshot).healthy
