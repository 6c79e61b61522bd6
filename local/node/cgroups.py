"""The node's control groups: one of the same name in every hierarchy that the machine has."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from operations.errors import Problem

_MOUNTS = Path("/proc/self/mountinfo")
_REMOVE_SECONDS = 10.0


@dataclass(frozen=True)
class Hierarchy:
    """One mounted cgroup hierarchy.

    Args:
        mount: Where the host has it.
        kind: ``cgroup`` (version 1) or ``cgroup2``.
        options: What mounts it again: the controllers of version 1, nothing for version 2.
    """

    mount: str
    kind: str
    options: str


def hierarchies(mountinfo: str | None = None) -> list[Hierarchy]:
    """Every hierarchy mounted below ``/sys/fs/cgroup``: version 1, 2 or both (hybrid)."""
    text = _MOUNTS.read_text() if mountinfo is None else mountinfo
    found = {}
    for line in text.splitlines():
        mounted, _, source = line.partition(" - ")
        target, (kind, _, options) = mounted.split()[4], source.split()[:3]
        if kind in {"cgroup", "cgroup2"} and target.startswith("/sys/fs/cgroup"):
            found[target] = Hierarchy(target, kind, _remount_options(kind, options))
    return list(found.values())


def _remount_options(kind: str, options: str) -> str:
    if kind == "cgroup2":
        return ""
    kept = [option for option in options.split(",") if option not in {"rw", "ro", "xattr", "clone_children"}]
    kept = [option for option in kept if not option.startswith("release_agent=")]
    # A hierarchy without a controller is mounted by its name.
    return ",".join(["none", *kept] if all(option.startswith("name=") for option in kept) else kept)


def required() -> list[Hierarchy]:
    """The hierarchies, once it is sure that the kubelet can work with them.

    Raises:
        Problem: None is mounted, or a controller is missing.
    """
    found = hierarchies()
    names = {name for each in found for name in _controllers(each)}
    missing = {"cpu", "memory", "pids", "cpuset"} - names
    if missing:
        raise Problem(
            "The machine's control groups cannot carry a node.",
            where="/sys/fs/cgroup",
            why=f"no {', '.join(sorted(missing))} controller is mounted there",
            remedy="inside a container, run it with --privileged; elsewhere, mount cgroup2 on /sys/fs/cgroup",
        )
    return found


def _controllers(hierarchy: Hierarchy) -> list[str]:
    if hierarchy.kind == "cgroup":
        return hierarchy.options.split(",")
    return (Path(hierarchy.mount) / "cgroup.controllers").read_text().split()


def hand_down(found: list[Hierarchy]) -> None:
    """Lets groups below the root of version 2 use the controllers they need (systemd usually has)."""
    for hierarchy in found:
        control = Path(hierarchy.mount) / "cgroup.subtree_control"
        if hierarchy.kind == "cgroup2":
            given = control.read_text().split()
            for name in {"cpu", "cpuset", "memory", "pids", "io"} & set(_controllers(hierarchy)) - set(given):
                control.write_text(f"+{name}")


def exists(name: str) -> bool:
    """Whether a group of this name is left in any hierarchy."""
    return any((Path(hierarchy.mount) / name).exists() for hierarchy in hierarchies())


def processes(name: str) -> set[int]:
    """Every process in the groups of this name, and below."""
    found = set[int]()
    for hierarchy in hierarchies():
        for listing in (Path(hierarchy.mount) / name).rglob("cgroup.procs"):
            try:
                found.update(map(int, listing.read_text().split()))
            except OSError:
                continue
    return found


def remove(name: str) -> None:
    """Kills what is left in the groups of this name and removes them; nothing happens without them.

    Raises:
        Problem: A group stayed busy.
    """
    end = time.monotonic() + _REMOVE_SECONDS
    while left := [folder for folder in _folders(name) if not _removed(folder)]:
        # A process can show as 0 (of another namespace); never signal our own group.
        for pid in processes(name) - {0, os.getpid()}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > end:
            raise Problem(
                "A control group of the node could not be removed.",
                where=str(left[0]),
                why=f"processes in it do not end: {sorted(processes(name))}",
                remedy="see what they wait for (cat /proc/PID/stack), then run make down again",
            )
        time.sleep(0.05)


def _folders(name: str) -> list[Path]:
    """The groups of this name and those below, the deepest first."""
    tops = [Path(hierarchy.mount) / name for hierarchy in hierarchies()]
    return [Path(folder) for top in tops for folder, _, _ in os.walk(top, topdown=False)]


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
