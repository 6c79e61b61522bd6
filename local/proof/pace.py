"""How long a release takes: ``up`` against the same Deployments rolled out by kubectl's own means, in one run."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.proof import apps
from local.proof.bench import Bench

_POLL_SECONDS = 0.2
_MOST_SECONDS = 600


@dataclass(frozen=True)
class Pace:
    """Seconds.

    Attributes:
        up: From the first write to the API server until all new pods are ready.
        rollout: The same of a restart of the same Deployments.
        jobs: How long the Jobs took that must come first.
    """

    up: float
    rollout: float
    jobs: float

    @property
    def ratio(self) -> float:
        """How many times as long ``up`` takes."""
        return self.up / (self.rollout + self.jobs)


def measure(bench: Bench) -> Pace:
    """Releases a new build, and then restarts what it is made of.

    Args:
        bench: The running stack; the new build stays.
    """
    variant = apps.build(bench.app, bench.scratch / "pace")
    jobs, before = set(bench.workloads.jobs()), _generations(bench)
    with ThreadPoolExecutor(1) as threads:
        deployed = threads.submit(bench.deploy, variant)
        # The migration is the first thing that a release writes.
        began = _moment(lambda: bool(set(bench.workloads.jobs()) - jobs) or deployed.done())
        up = _moment(lambda: _moved_on(bench, before)) - began
        deployed.result()
    new = [job for name, job in bench.workloads.jobs().items() if name not in jobs]
    before, began = _generations(bench), time.monotonic()
    for workload in bench.workloads.find().values():
        bench.workloads.restart(workload)
    return Pace(up, _moment(lambda: _moved_on(bench, before)) - began, sum(_seconds(job) for job in new))


def _generations(bench: Bench) -> dict[str, int]:
    roles = {workload.role for workload in bench.workloads.find().values()}
    return {role: bench.workloads.generation(role) for role in sorted(roles)}


def _moved_on(bench: Bench, before: dict[str, int]) -> bool:
    return all(bench.workloads.generation(role) > known for role, known in before.items())


def _moment(has_come: Any) -> float:
    """When something came; the time of the monotonic clock."""
    until = time.monotonic() + _MOST_SECONDS
    while not has_come() and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return time.monotonic()


def _seconds(job: dict[str, Any]) -> float:
    status = job.get("status", {})
    start, end = status.get("startTime"), status.get("completionTime")
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() if start and end else 0
