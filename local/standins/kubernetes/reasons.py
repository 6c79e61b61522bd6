"""Why an object is not ready: which pod, which container, what its probe was answered, the last lines it logged."""

from typing import Protocol

from local.standins.kubernetes.objects import Obj
from local.standins.kubernetes.readiness import condition, container_problems, not_ready

_PODS = 3
_EVENTS = 3
_LOG_LINES = 10


class Reader(Protocol):
    """What has to be asked of an API server; ``client.Cluster`` does."""

    def list(self, api_version: str, kind: str, namespace: str | None, **query: str) -> list[Obj]:
        """The objects of a kind that selectors leave over."""
        ...

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """A container's last lines."""
        ...


def explain(cluster: Reader, obj: Obj) -> list[str]:
    """The reasons, the most telling first; empty when nothing can be found out.

    Args:
        cluster: Where to look.
        obj: The live object that is not ready.
    """
    lines: list[str] = []
    try:
        namespace = obj["metadata"].get("namespace", "default")
        lines += events(cluster, namespace, obj["metadata"]["name"], obj["kind"])
        for pod in _waited_for(cluster, obj, namespace)[:_PODS]:
            lines += explain_pod(cluster, pod)
    except Exception as error:  # A failed explanation must not hide what it was to explain.
        lines.append(f"(no more is known: {error})")
    return lines


def _waited_for(cluster: Reader, obj: Obj, namespace: str) -> list[Obj]:
    if obj["kind"] == "Pod":
        return [obj]
    selector = obj["spec"].get("selector") or {}
    labels = selector if obj["kind"] == "Service" else selector.get("matchLabels") or {}
    if not labels:
        return []
    query = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = [pod for pod in cluster.list("v1", "Pod", namespace, labelSelector=query) if not_ready(pod)]
    return sorted(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", reverse=True)


def explain_pod(cluster: Reader, pod: Obj) -> list[str]:
    """The reasons of one pod: containers, scheduling, events, logs."""
    name, namespace = pod["metadata"]["name"], pod["metadata"].get("namespace", "default")
    lines: list[str] = []
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        lines.append(f"pod {name}: {scheduled.get('reason')}: {scheduled.get('message')}")
    problems = container_problems(pod)
    lines += [f"pod {name}: container {container}: {text}" for container, text in problems]
    lines += events(cluster, namespace, name, "Pod")
    for container, text in problems:
        restarted = "; before that it ended" in text
        log = _tail(cluster, namespace, name, container, restarted)
        if log:
            lines.append(f"pod {name}: container {container}: last log lines:\n{log}")
    return lines


def events(cluster: Reader, namespace: str, name: str, kind: str) -> list[str]:
    """The latest warnings about an object: probes and what they were answered, pulls, mounts, refusals."""
    query = f"involvedObject.name={name},involvedObject.kind={kind},type=Warning"
    found = cluster.list("v1", "Event", namespace, fieldSelector=query)
    found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "", reverse=True)
    return [
        f"{kind.lower()} {name}: event {event.get('reason')} ({event.get('count') or 1} times): {event.get('message')}"
        for event in found[:_EVENTS]
    ]


def _tail(cluster: Reader, namespace: str, pod: str, container: str, previous: bool) -> str:
    for which in (False, True) if previous else (False,):
        try:
            text = cluster.logs(namespace, pod, container, lines=_LOG_LINES, previous=which).strip()
        except Exception:  # A container that never started has no log.
            continue
        if text:
            return "\n".join(f"    {line}" for line in text.splitlines())
    return ""
