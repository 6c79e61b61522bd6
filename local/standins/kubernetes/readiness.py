"""Whether an object does what it was made for: pure functions of objects as the API has them."""

from collections.abc import Callable
from dataclasses import dataclass

from local.standins.kubernetes.objects import Obj


@dataclass(frozen=True)
class Verdict:
    """What an object's status says.

    Args:
        ready: Nothing is left to wait for.
        waiting: What is still missing, for a status line.
        failed: Why waiting any longer is in vain.
    """

    ready: bool
    waiting: str = ""
    failed: str = ""


READY = Verdict(True)


def verdict(obj: Obj, related: list[Obj] | None = None) -> Verdict:
    """Judges an object; kinds that have nothing to wait for are ready.

    Args:
        obj: The live object.
        related: For a Service its EndpointSlices, for a PersistentVolumeClaim its StorageClass.
    """
    group = obj.get("apiVersion", "").rpartition("/")[0]
    judge = _JUDGES.get(f"{group}/{obj.get('kind')}")
    return judge(obj, related or []) if judge else READY


def is_awaited(obj: Obj) -> bool:
    """Whether the kind has anything to wait for."""
    return f"{obj.get('apiVersion', '').rpartition('/')[0]}/{obj.get('kind')}" in _JUDGES


def condition(obj: Obj, name: str) -> Obj:
    """One of the object's conditions, empty when it has none of that name."""
    conditions = obj.get("status", {}).get("conditions") or []
    return next((entry for entry in conditions if entry.get("type") == name), {})


def left_over_seconds(before: Obj, now: Obj) -> float:
    """How long a failed rollout in the status is not this change's fault.

    A Deployment that goes back to an earlier ReplicaSet keeps the condition of the rollout that failed until its pods
    move. Such a condition is old news for as long as a rollout may take to make progress.

    Args:
        before: The object as it was when this change was applied.
        now: The live object.

    Returns:
        Seconds since the change during which the failure does not count; 0 for a failure of this change.
    """
    then, since = condition(before, "Progressing"), condition(now, "Progressing")
    if then.get("reason") != "ProgressDeadlineExceeded" or then.get("lastUpdateTime") != since.get("lastUpdateTime"):
        return 0.0
    return float(now["spec"].get("progressDeadlineSeconds", 600))


def _is_true(obj: Obj, name: str) -> bool:
    return condition(obj, name).get("status") == "True"


def _said(entry: Obj) -> str:
    return ": ".join(text for text in (entry.get("reason"), entry.get("message")) if text)


def _observed(obj: Obj) -> bool:
    return obj.get("status", {}).get("observedGeneration", 0) >= obj.get("metadata", {}).get("generation", 0)


def _deployment(obj: Obj, _: list[Obj]) -> Verdict:
    spec, status = obj["spec"], obj.get("status", {})
    progressing, failure = condition(obj, "Progressing"), condition(obj, "ReplicaFailure")
    if not _observed(obj):
        return Verdict(False, "waiting for the controller to see the change")
    if progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(False, failed=_said(progressing))
    if failure.get("status") == "True":
        return Verdict(False, _said(failure))
    return READY if spec.get("paused") else _rolled_out(spec.get("replicas", 1), status)


def _rolled_out(wanted: int, status: Obj) -> Verdict:
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    if updated < wanted:
        return Verdict(False, f"{updated} of {wanted} pods updated")
    if old > 0:
        return Verdict(False, f"{old} old pods still to be ended")
    return READY if available >= updated else Verdict(False, f"{available} of {updated} pods available")


def _stateful_set(obj: Obj, _: list[Obj]) -> Verdict:
    spec, status = obj["spec"], obj.get("status", {})
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy", {})
    if not _observed(obj):
        return Verdict(False, "waiting for the controller to see the change")
    if status.get("readyReplicas", 0) < wanted:
        return Verdict(False, f"{status.get('readyReplicas', 0)} of {wanted} pods ready")
    if strategy.get("type") == "OnDelete":
        return READY
    to_update = wanted - (strategy.get("rollingUpdate") or {}).get("partition", 0)
    updated = status.get("updatedReplicas", 0)
    if updated < to_update and status.get("currentRevision") != status.get("updateRevision"):
        return Verdict(False, f"{updated} of {to_update} pods updated")
    return READY


def _daemon_set(obj: Obj, _: list[Obj]) -> Verdict:
    status = obj.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    if not _observed(obj):
        return Verdict(False, "waiting for the controller to see the change")
    is_rolling = obj["spec"].get("updateStrategy", {}).get("type") != "OnDelete"
    if is_rolling and status.get("updatedNumberScheduled", 0) < wanted:
        return Verdict(False, f"{status.get('updatedNumberScheduled', 0)} of {wanted} pods updated")
    available = status.get("numberAvailable", 0)
    return READY if available >= wanted else Verdict(False, f"{available} of {wanted} pods available")


def _job(obj: Obj, _: list[Obj]) -> Verdict:
    status = obj.get("status", {})
    for name in ("Failed", "FailureTarget"):
        if _is_true(obj, name):
            return Verdict(False, failed=_said(condition(obj, name)) or "the job failed")
    if _is_true(obj, "Complete") or obj["spec"].get("suspend"):
        return READY
    return Verdict(False, f"{status.get('active', 0)} pods active, {status.get('failed', 0)} failed so far")


def _pod(obj: Obj, _: list[Obj]) -> Verdict:
    status = obj.get("status", {})
    if status.get("phase") == "Failed":
        return Verdict(False, failed=_said(status) or "the pod failed")
    if _is_true(obj, "Ready") or status.get("phase") == "Succeeded":
        return READY
    return Verdict(False, f"phase {status.get('phase', 'unknown')}")


def _service(obj: Obj, slices: list[Obj]) -> Verdict:
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return READY
    if spec.get("type") == "LoadBalancer" and not obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return Verdict(False, "no load balancer address yet")
    if not spec.get("selector") or spec.get("clusterIP") == "None":
        return READY
    endpoints = [endpoint for entry in slices for endpoint in entry.get("endpoints") or []]
    ready = [endpoint for endpoint in endpoints if endpoint.get("conditions", {}).get("ready", True)]
    return READY if ready else Verdict(False, "no ready pod behind it yet")


def _claim(obj: Obj, classes: list[Obj]) -> Verdict:
    phase = obj.get("status", {}).get("phase", "Pending")
    if phase == "Lost":
        return Verdict(False, failed="its volume is lost")
    on_first_use = any(entry.get("volumeBindingMode") == "WaitForFirstConsumer" for entry in classes)
    return READY if phase == "Bound" or on_first_use else Verdict(False, f"phase {phase}")


def _definition(obj: Obj, _: list[Obj]) -> Verdict:
    names = condition(obj, "NamesAccepted")
    if names.get("status") == "False":
        return Verdict(False, failed=_said(names))
    return READY if _is_true(obj, "Established") else Verdict(False, "not established yet")


_JUDGES: dict[str, Callable[[Obj, list[Obj]], Verdict]] = {
    "apps/Deployment": _deployment,
    "apps/StatefulSet": _stateful_set,
    "apps/DaemonSet": _daemon_set,
    "batch/Job": _job,
    "/Pod": _pod,
    "/Service": _service,
    "/PersistentVolumeClaim": _claim,
    "apiextensions.k8s.io/CustomResourceDefinition": _definition,
}
