"""Folders of the cache: made once, whole or not at all, by one command of the machine at a time."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from local.paths import cache_dir
from operations.console import step
from operations.engine.process import mortal

_KEPT_SECONDS = 30 * 24 * 3600.0
_USED_AGAIN_SECONDS = 24 * 3600.0
_CAP_SYS_ADMIN = 21
# In a process namespace of its own, everything that it has started ends with it.
_WITH_CHILDREN = ("unshare", "--pid", "--fork", "--kill-child", "--")


def folder(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder ``<name>-<key>`` of the cache, made if it is not there.

    Args:
        name: What it holds.
        key: Changes when what it should hold does.
        make: Fills an empty folder; what it raises leaves nothing behind.
    """
    target = cache_dir() / f"{name}-{key}"
    if not target.is_dir():
        with locked(cache_dir() / f"{name}.lock"):
            if not target.is_dir():
                with replacing(target) as scratch:
                    make(scratch)
                prune(name)
    used(target)
    return target


def used(target: Path) -> None:
    """Notes that a folder is still wanted."""
    with suppress(OSError):
        if time.time() - target.stat().st_mtime > _USED_AGAIN_SECONDS:
            os.utime(target)


def prune(name: str) -> list[Path]:
    """Removes what killed commands left half-made, and what no process has mounted and nobody has used for 30 days.

    Returns:
        The folders that were whole.
    """
    named = re.compile(rf"{re.escape(name)}-[0-9a-f]{{12}}")
    for half in cache_dir().glob(f".{name}-*.*"):
        if named.fullmatch(half.name[1:].partition(".")[0]):
            shutil.rmtree(half, ignore_errors=True)
    old = [path for path in cache_dir().iterdir() if named.fullmatch(path.name)]
    old = [path for path in old if time.time() - path.stat().st_mtime > _KEPT_SECONDS]
    mounted = _mounted() if old else ""
    gone = [path for path in old if path.name not in mounted]
    for path in gone:
        # Moved first: a folder that is there is whole.
        doomed = path.with_name(f".{path.name}.old")
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return gone


def _mounted() -> str:
    found: list[str] = []
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        with suppress(OSError):
            found.append(table.read_text())
    return "".join(found)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file for as long as the block runs, so that two commands do not do the same work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("waiting for another command", hint=f"it holds {path}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A scratch folder that becomes ``target`` when the block ends well, and goes when it does not.

    What an earlier, killed command left half-made for the same target is removed first: hold the lock.
    """
    prefix = f".{target.name}."
    for stale in target.parent.glob(prefix + "*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def watched(
    argv: Sequence[str],
    heard: Callable[[str], bool],
    *,
    data: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Runs a command that takes minutes; it ends when this process does, even when this one is killed.

    Args:
        argv: The command.
        heard: Gets each line of its standard error; true for one that only tells how far it is.
        data: What it reads from its standard input.
        cwd: Where it runs.
        env: Its environment; this process's by default.

    Returns:
        Its exit code, and the last other lines of its standard error.
    """
    tail = deque[str](maxlen=12)
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        mortal([*_WITH_CHILDREN, *argv] if may_unshare() else argv),
        stdin=pipe,
        stdout=null,
        stderr=pipe,
        text=True,
        cwd=cwd,
        env=env,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # What does not read it may be gone already.
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(data)
        for line in process.stderr:
            if not heard(line):
                tail.append(line.rstrip())
    return process.returncode, "\n".join(tail)


def may_unshare() -> bool:
    """Whether this process may make namespaces: root may, but in most containers."""
    status = Path("/proc/self/status")
    found = re.search(r"^CapEff:\s*(\w+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return bool(found and int(found.group(1), 16) >> _CAP_SYS_ADMIN & 1 and shutil.which("unshare"))
