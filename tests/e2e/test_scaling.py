"""Workers that scale on their queue: the short form of ``make proof ONLY=backlog``, by a real KEDA."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import build
from local.paths import cache_dir
from tests.e2e.harness import NAMESPACE, Platform, request

_JOBS = 300
_SECONDS = 240
_WORKER = {"queues": ["jobs"], "concurrency": 5, "replicas": {"min": 1, "max": 4}, "targetSeconds": 10}


@pytest.fixture(scope="module")
def scaled(platform: Platform) -> Iterator[Platform]:
    """The dev stack, gone over from an autoscaler that looks at CPU to KEDA; afterwards as it was."""
    built = cache_dir() / f"bin-keda-{build.fingerprint('keda')}"
    if not built.is_dir() and not os.environ.get("PXL_LONG"):
        pytest.skip("KEDA takes ten minutes to build: make proof ONLY=backlog, or make e2e LONG=1")
    with platform.settings(worker=_WORKER):
        up(platform)
        with platform.settings(autoscaling={"engine": "keda"}):
            up(platform)
            yield platform
    up(platform)


def up(platform: Platform) -> None:
    done = platform.up()
    assert done.returncode == 0, done.stderr[-4000:]


def workers(platform: Platform) -> int:
    (found,) = platform.kubectl("get", "deployments", "-n", NAMESPACE, "-l", "app.kubernetes.io/instance=worker")[
        "items"
    ]
    return found["spec"]["replicas"]


def autoscalers(platform: Platform) -> list[dict[str, Any]]:
    return platform.kubectl("get", "hpa", "-n", NAMESPACE)["items"]


def test_keda_has_taken_over(scaled: Platform):
    until = time.monotonic() + 60
    while [one["metadata"]["name"] for one in autoscalers(scaled)] != ["worker-queues"]:
        assert time.monotonic() < until, f"one autoscaler alone must be left: {autoscalers(scaled)}"
        time.sleep(1)
    assert workers(scaled) == 1, "nothing waits"


def test_a_backlog_gets_more_workers_and_is_worked_off(scaled: Platform):
    with ThreadPoolExecutor(8) as threads:
        body = {"queue": "jobs", "ms": 1000}
        ids = list(threads.map(lambda _: request(f"{scaled.url}/jobs", body).body["id"], range(_JOBS)))
    until, most = time.monotonic() + _SECONDS, 0
    while time.monotonic() < until:
        most = max(most, workers(scaled))
        if request(f"{scaled.url}/jobs/{ids[-1]}").body["state"] == "completed":
            break
        time.sleep(1)
    states = [request(f"{scaled.url}/jobs/{one}").body["state"] for one in ids]
    assert set(states) <= {"completed", "active"}, f"not worked off within {_SECONDS} s"
    assert most == 4, f"{_JOBS} jobs of a second are more than four workers do in ten: there were {most}"
