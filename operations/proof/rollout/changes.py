"""What a stack is put through while the loads run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from operations.proof.rollout.workloads import Workload, Workloads

_POLL_SECONDS = 0.5
_JOIN_SECONDS = 120


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        name: As the command line calls it.
        title: For people.
        roles: The workloads that must be complete again before it is over.
        begin: Makes it; takes the workloads and whether somebody has stopped the proof.
    """

    name: str
    title: str
    roles: tuple[str, ...]
    begin: Callable[["Cluster"], None]


@dataclass(frozen=True)
class Cluster:
    """What a change works on.

    Attributes:
        workloads: The app's Deployments.
        found: Those of them that there are, by role.
        stopped: Whether somebody has stopped the proof.
        seconds: How long each pod may take until another one serves in its place.
    """

    workloads: Workloads
    found: dict[str, Workload]
    stopped: Callable[[], bool]
    seconds: float = _JOIN_SECONDS


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
            while not cluster.workloads.evict(pod) and not cluster.stopped():
                time.sleep(_POLL_SECONDS)

    return Change("drain", "API pods evicted, one after another", ("api",), begin)


def crash() -> Change:
    """A worker is killed without a warning, in the middle of its jobs."""

    def begin(cluster: Cluster) -> None:
        if (worker := cluster.found.get("worker")) is not None:
            for pod in cluster.workloads.pods(worker)[:1]:
                cluster.workloads.delete(pod, grace_seconds=0)

    return Change("crash", "a worker killed without a warning", ("worker",), begin)


def workers() -> Change:
    """All workers are replaced, and then one is killed without a warning."""

    def begin(cluster: Cluster) -> None:
        if (worker := cluster.found.get("worker")) is not None:
            cluster.workloads.restart(worker)
            cluster.workloads.wait(["worker"], cluster.seconds, cluster.stopped)
            crash().begin(cluster)

    return Change("workers", "workers replaced, then one killed without a warning", ("worker",), begin)


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
        cluster.workloads.wait(["api"], cluster.seconds, cluster.stopped)
        if cluster.stopped():
            return
        yield pod
