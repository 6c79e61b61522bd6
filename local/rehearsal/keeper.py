"""The process that keeps a rehearsal going: ``python -m local.rehearsal.keeper STACK``.

It plays the controllers of a production cluster, and the ports of this machine that lead to registry and app. What it
does is written in its log; what it cannot do is tried again a second later.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from local.node import record
from local.node.layout import NODE_IP, REGISTRY, Layout
from local.paths import CHECKOUT, State, write
from local.rehearsal import authority, external_secrets, front_door, servers, stage, stores
from local.rehearsal.definitions import definitions
from local.rehearsal.forward import Forwarder
from local.rehearsal.stage import Stage
from local.standins.kubernetes.client import Cluster
from local.standins.kubernetes.kubeconfig import target
from operations.errors import Problem

_EVERY_SECONDS = 1.0
_START_SECONDS = 20.0
_END_SECONDS = 5.0
_LOG_LINES = 10


def ensure(state: State, wanted: Stage) -> None:
    """Starts it for a stage, in the place of one that plays another.

    Raises:
        Problem: It ends at once, such as when a port is taken.
    """
    found = record.read(_record(state, wanted.stack))
    if found is not None and found.alive and found.fingerprint == _fingerprint(wanted):
        return
    stop(state, wanted.stack)
    wanted.save(state)
    argv = [sys.executable, "-m", "local.rehearsal.keeper", wanted.stack]
    with log(state, wanted.stack).open("wb") as file:
        child = subprocess.Popen(
            argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            env={**os.environ, "PXL_STATE": str(state.folder)},
        )  # fmt: skip
    until = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < until:
        if record.read(_record(state, wanted.stack)) is not None:
            return
        time.sleep(0.05)
    raise Problem(
        "What plays AWS for the rehearsal does not start.",
        where=str(log(state, wanted.stack)),
        why="\n".join(log(state, wanted.stack).read_text(errors="replace").splitlines()[-_LOG_LINES:]),
        remedy="is a port taken? See the log; then run it again",
    )


def stop(state: State, stack: str) -> None:
    """Ends it; none is none."""
    found = record.read(_record(state, stack))
    if found is not None and found.alive:
        os.kill(found.pid, signal.SIGTERM)
        until = time.monotonic() + _END_SECONDS
        while found.alive and time.monotonic() < until:
            time.sleep(0.05)
    _record(state, stack).unlink(missing_ok=True)


def log(state: State, stack: str) -> Path:
    """Its log."""
    return state.path("rehearsal", stack, "keeper.log")


def _record(state: State, stack: str) -> Path:
    return state.path("rehearsal", stack, "keeper.json")


def _fingerprint(played: Stage) -> str:
    return hashlib.sha256(repr(played).encode()).hexdigest()[:12]


def main() -> None:
    """Keeps the rehearsal of the stack going that the command line names, until it is ended."""
    parser = argparse.ArgumentParser(description="Keeps the rehearsal of a stack going.")
    parser.add_argument("stack")
    stack = parser.parse_args().stack
    state = State.current()
    known = stage.read(state, stack)
    if known is None:
        raise SystemExit(f"there is no rehearsal of {stack}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host, _, port = REGISTRY.partition(":")
    Forwarder(state, known.registry_port, ("127.0.0.1" if host == "localhost" else host, int(port))).start()
    Forwarder(state, known.app_port, (NODE_IP, known.node_port)).start()
    write(_record(state, stack), record.this_process(_fingerprint(known)).text())
    loop(work(state, known))


def work(state: State, known: Stage) -> list[Callable[[], None]]:
    """What is done again and again."""
    layout = Layout(state)
    cluster = Cluster(target(str(layout.kubeconfig), layout.context), print)
    account = stores.Account(known.endpoint, known.region)
    signing = authority.ensure(stage.state_of(state, known.stack).folder)
    for manifest in (servers.namespace(), *definitions()):
        cluster.apply(manifest, servers.MANAGER, force=True, dry_run=False)
    return [
        stores.Stores(cluster, account, signing, known.images).reconcile,
        external_secrets.ExternalSecrets(cluster, account, known.namespace).reconcile,
        front_door.FrontDoors(cluster, known.namespace, known.node_port).reconcile,
    ]


def loop(tasks: list[Callable[[], None]]) -> None:
    """Never ends: a part that is away comes back, and what went wrong is in the log once."""
    last: dict[int, str] = {}
    while True:
        for number, task in enumerate(tasks):
            try:
                task()
                last.pop(number, None)
            except Exception as error:
                if last.get(number) != str(error):
                    traceback.print_exc()
                    sys.stderr.flush()
                last[number] = str(error)
        time.sleep(_EVERY_SECONDS)


if __name__ == "__main__":
    main()
