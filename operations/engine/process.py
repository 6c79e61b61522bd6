"""One run of the engine: its output line by line, and an end that leaves a usable state behind."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from operations.errors import Problem

# After an interrupt the engine waits for what is under way. Kubernetes awaits are cancelled quickly.
GRACE_SECONDS = 60.0
_KEPT_LINES = 400


@dataclass(frozen=True)
class Finished:
    """How a run ended.

    Attributes:
        code: The exit code; negative for a signal.
        lines: The last lines of its output.
        interrupted: Whether the user stopped it.
        killed: Whether it had to be killed because it did not stop.
        exit_code: What we are to exit with after an interrupt: 130, or 143 if asked to end by a signal.
    """

    code: int
    lines: tuple[str, ...]
    interrupted: bool = False
    killed: bool = False
    exit_code: int = 130


def find_engine(environment: Mapping[str, str]) -> str:
    """The engine's path, from the ``PATH`` that it will run with.

    Raises:
        Problem: If there is none.
    """
    found = shutil.which("pulumi", path=environment.get("PATH", os.defpath))
    if found is None:
        raise Problem(
            "the Pulumi engine is not on PATH",
            why="pxlctl starts `pulumi`, it does not bring it",
            remedy="install Pulumi 3, or take the one of `make up`: "
            'export PATH="$(.venv/bin/python -m local engine):$PATH"',
        )
    return found


def stream(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    grace: float | None = None,
) -> Finished:
    """Runs a command, passes its lines on as they come, and stops it in order when the user interrupts.

    The engine gets a session of its own, so that a terminal's Ctrl-C reaches only us: it treats a second
    interrupt as an order to abandon what it is doing. We pass exactly one on, and kill after ``grace``
    seconds, or when the user insists.

    Args:
        command: Program and arguments.
        cwd: Working directory.
        environment: The whole environment.
        say: Takes each line of standard output and error, in order.
        grace: Seconds to wait for its end after an interrupt; None for ``GRACE_SECONDS``.

    Raises:
        Problem: If it cannot be started.
    """
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    interrupted = killed = False
    exit_code = 130
    # Interrupted while it is being started, it would run, and nobody would hold it.
    with _interrupts_held_back() as handle_interrupts:
        process = _started(command, cwd, environment)
        pump = threading.Thread(target=_pump, args=(process, kept, say), name="engine-output", daemon=True)
        try:
            pump.start()
            handle_interrupts()
            process.wait()
        except KeyboardInterrupt as error:
            interrupted, exit_code = True, getattr(error, "exit_code", 130)
            killed = not _stop(process, GRACE_SECONDS if grace is None else grace, say)
        finally:
            # An engine that was killed from outside leaves its plugins behind.
            if process.poll() is None or process.returncode < 0:
                _kill(process)
    # Plugins may hold the pipe a little longer; nothing of interest comes from them any more.
    pump.join(timeout=2.0)
    return Finished(process.returncode, tuple(kept), interrupted, killed, exit_code)


def _started(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            # It has a session of its own, and would outlive a command that is killed: nobody would hear what it does.
            mortal(command),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise Problem(f"{command[0]} cannot be started", why=error.strerror or str(error)) from error


@contextmanager
def _interrupts_held_back() -> Iterator[Callable[[], None]]:
    """SIGINT and SIGTERM wait until what this yields is called: it handles the first that came, and all to come."""
    arrived: list[tuple[int, FrameType | None]] = []
    before: dict[int, Any] = {}
    # Only the main thread handles signals; what has no handler in Python ends the process at once, as it should.
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = {number: handler for number, handler in before.items() if callable(handler)}

    def handle() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            number, frame = arrived.pop(0)
            before[number](number, frame)

    for number in before:
        signal.signal(number, lambda *what: arrived.append(what))
    try:
        yield handle
    finally:
        arrived.clear()
        handle()


def _pump(process: "subprocess.Popen[str]", kept: deque[str], say: Callable[[str], None]) -> None:
    if process.stdout is None:
        return
    with suppress(ValueError):
        for line in process.stdout:
            text = line.rstrip("\n")
            kept.append(text)
            say(text)


def _stop(process: "subprocess.Popen[str]", grace: float, say: Callable[[str], None]) -> bool:
    """Interrupts once and waits; False if it had to be killed."""
    say(f"interrupted: the engine finishes what is under way (at most {grace:.0f} s; Ctrl-C again to kill it)")
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    until = time.monotonic() + grace
    with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        process.wait(timeout=max(0.1, until - time.monotonic()))
        return True
    if process.poll() is not None:
        return True
    _kill(process)
    return False


def _kill(process: "subprocess.Popen[str]") -> None:
    """Ends the engine and everything it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def mortal(argv: Sequence[str]) -> list[str]:
    """The command line of a command that the kernel ends with the thread that started it."""
    # A part of util-linux, like nsenter; only systems other than Linux are without it.
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL", "--", *argv] if program else list(argv)
