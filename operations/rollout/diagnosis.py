"""From recorded API objects to the reason why a workload is not done. Pure, but for the evidence it asks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from operations.exits import advice
from operations.redact import redact
from operations.rollout.containers import container_troubles
from operations.rollout.model import Explanation, PodTrouble, WorkloadTrouble
from operations.rollout.probes import Evidence, Object, occurrences

MAX_PODS = 2  # per workload: more of the same says nothing new
MAX_EVENTS = 3
_POD_NAME = re.compile(r"(?<=-)[a-z0-9]{5}\b")


@dataclass(frozen=True)
class Snapshot:
    """The objects of one namespace as the API gives them (camelCase, each with its ``kind``)."""

    namespace: str
    workloads: list[Object] = field(default_factory=list[Object])
    replica_sets: list[Object] = field(default_factory=list[Object])
    pods: list[Object] = field(default_factory=list[Object])
    events: list[Object] = field(default_factory=list[Object])


def counts(workload: Object) -> tuple[int, int]:
    """How many pods of a workload are as they should be, and how many are wanted (a Job: completions)."""
    spec, status = workload.get("spec", {}), workload.get("status", {})
    if workload["kind"] == "Job":
        return int(status.get("succeeded") or 0), int(spec.get("completions") or 1)
    ready = "availableReplicas" if workload["kind"] == "Deployment" else "readyReplicas"
    wanted = 1 if spec.get("replicas") is None else int(spec["replicas"])
    return min(int(status.get(ready) or 0), int(status.get("updatedReplicas") or 0)), wanted


def is_done(workload: Object) -> bool:
    """Whether a Deployment or StatefulSet runs its newest version in full, or a Job has completed."""
    spec, status = workload.get("spec", {}), workload.get("status", {})
    ready, wanted = counts(workload)
    if workload["kind"] == "Job":
        return bool(spec.get("suspend")) or ready >= wanted
    observed = int(status.get("observedGeneration") or 0)
    if observed < int(workload["metadata"].get("generation") or 0):
        return False
    return ready >= wanted and int(status.get("replicas") or 0) <= wanted


def has_failed(workload: Object) -> bool:
    """Whether a Job has been given up."""
    conditions = workload.get("status", {}).get("conditions", [])
    return workload["kind"] == "Job" and any(one["type"] == "Failed" and one["status"] == "True" for one in conditions)


def patience(workload: Object) -> str:
    """What an unfinished Deployment waits for when none of its new pods is in trouble; "" if it is not that."""
    spec, status = workload.get("spec", {}), workload.get("status", {})
    if workload["kind"] != "Deployment" or is_done(workload):
        return ""
    ready, wanted = counts(workload)
    if ready >= wanted and int(status.get("replicas") or 0) > wanted:
        old = int(status["replicas"]) - wanted
        return f"{old} pod{'s' * (old != 1)} of the version before still to stop"
    minimum = int(spec.get("minReadySeconds") or 0)
    if minimum and int(status.get("readyReplicas") or 0) > int(status.get("availableReplicas") or 0):
        return f"a new pod is ready; it counts once it has been so for {minimum} s"
    return ""


def pods_of(workload: Object, snapshot: Snapshot) -> list[Object]:
    """The pods that a workload's newest version owns, by owner reference."""
    owner = workload["metadata"].get("uid")
    if workload["kind"] == "Deployment":
        owner = newest_replica_set(workload, snapshot)
    return [pod for pod in snapshot.pods if owner and owner in _owners(pod)]


def newest_replica_set(deployment: Object, snapshot: Snapshot) -> str | None:
    """The uid of the ReplicaSet with a Deployment's highest revision."""
    uid = deployment["metadata"].get("uid")
    owned = [one for one in snapshot.replica_sets if uid and uid in _owners(one)]
    return max(owned, key=_revision)["metadata"].get("uid") if owned else None


def diagnose(snapshot: Snapshot, evidence: Evidence) -> Explanation:
    """Why the workloads of a snapshot are not done; an explanation without workloads when they all are."""
    troubles = tuple(
        diagnose_workload(one, snapshot, evidence) for one in sorted(snapshot.workloads, key=_order) if not is_done(one)
    )
    return Explanation(snapshot.namespace, troubles, looked_at=len(snapshot.workloads))


def diagnose_workload(workload: Object, snapshot: Snapshot, evidence: Evidence) -> WorkloadTrouble:
    """One unfinished workload: its own conditions and events, and its pods that are in the way."""
    ready, wanted = counts(workload)
    concerned = {workload["metadata"].get("uid")}
    concerned |= {one["metadata"].get("uid") for one in snapshot.replica_sets if concerned & set(_owners(one))}
    conditions = tuple(filter(None, (*_bad_conditions(workload), patience(workload))))
    pods = pods_of(workload, snapshot)
    if has_failed(workload) and not pods:
        concerned |= _pods_that_are_gone(workload, snapshot)
    events = _warnings(snapshot.events, concerned, " ".join(conditions))
    pull = "ErrImagePull" if any("Failed to pull image" in event for event in events) else ""
    return WorkloadTrouble(
        kind=workload["kind"],
        name=workload["metadata"]["name"],
        ready=ready,
        wanted=wanted,
        conditions=conditions,
        pods=_pod_troubles(pods, snapshot, evidence, job=workload["kind"] == "Job"),
        events=events,
        advice=advice(pull, " ".join((*conditions, *events)), False),
    )


def _pods_that_are_gone(job: Object, snapshot: Snapshot) -> set[Any]:
    """A Job that runs out of time takes its pods along; only their events still tell why they did not get anywhere."""
    name = re.compile(rf"{re.escape(job['metadata']['name'])}-[a-z0-9]{{5}}")
    involved = (event.get("involvedObject") or {} for event in snapshot.events)
    return {one.get("uid") for one in involved if one.get("kind") == "Pod" and name.fullmatch(one.get("name", ""))}


def _pod_troubles(pods: list[Object], snapshot: Snapshot, evidence: Evidence, *, job: bool) -> tuple[PodTrouble, ...]:
    """The pods in the way, newest first; those in the same trouble are counted, not repeated."""
    groups: dict[tuple[Any, ...], list[Object]] = {}
    by_name = sorted(pods, key=lambda one: one["metadata"]["name"])
    for pod in sorted(by_name, key=lambda one: str(one["metadata"].get("creationTimestamp", "")), reverse=True):
        if pod["metadata"].get("deletionTimestamp") is None and not _pod_is_fine(pod, job):
            groups.setdefault(_signature(pod), []).append(pod)
    return tuple(_pod_trouble(alike, snapshot, evidence, job) for alike in list(groups.values())[:MAX_PODS])


def _pod_trouble(alike: list[Object], snapshot: Snapshot, evidence: Evidence, job: bool) -> PodTrouble:
    pod = alike[0]
    uid = pod["metadata"].get("uid")
    events = [one for one in snapshot.events if (one.get("involvedObject") or {}).get("uid") == uid]
    events.sort(key=_when)
    reason, message = _pod_reason(pod)
    containers = container_troubles(pod, events, evidence, job=job)
    # What a container's own lines already say is not repeated as an event.
    told = " ".join(container.message for container in containers) + message
    others = (one for one in events if one.get("reason") not in {"Unhealthy", "BackOff"})
    return PodTrouble(
        name=pod["metadata"]["name"],
        reason=reason,
        message=redact(message),
        node=pod.get("spec", {}).get("nodeName", ""),
        containers=containers,
        events=_warnings(others, None, told),
        alike=len(alike) - 1,
        advice=advice(reason, message, False),
    )


def _pod_is_fine(pod: Object, job: bool) -> bool:
    status = pod.get("status", {})
    if status.get("phase") == "Succeeded":
        return True
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
    return ready and not job


def _pod_reason(pod: Object) -> tuple[str, str]:
    """Why the pod as a whole is stuck: not scheduled, evicted, a node that is gone."""
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("reason", "Unschedulable")), str(condition.get("message", ""))
    return str(status.get("reason", "")), str(status.get("message", ""))


def _signature(pod: Object) -> tuple[Any, ...]:
    statuses = pod.get("status", {}).get("initContainerStatuses", []) + pod.get("status", {}).get(
        "containerStatuses", []
    )
    return _pod_reason(pod)[0], *(
        (
            one["name"],
            one.get("ready"),
            next(iter(one.get("state", {})), ""),
            one.get("state", {}).get("waiting", {}).get("reason"),
        )
        for one in statuses
    )


def _bad_conditions(workload: Object) -> Iterable[str]:
    """Conditions that name a failure, in the API's words."""
    for condition in workload.get("status", {}).get("conditions", []):
        kind, on = condition["type"], condition["status"] == "True"
        stalled = kind == "Progressing" and condition["status"] == "False"
        if (kind in {"ReplicaFailure", "Failed"} and on) or stalled:
            yield redact(f"{condition.get('reason', kind)}: {condition.get('message', '')}".rstrip(": "))


def _warnings(events: Iterable[Object], uids: set[Any] | None, told: str = "") -> tuple[str, ...]:
    """The last distinct warnings, oldest first; a kill by a probe counts although its type is Normal."""
    chosen: dict[str, tuple[Object, int]] = {}
    for event in sorted(events, key=_when):
        if uids is not None and (event.get("involvedObject") or {}).get("uid") not in uids:
            continue
        message = _message(event)
        probe_kill = event.get("reason") == "Killing" and "probe" in message
        if (event.get("type") == "Warning" or probe_kill) and message not in told:
            # Each try has a pod name of its own; the newest stands for all of them.
            kind = _POD_NAME.sub("", message)
            _, times = chosen.pop(kind, (event, 0))
            chosen[kind] = (event, times + occurrences(event))
    return tuple(_event_line(event, times) for event, times in list(chosen.values())[-MAX_EVENTS:])


def _event_line(event: Object, times: int) -> str:
    seen = f" ({times} times)" if times > 1 else ""
    return redact(f"{event.get('reason', '')}{seen}: {_message(event)[:600]}")


def _message(event: Object) -> str:
    return " ".join(str(event.get("message", "")).split())


def _owners(thing: Object) -> list[Any]:
    return [one.get("uid") for one in thing["metadata"].get("ownerReferences", [])]


def _revision(replica_set: Object) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision", 0))


def _when(event: Object) -> str:
    return str(
        event.get("lastTimestamp")
        or (event.get("series") or {}).get("lastObservedTime")
        or event.get("eventTime")
        or ""
    )


def _order(workload: Object) -> tuple[int, str]:
    return ["Job", "StatefulSet", "Deployment"].index(workload["kind"]), workload["metadata"]["name"]
