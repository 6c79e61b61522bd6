"""Whether a namespace runs one digest and nothing else, and since when without interruption. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operations.rollout.diagnosis import Snapshot, has_failed, is_done

Object = dict[str, Any]

_APP, _NAME, _ROLE = "pxl-app", "app.kubernetes.io/name", "app.kubernetes.io/component"
MIGRATIONS = "migrations"
# What a Deployment without a deadline of its own has.
_PROGRESS_SECONDS = 600


@dataclass(frozen=True)
class Health:
    """What a cluster shows of a digest.

    Attributes:
        ran: Whether it ever ran there, as far as the cluster still knows.
        since: From when on all of it was as it should be, without interruption; None when it is not now.
        troubles: What is not as it should be.
        pods: How many pods run it.
        namespace: Where.
    """

    ran: bool
    since: datetime | None
    troubles: tuple[str, ...] = ()
    pods: int = 0
    namespace: str = ""

    @property
    def healthy(self) -> bool:
        """Whether all is as it should be."""
        return self.since is not None


def judge(snapshot: Snapshot, digest: str, roles: Iterable[str]) -> Health:
    """Whether a digest is what a namespace runs, and since when.

    The moment is the latest of: the migrations' end, the end of each rollout, the last restart of a container, the
    last time that a pod became ready again, the last pod that failed. A pod that joined later does not count as long
    as it became ready once, within the time that its start may take: an autoscaler must not start the clock anew.

    Args:
        snapshot: The namespace; events are not needed.
        digest: ``sha256:…``.
        roles: What has to run it: ``api``, ``worker``, ``migrations``.
    """
    ran, moments, troubles, pods = False, list[datetime](), list[str](), 0
    for role in roles:
        found = _migrations(snapshot, digest) if role == MIGRATIONS else _workload(snapshot, role, digest)
        ran = ran or found.ran
        moments += found.moments
        troubles += found.troubles
        pods += found.pods
    since = max(moments) if moments and not troubles else None
    return Health(ran, since, tuple(troubles), pods, snapshot.namespace)


@dataclass(frozen=True)
class _Part:
    ran: bool
    moments: tuple[datetime, ...] = ()
    troubles: tuple[str, ...] = ()
    pods: int = 0


def _migrations(snapshot: Snapshot, digest: str) -> _Part:
    jobs = [one for one in _of_role(snapshot.workloads, MIGRATIONS) if one["kind"] == "Job"]
    jobs = [one for one in jobs if _images(one["spec"]["template"]) == {digest}]
    if not jobs:
        return _Part(False, troubles=("no Job has migrated with this digest",))
    ends = [_moment(one["status"].get("completionTime")) for one in jobs if is_done(one)]
    troubles = [
        f"Job {one['metadata']['name']} {'has failed' if has_failed(one) else 'is not done'}"
        for one in jobs
        if not is_done(one)
    ]
    return _Part(True, tuple(end for end in ends if end is not None), tuple(troubles))


def _workload(snapshot: Snapshot, role: str, digest: str) -> _Part:
    deployments = [one for one in _of_role(snapshot.workloads, role) if one["kind"] == "Deployment"]
    if not deployments:
        return _Part(False, troubles=(f"there is no Deployment of the {role}",))
    ran, moments, troubles, count = False, list[datetime](), list[str](), 0
    for deployment in deployments:
        sets = [one for one in snapshot.replica_sets if _owned_by(one, deployment)]
        known = {one["metadata"]["uid"] for one in sets}
        pods = [one for one in snapshot.pods if known & set(_owners(one))]
        ran = ran or any(_images(one["spec"]["template"]) == {digest} for one in sets)
        ran = ran or any(_images(one) == {digest} for one in pods)
        wrong = list(_rollout_troubles(deployment, pods, digest))
        done = _rollout_end(deployment, sets, digest)
        if not wrong and done is None:
            wrong.append(f"Deployment {deployment['metadata']['name']} does not say when its rollout ended")
        if done is not None:
            moments += [done, *_interruptions(deployment, pods, done)]
        troubles += wrong
        count += len(pods)
    return _Part(ran, tuple(moments), tuple(troubles), count)


def _rollout_troubles(deployment: Object, pods: list[Object], digest: str) -> Iterator[str]:
    name = f"Deployment {deployment['metadata']['name']}"
    runs = _images(deployment["spec"]["template"])
    if runs != {digest}:
        yield f"{name} runs {_short(runs)}"
        return
    if deployment["spec"].get("paused"):
        yield f"{name} is paused"
    if deployment["spec"].get("replicas") == 0:
        yield f"{name} has no pods: it is scaled to 0"
    elif not is_done(deployment):
        yield f"{name} is not rolled out in full"
    for pod in pods:
        if _ended(pod):
            continue
        title = f"pod {pod['metadata']['name']}"
        if _images(pod) != {digest}:
            yield f"{title} still runs {_short(_images(pod))}"
        elif pod["metadata"].get("deletionTimestamp") is None and not _ready(pod):
            yield f"{title} is not ready"


def _rollout_end(deployment: Object, sets: list[Object], digest: str) -> datetime | None:
    """When the digest's ReplicaSet had taken over; a later change of scale does not move it.

    The ReplicaSet alone does not do: after a way back an old one serves again, with its old age.
    """
    conditions = deployment["status"].get("conditions", [])
    progress = next((one for one in conditions if one["type"] == "Progressing"), {})
    if progress.get("status") != "True" or progress.get("reason") != "NewReplicaSetAvailable":
        return None
    ended = _moment(progress.get("lastUpdateTime"))
    # A changed setting rolls the same digest out again, with a ReplicaSet of its own.
    made = _known(*(one["metadata"].get("creationTimestamp") for one in sets if _runs(one, digest)))
    return None if ended is None else max([ended, *made])


def _interruptions(deployment: Object, pods: list[Object], rolled_out: datetime) -> Iterator[datetime]:
    for pod in pods:
        if _ended(pod):
            yield from _end_of(pod)
            continue
        statuses = _statuses(pod)
        for status in statuses:
            if int(status.get("restartCount") or 0) > 0:
                yield from _known(
                    (status.get("state", {}).get("running") or {}).get("startedAt"),
                    (status.get("lastState", {}).get("terminated") or {}).get("finishedAt"),
                )
        ready = next((one for one in pod["status"].get("conditions", []) if one["type"] == "Ready"), {})
        became = _moment(ready.get("lastTransitionTime"))
        if became is not None and ready.get("status") == "True" and _again(deployment, pod, became, rolled_out):
            yield became


def _again(deployment: Object, pod: Object, became: datetime, rolled_out: datetime) -> bool:
    """Whether a pod that became ready had been ready before.

    All pods that the rollout ended with were ready at its end. One that came later may take as long as its start may
    take; what becomes ready after that had lost it.
    """
    made = _moment(pod["metadata"].get("creationTimestamp"))
    if made is None:
        return False
    if made <= rolled_out:
        # Before the rollout's end it does not matter either way.
        return True
    begun = list(_known(*((one.get("state", {}).get("running") or {}).get("startedAt") for one in _statuses(pod))))
    return became > max([made, *begun]) + _start_may_take(deployment)


def _start_may_take(deployment: Object) -> timedelta:
    spec = deployment["spec"]
    containers = spec["template"]["spec"].get("containers", [])
    seconds = 0
    for container in containers:
        startup, readiness = container.get("startupProbe"), container.get("readinessProbe")
        if readiness and not startup:
            return timedelta(seconds=int(spec.get("progressDeadlineSeconds") or _PROGRESS_SECONDS))
        probes = [probe for probe in (startup, readiness) if probe]
        seconds = max(seconds, sum(_probe_seconds(probe, tries=probe is startup) for probe in probes))
    # Kubelet and API server take a moment themselves.
    return timedelta(seconds=seconds + 10)


def _probe_seconds(probe: Object, *, tries: bool) -> int:
    times = int(probe.get("failureThreshold") or 3) if tries else int(probe.get("successThreshold") or 1) + 1
    return int(probe.get("initialDelaySeconds") or 0) + times * int(probe.get("periodSeconds") or 10)


def _end_of(pod: Object) -> Iterator[datetime]:
    """When a pod that has failed did so: evicted, or killed with its node."""
    finished = ((one.get("state", {}).get("terminated") or {}).get("finishedAt") for one in _statuses(pod))
    conditions = (one.get("lastTransitionTime") for one in pod["status"].get("conditions", []))
    found = list(_known(*finished)) or list(_known(*conditions))
    # One that says nothing at all was there at least until it was made.
    yield from found or _known(pod["metadata"].get("creationTimestamp"))


def _statuses(pod: Object) -> list[Object]:
    status = pod["status"]
    return [*(status.get("containerStatuses") or []), *_sidecars(pod)]


def _sidecars(pod: Object) -> list[Object]:
    """Init containers that keep running beside the others."""
    always = {one["name"] for one in pod["spec"].get("initContainers") or [] if one.get("restartPolicy") == "Always"}
    return [one for one in pod["status"].get("initContainerStatuses") or [] if one.get("name") in always]


def _ended(pod: Object) -> bool:
    return pod["status"].get("phase") in ("Failed", "Succeeded")


def _ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def _images(template: Object) -> set[str]:
    """The digests of the app's containers in a pod or a pod template; a tag stands for itself."""
    images = [str(one.get("image")) for one in template["spec"].get("containers", []) if one.get("name") == "app"]
    return {image.rpartition("@")[2] for image in images}


def _runs(replica_set: Object, digest: str) -> bool:
    return _images(replica_set["spec"]["template"]) == {digest}


def _short(digests: set[str]) -> str:
    return ", ".join(sorted(one.removeprefix("sha256:")[:12] for one in digests)) or "nothing of the app"


def _of_role(objects: list[Object], role: str) -> list[Object]:
    found = [(one, one["metadata"].get("labels") or {}) for one in objects]
    return [one for one, labels in found if labels.get(_NAME) == _APP and labels.get(_ROLE) == role]


def _owned_by(one: Object, owner: Object) -> bool:
    return owner["metadata"].get("uid") in _owners(one)


def _owners(one: Object) -> list[str]:
    return [reference.get("uid") for reference in one["metadata"].get("ownerReferences") or []]


def _known(*texts: Any) -> Iterator[datetime]:
    for text in texts:
        moment = _moment(text)
        if moment is not None:
            yield moment


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
