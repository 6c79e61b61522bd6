"""The sandbox itself: starting it, entering it, ending it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local import build, cache
from local.node import cgroups, record, spec, watchdog
from local.node.layout import Layout
from local.paths import write
from operations.errors import Problem

INSIDE = {
    "PATH": "/opt/pxl/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "KUBECONFIG": "/etc/pxl/admin.kubeconfig",
}
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "TERM")
_KILL_SECONDS = 15.0


def launch(layout: Layout, wanted: dict[str, Any], sockets: Sequence[socket.socket]) -> record.Record:
    """Starts the watchdog, which starts the sandbox's first process in namespaces of its own, and lets both run.

    Args:
        layout: Where the node's files are; none of its processes may run.
        wanted: What ``spec.sandbox`` returned, with its fingerprint and the program that is to carry it out.
        sockets: The host's listening sockets, in the order of ``spec.FORWARD_TARGETS``.

    Raises:
        Problem: The kernel refuses the namespaces or the control groups.
    """
    for stale in (layout.status, layout.watchdog_status, layout.log / "init.log"):
        stale.unlink(missing_ok=True)
    write(layout.spec, json.dumps(wanted, indent=2))
    why = watchdog.start(layout, wanted["init"], [each.fileno() for each in sockets])
    started = record.read(layout.record)
    if why or started is None:
        raise Problem(
            "The node's sandbox could not be started.",
            where="Linux namespaces and control groups",
            why=why,
            remedy="inside a container, run it with --privileged; or use another cluster: make up KUBE_CONTEXT=name",
        )
    return started


def program() -> str:
    """The built program that makes a sandbox and is its first process."""
    return str(build.tool("init") / "init")


def stop(layout: Layout) -> None:
    """Ends every process of the node and removes its control groups. Namespaces, mounts and interfaces go too."""
    # First what would start it again: once its group is gone, so is whatever it was just starting, or that has
    # moved on to the node's group.
    _end(layout.watchdog_record, layout.watchdog_cgroup_name)
    _end(layout.record, layout.cgroup_name)


def _end(path: Path, group: str) -> None:
    found = record.read(path)
    if found and found.alive:
        os.kill(found.pid, signal.SIGKILL)
        end = time.monotonic() + _KILL_SECONDS
        while found.alive and time.monotonic() < end:
            time.sleep(0.02)
    cgroups.remove(group)
    path.unlink(missing_ok=True)


def stop_builds(layout: Layout) -> None:
    """Ends every build and removes what it had of its own."""
    cgroups.remove(layout.build_cgroup_name)
    for scratch in layout.folder.glob("build-*"):
        shutil.rmtree(scratch, ignore_errors=True)


def run(
    pid: int,
    argv: Sequence[str],
    *,
    data: bytes | None = None,
    check: bool = True,
    capture: bool = True,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command inside the sandbox, in all of its namespaces; see ``Node.run``."""
    namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup"]
    command = ["nsenter", f"--target={pid}", *namespaces, "--", *argv]
    done = _done(command, INSIDE, capture, data, timeout)
    return _checked(done, argv, "inside the node") if check else done


def build_run(
    layout: Layout, root: Path, argv: Sequence[str], *, check: bool = True, capture: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command in the root file system, with the host's network; see ``Node.build_run``."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    _clear_dead_builds(layout)
    scratch = Path(tempfile.mkdtemp(prefix=f"build-{os.getpid()}-", dir=layout.folder))
    try:
        for name in ("upper", "work", "root"):
            (scratch / name).mkdir()
        path = scratch / "spec.json"
        path.write_text(json.dumps(spec.build(layout, root, scratch)))
        # A build must not outlive the command that has its lock.
        done = _done(cache.mortal([program(), "build", str(path), "--", *argv]), {**INSIDE, **passed}, capture)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _checked(done, argv, "in the node's root file system") if check else done


def _clear_dead_builds(layout: Layout) -> None:
    for scratch in layout.folder.glob("build-*-*"):
        if record.process_state(int(scratch.name.split("-")[1])) is None:
            shutil.rmtree(scratch, ignore_errors=True)


def _done(
    argv: list[str], env: dict[str, str], capture: bool, data: bytes | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    if data is not None:
        return subprocess.run(argv, env=env, input=data, capture_output=capture, timeout=timeout, check=False)
    # What shows its output may as well be typed into.
    typed = subprocess.DEVNULL if capture else None
    return subprocess.run(argv, env=env, stdin=typed, capture_output=capture, timeout=timeout, check=False)


def _checked(
    done: subprocess.CompletedProcess[bytes], argv: Sequence[str], where: str
) -> subprocess.CompletedProcess[bytes]:
    if done.returncode == 0:
        return done
    said = ((done.stderr or b"") + (done.stdout or b"")).decode(errors="replace").splitlines()
    raise Problem(
        f"{argv[0]} ended with exit code {done.returncode}.",
        where=f"{where}: {' '.join(argv)}",
        why="\n".join(said[-12:]) or None,
    )
