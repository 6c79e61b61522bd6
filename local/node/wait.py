"""Waiting for the node to be ready, and saying in words why it is not."""

import datetime
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

from local.node import api, record, watchdog
from local.node.layout import NODE_NAME, Layout
from operations.console import Step
from operations.errors import Problem

_DAEMON_SECONDS = 120.0
_NODE_SECONDS = 60.0
_GIVE_UP_RESTARTS = 4
_TAIL_LINES = 12
_TRACE_LINES = 200
_WIDTH = 500


@dataclass(frozen=True)
class Daemon:
    """What the sandbox's first process says of one of its daemons.

    Args:
        name: The daemon.
        phase: ``waiting`` (for another), ``starting``, ``ready`` or ``failed`` (about to be started again).
        restarts: How often it ended.
        detail: What its readiness check answered, or how it ended.
    """

    name: str
    phase: str
    restarts: int
    detail: str


def daemons(layout: Layout) -> list[Daemon]:
    """The state of every daemon; empty before the first has started."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(layout.status.read_text())
    except (OSError, ValueError):
        return []
    return [Daemon(name, each["phase"], each["restarts"], each["detail"]) for name, each in found.items()]


def for_daemons(layout: Layout, current: Step) -> None:
    """Returns when every daemon is ready. A sandbox that ends meanwhile is waited for, too, while it has a watchdog.

    Raises:
        Problem: The sandbox ended for good, a daemon keeps ending, or one is not ready in time; with its
            last log lines.
    """
    end = time.monotonic() + _DAEMON_SECONDS
    # What a daemon went through earlier in the sandbox's life does not count.
    before: dict[str, int] = {}
    while True:
        found = daemons(layout)
        late = [each for each in found if each.phase != "ready"]
        if found and not late:
            return
        if _is_over(layout):
            raise ended(layout)
        for each in late:
            before[each.name] = min(each.restarts, before.get(each.name, each.restarts))
            if each.restarts - before[each.name] >= _GIVE_UP_RESTARTS:
                raise _failed(layout, each, f"it ended {each.restarts} times, the last with {each.detail}")
        if time.monotonic() > end:
            slow = next((each for each in late if each.phase != "waiting"), None)
            if slow is None:
                raise ended(layout)
            raise _failed(layout, slow, f"not ready after {_DAEMON_SECONDS:.0f} s: {slow.detail}")
        current.update("waiting for " + ", ".join(each.name for each in late if each.phase != "waiting"))
        time.sleep(0.1)


def for_node(layout: Layout, current: Step) -> None:
    """Returns when the Node is Ready, and its kubelet has renewed its lease since the sandbox was started.

    Raises:
        Problem: It is not in time; with what the Node's condition says.
    """
    end = time.monotonic() + _NODE_SECONDS
    while not (ready := state(layout))[0]:
        if _is_over(layout):
            raise ended(layout)
        if time.monotonic() > end:
            broken = next((each for each in daemons(layout) if each.phase != "ready"), None)
            slow = broken or Daemon("kubelet", "ready", 0, "")
            raise _failed(layout, slow, f"the Node is not Ready: {ready[1]}")
        current.update(ready[1])
        time.sleep(0.15)


def state(layout: Layout) -> tuple[bool, str]:
    """Whether the sandbox runs, every daemon is ready and the Node is; and what is missing if not."""
    found = record.read(layout.record)
    if not found or not found.alive:
        return False, "the sandbox does not run"
    late = [each.name for each in daemons(layout) if each.phase != "ready"]
    if late or not daemons(layout):
        return False, f"not ready: {', '.join(late) or 'any daemon'}"
    # What an earlier kubelet reported is no sign of life.
    return node_state(layout, found.began)


def _is_over(layout: Layout) -> bool:
    found = record.read(layout.record)
    return not (found and found.alive) and not watchdog.read(layout).running


def node_state(layout: Layout, since: float = 0.0) -> tuple[bool, str]:
    """Whether the Node is Ready, and what its condition says if it is not."""
    try:
        node = api.request(layout, "GET", f"/api/v1/nodes/{NODE_NAME}", timeout=5)
        condition = next((c for c in node["status"].get("conditions", []) if c["type"] == "Ready"), None)
        if condition is None:
            return False, "the Node has no condition yet"
        # Either is a sign of life, and either may be the first: times of conditions are whole seconds.
        if _moment(condition["lastHeartbeatTime"]) < int(since) and _lease_renewed(layout) < since:
            return False, "the kubelet has not reported since the start"
    except api.RefusedError as error:
        return False, "the kubelet has not registered yet" if error.status == 404 else str(error)
    except (OSError, http.client.HTTPException) as error:
        return False, f"the API server does not answer: {error}"
    return condition["status"] == "True", "" if condition["status"] == "True" else condition["message"]


def _lease_renewed(layout: Layout) -> float:
    path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE_NAME}"
    return _moment(api.request(layout, "GET", path, timeout=5)["spec"]["renewTime"])


def _moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def tail(layout: Layout, name: str) -> str:
    """The last lines of a daemon's log; of a Go program that panicked, the last before its stack trace."""
    try:
        lines = (layout.log / f"{name}.log").read_text(errors="replace").splitlines()[-_TRACE_LINES:]
    except OSError:
        return ""
    panics = [number for number, line in enumerate(lines) if line.startswith(("panic:", "fatal error:"))]
    return "\n".join(line[:_WIDTH] for line in lines[: panics[-1] + 1 if panics else None][-_TAIL_LINES:])


def _failed(layout: Layout, daemon: Daemon, why: str) -> Problem:
    return Problem(
        f"The node did not start: {daemon.name}.",
        where=str(layout.log / f"{daemon.name}.log"),
        why=f"{why}\n{tail(layout, daemon.name)}",
        remedy="run make up again; if it stays, make down and make up start from nothing",
    )


def ended(layout: Layout) -> Problem:
    """What to say of a sandbox that has ended for good."""
    given_up = watchdog.read(layout)
    return Problem(
        "The node's sandbox ended while it was starting.",
        where=str(layout.log / "init.log"),
        why=f"{given_up.detail}\n{tail(layout, 'init')}".strip(),
        remedy="run make up again; if it stays, make down and make up start from nothing",
    )
