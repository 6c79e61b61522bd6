"""The node after the death of its processes and after a reboot: it comes back by itself, with its data, as it was.

``PXL_NODE_KILLS`` says how many kills there are, or ``all``; ``PXL_NODE_SEED`` draws the same moments again.
"""

import json
import os
import random
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from local import node
from local.node import boot, cgroups, record, spec, watchdog
from tests.e2e.harness import Platform
from tests.e2e.node_kills import EVERYTHING, FIRST, INSIDE, WATCHDOG, Load, Victim

SEED = int(os.environ.get("PXL_NODE_SEED") or random.randrange(10_000))
# A daemon's restart and its back-off, or a whole sandbox and every pod's start, on a machine with other work.
ANSWERS_SECONDS, SETTLES_SECONDS = 90, 180


def plan() -> list[str]:
    """What is killed, in a drawn order: the short form has the ends of all first, then as many daemons as fit."""
    drawn = random.Random(SEED)
    daemons = [each["name"] for each in spec.processes()]
    drawn.shuffle(daemons)
    wanted = os.environ.get("PXL_NODE_KILLS") or "4"
    everything = [FIRST, WATCHDOG, EVERYTHING, *daemons, INSIDE]
    chosen = everything if wanted == "all" else everything[: int(wanted)]
    drawn.shuffle(chosen)
    return chosen


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    rows = [
        f"| killed (seed {SEED}) | after | app away | settled | acknowledged, lost | pods started again | make up |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    yield rows
    print("\n" + "\n".join(rows))


@pytest.fixture
def victim(platform: Platform) -> Victim:
    found = Victim(platform)
    found.settled(SETTLES_SECONDS)
    return found


@pytest.mark.long
@pytest.mark.parametrize("what", plan())
def test_after_a_kill_the_app_answers_again_by_itself_and_everything_is_there_once(
    what: str, victim: Victim, table: list[str]
) -> None:
    moment = random.Random(f"{SEED} {what}").uniform(0.5, 4)
    pods, objects, processes, restarts = victim.uids(), victim.objects(), victim.processes(), victim.restarts()
    first = victim.pid(victim.layout.record)
    with Load(victim.platform.url).running() as load:
        time.sleep(moment)
        acknowledged = len(load.acknowledged)
        killed = time.monotonic()
        victim.kill(what)
        if what == EVERYTHING:
            # Nobody is left that could start anything: this is for the next command.
            done = victim.platform.up()
            assert done.returncode == 0, f"`make up` must mend it: {done.stderr[-4000:]}"
        settled = victim.settled(SETTLES_SECONDS) and time.monotonic() - killed
        load.steady(3, within=ANSWERS_SECONDS)
    away = load.outage(killed)
    assert acknowledged, "the kill must have hit an app at work"
    assert len(load.acknowledged) > acknowledged, "the app must take jobs again"
    assert away < ANSWERS_SECONDS, f"the app was away for {away:.0f} s"
    assert load.lost() == [], "what was acknowledged must be there"
    assert victim.uids() == pods, "the pods must be the same: neither replaced nor doubled"
    assert victim.objects() == objects, "nobody asked for a change"
    if what == WATCHDOG:
        assert processes - victim.processes() == {"watch": 1}, "only the watchdog may be missing"
        assert victim.pid(victim.layout.record) == first, "the sandbox must run on without its watchdog"
    else:
        assert victim.processes() == processes, "every part must run once, as before"
    started = victim.restarts() - restarts
    done = victim.platform.up()
    assert done.returncode == 0, f"`make up` must work after that: {done.stderr[-4000:]}"
    changed = re.findall(r"\b\d+ (?:updated|created|deleted|replaced)", done.stderr)
    assert changed == [], f"there was nothing to change: {changed}\n{done.stderr[-3000:]}"
    assert re.search(r"\b\d+ unchanged", done.stderr), done.stderr[-2000:]
    assert victim.processes() == processes, "and `make up` must leave every part running once, the watchdog too"
    assert victim.pid(victim.layout.record) == first or what in (FIRST, INSIDE, EVERYTHING), (
        "the sandbox must be left alone"
    )
    rows = f"{len(load.acknowledged)}, {len(load.lost())}"
    table.append(f"| {what} | {moment:.1f} s | {away:.1f} s | {settled:.1f} s | {rows} | {started} | nothing changed |")


def test_a_killed_watchdog_is_replaced_by_the_next_up_and_keeps_the_node_again(victim: Victim) -> None:
    first = victim.pid(victim.layout.record)
    victim.kill(WATCHDOG)
    said = victim.platform.command("status").stderr
    assert "make up starts it again" in said, f"status must say what is missing: {said}"
    node.up(victim.state)
    assert victim.pid(victim.layout.record) == first, "a new watchdog takes the sandbox over as it is"
    victim.kill(FIRST)
    victim.settled(SETTLES_SECONDS)
    assert watchdog.read(victim.layout).restarts == 1, "and starts it again on the same ports"


def test_after_a_reboot_the_units_command_brings_everything_back(victim: Victim) -> None:
    pods, objects, processes = victim.uids(), victim.objects(), victim.processes()
    with Load(victim.platform.url).running() as load:
        time.sleep(2)
        rebooted(victim)
    assert load.acknowledged, "there must be rows to be lost"
    assert node.status(victim.state).running is False, "nothing of it may be alive"
    began = time.monotonic()
    done = executed(victim)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    victim.settled(SETTLES_SECONDS)
    print(f"\nafter a reboot: settled {time.monotonic() - began:.0f} s after the unit's start")
    with load.running():
        load.steady(3, within=ANSWERS_SECONDS)
    assert load.lost() == [], "what was acknowledged must be there"
    assert (victim.uids(), victim.objects()) == (pods, objects), "nobody asked for a change"
    assert victim.processes() == processes
    again = executed(victim)
    assert again.returncode == 0, again.stderr
    assert victim.processes() == processes, "a second run must find that nothing is to be done"
    done = victim.platform.up()
    assert done.returncode == 0, done.stderr
    assert not re.search(r"\b\d+ (updated|created|deleted|replaced)", done.stderr), done.stderr[-2000:]


def rebooted(victim: Victim) -> None:
    """What a reboot takes away: processes, control groups, and the boot that the records speak of."""
    victim.kill(EVERYTHING)
    for name in (victim.layout.watchdog_cgroup_name, victim.layout.cgroup_name):
        cgroups.remove(name)
    for path in (victim.layout.record, victim.layout.watchdog_record):
        found = json.loads(path.read_text())
        # The process with that number is somebody else's now, and started when the recorded one did: only the boot
        # tells them apart.
        state = record.process_state(os.getpid())
        assert state is not None
        path.write_text(json.dumps({**found, "pid": os.getpid(), "start": state[1], "boot": "an earlier one"}))


def executed(victim: Victim) -> "subprocess.CompletedProcess[str]":
    """Runs the unit's command by hand, with nothing but what systemd would give it."""
    program = (
        "import sys; from pathlib import Path; from local.node import boot; from local.paths import State; "
        "boot.install(State.current(), Path(sys.argv[1]))"
    )
    units = victim.state.folder.parent
    argv = [sys.executable, "-c", program, str(units)]
    subprocess.run(argv, cwd=victim.platform.checkout, env=victim.platform.env, check=True)
    text = boot.path(victim.state, units).read_text()
    boot.remove(victim.state, units)
    values = [line.partition("=")[::2] for line in text.splitlines() if "=" in line]
    env = dict(shlex.split(value)[0].split("=", 1) for key, value in values if key == "Environment")
    unit = dict(values)
    return subprocess.run(
        shlex.split(unit["ExecStart"]),
        cwd=unit["WorkingDirectory"],
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", **env},
        capture_output=True,
        text=True,
        timeout=float(unit["TimeoutStartSec"]),
        check=False,
    )
