"""Probes: which one fails, what the kubelet said about it, and what its path answers."""

import re
from collections.abc import Iterable
from typing import Any, Protocol

from operations.redact import redact
from operations.rollout.model import Answer, ProbeTrouble

Object = dict[str, Any]

_UNHEALTHY = re.compile(
    r"^(Readiness|Liveness|Startup) probe (?:failed|errored)(?: and resulted in \w+)?:?\s*(.*)$", re.S
)


class Evidence(Protocol):
    """What has to be asked while the pod is still there."""

    def ask(self, pod: str, port: int, path: str, scheme: str) -> Answer:
        """GET of a path of a pod, through the API server."""
        ...

    def log(self, pod: str, container: str, previous: bool) -> list[str]:
        """The last lines that a container (or its previous run) wrote; empty when there are none."""
        ...


def target_words(probe: Object) -> str:
    """``GET /ready on port 3000``, ``TCP port 5432``, ``exec redis-cli ping``."""
    if get := probe.get("httpGet"):
        scheme = " over https" if str(get.get("scheme", "HTTP")).upper() == "HTTPS" else ""
        return f"GET {get.get('path', '/')} on port {get.get('port')}{scheme}"
    if socket := probe.get("tcpSocket"):
        return f"TCP port {socket.get('port')}"
    if grpc := probe.get("grpc"):
        return f"gRPC port {grpc.get('port')}"
    command = " ".join((probe.get("exec") or {}).get("command", []))
    return redact(f"exec {command}"[:120])


def resolve_port(port: Any, container: Object) -> int | None:
    """A probe's port as a number: as it stands, or looked up among the container's named ports."""
    if isinstance(port, (int, float)) or (isinstance(port, str) and port.isdigit()):
        return int(port)
    for entry in container.get("ports", []):
        if entry.get("name") == port:
            return int(entry["containerPort"])
    return None


def unhealthy(events: Iterable[Object], container: str) -> dict[str, tuple[str, int]]:
    """What the kubelet's ``Unhealthy`` events say of a container: probe kind -> (last words, how often)."""
    found: dict[str, tuple[str, int]] = {}
    for event in events:
        field_path = str((event.get("involvedObject") or {}).get("fieldPath", ""))
        if event.get("reason") != "Unhealthy" or not field_path.endswith(f"{{{container}}}"):
            continue
        match = _UNHEALTHY.match(str(event.get("message", "")))
        if match:
            kind = match[1].lower()
            times = found.get(kind, ("", 0))[1] + occurrences(event)
            found[kind] = (redact(match[2].strip()), times)
    return found


def occurrences(event: Object) -> int:
    """How often an event was seen, in either of the API's two ways to count."""
    return int(event.get("count") or (event.get("series") or {}).get("count") or 1)


def failing(
    container: Object, status: Object, pod: str, events: Iterable[Object], evidence: Evidence
) -> tuple[ProbeTrouble, ...]:
    """The probes that keep a container from being ready, each asked again if it speaks HTTP.

    Args:
        container: The container's part of the pod's spec.
        status: Its container status.
        pod: The pod's name.
        events: The pod's events, oldest first.
        evidence: Where to ask the probe's path.
    """
    said = unhealthy(events, container["name"])
    running = "running" in status.get("state", {})
    troubles: list[ProbeTrouble] = []
    for kind in ("startup", "readiness", "liveness"):
        probe = container.get(f"{kind}Probe")
        if probe is None or not _concerns(kind, container, status, kind in said, running):
            continue
        words, times = said.get(kind, (None, 0))
        answer = _ask(probe, container, pod, evidence) if running else None
        troubles.append(ProbeTrouble(kind, target_words(probe), words, times, answer))
    return tuple(troubles)


def _concerns(kind: str, container: Object, status: Object, was_seen: bool, running: bool) -> bool:
    """Whether this probe can be what is in the way now."""
    starting = bool(container.get("startupProbe")) and not status.get("started")
    if not running:
        return was_seen and kind != "readiness"
    if kind == "startup":
        return starting
    if kind == "readiness":
        return not starting and not status.get("ready")
    return was_seen and not starting


def _ask(probe: Object, container: Object, pod: str, evidence: Evidence) -> Answer | None:
    get = probe.get("httpGet")
    if not get or get.get("host"):
        return None
    port = resolve_port(get.get("port"), container)
    if port is None:
        return None
    answer = evidence.ask(pod, port, str(get.get("path", "/")), str(get.get("scheme", "HTTP")).lower())
    return Answer(answer.status, redact(answer.body[:500]).strip())
