"""A backlog of jobs that wait on I/O: how soon it is gone when workers scale on their queue, and when on CPU."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import urllib3
from kubernetes.client.exceptions import ApiException

from local.proof.bench import Bench
from operations import apiserver
from operations.console import step
from operations.errors import Problem

_UNTOLD = (ApiException, urllib3.exceptions.HTTPError, OSError)
_QUEUE = "jobs"
_METRICS = "services/http:queue-metrics:9465/proxy/metrics"
_AGE = re.compile(rf'^bullmq_oldest_job_age_seconds{{queue="{_QUEUE}"}} (\S+)$', re.MULTILINE)
_CONCURRENCY = 5
_CONNECTIONS = 20
_POLL_SECONDS = 1.0
_MOST_SECONDS = 900.0
_BEGIN_SECONDS = 120.0
_REQUEST_SECONDS = 10.0
_ACCEPTED = 202


@dataclass(frozen=True)
class Backlog:
    """What is put into the queue, and in how long it is to be done.

    Attributes:
        jobs: How many.
        milliseconds: How long each waits.
        target_seconds: How long a job may wait.
        most_pods: How many workers there may be; at least there is one.
    """

    jobs: int
    milliseconds: int
    target_seconds: int
    most_pods: int

    def settings(self, engine: str) -> Mapping[str, Any]:
        """Of a stack that gets it done: the same bounds, whatever scales within them."""
        return {
            "pxl:autoscaling": {"engine": engine},
            "pxl:queues": {"metrics": True, "metricsNamespaces": ["monitoring"]},
            "pxl:worker": {
                "queues": [_QUEUE],
                "concurrency": _CONCURRENCY,
                "targetSeconds": self.target_seconds,
                "jobMilliseconds": self.milliseconds,
                "replicas": {"min": 1, "max": self.most_pods},
            },
        }


@dataclass(frozen=True)
class Seen:
    """What became of a backlog.

    Attributes:
        seconds: From its first job until none waits longer than the target any more.
        in_time: Whether it came to that; False if nobody waited any longer.
        pods: How many workers there were at most.
    """

    seconds: float
    in_time: bool
    pods: int


def measure(bench: Bench, backlog: Backlog, engine: str, most_seconds: float = _MOST_SECONDS) -> Seen:
    """Deploys the stack with an autoscaler, fills the queue and watches.

    Args:
        bench: The running stack; it stays as it was deployed.
        backlog: What is put into the queue.
        engine: ``keda`` or ``hpa``.
        most_seconds: When to wait no longer.

    Raises:
        Problem: The queue's metrics cannot be had, or jobs are refused.
    """
    # An autoscaler takes the pods that it finds as somebody's wish, and keeps them for minutes: both begin with one.
    bench.deploy(bench.app, {"pxl:worker": {"replicas": 1}})
    bench.deploy(bench.app, backlog.settings(engine))
    _until_told(bench)
    _until_it_scales(bench)
    began = time.monotonic()
    asyncio.run(_submit(bench.url, backlog))
    pods, was_late = 0, False
    with step(f"{backlog.jobs} jobs with {engine}") as current:
        while (passed := time.monotonic() - began) < most_seconds:
            age, pods = _age(bench), max(pods, _workers(bench))
            current.update(f"the oldest waits for {age:.0f} s, {pods} workers" if age is not None else "no answer")
            was_late = was_late or (age or 0) > backlog.target_seconds
            if age is not None and was_late and age <= backlog.target_seconds:
                return Seen(passed, True, pods)
            if age == 0 and not was_late and passed > backlog.target_seconds:
                # All of it was done before anything could be late.
                return Seen(passed, True, pods)
            time.sleep(_POLL_SECONDS)
    return Seen(time.monotonic() - began, False, pods)


def _until_told(bench: Bench) -> None:
    until = time.monotonic() + _BEGIN_SECONDS
    while _age(bench) is None:
        if time.monotonic() > until:
            raise Problem(
                f"nobody tells how long jobs of queue {_QUEUE} wait",
                where="Deployment queue-metrics",
                remedy="python -m local kubectl --namespace pxl-dev logs deployment/queue-metrics",
            )
        time.sleep(_POLL_SECONDS)


def _until_it_scales(bench: Bench) -> None:
    """An autoscaler that cannot read what it looks at leaves everything as it is, and would be blamed for it."""
    path = f"/apis/autoscaling/v2/namespaces/{bench.workloads.namespace}/horizontalpodautoscalers"
    until, said = time.monotonic() + _BEGIN_SECONDS, "there is none"
    while time.monotonic() < until:
        found = _asked(bench, path)
        for one in json.loads(found)["items"] if found else []:
            for condition in one.get("status", {}).get("conditions", []):
                if condition["type"] == "ScalingActive":
                    if condition["status"] == "True":
                        return
                    said = condition.get("message", "")
        time.sleep(_POLL_SECONDS)
    raise Problem("the workers' autoscaler does not work", where="HorizontalPodAutoscaler", why=said)


def _workers(bench: Bench) -> int:
    """How many there are; 0 while that cannot be told."""
    try:
        return len(bench.workloads.pods(bench.workloads.find()["worker"]))
    except _UNTOLD:
        return 0


def _age(bench: Bench) -> float | None:
    """How long the oldest job waits; None while that cannot be told."""
    found = _AGE.search(_asked(bench, f"/api/v1/namespaces/{bench.workloads.namespace}/{_METRICS}"))
    return float(found[1]) if found else None


def _asked(bench: Bench, path: str) -> str:
    try:
        return apiserver.send(bench.workloads.api, "GET", path, seconds=_REQUEST_SECONDS).data.decode()
    except _UNTOLD:
        return ""


async def _submit(url: str, backlog: Backlog) -> None:
    body = {"queue": _QUEUE, "kind": "sleep", "ms": backlog.milliseconds}
    one_by_one = asyncio.Semaphore(_CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def one() -> str:
            # Waited for here, and not within the time that a request may take.
            async with one_by_one:
                try:
                    async with session.post(f"{url}/jobs", json=body) as answer:
                        return "" if answer.status == _ACCEPTED else f"HTTP {answer.status}"
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    return f"{type(error).__name__} {error}".strip()

        refused = [problem for problem in await asyncio.gather(*(one() for _ in range(backlog.jobs))) if problem]
    if refused:
        raise Problem(f"{len(refused)} of {backlog.jobs} jobs were not accepted", why=refused[0])
