"""The lock of the file backend: who holds a stack, and whether that process still lives."""

import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

# The engine's own sentence, and one line for each lock that it found.
_LOCKED = "the stack is currently locked by"
_HOLDER = re.compile(r"created by (?P<user>[^@\s]*)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<when>\S+)")
# Clocks and rounding: the lock is written a moment after its process began.
_SLACK_SECONDS = 2.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its file says."""

    user: str
    host: str
    pid: int
    since: str

    def words(self) -> str:
        """``process 4711 of user at host, since 2026-01-31T12:00:00Z``."""
        return f"process {self.pid} of {self.user} at {self.host}, since {self.since}"

    def is_gone(self) -> bool:
        """Whether the holder is known to be dead: it ran on this host, and its process is no more.

        A process number may have been given to another program since; one that began after the lock was
        written is not its holder.
        """
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        began, locked = _began(self.pid), _timestamp(self.since)
        return began is not None and locked is not None and began > locked + _SLACK_SECONDS


def holders(lines: Iterable[str]) -> list[Holder]:
    """The holders that the engine names in its output; empty if it did not fail because of a lock."""
    text = "\n".join(lines)
    if _LOCKED not in text:
        return []
    return [
        Holder(match["user"], match["host"], int(match["pid"]), match["when"])
        for match in _HOLDER.finditer(text[text.index(_LOCKED) :])
    ]


def _began(pid: int) -> float | None:
    """When a process began, in seconds of the epoch; None where it cannot be told."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
            if line.startswith("btime "):
                return int(line.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
    return None


def _timestamp(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
