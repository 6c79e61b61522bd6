"""What a power cut, or a disk that fails, leaves of the engine's file backend; made whole again where that is safe.

The engine writes each file beside its place and renames it, so a kill leaves every file whole. It does not wait for the
disk, though: after a power cut a file may be empty or end in the middle, and then the engine refuses to work.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from operations.console import say, warn
from operations.errors import Problem
from operations.stacks import PROJECT_FILE, read_yaml

_SCHEME = "file://"
# The layout with a folder for each project; the only one that stacks are made in since 2023.
_LAYOUT = "version: 1\n"


def mend(env: Mapping[str, str], project_dir: Path, stack: str) -> None:
    """Makes the state of a stack readable again, each repair with a word; nothing to do for any other backend.

    Args:
        env: The engine's environment.
        project_dir: The folder with ``Pulumi.yaml``.
        stack: The stack's name.

    Raises:
        Problem: The state is damaged, and what there is to restore it from may be too old; or it may not be touched.
    """
    try:
        _mend(env, project_dir, stack)
    except OSError as error:
        where, why = error.filename, error.strerror or str(error)
        raise Problem("the engine's state cannot be looked at", where=where, why=why) from error


def _mend(env: Mapping[str, str], project_dir: Path, stack: str) -> None:
    root = folder(env, project_dir)
    project = str(read_yaml(project_dir / PROJECT_FILE).get("name"))
    checkpoint = root / "stacks" / project / f"{stack}.json" if root else None
    # The engine may also have been told to compress its files: that is left to its user.
    if root is None or checkpoint is None or not checkpoint.is_file():
        return
    _mend_layout(root / "meta.yaml")
    _drop_unreadable_locks(root / "locks" / "organization" / project / stack)
    for described in (root / "meta.yaml", checkpoint, checkpoint.with_name(f"{checkpoint.name}.bak")):
        _drop_unreadable(described.with_name(f"{described.name}.attrs"))
    if _written(checkpoint) is None:
        _restore(checkpoint, _copies(root, project, stack))


def folder(env: Mapping[str, str], project_dir: Path) -> Path | None:
    """Where the file backend keeps everything; None for any other backend."""
    url = env.get("PULUMI_BACKEND_URL") or _backend_of_project(project_dir) or _backend_of_login(env)
    if not url.startswith(_SCHEME):
        return None
    path = unquote(url.removeprefix(_SCHEME).partition("?")[0])
    return Path(path).expanduser() / ".pulumi"


def _backend_of_project(project_dir: Path) -> str:
    backend = read_yaml(project_dir / PROJECT_FILE).get("backend")
    return str(backend.get("url") or "") if isinstance(backend, dict) else ""


def _backend_of_login(env: Mapping[str, str]) -> str:
    home = Path(env.get("PULUMI_HOME") or Path(env.get("HOME") or Path.home()) / ".pulumi")
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current") or "")
    return ""


@dataclass(frozen=True)
class _Copy:
    """An earlier checkpoint.

    Attributes:
        path: The file.
        written: When the engine made its content, seconds of the epoch.
        taken: When the copy was made of it, seconds of the epoch.
        is_previous: Whether it is the one that the engine keeps from just before each write.
    """

    path: Path
    written: float
    taken: float
    is_previous: bool


def _copies(root: Path, project: str, stack: str) -> list[_Copy]:
    """Every earlier checkpoint that can be read, the latest content last."""
    previous = root / "stacks" / project / f"{stack}.json.bak"
    kept = [
        *(root / "backups" / project / stack).glob(f"{stack}.*.json"),
        *(root / "history" / project / stack).glob(f"{stack}-*.checkpoint.json"),
    ]
    found = [(path, _written(path)) for path in (previous, *kept)]
    copies = [_Copy(path, when, path.stat().st_mtime, path == previous) for path, when in found if when is not None]
    return sorted(copies, key=lambda copy: copy.written)


def _written(path: Path) -> float | None:
    """When the engine made the content of a checkpoint; 0 for a stack that was never deployed, None for damage."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        latest = document["checkpoint"].get("latest")
        if not latest:
            return 0.0
        return datetime.fromisoformat(_microseconds(latest["manifest"]["time"])).timestamp()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _microseconds(timestamp: str) -> str:
    """The engine writes nanoseconds, with as many digits as it takes."""
    whole, point, rest = timestamp.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{whole}.{digits[:6]:0<6}{rest[len(digits) :]}" if point else timestamp


def _restore(checkpoint: Path, copies: list[_Copy]) -> None:
    latest = copies[-1] if copies else None
    # The copy from before a write lacks that write at most: an object that it was about is taken up again, or shows
    # as an orphan. Of a copy from the end of a run, nothing is missing if the engine has written nothing after it.
    safe = latest is not None and (
        any(copy.is_previous for copy in copies) or latest.taken >= checkpoint.stat().st_mtime
    )
    if latest is None or not safe:
        raise _too_old(checkpoint, latest)
    aside = checkpoint.with_name(f"{checkpoint.name}.damaged-{int(time.time())}")
    checkpoint.replace(aside)
    _copy(latest.path, checkpoint)
    warn(
        f"the engine's state in {checkpoint} was half written: restored from {latest.path.name} of "
        f"{_clock(latest.written)}; the damaged file is kept as {aside.name}"
    )


def _too_old(checkpoint: Path, latest: _Copy | None) -> Problem:
    what = "the engine's state of this stack is damaged"
    why = "the file is empty or ends in the middle, as after a power cut or on a failing disk"
    if latest is None:
        remedy = (
            "restore it from a backup of yours. Without one the stack is new to the engine, and what it made is not: "
            "remove that first (of `make up`: make down)"
        )
        return Problem(what, where=str(checkpoint), why=f"{why}, and there is no copy of it", remedy=remedy)
    remedy = (
        f"if that is acceptable: cp '{latest.path}' '{checkpoint}'\n"
        "What was made since is then taken up again, or shown by `pxlctl orphans`; secrets drawn since are drawn again."
    )
    why += f"; the latest copy is of {_clock(latest.written)}, and the engine has worked on since"
    return Problem(what, where=str(checkpoint), why=why, remedy=remedy)


def _clock(seconds: float) -> str:
    return (
        datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds") if seconds else "before any deployment"
    )


def _copy(source: Path, target: Path) -> None:
    """Copies a file and waits for the disk: this one must not be lost to the same accident."""
    scratch = target.with_name(f"{target.name}.restored")
    with source.open("rb") as reading, scratch.open("wb") as writing:
        shutil.copyfileobj(reading, writing)
        writing.flush()
        os.fsync(writing.fileno())
    scratch.replace(target)


def _mend_layout(meta: Path) -> None:
    """Without this file the engine takes every stack for one that does not exist, and would make a new one."""
    with suppress(OSError, ValueError, yaml.YAMLError, AttributeError):
        if yaml.safe_load(meta.read_text(encoding="utf-8")).get("version"):
            return
    meta.write_text(_LAYOUT, encoding="utf-8")
    warn(f"{meta} was half written: it says again how the backend is laid out")


def _drop_unreadable_locks(locks: Path) -> None:
    # The engine takes every file here for a lock: also one that it was about to write when it was killed, or when
    # the disk was full.
    for lock in sorted(locks.glob("*")):
        # One that lives has its lock whole, or will have within the moment.
        if _drop_unreadable(lock) and lock.suffix != ".attrs":
            say(f"the lock {lock.name} is cleared: it was never written to its end, so no run holds it")


def _drop_unreadable(path: Path) -> bool:
    """Removes a JSON file that is there and is none; for descriptions beside a file the engine has defaults."""
    if not path.is_file():
        return False
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        path.unlink()
        return True
    return False
