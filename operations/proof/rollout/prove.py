"""One change under load, from the first request to the last answer."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.errors import Problem
from operations.proof.rollout import signals
from operations.proof.rollout.changes import Change, Cluster
from operations.proof.rollout.loads import requests
from operations.proof.rollout.loads.jobs import Jobs
from operations.proof.rollout.loads.pace import Clock, Run
from operations.proof.rollout.loads.sockets import Rooms
from operations.proof.rollout.model import Killed, Load, Measured
from operations.proof.rollout.pods import Pods
from operations.proof.rollout.workloads import Workloads

_JOBS_SECONDS = 120.0
_JOIN_SECONDS = 60.0
_SETTLED_SECONDS = 120.0
_CLUSTER = "set app.clusterWorkers: 1 (a PXL app drains in cluster mode), or handle SIGTERM in the app"
_SHORTER = {"api": "find what it waits for", "worker": "make the jobs shorter"}


@dataclass(frozen=True)
class Drive:
    """What the loads do.

    Attributes:
        url: Where the app answers, without a path.
        path: What is asked for with GET.
        sockets_path: Where WebSockets are accepted.
        jobs_path: Where jobs are posted.
        rate: GET requests a second, half of them on new connections.
        sockets: WebSocket clients.
        jobs: Jobs a second.
        job_milliseconds: How long each job waits.
        before_seconds: How long the loads run before the change.
        after_seconds: How long they go on when it is complete.
        least_seconds: How long they run in any case.
        most_seconds: How long the change may take.
    """

    url: str
    path: str = "/version"
    sockets_path: str = "/ws"
    jobs_path: str = "/jobs"
    rate: float = 400
    sockets: int = 500
    jobs: float = 20
    job_milliseconds: int = 200
    before_seconds: float = 5
    after_seconds: float = 5
    least_seconds: float = 0
    most_seconds: float = 600


def prove(workloads: Workloads, change: Change, drive: Drive, say: Callable[[str], None]) -> Measured:
    """Drives the stack through a change.

    Args:
        workloads: The stack's Deployments.
        change: What it is put through.
        drive: What the loads do.
        say: Takes a line about what goes on.

    Raises:
        Problem: There is no API in the namespace.
        ApiException, urllib3 HTTPError: The cluster does not answer or refuses.
    """
    api, namespace = workloads.api, workloads.namespace
    found = workloads.find()
    halt = threading.Event()
    cluster = Cluster(workloads, found, halt, drive.most_seconds)
    clock = Clock()
    pods = Pods(api, namespace, f"app.kubernetes.io/name={workloads.name}", clock)
    # What still leaves from an earlier change would be taken for this one's doing.
    workloads.wait(sorted({workload.role for workload in found.values()}), _SETTLED_SECONDS, halt.is_set)
    deaf = _deaf(api, cluster)
    pods.start()
    try:
        measured = asyncio.run(_drive(cluster, change, drive, clock, say))
    finally:
        halt.set()
        pods.stop()
    deaf |= _deaf(api, cluster)
    measured.pods = list(pods.lives.values())
    measured.killed = [_explained(one, measured, deaf, cluster) for one in pods.killed.values()]
    return measured


async def _drive(cluster: Cluster, change: Change, drive: Drive, clock: Clock, say: Callable[[str], None]) -> Measured:
    measured = Measured(change.title)
    stop, joined = asyncio.Event(), asyncio.Event()
    shared = Run(clock, stop, measured.samples)
    rooms = Rooms(f"{drive.url}{drive.sockets_path}", clock)
    jobs = Jobs(f"{drive.url}{drive.jobs_path}", drive.job_milliseconds, clock)
    page = f"{drive.url}{drive.path}"
    loads = [asyncio.ensure_future(rooms.drive(drive.sockets, joined, stop))]
    try:
        await _all_joined(rooms, joined)
        driven = clock.now()
        if drive.rate:
            loads += [
                asyncio.ensure_future(requests.drive(page, load, drive.rate / 2, shared))
                for load in (Load.KEEP_ALIVE, Load.FRESH)
            ]
        if drive.jobs:
            loads.append(asyncio.ensure_future(jobs.drive(drive.jobs, shared)))
        await asyncio.sleep(drive.before_seconds)
        say(f"{change.title}, under load")
        began = clock.now()
        measured.failure = await asyncio.to_thread(_change, cluster, change)
        roles = [role for role in change.roles if role in cluster.found]
        done = await asyncio.to_thread(cluster.workloads.wait, roles, drive.most_seconds, cluster.stopped)
        measured.changed = (began, clock.now() if done else None)
        await asyncio.sleep(max(drive.after_seconds, driven + drive.least_seconds - clock.now()))
    except asyncio.CancelledError:
        # The threads that change and wait hear of it, or the loop would wait for them as it ends.
        cluster.halt.set()
        raise
    finally:
        measured.ended = clock.now()
        stop.set()
        await asyncio.gather(*loads, return_exceptions=True)
    measured.clients, measured.said = rooms.clients, rooms.said
    if jobs.accepted:
        say(f"looking up {len(jobs.accepted)} jobs")
        measured.jobs = await jobs.outcomes(_JOBS_SECONDS, change.settle_seconds)
    return measured


async def _all_joined(rooms: Rooms, joined: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(joined.wait(), timeout=_JOIN_SECONDS)
    except TimeoutError:
        inside = sum(bool(client.stays) for client in rooms.clients)
        why = Counter(words for client in rooms.clients for _, words in client.failed).most_common(1)
        raise Problem(
            f"{inside} of {len(rooms.clients)} WebSocket clients got into their rooms within {_JOIN_SECONDS:g} s",
            where=rooms.url,
            why=why[0][0] if why else "the app does not say that they joined",
            remedy="give --url and --sockets-path, or --sockets 0 for an app without rooms",
        ) from None


def _change(cluster: Cluster, change: Change) -> str:
    """Why the change itself failed; "" if it did not. What it did to the app is still worth knowing."""
    try:
        change.begin(cluster)
    except Exception as error:
        return rollout.api_words(error) or type(error).__name__
    return ""


def _deaf(api: client.ApiClient, cluster: Cluster) -> dict[str, bool | None]:
    """For each revision whether its process 1 hears SIGTERM, asked of one of its pods."""
    heard: dict[str, bool | None] = {}
    with suppress(ApiException, urllib3.exceptions.HTTPError):  # then it is not known, and the report says so
        for workload in cluster.found.values():
            for pod in cluster.workloads.pods(workload)[:1]:
                container = cluster.workloads.container(pod)
                namespace = cluster.workloads.namespace
                heard[pod.rpartition("-")[0]] = signals.hears_sigterm(api.configuration, namespace, pod, container)
    return heard


def _explained(killed: Killed, measured: Measured, heard: dict[str, bool | None], cluster: Cluster) -> Killed:
    if "outlived its grace" not in killed.why:
        return killed
    role = next((pod.workload for pod in measured.pods if pod.name == killed.pod), "")
    ours = next((one for one in cluster.found.values() if killed.pod.startswith(f"{one.name}-")), None)
    hears, clustered = heard.get(killed.pod.rpartition("-")[0]), ours is not None and ours.clustered
    longer = f"raise {ours.settings if ours else 'api'}.drainSeconds, or {_SHORTER.get(role, _SHORTER['api'])}"
    if hears is False:
        cure = (
            f"its process 1 has no handler for SIGTERM, and the kernel drops what process 1 does not handle: {_CLUSTER}"
        )
    elif clustered:
        cure = f"it hears SIGTERM, and does not get done in time: {longer}"
    else:
        # Node always catches SIGTERM and raises it anew, which the kernel drops for process 1: the mask tells nothing.
        cure = f"if the app has no handler for SIGTERM of its own, {_CLUSTER}; if it has one, {longer}"
    return Killed(killed.pod, killed.container, killed.at, f"{killed.why}: {cure}")
