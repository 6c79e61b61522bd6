"""One container that is not as it should be: why it waits, how it ended, what its probes and its log say."""

import json

from operations.exits import advice, exit_words, reason_words
from operations.redact import redact
from operations.rollout.model import ContainerTrouble
from operations.rollout.probes import Evidence, Object, failing

LOG_LINES = 10
_LINE, _ERROR_LINE = 300, 1500
_NO_LOG_YET = {
    "ContainerCreating", "PodInitializing", "ImagePullBackOff", "ErrImagePull", "InvalidImageName",
    "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError",
}  # fmt: skip


def container_troubles(
    pod: Object, events: list[Object], evidence: Evidence, *, job: bool = False
) -> tuple[ContainerTrouble, ...]:
    """The containers of a pod that keep it from being ready (in a Job: from being done), init containers first."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    troubles: list[ContainerTrouble] = []
    for containers, statuses in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ):
        specs = {one["name"]: one for one in spec.get(containers, [])}
        for one in status.get(statuses, []):
            container = specs.get(one["name"], {"name": one["name"]})
            ends = job or (containers == "initContainers" and container.get("restartPolicy") != "Always")
            if not _is_fine(one, ends):
                troubles.append(_trouble(container, one, pod, events, evidence))
    # While an init container is in the way the others only wait for it.
    real = [one for one in troubles if one.reason != "PodInitializing"]
    return tuple(real or troubles)


def waiting_reason(status: Object) -> str:
    """One word for the state of a container, the API's own where it has one."""
    state = status.get("state", {})
    if "waiting" in state:
        return str(state["waiting"].get("reason", "Waiting"))
    if "terminated" in state:
        return str(state["terminated"].get("reason", "Terminated"))
    if state.get("running") is None:
        return "Waiting"
    return "Running" if status.get("ready") else "NotReady"


def _is_fine(status: Object, ends: bool) -> bool:
    """A container that is meant to end has ended well; any other is ready."""
    if ends:
        terminated = status.get("state", {}).get("terminated")
        return terminated is not None and int(terminated.get("exitCode", 0)) == 0
    return bool(status.get("ready"))


def _trouble(
    container: Object, status: Object, pod: Object, events: list[Object], evidence: Evidence
) -> ContainerTrouble:
    state = status.get("state", {})
    reason = waiting_reason(status)
    message = str((state.get("waiting") or {}).get("message", ""))
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated")
    probes = failing(container, status, pod["metadata"]["name"], events, evidence)
    log, previous = _log(status, pod["metadata"]["name"], reason, evidence)
    termination = str((ended or {}).get("message", "")).strip()
    # The back-off's own sentence repeats pod and container; what it says is in the reason.
    if reason == "CrashLoopBackOff":
        message = termination
    return ContainerTrouble(
        name=container["name"],
        image=str(container.get("image") or status.get("image", "")),
        reason=reason,
        message=redact(" ".join(message.split())[:600]),
        meaning=_meaning(reason),
        restarts=int(status.get("restartCount") or 0),
        exit=_exit(ended, container, pod) if ended else None,
        probes=probes,
        log=log,
        log_of_previous=previous,
        advice=advice(reason, message, any(probe.rate_limited for probe in probes))
        or next((probe.advice for probe in probes if probe.advice), ""),
    )


def _meaning(reason: str) -> str:
    if reason == "NotReady":
        return "it runs but is not ready"
    if reason == "Running":
        return "it has not ended yet"
    return reason_words(reason)


def _exit(ended: Object, container: Object, pod: Object) -> str:
    limit = container.get("resources", {}).get("limits", {}).get("memory")
    return exit_words(ended, limit, pod.get("spec", {}).get("terminationGracePeriodSeconds"))


def _log(status: Object, pod: str, reason: str, evidence: Evidence) -> tuple[tuple[str, ...], bool]:
    """The last lines of the run that tells most: the one that ended, else the one that runs."""
    if reason in _NO_LOG_YET:
        return (), False
    crashed = "waiting" in status.get("state", {}) and "terminated" in status.get("lastState", {})
    lines = evidence.log(pod, status["name"], crashed)
    previous = crashed
    if not lines and not crashed and int(status.get("restartCount") or 0) > 0:
        lines, previous = evidence.log(pod, status["name"], True), True
    # Redacted as one text first: a key can span lines.
    text = redact("\n".join(lines))
    kept = [readable(line.rstrip()) for line in text.splitlines() if line.strip()]
    return tuple(kept[-LOG_LINES:]), previous


def readable(line: str) -> str:
    """A line of a log at a length that can be read; of one in JSON that tells of an error, what it says of it."""
    try:
        record = json.loads(line)
    except ValueError:
        return line[:_LINE]
    error = (record.get("err") or record.get("error")) if isinstance(record, dict) else None
    if not isinstance(error, dict) or not error.get("message"):
        return line[:_LINE]
    said = f"{record.get('level', '')} {record.get('msg') or record.get('message') or ''}".strip()
    kind = error.get("type") or error.get("name") or "error"
    return f"{said}: {kind}: {error['message']}"[:_ERROR_LINE]
