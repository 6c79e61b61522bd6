"""``up`` is killed at random moments; the next one finishes, and nothing is doubled, orphaned or lost.

``PXL_KILLS`` says how often (``make kills``: 30), ``PXL_KILLS_SEED`` repeats the moments of another run.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from infra.marks import STATE_ANNOTATION
from local import engine
from local.paths import State
from local.standins.kubernetes.client import Cluster
from local.standins.kubernetes.kubeconfig import target
from tests.e2e import interruptions
from tests.e2e.changes import Changes
from tests.e2e.evidence import Ledger, database, inventory
from tests.e2e.harness import NAMESPACE, Platform, request
from tests.e2e.interruptions import Engine, Kill, Moment, at_second, at_write, killed

KILLS = int(os.environ.get("PXL_KILLS", "2"))
SEED = os.environ.get("PXL_KILLS_SEED") or str(time.time_ns() % 100_000)
# How long an undisturbed run takes on two cores, and how often the folder of the engine's state changes in it.
SCENARIOS = {"first": (60, 260), "build": (40, 60), "secret": (25, 50), "setting": (15, 20)}
ORDER = ("first", "secret", "build", "setting", "build", "first", "setting", "secret", "build", "secret")


@dataclass
class Bench:
    """The platform, what is known of it, and the table of what was done to it."""

    platform: Platform
    changes: Changes
    ledger: Ledger
    expected: dict[str, int]
    logs: Path
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def finish(self) -> str:
        """The next ``up``, which must finish; what it said."""
        done = self.platform.up()
        assert done.returncode == 0, f"the next run must finish:\n{done.stderr[-6000:]}"
        return done.stderr

    @contextmanager
    def reached(self) -> Iterator[None]:
        """The app must be reached within the block; when it is not, what there was to answer."""
        try:
            yield
        except OSError as error:
            kinds = "pods,endpointslices,events"
            seen = self.platform.command("kubectl", "get", kinds, "-n", NAMESPACE, "-o", "wide", timeout=60)
            logs = [(self.platform.state / "node" / "log" / f"{name}.log") for name in ("outside", "kube-proxy")]
            told = "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in logs)
            raise AssertionError(f"the app must be reached: {error!r}\n{seen.stdout}{seen.stderr}{told}") from error

    def post(self, count: int) -> None:
        """Jobs that must be taken."""
        with self.reached():
            self.ledger.post(count)

    def check(self, run: Kill) -> None:
        """What must hold after every interruption."""
        assert inventory(self.platform) == self.expected, "nothing may be there twice, and nothing may be missing"
        orphans = self.platform.command("orphans", "--json", timeout=60)
        assert json.loads(orphans.stdout)["orphans"] == [], "nothing may be left in no record"
        assert orphans.returncode == 0, orphans.stderr
        assert Engine(self.platform.state).pending() == [], "the next run must have nothing to warn of"
        assert interruptions.leftovers(self.platform, run) == [], "no process of the killed run may live"
        with self.reached():
            not_given, not_stored = self.ledger.missing()
        assert not_given == [], f"{len(not_given)} of {len(self.ledger.ids)} acknowledged jobs are lost to the API"
        assert not_stored == [], f"{len(not_stored)} of {len(self.ledger.ids)} acknowledged jobs are not in Postgres"


@pytest.fixture(scope="module")
def bench(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    assert platform.up().returncode == 0
    made = Bench(platform, Changes(platform), Ledger(platform), inventory(platform), tmp_path_factory.mktemp("kills"))
    yield made
    made.changes.restore()
    done = platform.up()
    print(f"\nkills with PXL_KILLS_SEED={SEED}\n" + table(made.rows))
    assert done.returncode == 0, done.stderr[-4000:]


def table(rows: list[tuple[str, ...]]) -> str:
    head = ("#", "up that", "killed at", "after", "while", "the next up", "in", "sent again")
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def moment(scenario: str, number: int, platform: Platform, attempt: int) -> Moment:
    """The same for the same seed; a run that was quicker than it is tried again at an earlier one."""
    seconds, writes = SCENARIOS[scenario]
    draw = Random(f"{SEED}-{number}")
    fraction = draw.random() / 2**attempt
    return at_write(platform, int(fraction * writes)) if draw.random() < 0.3 else at_second(fraction * seconds)


def is_cut_off(number: int) -> bool:
    """Whether the disk, too, loses what was written last."""
    return Random(f"{SEED}-{number}-disk").random() < 0.25


@pytest.mark.parametrize("number", range(KILLS))
def test_after_a_kill_at_any_moment_the_next_up_finishes_what_was_begun(bench: Bench, number: int) -> None:
    scenario = ORDER[number % len(ORDER)]
    platform = bench.platform
    for attempt in range(4):
        getattr(bench.changes, scenario)(number * 10 + attempt)
        if scenario == "first":
            bench.ledger.ids.clear()
            before = None
        else:
            bench.post(3)
            before = database(platform)["metadata"]["uid"]
        when = moment(scenario, number, platform, attempt)
        with bench.ledger.posting():
            run = killed(platform, bench.logs / f"{number}.log", when)
            if not run.finished:
                run.moment += interruptions.cut_off(platform) if is_cut_off(number) else ""
                break
    else:
        pytest.fail(f"seed {SEED}: no run took long enough to be killed")
    started = time.monotonic()
    with bench.ledger.posting():
        said = bench.finish()
    seconds = time.monotonic() - started
    row = (str(number), scenario, run.moment, f"{run.seconds:.1f} s", run.words(), interruptions.mended(said))
    bench.ledger.repeated.clear()
    try:
        bench.check(run)
    finally:
        bench.rows.append((*row, f"{seconds:.0f} s", str(len(bench.ledger.repeated))))
        # At once, too: the table at the end is lost with a test run that is itself interrupted.
        print("\n" + "  ".join(bench.rows[-1]), *bench.ledger.repeated[:3], flush=True)
    if before is not None:
        assert database(platform)["metadata"]["uid"] == before, "the pod of an ephemeral database must live through it"
    bench.post(1)
    with bench.reached():
        assert request(f"{platform.url}/ready").status == 200, "and the app serves"


def test_a_replacement_that_was_killed_before_its_record_is_swept(bench: Bench, tmp_path: Path) -> None:
    platform, log = bench.platform, tmp_path / "log"
    for number in range(5):
        bench.changes.secret(1000 + number)
        before = secrets(platform)
        with interruptions.running(platform, log) as process:
            made = made_but_not_recorded(platform, process, before)
        if made:
            break
    else:
        pytest.fail("the engine was never stopped between making a Secret and recording it")
    swept = platform.command("orphans", "--json", "--delete", timeout=60)
    assert swept.stdout, f"the sweep did not get to its end: {swept.stderr}"
    shown = json.loads(swept.stdout)["orphans"]
    assert [(each["name"], each["deleted"]) for each in shown] == [(made, False)], (
        "while its creation may be under way it is shown, and left alone"
    )
    said = bench.finish()
    assert f"left by an interrupted run, and deleted: Secret pxl-dev/{made}" in said
    assert made not in secrets(platform)
    assert len(secrets(platform)) == len(before), "one took the place of the other"
    assert inventory(platform) == bench.expected


def secrets(platform: Platform) -> set[str]:
    items = platform.kubectl("get", "secrets", "-n", NAMESPACE, "-l", "pxl.dev/stack=dev")["items"]
    return {item["metadata"]["name"] for item in items}


def made_but_not_recorded(platform: Platform, process: Any, before: set[str]) -> str | None:
    """Lets the engine run in slices of milliseconds until a new Secret is there; None if it has recorded it, too."""
    is_creating = lambda: any(each.startswith("creating Secret") for each in Engine(platform.state).pending())  # noqa: E731
    interruptions.until(lambda: is_creating() or process.poll() is not None, 60, "the creation of a Secret")
    for number in interruptions.engines(platform):
        os.kill(number, signal.SIGSTOP)
        while is_creating():
            new = secrets(platform) - before
            if new:
                return new.pop()
            os.kill(number, signal.SIGCONT)
            time.sleep(0.003)
            os.kill(number, signal.SIGSTOP)
    return None


def test_nothing_is_swept_that_is_not_certainly_of_this_state(bench: Bench) -> None:
    platform = bench.platform
    cluster = Cluster(target(str(platform.state / "kubeconfig")), print)
    ours = cluster.list("v1", "ServiceAccount", NAMESPACE, labelSelector="pxl.dev/stack=dev")[0]["metadata"]
    mark, labels = ours["annotations"][STATE_ANNOTATION], ours["labels"]

    def make(name: str, mark: str | None, manager: str, kind: str = "ConfigMap", **more: Any) -> None:
        annotations = {STATE_ANNOTATION: mark} if mark else {}
        metadata = {"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": annotations}
        obj = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
        cluster.apply(obj, manager, force=True, dry_run=False)

    engines = "pulumi-kubernetes-12345678"
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "none",
        "resources": {"requests": {"storage": "1Mi"}},
    }
    make("left-by-a-kill", mark, engines)
    make("of-another-checkout", "another-state", engines)
    make("copied-by-hand", mark, "kubectl-client-side-apply")
    make("unmarked", None, "kubectl-client-side-apply")
    make("data", mark, engines, kind="PersistentVolumeClaim", spec=claim)
    try:
        said = bench.finish()
        assert "deleted: ConfigMap pxl-dev/left-by-a-kill" in said
        assert "left alone: PersistentVolumeClaim pxl-dev/data: it holds data" in said
        assert "of-another-checkout" not in said, "another checkout's objects are no news here"
        here = {item["metadata"]["name"] for item in cluster.list("v1", "ConfigMap", NAMESPACE)}
        assert "left-by-a-kill" not in here
        assert {"of-another-checkout", "copied-by-hand", "unmarked"} <= here
        done = pxlctl(platform, "orphans", "dev", "--delete", "--json")
        assert done.returncode == 1, "something is left"
        found = json.loads(done.stdout)
        assert found["foreign"] == 1
        assert {each["name"]: each["deleted"] for each in found["orphans"]} == {
            "copied-by-hand": False,
            "unmarked": False,
            "data": False,
        }, "what is not certain, and what holds data, is for people to delete"
    finally:
        for kind, name in (
            ("ConfigMap", "of-another-checkout"),
            ("ConfigMap", "copied-by-hand"),
            ("ConfigMap", "unmarked"),
            ("PersistentVolumeClaim", "data"),
        ):
            cluster.delete("v1", kind, NAMESPACE, name)


def pxlctl(platform: Platform, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """``pxlctl`` as somebody would run it who knows where the engine's state is."""
    state = State(platform.state)
    env = engine.ensure().env(state)
    command = [sys.executable, "-m", "operations", *arguments, "--file", str(platform.state / "Pulumi.dev.yaml")]
    return subprocess.run(
        command, cwd=platform.checkout, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("what", ["half", pytest.param("empty", marks=pytest.mark.long), "layout and lock"])
def test_a_state_that_a_power_cut_has_damaged_is_restored_and_the_run_goes_on(bench: Bench, what: str) -> None:
    root = bench.platform.state / "pulumi" / ".pulumi"
    checkpoint = Engine(bench.platform.state).checkpoint
    before = database(bench.platform)["metadata"]["uid"]
    bench.changes.setting(20 + len(what))
    if what == "layout and lock":
        (root / "meta.yaml").write_text("")
        lock = root / "locks" / "organization" / "pxl" / "dev" / "1234.json"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text('{"pid":')
        words = ["meta.yaml was half written", "the lock 1234.json is cleared"]
    else:
        os.truncate(checkpoint, checkpoint.stat().st_size // 2 if what == "half" else 0)
        words = ["was half written: restored from"]
    said = bench.finish()
    for word in words:
        assert word in said, f"a repair is never silent:\n{said[:2000]}"
    assert "Traceback" not in said
    assert inventory(bench.platform) == bench.expected
    assert database(bench.platform)["metadata"]["uid"] == before, "a restored state is not a new one"


def test_a_state_that_cannot_be_restored_for_certain_is_left_to_the_user(bench: Bench) -> None:
    checkpoint = Engine(bench.platform.state).checkpoint
    kept = {path: path.read_bytes() for path in (checkpoint, checkpoint.with_name("dev.json.bak"))}
    for path in kept:
        path.write_bytes(b"")
    done = bench.platform.up()
    assert done.returncode == 1, "an older state would make objects anew that are there"
    for word in ("the engine's state of this stack is damaged", str(checkpoint), "cp '", "next:"):
        assert word in done.stderr, f"the message must say {word!r}:\n{done.stderr[-2000:]}"
    command = next(line for line in done.stderr.splitlines() if "cp '" in line)
    subprocess.run(["sh", "-c", command[command.index("cp '") :]], check=True)
    bench.finish()
    assert inventory(bench.platform) == bench.expected, "the command that it gives must work"
