"""The lives of pods as the watch of a proof sees them, and whether process 1 hears SIGTERM."""

import threading
from typing import Any

import pytest

from operations.proof.rollout.loads.pace import Clock
from operations.proof.rollout.pods import Pods
from operations.proof.rollout.signals import handlers

STATUS = "Name:\tnode\nSigIgn:\t0000000000001000\nSigCgt:\t0000000188004202\n"


def pod(*, leaving: bool = False, grace: int = 30, ready: bool = True, **container: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": "api-7d4c9b6f5-x2k9p",
        "uid": "u1",
        "resourceVersion": "7",
        "labels": {"app.kubernetes.io/component": "api", "pod-template-hash": "7d4c9b6f5"},
    }
    if leaving:
        metadata |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": grace}
    return {
        "metadata": metadata,
        "spec": {"containers": [{"image": "r/app@sha256:" + "a" * 64}], "terminationGracePeriodSeconds": grace},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"name": "app", "restartCount": 0, **container}],
        },
    }


def seen(*events: tuple[str, dict[str, Any]]) -> Pods:
    pods = Pods(None, "pxl", "", Clock())  # type: ignore[arg-type]
    for kind, obj in events:
        pods._take({"type": kind, "object": obj})
    return pods


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"}
    return {"state": {"terminated": {"exitCode": code, "reason": reason, **times}}}


def test_a_pod_comes_serves_leaves_and_is_gone():
    pods = seen(
        ("ADDED", pod(ready=False)),
        ("MODIFIED", pod()),
        ("MODIFIED", pod(leaving=True)),
        ("DELETED", pod(leaving=True)),
    )
    (life,) = pods.lives.values()
    assert (life.workload, life.revision, life.digest) == ("api", "7d4c9b6f5", "a" * 12)
    assert life.ready is not None and life.leaving is not None and life.gone is not None
    assert life.ready <= life.leaving <= life.gone
    assert pods.killed == {}


def test_a_container_that_outlived_its_grace_is_seen_once():
    late = pod(leaving=True, grace=25, **ended(137))
    (killed,) = seen(
        ("ADDED", pod()), ("MODIFIED", pod(leaving=True, grace=25)), ("MODIFIED", late), ("DELETED", late)
    ).killed.values()
    assert (killed.pod, killed.container) == ("api-7d4c9b6f5-x2k9p", "app")
    assert "outlived its grace of 25 s" in killed.why


@pytest.mark.parametrize(
    "obj",
    [pod(leaving=True, **ended(0)), pod(leaving=True, **ended(143)), pod(leaving=True, grace=0, **ended(137))],
    ids=["ended well", "ended by the signal", "killed on request"],
)
def test_an_end_that_is_in_order_is_no_kill(obj: dict[str, Any]):
    assert seen(("ADDED", pod()), ("MODIFIED", obj)).killed == {}


def test_a_kill_is_one_kill_however_often_it_is_seen():
    once = {**ended(137)["state"]["terminated"], "containerID": "containerd://1"}
    pods = seen(
        ("ADDED", pod()),
        ("MODIFIED", pod(state={"terminated": once})),
        ("MODIFIED", pod(restartCount=1, state={}, lastState={"terminated": once})),
    )
    assert len(pods.killed) == 1


def test_what_was_killed_before_the_proof_is_no_news(monkeypatch):
    once = {**ended(137)["state"]["terminated"], "containerID": "containerd://1"}
    died = pod(restartCount=3, state={}, lastState={"terminated": once})
    pods = Pods(None, "pxl", "", Clock())  # type: ignore[arg-type]
    monkeypatch.setattr(pods, "_list", lambda: pods._see(died))
    monkeypatch.setattr(pods, "_thread", threading.Thread(target=lambda: None))
    pods.start()
    pods._take({"type": "MODIFIED", "object": died})
    assert pods.killed == {}
    assert [life.restarts for life in pods.lives.values()] == [0], "restarts are counted from the beginning on"


def test_too_much_memory_is_told_apart():
    died = pod(**{"restartCount": 1, "lastState": ended(137, "OOMKilled")["state"]})
    pods = seen(("ADDED", pod()), ("MODIFIED", died))
    (killed,) = pods.killed.values()
    assert "memory" in killed.why
    assert next(iter(pods.lives.values())).restarts == 1


def test_the_signals_that_a_process_handles_are_read_from_its_status():
    mask = handlers(STATUS)
    assert mask is not None
    assert mask & (1 << 14), "bit 14 is signal 15, SIGTERM"
    deaf = handlers(STATUS.replace("4202", "0202"))
    assert deaf is not None and not deaf & (1 << 14)
    assert handlers("cat: /proc/1/status: No such file") is None
