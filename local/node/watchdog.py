"""What starts the sandbox again when its first process ends: a process outside of it (``init/watchdog.go``)."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from local import cache
from local.node import record
from local.node.layout import Layout
from operations.console import say


@dataclass(frozen=True)
class Report:
    """What a node's watchdog says of itself.

    Args:
        running: Whether it runs.
        phase: ``watching``, ``starting`` the sandbox again, ``waiting`` before that, ``gave up``, or ``stopped``
            when the node was asked to end; empty when there never was one.
        restarts: How often it has started the sandbox again.
        detail: Why it is not watching.
    """

    running: bool
    phase: str
    restarts: int
    detail: str

    @property
    def summary(self) -> str:
        """The whole in one line, with what to do when something is to be done."""
        if self.running:
            return f"{self.phase}, restarts {self.restarts}" + (f": {self.detail}" if self.detail else "")
        why = f"{self.phase}: {self.detail}" if self.phase in {"gave up", "stopped"} else "not running"
        return f"{why}; make up starts it again"


def read(layout: Layout) -> Report:
    """What there is of the watchdog."""
    found = record.read(layout.watchdog_record)
    running = bool(found and found.alive)
    try:
        said: dict[str, Any] = json.loads(layout.watchdog_status.read_text())
        return Report(running, str(said["phase"]), int(said["restarts"]), str(said["detail"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Report(running, "starting" if running else "", 0, "")


def start(layout: Layout, program: str, sockets: list[int]) -> str | None:
    """Starts the watchdog, which starts the sandbox; without sockets, it takes over the sandbox that runs.

    Args:
        layout: Where the node's files are; the specification is written.
        program: The built program that is the watchdog.
        sockets: File numbers of the host's listening sockets.

    Returns:
        Why it could not, or None.
    """
    # Killed before it has recorded what it started, this command leaves nothing: the starter ends with it.
    done = subprocess.run(
        cache.mortal([program, "start", str(layout.spec), *map(str, sockets)]),
        pass_fds=sockets,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    return None if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def ensure(layout: Layout, program: str) -> bool:
    """Whether the sandbox that runs has a watchdog; one that was killed is replaced, and the sandbox runs on."""
    if read(layout).running:
        return True
    why = start(layout, program, [])
    say("the node's watchdog had ended: " + (f"it cannot be replaced ({why})" if why else "it is there again"))
    return why is None
