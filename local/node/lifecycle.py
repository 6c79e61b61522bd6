"""``up``, ``down`` and ``status`` of the node, and what the rest of the platform may ask of it."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.node import (
    addons,
    boot,
    cgroups,
    config,
    host,
    pki,
    ports,
    record,
    rootfs,
    sandbox,
    spec,
    wait,
    watchdog,
)
from local.node.layout import Layout
from local.paths import State, cache_dir
from operations.console import say, step


@dataclass(frozen=True)
class Builder:
    """The node's root file system for builds; no node has to run.

    Args:
        state: The state folder it belongs to.
    """

    state: State

    def build_run(
        self, argv: Sequence[str], *, check: bool = True, capture: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command in the node's root file system but in the host's network, names and certificates.

        For builds, which need package registries. It has mounts and processes of its own: changes to the
        root are gone with the command; ``/var/lib/containers`` (buildah's storage) stays, and the node sees
        it too. The cache and the state folder have the same paths inside as outside.

        Args:
            argv: The command.
            check: Whether an exit code other than 0 is a Problem.
            capture: Whether its output is returned rather than shown.
        """
        return sandbox.build_run(Layout(self.state), rootfs.ensure(), argv, check=check, capture=capture)


@dataclass(frozen=True)
class Node(Builder):
    """A running node.

    Args:
        state: The state folder it belongs to.
        pid: Its first process, as the host sees it.
        app_port: The port of 127.0.0.1 on the host that leads to NodePort 30080.
    """

    pid: int
    app_port: int

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig (``https://127.0.0.1:<port>``); the user's own is not touched."""
        return Layout(self.state).kubeconfig

    @property
    def context(self) -> str:
        """The kubeconfig's only context, ``pxl-<id>``."""
        return Layout(self.state).context

    def run(
        self,
        argv: Sequence[str],
        *,
        data: bytes | None = None,
        check: bool = True,
        capture: bool = True,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command inside the node: its root, network, processes. ``kubectl`` and ``buildah`` are there.

        The cache and the state folder have the same paths inside as outside; ``localhost:5000`` is the
        registry and NodePorts answer on 127.0.0.1. There is no way to the outside.

        Args:
            argv: The command.
            data: What it reads from its standard input; nothing by default.
            check: Whether an exit code other than 0 is a Problem.
            capture: Whether its output is returned rather than shown.
            timeout: Seconds after which it is killed (``subprocess.TimeoutExpired``).
        """
        return sandbox.run(self.pid, argv, data=data, check=check, capture=capture, timeout=timeout)


@dataclass(frozen=True)
class Status:
    """What there is of a node.

    Args:
        running: Whether its sandbox runs.
        ready: Whether the Node is Ready.
        app_port: The app's port on the host; None when the node never was.
        pid: The sandbox's first process.
        detail: Why it is not ready.
        daemons: The state of each daemon.
        watcher: What the watchdog says, which starts the sandbox again when it ends.
        boot: What a reboot does, and what to do about it.
    """

    running: bool
    ready: bool
    app_port: int | None
    pid: int | None
    detail: str
    daemons: tuple[wait.Daemon, ...]
    watcher: watchdog.Report
    boot: str


def builder(state: State) -> Builder:
    """The node's root file system for builds, without a node.

    Raises:
        Problem: It cannot be made; see ``rootfs.ensure``.
    """
    host.require()
    host.require_plain(state.folder, cache_dir())
    rootfs.ensure()
    Layout(state).make()
    return Builder(state)


def up(state: State, *, app_port: int | None = None) -> Node:
    """Starts the node, revives it with its data, or finds that it runs; returns when the Node is Ready.

    Args:
        state: Where everything of it is kept.
        app_port: The port of the host's 127.0.0.1 for the app; by default the one it had, at first 8080.

    Raises:
        Problem: The machine cannot carry it, a port is taken, a download or a daemon fails.
    """
    host.require()
    host.require_plain(state.folder, cache_dir())
    programs, root = spec.Programs.built(), rootfs.ensure()
    layout = Layout(state)
    layout.make()
    port = ports.wanted_app_port(ports.read(layout.ports), app_port)
    pki.ensure(layout.pki)
    config.ensure(layout)
    wanted = _specification(layout, programs, root, port)
    found = record.read(layout.record)
    if not (found and found.alive and found.fingerprint == wanted["fingerprint"] and _is_watched(layout, wanted)):
        _start(layout, wanted, port, replaced=bool(found and found.alive))
    boot.install(state)
    return _ready(layout)


def resume(state: State) -> Node | None:
    """Starts the node again as ``up`` has left it, for the time after a reboot; one that runs is left alone.

    Returns:
        The node, when it is Ready; its pods follow by themselves. None when there is nothing to start.

    Raises:
        Problem: A port is taken, what was built is gone, or a daemon fails.
    """
    layout = Layout(state)
    wanted, recorded = spec.read(layout), ports.read(layout.ports)
    if not wanted or not recorded:
        return None
    host.require()
    found = record.read(layout.record)
    if not (found and found.alive and _is_watched(layout, wanted)):
        _start(layout, wanted, recorded.app, replaced=False)
    return _ready(layout)


def _is_watched(layout: Layout, wanted: Mapping[str, Any]) -> bool:
    return watchdog.ensure(layout, wanted["init"])


def _ready(layout: Layout) -> Node:
    if wait.state(layout)[0]:
        # A run that was interrupted here left a node that is Ready and lacks them.
        addons.allow(layout)
    else:
        with step("starting the node", hint="about 20 s") as current:
            wait.for_daemons(layout, current)
            addons.allow(layout)
            wait.for_node(layout, current)
    found = running(layout.state)
    if not found:
        raise wait.ended(layout)
    return found


def _specification(layout: Layout, programs: spec.Programs, root: Path, port: int) -> dict[str, Any]:
    wanted = spec.sandbox(layout, root, programs, cgroups.required())
    wanted |= {"app_port": port, "init": sandbox.program()}
    return {**wanted, "fingerprint": spec.fingerprint(wanted, layout.config)}


def _start(layout: Layout, wanted: Mapping[str, Any], port: int, *, replaced: bool) -> None:
    if replaced:
        recorded = ports.read(layout.ports)
        if recorded is None or recorded.app != port:
            # What runs is not ended for a port that cannot be had.
            ports.check(port)
        say("the node's parts or its port have changed: starting it anew, with its data")
    sandbox.stop(layout)
    host.require_inotify()
    host.load_modules()
    cgroups.hand_down(cgroups.hierarchies())
    claimed, sockets = ports.claim(layout.ports, port)
    try:
        config.ensure_kubeconfig(layout, claimed.api)
        sandbox.launch(layout, dict(wanted), sockets)
    finally:
        for each in sockets:
            each.close()


def install_addons(node: Node, images: Mapping[str, str], dns_rules: Sequence[str] = ()) -> None:
    """Makes the cluster's DNS answer.

    Args:
        node: A running node whose registry holds the images.
        images: Reference by name, as ``local/images`` gives them; ``coredns`` is used.
        dns_rules: Further lines of the DNS server's configuration.

    Raises:
        Problem: CoreDNS does not come up.
    """
    with step("starting the cluster's DNS", hint="some seconds") as current:
        addons.install(Layout(node.state), node.pid, images["coredns"], current, dns_rules)


def down(state: State) -> None:
    """Ends the node and removes everything of it; nothing happens when there is none.

    Raises:
        Problem: A process does not end, or the user may not end it.
    """
    layout = Layout(state)
    groups = (layout.cgroup_name, layout.watchdog_cgroup_name, layout.build_cgroup_name)
    if not layout.folder.exists() and not any(map(cgroups.exists, groups)) and not boot.exists(state):
        return
    host.require_root()
    boot.remove(state)
    sandbox.stop(layout)
    sandbox.stop_builds(layout)
    layout.kubeconfig.unlink(missing_ok=True)
    if layout.folder.exists():
        shutil.rmtree(layout.folder)


def running(state: State) -> Node | None:
    """The node, if it runs, as it is: nothing is started or changed.

    Raises:
        Problem: The user may not enter it.
    """
    host.require()
    layout = Layout(state)
    found, recorded = record.read(layout.record), ports.read(layout.ports)
    return Node(state, found.pid, recorded.app) if found and found.alive and recorded else None


def status(state: State) -> Status:
    """What there is of the node, without changing anything."""
    layout = Layout(state)
    found, recorded = record.read(layout.record), ports.read(layout.ports)
    app_port = recorded.app if recorded else None
    watched, at_boot = watchdog.read(layout), boot.advice(state)
    if not found or not found.alive:
        return Status(False, False, app_port, None, "the node does not run", (), watched, at_boot)
    ready, detail = wait.state(layout)
    return Status(True, ready, app_port, found.pid, detail, tuple(wait.daemons(layout)), watched, at_boot)
