"""Runs that are killed at a chosen moment, and what there is to see when the next one has gone through."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local.paths import State
from tests.e2e.background import repeating
from tests.e2e.harness import Platform

_POLL_SECONDS = 0.0005
# What an up says when it mends something, for the table.
_MENDED = (
    ("cleared a lock", re.compile(r"the lock of .* is cleared")),
    ("looked up", re.compile(r"in the middle of: (.*)")),
    ("deleted", re.compile(r"left by an interrupted run, and deleted: (.*)")),
    ("restored", re.compile(r"restored from (\S+)")),
    ("engine", re.compile(r"^ *([+~±-] *\d+ (?:created|updated|deleted|replaced))")),
)


@dataclass
class Kill:
    """One killed run.

    Attributes:
        moment: When it was to be killed, in words.
        seconds: When it was, from its start.
        doing: The last thing that it had said.
        pending: What the engine was in the middle of, by its state.
        finished: Whether it had ended before.
        since: When it began, in clock ticks since the boot.
        until: When it was killed, likewise.
    """

    moment: str
    seconds: float
    doing: str
    pending: list[str]
    finished: bool
    since: float
    until: float

    def words(self) -> str:
        """What was running, for the table."""
        if not self.pending:
            return _short(self.doing)
        more = f" and {len(self.pending) - 2} more" if len(self.pending) > 2 else ""
        return _short(", ".join(self.pending[:2])) + more


@dataclass
class Engine:
    """The engine's files of a platform."""

    state: Path

    @property
    def folder(self) -> Path:
        return self.state / "pulumi" / ".pulumi" / "stacks" / "pxl"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "dev.json"

    def pending(self) -> list[str]:
        """``creating Secret secrets-values`` for each operation that was begun and not ended."""
        try:
            latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"] or {}
        except (OSError, ValueError, KeyError):
            return []
        operations = latest.get("pending_operations") or []
        names = [(each["type"], each["resource"]["urn"].split("::")) for each in operations]
        return [f"{verb} {parts[2].rpartition(':')[2]} {parts[-1]}" for verb, parts in names]


@contextmanager
def running(platform: Platform, log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """``up`` in a process group of its own, its words in a file; killed at the end if it still runs."""
    command = [sys.executable, "-m", "local", "up", "--port", str(platform.port), *arguments]
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=platform.checkout, env=platform.env, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends a whole process group at once, as a power cut would: nobody gets to clear up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Moment:
    """When to kill.

    Attributes:
        words: For people.
        has_come: Whether it is time; gets the seconds since the start, asked every half millisecond.
        is_exact: Whether there is no time to look at what runs.
    """

    words: str
    has_come: Callable[[float], bool]
    is_exact: bool = False


def killed(platform: Platform, log: Path, moment: Moment) -> Kill:
    """Starts ``up`` and kills it.

    Args:
        platform: Whose.
        log: Gets what it says.
        moment: When.
    """
    engine = Engine(platform.state)
    since = _ticks()
    started = time.monotonic()
    with running(platform, log) as process:
        while process.poll() is None and not moment.has_come(time.monotonic() - started):
            time.sleep(_POLL_SECONDS)
        finished = process.poll() is not None
        builds = not moment.is_exact and processes_of(platform, "buildah", "-build")
        kill(process)
    seconds, until = time.monotonic() - started, _ticks()
    # The engine hears of it from the kernel, and is gone before anything else can be started.
    time.sleep(0.2)
    doing = "buildah" if builds else _last_words(log)
    return Kill(moment.words, seconds, doing, engine.pending(), finished, since, until)


def at_second(seconds: float) -> Moment:
    """A moment by the clock."""
    return Moment(f"{seconds:.1f} s", lambda now: now >= seconds)


def at_write(platform: Platform, number: int) -> Moment:
    """A moment in the engine's own writing: the n-th time that anything changes in the folder of its state."""
    folder, seen, count = Engine(platform.state).folder, 0, 0

    def has_come(_: float) -> bool:
        nonlocal seen, count
        with suppress(FileNotFoundError):
            now = folder.stat().st_mtime_ns
            count += now != seen
            seen = now
        return count > number

    return Moment(f"write {number} of the state", has_come, is_exact=True)


def processes_of(platform: Platform, name: str, group: str = "", argument: str = "") -> list[int]:
    """The processes of a platform's node (or, by ``group``, of its builds), as the host numbers them.

    Args:
        platform: Whose.
        name: The program.
        group: ``-build`` for those of builds.
        argument: One of its arguments, to tell it from others.
    """
    wanted = f"/pxl-{State(platform.state).id}{group}"
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines = (entry / "cgroup").read_text().splitlines()
            inside = any(f"{line.rpartition(':')[2]}/".startswith(f"{wanted}/") for line in lines)
            if inside and (entry / "comm").read_text().strip() == name[:15]:
                arguments = (entry / "cmdline").read_text().split("\0")
                found += [int(entry.name)] if not argument or argument in arguments else []
    return found


def engines(platform: Platform) -> list[int]:
    """The engines that work on a platform's state."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_engine = (entry / "comm").read_text() == "pulumi\n"
            if is_engine and f"PULUMI_HOME={platform.state}/".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


@contextmanager
def held_down(platform: Platform, name: str) -> Iterator[None]:
    """A daemon of the node is killed whenever it comes up again, for as long as the block runs."""

    def hold() -> None:
        for number in processes_of(platform, name):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    with repeating(hold, every=0.1):
        yield


def until(condition: Callable[[], object], seconds: float, what: str, every: float = 0.01) -> None:
    """Waits for something that a run in the background brings about; what is short needs a closer look."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(every)


def _ticks() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    told = [line for line in lines if line and not line.startswith(("…", "http"))]
    return told[-1] if told else "nothing yet"


def leftovers(platform: Platform, run: Kill) -> list[str]:
    """What still runs of a killed run: the command, the engine, its helpers, builds."""
    marks = (f"PXL_STATE={platform.state}\0".encode(), f"PULUMI_HOME={platform.state}/".encode())
    build = f"pxl-{State(platform.state).id}-build"
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            stat = (entry / "stat").read_text()
            began = float(stat.rpartition(")")[2].split()[19])
            is_ours = any(mark in (entry / "environ").read_bytes() for mark in marks)
            is_build = build in (entry / "cgroup").read_text()
            if run.since <= began <= run.until and (is_ours or is_build):
                found.append(f"{entry.name} {stat.partition('(')[2].partition(')')[0]}")
    return found


def cut_off(platform: Platform) -> str:
    """Leaves half of the engine's state, as a power cut may; what was done to it in words."""
    engine = Engine(platform.state)
    # Before the engine's second write there is no copy that could be restored.
    if not engine.checkpoint.with_name("dev.json.bak").exists():
        return ""
    os.truncate(engine.checkpoint, engine.checkpoint.stat().st_size // 2)
    return ", state cut off"


def _short(text: str) -> str:
    """One cell of the table."""
    plain = re.sub(r"kubernetes:\S*?:(?=[A-Z])|\S*:index:|pulumi:pulumi:", "", re.sub(r" {2,}", " ", text)).strip("│ ")
    return plain if len(plain) <= 70 else f"{plain[:69]}…"


def mended(said: str) -> str:
    """What an up says that it did about an interrupted one, in short."""
    found: list[str] = []
    for title, form in _MENDED:
        matches = [match for line in said.splitlines() if (match := form.search(line))]
        if title == "engine":
            found += dict.fromkeys(re.sub(r" +", " ", match[1]) for match in matches[-4:])
        elif matches and form.groups:
            told = ", ".join(match[1] for match in matches)
            found.append(f"{title} {_short(told)}")
        elif matches:
            found.append(title)
    return ", ".join(found) or "nothing to do"
