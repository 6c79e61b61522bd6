"""What a watcher prints while a rollout goes on: one line a workload, and only when something has changed."""

from operations.rollout.containers import container_troubles
from operations.rollout.diagnosis import Snapshot, counts, has_failed, is_done, patience, pods_of
from operations.rollout.model import Answer, ContainerTrouble
from operations.rollout.probes import Evidence, Object


class Progress:
    """Remembers what was said, so that every line is news.

    Workloads that were done, and Jobs that had failed, when the watch began are not mentioned until they change.
    """

    def __init__(self) -> None:
        """Begins without having said anything."""
        self._said: dict[tuple[str, str], str] = {}
        self._killed: set[str] = set()
        self._first = True

    def news(self, snapshot: Snapshot, evidence: Evidence) -> list[str]:
        """The lines that differ from those of the last snapshot."""
        lines: list[str] = []
        for workload in snapshot.workloads:
            key = (workload["kind"], workload["metadata"]["name"])
            line = done_line(workload) if is_done(workload) else waiting_line(workload, snapshot, evidence)
            known = self._said.get(key)
            self._said[key] = line
            if line != known and not (self._first and (is_done(workload) or has_failed(workload))):
                lines.append(line)
        for pod in snapshot.pods:
            name = pod["metadata"]["name"]
            killed = killed_line(pod)
            if killed and name not in self._killed:
                self._killed.add(name)
                lines.append(killed)
        self._first = False
        return lines


def done_line(workload: Object) -> str:
    """``deployment pxl-api: 3 of 3 ready``; a Job says that it is done."""
    ready, wanted = counts(workload)
    name = f"{workload['kind'].lower()} {workload['metadata']['name']}"
    if workload["kind"] == "Job":
        return f"{name} is done"
    return f"{name}: {ready} of {wanted} ready"


def killed_line(pod: Object) -> str:
    """A pod that was asked to stop and had to be killed: what it worked on is lost. "" for any other."""
    if not pod["metadata"].get("deletionTimestamp"):
        return ""
    for status in pod.get("status", {}).get("containerStatuses", []):
        if status.get("state", {}).get("terminated", {}).get("exitCode") == 137:
            grace = pod.get("spec", {}).get("terminationGracePeriodSeconds", 30)
            return (
                f"pod {pod['metadata']['name']} had to be killed (exit code 137): container {status['name']} "
                f"did not end within its grace period of {grace} s"
            )
    return ""


def waiting_line(workload: Object, snapshot: Snapshot, evidence: Evidence) -> str:
    """What an unfinished workload waits for, in one line, with the first pod that is in the way."""
    ready, wanted = counts(workload)
    name = f"{workload['kind'].lower()} {workload['metadata']['name']}"
    head = f"waiting for {name}" + ("" if workload["kind"] == "Job" else f": {ready} of {wanted} ready")
    for pod in pods_of(workload, snapshot):
        if pod["metadata"].get("deletionTimestamp"):
            continue
        words = _pod_words(pod, snapshot, evidence)
        if words:
            return f"{head}; pod {pod['metadata']['name']} {words}"
    waits = patience(workload)
    return f"{head}; {waits}" if waits else head


def _pod_words(pod: Object, snapshot: Snapshot, evidence: Evidence) -> str:
    """One clause on a pod that is not ready; "" for one that is."""
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"has no node: {str(condition.get('message', ''))[:160]}"
    events = [
        one for one in snapshot.events if (one.get("involvedObject") or {}).get("uid") == pod["metadata"].get("uid")
    ]
    troubles = container_troubles(pod, events, _WithoutLogs(evidence))
    return _container_words(troubles[0]) if troubles else ""


def _container_words(trouble: ContainerTrouble) -> str:
    for probe in trouble.probes:
        if probe.answer is not None and probe.answer.status is not None and 200 <= probe.answer.status < 400:
            return f"runs, and will be ready with the next {probe.kind} probe"
        if probe.answer is not None:
            limited = " (a rate limit that counts the probes)" if probe.rate_limited else ""
            return f"{probe.kind} answered {probe.answer.words()}{limited}"
    if trouble.reason == "NotReady":
        probe = trouble.probes[0] if trouble.probes else None
        return f"runs, {probe.kind} probe {probe.target} has not passed" if probe else "runs, not ready yet"
    if trouble.reason in {"ContainerCreating", "PodInitializing"}:
        return "is being created"
    said = f": {trouble.message[:160]}" if trouble.message else ""
    ended = f", {trouble.exit.partition(';')[0]}" if trouble.exit else ""
    return f"{trouble.reason} ({trouble.name}){ended}{said}"


class _WithoutLogs:
    """Asks probes but reads no log: a line of progress has no room for it."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def ask(self, pod: str, port: int, path: str, scheme: str) -> Answer:
        return self._evidence.ask(pod, port, path, scheme)

    def log(self, pod: str, container: str, previous: bool) -> list[str]:
        return []
