"""What a stack is put through while the loads run."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from operations.errors import Problem
from operations.proof.rollout.workloads import Workload, Workloads

_POLL_SECONDS = 0.5
_NOTICED_SECONDS = 5
# A lost worker's lock must expire (20 s), and somebody look for such jobs (every 10 s), before they begin again.
_LOST_JOBS_SECONDS = 35.0


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        name: As the command line calls it.
        title: For people.
        roles: The workloads that must be complete again before it is over.
        settle_seconds: After which everything that it set off has come to its end.
        begin: Makes it; takes the workloads and whether somebody has stopped the proof.
    """

    name: str
    title: str
    roles: tuple[str, ...]
    begin: Callable[["Cluster"], None]
    settle_seconds: float = 0


@dataclass(frozen=True)
class Cluster:
    """What a change works on.

    Attributes:
        workloads: The app's Deployments.
        found: Those of them that there are, by role.
        halt: Set when somebody stops the proof.
        seconds: How long each pod may take until another one serves in its place.
    """

    workloads: Workloads
    found: dict[str, Workload]
    halt: threading.Event
    seconds: float

    def stopped(self) -> bool:
        """Whether somebody has stopped the proof."""
        return self.halt.is_set()

    def workers(self) -> list[Workload]:
        """Every kind of workers.

        Raises:
            Problem: There are none.
        """
        there = [workload for workload in self.found.values() if workload.role == "worker"]
        if not there:
            raise Problem("the stack has no workers to kill")
        return there


def restart() -> Change:
    """All pods of API and worker are replaced, as by a new release."""

    def begin(cluster: Cluster) -> None:
        for workload in cluster.found.values():
            cluster.workloads.restart(workload)

    return Change("restart", "every pod replaced", ("api", "worker"), begin)


def kill() -> Change:
    """The API's pods are told to go one after another, each as soon as another one serves in place of the last."""

    def begin(cluster: Cluster) -> None:
        for pod in _one_by_one(cluster):
            cluster.workloads.delete(pod)

    return Change("kill", "API pods told to go, one after another", ("api",), begin)


def drain() -> Change:
    """The API's pods are evicted one after another, as when their nodes are drained."""

    def begin(cluster: Cluster) -> None:
        for pod in _one_by_one(cluster):
            until = time.monotonic() + cluster.seconds
            while not cluster.workloads.evict(pod) and not cluster.stopped():
                if time.monotonic() > until:
                    raise Problem(f"its disruption budget lets nobody evict {pod}")
                time.sleep(_POLL_SECONDS)

    return Change("drain", "API pods evicted, one after another", ("api",), begin)


def crash() -> Change:
    """A worker of each kind is killed without a warning, in the middle of its jobs."""

    def begin(cluster: Cluster) -> None:
        for workload in cluster.workers():
            for pod in cluster.workloads.pods(workload)[:1]:
                cluster.workloads.delete(pod, grace_seconds=0)
        # The Deployment says a moment longer that all of them are there.
        until = time.monotonic() + _NOTICED_SECONDS
        while cluster.workloads.complete("worker") and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)

    return Change("crash", "a worker killed without a warning", ("worker",), begin, _LOST_JOBS_SECONDS)


def workers() -> Change:
    """All workers are replaced, and then one is killed without a warning."""

    def begin(cluster: Cluster) -> None:
        for workload in cluster.workers():
            cluster.workloads.restart(workload)
        cluster.workloads.wait(["worker"], cluster.seconds, cluster.stopped)
        crash().begin(cluster)

    title = "workers replaced, then one killed without a warning"
    return Change("workers", title, ("worker",), begin, _LOST_JOBS_SECONDS)


def deployment(up: Callable[[], None]) -> Change:
    """What the stack file now says is deployed.

    Args:
        up: Deploys it.
    """
    return Change("up", "the stack as its file now is, deployed", ("api", "worker"), lambda _: up())


CHANGES: dict[str, Callable[[], Change]] = {
    "restart": restart,
    "kill": kill,
    "drain": drain,
    "crash": crash,
    "workers": workers,
}


def _one_by_one(cluster: Cluster) -> Iterator[str]:
    """The API's pods, each handed out when all that went before are replaced."""
    for pod in cluster.workloads.pods(cluster.found["api"]):
        served = cluster.workloads.wait(["api"], cluster.seconds, cluster.stopped)
        if cluster.stopped():
            return
        if not served:
            raise Problem(f"no pod serves in place of the last, so {pod} is left alone")
        yield pod
