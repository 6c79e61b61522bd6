"""The node's watchdog, and what it is up against: starts that are killed, that fail, and that race with ``down``."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import node
from local.node import cgroups, ports, record, watchdog
from local.node.layout import Layout
from local.paths import CHECKOUT, State
from tests.e2e.harness import free_port


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """A node without a stack, for what would take the stack's minutes away."""
    if os.geteuid() != 0:
        pytest.skip("the embedded node needs root")
    found = State(tmp_path_factory.mktemp("bare") / "state")
    # What commands know a platform's folder by.
    found.path("lock").touch()
    yield found
    node.down(found)


def killed_while_starting(state: State, after: float, *paths: str) -> "subprocess.CompletedProcess[str]":
    """``node.up`` in a process of its own; what the named records name is killed so long after its start."""
    layout = Layout(state)
    program = f"from local import node; from local.paths import State; node.up(State.current(), app_port={free_port()})"
    env = {**os.environ, "PXL_STATE": str(state.folder), "PYTHONPATH": str(CHECKOUT)}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, env=env, stderr=pipe, text=True) as starting:
        end = time.monotonic() + 30
        while not all((layout.folder / path).exists() for path in paths) and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(after)
        for path in paths:
            found = record.read(layout.folder / path)
            assert found is not None, f"{path} was not written"
            os.kill(found.pid, signal.SIGKILL)
        _, said = starting.communicate(timeout=180)
    return subprocess.CompletedProcess(program, starting.returncode, "", said)


@pytest.mark.parametrize("after", [0.0, pytest.param(0.4, marks=pytest.mark.long), 3.0])
def test_a_start_whose_first_process_is_killed_ends_with_a_node_that_is_ready(after: float, bare: State) -> None:
    node.down(bare)
    done = killed_while_starting(bare, after, "record.json")
    assert done.returncode == 0, f"the watchdog starts the sandbox again, and up waits for it:\n{done.stderr}"
    assert node.status(bare).ready
    assert watchdog.read(Layout(bare)).restarts == 1


def test_a_start_whose_watchdog_is_killed_ends_with_a_node_that_the_next_up_completes(bare: State) -> None:
    node.down(bare)
    done = killed_while_starting(bare, 1.0, "watchdog.json")
    assert done.returncode == 0, f"the sandbox runs on without it:\n{done.stderr}"
    first = record.read(Layout(bare).record)
    node.up(bare)
    assert record.read(Layout(bare).record) == first, "the sandbox is taken over as it is"
    assert watchdog.read(Layout(bare)).running


def test_a_start_of_which_both_are_killed_says_so_and_the_next_up_mends_it(bare: State) -> None:
    node.down(bare)
    done = killed_while_starting(bare, 1.0, "watchdog.json", "record.json")
    assert done.returncode == 1
    assert "The node's sandbox ended while it was starting" in done.stderr, done.stderr
    node.up(bare)
    assert node.status(bare).ready


@pytest.mark.parametrize(
    "after", [0.0, *(pytest.param(each, marks=pytest.mark.long) for each in (0.15, 0.3, 0.6)), 1.2]
)
def test_down_ends_a_node_that_is_just_being_started_again(after: float, bare: State) -> None:
    node.up(bare, app_port=free_port())
    found = record.read(Layout(bare).record)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    time.sleep(after)
    node.down(bare)
    layout = Layout(bare)
    time.sleep(1)
    assert not layout.folder.exists(), "down removes it whole, and nothing may put it back"
    left = [name for name in (layout.cgroup_name, layout.watchdog_cgroup_name) if cgroups.exists(name)]
    assert left == [], "no control group may be made again after down"
    assert naming(bare) == [], "no process may be left, or come later"


def naming(state: State) -> list[str]:
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(state.folder) in line]


def test_a_sandbox_that_cannot_be_started_is_tried_again_until_it_can(bare: State) -> None:
    running = node.up(bare, app_port=free_port())
    with hidden(Layout(bare).config / "machine-id"):
        os.kill(running.pid, signal.SIGKILL)
        waiting_for(bare, "waiting", "could not be prepared: exit code 1; start 3 of 8")
    waiting_for(bare, "watching", "")
    end = time.monotonic() + 60
    while not node.status(bare).ready and time.monotonic() < end:
        time.sleep(0.2)
    assert node.status(bare).ready, node.status(bare).detail
    assert node.running(bare) == node.up(bare), "nothing is left to be done"


@pytest.mark.long
def test_a_sandbox_that_never_starts_ends_the_watchdog_which_says_why(bare: State) -> None:
    running = node.up(bare, app_port=free_port())
    with hidden(Layout(bare).config / "machine-id"):
        os.kill(running.pid, signal.SIGKILL)
        waiting_for(bare, "gave up", "could not be prepared", seconds=150)
    found = watchdog.read(Layout(bare))
    assert not found.running, "what gave up need not run on"
    assert "make up starts it again" in found.summary
    assert node.status(bare).running is False
    again = node.up(bare)
    assert again.app_port == running.app_port, "its ports are its own still"


class hidden:  # noqa: N801 (reads as a statement)
    """Takes a file away for as long as the block runs."""

    def __init__(self, path: Path) -> None:
        self.path, self.away = path, path.with_name(f"{path.name}.away")

    def __enter__(self) -> None:
        self.path.rename(self.away)

    def __exit__(self, *_: object) -> None:
        self.away.rename(self.path)


def waiting_for(state: State, phase: str, detail: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while (found := watchdog.read(Layout(state))).phase != phase or detail not in found.detail:
        assert time.monotonic() < end, f"the watchdog is not {phase!r} with {detail!r}, but {found}"
        time.sleep(0.05)


def test_the_ports_stay_the_nodes_while_its_sandbox_is_away(bare: State) -> None:
    running = node.up(bare, app_port=free_port())
    with hidden(Layout(bare).config / "machine-id"):
        os.kill(running.pid, signal.SIGKILL)
        waiting_for(bare, "waiting", "start 2 of 8")
        holder = ports.holder_of(running.app_port)
    assert holder, "somebody else could take the port meanwhile"
    assert "pxl-watch" in holder, f"and whoever looks must see who has it: {holder}"
    waiting_for(bare, "watching", "")


def test_resume_without_a_node_says_so_and_makes_nothing(tmp_path: Path) -> None:
    other = tmp_path / "none"
    env = {**os.environ, "PXL_STATE": str(other)}
    argv = [sys.executable, "-m", "local", "resume"]
    done = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "a boot script that is left over must not fail the boot"
    assert "no node to start" in done.stderr
    assert not other.exists()


def test_resume_waits_its_turn(bare: State) -> None:
    node.up(bare, app_port=free_port())
    env = {**os.environ, "PXL_STATE": str(bare.folder)}
    holding = """
import time
from local import lock, paths
with lock.held(paths.State.current()):
    print(flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", holding], cwd=CHECKOUT, env=env, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        argv = [sys.executable, "-m", "local", "resume"]
        done = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
        holder.kill()
    assert done.returncode == 1, "two commands must not start the same node"
    assert "Another run is at work" in done.stderr, done.stderr
