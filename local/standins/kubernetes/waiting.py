"""Waiting for an object to become ready, or to be gone."""

import threading
import time
from collections.abc import Callable

from local.standins.kubernetes.client import ApiError, Cluster, NoKind
from local.standins.kubernetes.kubeconfig import Unreachable
from local.standins.kubernetes.objects import Obj, annotation, label
from local.standins.kubernetes.readiness import Verdict, is_awaited, left_over_seconds, verdict

_DEFAULT_SECONDS = 600.0
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.1, 1.0
_EXPLAIN_SECONDS = 5.0
_EVENTS = 3
# A controller retries what the API refuses (a quota, Pod Security), so a refusal counts once it has stood this long.
_REFUSED_SECONDS = 20.0
# A restart of the API server passes; beyond it nothing is known, and whoever waits wants to hear that.
_AWAY_SECONDS = 60.0


def _pause(waited: float) -> float:
    # What is quick is not held up, and what takes long is not asked about all the time.
    return min(_LAST_LOOK_SECONDS, max(_FIRST_LOOK_SECONDS, waited / 4))


class NotReady(Exception):  # noqa: N818
    """An object that exists but is not ready; carries its last live state and the reasons."""

    def __init__(self, live: Obj, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.live = live
        self.reasons = reasons


def timeout_of(obj: Obj, seconds: float) -> float:
    """How long to wait: ``customTimeouts``, else the annotation ``pulumi.com/timeoutSeconds``, else 10 minutes."""
    if seconds:
        return seconds
    try:
        return float(annotation(obj, "pulumi.com/timeoutSeconds") or _DEFAULT_SECONDS)
    except ValueError:
        return _DEFAULT_SECONDS


def is_skipped(obj: Obj) -> bool:
    """Whether the annotation ``pulumi.com/skipAwait`` says not to wait."""
    return annotation(obj, "pulumi.com/skipAwait") == "true"


def until_ready(
    cluster: Cluster, obj: Obj, seconds: float, cancelled: threading.Event, tell: Callable[[str], None]
) -> Obj:
    """Waits until an object is ready.

    Args:
        cluster: Where it lives.
        obj: The object as the API returned it.
        seconds: How long at most.
        cancelled: Ends the wait.
        tell: Gets what is being waited for, for display.

    Returns:
        The object's last live state.

    Raises:
        NotReady: When it fails, is deleted, takes too long, or the wait is cancelled.
    """
    if not is_awaited(obj) or is_skipped(obj):
        return obj
    started, explained, refused_since, live = time.monotonic(), 0.0, None, obj
    heard = started
    while True:
        now = verdict(live, related(cluster, live))
        if now.ready:
            return live
        waited = time.monotonic() - started
        is_refused = "FailedCreate" in now.waiting
        refused_since = (refused_since or time.monotonic()) if is_refused else None
        if now.failed and waited < left_over_seconds(obj, live):
            now = Verdict(False, "an earlier rollout failed; waiting for this one to move")
        if now.failed:
            raise NotReady(live, [f"{label(live)} failed: {now.failed}", *warnings(cluster, live)])
        if refused_since and time.monotonic() - refused_since > _REFUSED_SECONDS:
            raise NotReady(live, [f"{label(live)}: its pods are refused: {now.waiting}", *warnings(cluster, live)])
        if waited > seconds:
            text = f"{label(live)} was not ready within {seconds:.0f} s: {now.waiting}"
            raise NotReady(live, [text, *warnings(cluster, live)])
        if waited - explained > _EXPLAIN_SECONDS:
            explained = waited
            why = next(iter(warnings(cluster, live)), "")
            tell(f"{now.waiting}; {why}" if why else now.waiting)
        if cancelled.wait(_pause(waited)):
            raise NotReady(live, [f"waiting for {label(live)} was cancelled: {now.waiting}"])
        asked = time.monotonic()
        try:
            live, heard = _again(cluster, live), asked
        except Unreachable as error:
            if time.monotonic() - heard > _AWAY_SECONDS:
                raise NotReady(
                    live, [f"{label(live)} was being waited for when the cluster fell silent: {error}"]
                ) from error


def _again(cluster: Cluster, obj: Obj) -> Obj:
    metadata = obj["metadata"]
    try:
        return cluster.get(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"])
    except ApiError as error:
        if error.status == 404:
            raise NotReady(obj, [f"{label(obj)} was deleted while it was being waited for"]) from error
        return obj  # An overloaded or restarting API server; the time-out bounds how often.


def related(cluster: Cluster, obj: Obj) -> list[Obj]:
    """What an object's verdict also depends on: EndpointSlices of a Service, the StorageClass of a claim."""
    namespace, name = obj["metadata"].get("namespace"), obj["metadata"]["name"]
    try:
        if obj["kind"] == "Service":
            query = f"kubernetes.io/service-name={name}"
            return cluster.list("discovery.k8s.io/v1", "EndpointSlice", namespace, labelSelector=query)
        if obj["kind"] == "PersistentVolumeClaim" and obj["spec"].get("storageClassName"):
            return [cluster.get("storage.k8s.io/v1", "StorageClass", None, obj["spec"]["storageClassName"])]
    except (ApiError, NoKind, Unreachable):
        pass
    return []


def warnings(cluster: Cluster, obj: Obj) -> list[str]:
    """The latest warnings about an object; of its pods, the command that runs the engine has more to say."""
    metadata = obj["metadata"]
    query = f"involvedObject.name={metadata['name']},involvedObject.kind={obj['kind']},type=Warning"
    try:
        found = cluster.list("v1", "Event", metadata.get("namespace", "default"), fieldSelector=query)
    except (ApiError, NoKind, Unreachable) as error:  # A failed explanation must not hide what it was to explain.
        return [f"(no more is known: {error})"]
    found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "", reverse=True)
    return [
        f"event {event.get('reason')} ({event.get('count') or 1} times): {event.get('message')}"
        for event in found[:_EVENTS]
    ]


def until_gone(
    cluster: Cluster, obj: Obj, seconds: float, cancelled: threading.Event, tell: Callable[[str], None]
) -> None:
    """Waits until an object that is being deleted is gone, or another one has taken its name.

    Raises:
        NotReady: When it takes too long or the wait is cancelled; the reasons name finalizers and what is left.
    """
    metadata = obj["metadata"]
    started, told, uid, live = time.monotonic(), 0.0, metadata.get("uid"), obj
    while True:
        try:
            live = cluster.get(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"])
        except (ApiError, NoKind) as error:
            if isinstance(error, NoKind) or error.status == 404:
                return
        except Unreachable:
            pass
        if uid and live["metadata"].get("uid") != uid:
            return
        waited = time.monotonic() - started
        if waited > seconds:
            raise NotReady(live, [f"{label(obj)} was not gone within {seconds:.0f} s{_held_by(live)}"])
        if waited - told > _EXPLAIN_SECONDS:
            told = waited
            tell(f"waiting for it to be gone{_held_by(live)}")
        if cancelled.wait(_pause(waited)):
            raise NotReady(live, [f"waiting for {label(obj)} to be gone was cancelled{_held_by(live)}"])


def _held_by(obj: Obj) -> str:
    finalizers = [*(obj["metadata"].get("finalizers") or []), *(obj.get("spec", {}).get("finalizers") or [])]
    conditions = obj.get("status", {}).get("conditions") or []
    texts = [entry.get("message", "") for entry in conditions if entry.get("status") == "True"]
    text = f"; finalizers: {', '.join(finalizers)}" if finalizers else ""
    return text + (f"; {' '.join(texts)}" if obj["kind"] == "Namespace" and texts else "")
