"""What is claimed of a rollout, one function a claim: each puts the stack through it and says whether it holds."""

from collections.abc import Callable
from dataclasses import dataclass

from local.proof import apps
from local.proof import backlog as backlogs
from local.proof import pace as pacing
from local.proof.backlog import Backlog
from local.proof.bench import Bench
from operations.proof.rollout.changes import Change, deployment, drain, kill, restart, workers
from operations.proof.rollout.command import Options, Part
from operations.proof.rollout.model import Load
from operations.proof.rollout.prove import Drive

_JOB_MILLISECONDS = 20
_PACE = 1.15
_FASTER = 3
_DEAF = {"pxl:app": {"env": {"HANDLE_SIGNALS": "false"}}}
_CLUSTER = {"pxl:app": {"env": {"HANDLE_SIGNALS": "false"}, "clusterWorkers": 1}}


@dataclass(frozen=True)
class Row:
    """One claim and what was seen.

    Attributes:
        what: What the stack was put through.
        claim: What must hold.
        seen: What was measured.
        holds: Whether it does.
    """

    what: str
    claim: str
    seen: str
    holds: bool


@dataclass(frozen=True)
class Amount:
    """How much load.

    Attributes:
        seconds: How long each change is driven at least.
        rate: GET requests a second, half of them on new connections.
        sockets: WebSocket clients.
        jobs: Jobs a second.
        backlog: Jobs that are put into the queue at once.
    """

    seconds: float
    rate: float
    sockets: int
    jobs: float
    backlog: int = 2000

    def drive(self, bench: Bench) -> Drive:
        """All four loads."""
        return bench.drive(
            rate=self.rate,
            sockets=self.sockets,
            jobs=self.jobs,
            job_milliseconds=_JOB_MILLISECONDS,
            least_seconds=self.seconds,
        )


# 200 a second of each kind for 101 s are 20,200; 50 jobs a second are 5,050.
FULL = Amount(seconds=101, rate=400, sockets=500, jobs=50)
SHORT = Amount(seconds=20, rate=200, sockets=100, jobs=20, backlog=1000)

Scenario = Callable[[Bench, Amount], tuple[list[Row], list[Part]]]


def release(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """A new digest under load, and the guide's snippet beside it in the same run."""
    variant = apps.build(bench.app, bench.scratch / "new-build")
    change = deployment(lambda: bench.deploy(variant))
    options = Options([change], amount.drive(bench), with_baseline=True, reach=bench.reach)
    parts = bench.prove(options)
    stack, guide = parts
    dropped = sum(row.failed for row in guide.verdict.rows)
    rows = [
        _kept(stack, "rollout to a new digest"),
        Row("the guide's snippet in the same run", "fails some", _requests(guide), dropped > 0),
        _sockets(stack),
    ]
    return rows, parts


def pods_killed(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """Every API pod told to go, one after another."""
    return _simple(bench, amount, kill(), "API pods killed gracefully, one after another")


def pods_drained(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """Every API pod evicted, one after another."""
    return _simple(bench, amount, drain(), "API pods evicted, one after another")


def jobs(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """Jobs while the workers are replaced, and while one of them is killed in the middle of its jobs."""
    drive = bench.drive(
        rate=0, sockets=0, jobs=amount.jobs, job_milliseconds=_JOB_MILLISECONDS, least_seconds=amount.seconds
    )
    (part,) = parts = bench.prove(Options([workers()], drive))
    facts = part.verdict.facts
    seen = ", ".join(f"{facts.get(key, 0)} {key.removeprefix('jobs ')}" for key in _JOB_FACTS)
    claim = "0 lost, 0 done twice, as the database counts"
    return [Row("jobs across a worker rollout and a worker kill -9", claim, seen, part.verdict.ok)], parts


_JOB_FACTS = ("jobs accepted", "jobs completed", "jobs lost", "jobs done twice", "jobs begun more than once")


def deaf_app(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """An app that does not hear SIGTERM, and the cure."""
    little = Amount(seconds=0, rate=min(100, amount.rate), sockets=min(50, amount.sockets), jobs=5)
    bench.deploy(bench.app, _DEAF)
    (ill,) = bench.prove(Options([restart()], little.drive(bench)))
    bench.deploy(bench.app, _CLUSTER)
    (well,) = bench.prove(Options([restart()], little.drive(bench)))
    named = [one for one in ill.measured.killed if "clusterWorkers: 1" in one.why]
    seen = f"fails, and names {len(named)} pods with the cure" if named else "killed pods were not named"
    return [
        Row(
            "an app that ignores SIGTERM",
            "fails, names the pods and the cure",
            seen,
            bool(named) and not ill.verdict.ok,
        ),
        _kept(well, "the same app with app.clusterWorkers: 1"),
    ], [ill, well]


def failing_migration(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """A release whose migration fails: the old one keeps serving."""
    variant = apps.with_migration(bench.app, bench.scratch / "failing-migration", "9999-fails", "select 1 / 0")
    before = _revisions(bench)
    change = deployment(lambda: bench.deploy(variant))
    (part,) = parts = bench.prove(Options([change], amount.drive(bench)))
    failed = sum(row.failed for row in part.verdict.rows)
    new = {pod.revision for pod in part.measured.pods if pod.workload in ("api", "worker")} - before
    told = "division by zero" in part.measured.failure
    reason = "the reason in the output of up" if told else f"but up said: {part.measured.failure[:80]}"
    seen = f"{len(new)} new revisions, {failed} of {_sent(part)} requests failed, {reason}"
    claim = "0 pods of the new version, 0 failed requests, the reason in the output of up"
    return [Row("a failing migration", claim, seen, not new and not failed and told)], parts


def pace(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """How long ``up`` takes from its first write, compared with a restart of the same Deployments; without load."""
    del amount
    found = pacing.measure(bench)
    seen = (
        f"{found.ratio:.2f} times: {found.up:.1f} s, and {found.rollout:.1f} s of rollout after "
        f"{found.jobs:.0f} s of migration and seed"
    )
    claim = f"at most {_PACE} times the rollout of the same Deployments and their Jobs"
    return [Row("from the first write of `up` to all new pods ready", claim, seen, found.ratio <= _PACE)], []


def backlog(bench: Bench, amount: Amount) -> tuple[list[Row], list[Part]]:
    """Jobs that wait on I/O, all at once, with workers that scale on their queue and with workers that scale on CPU."""
    wanted = Backlog(jobs=amount.backlog, milliseconds=1000, target_seconds=30, most_pods=6)
    by_queue = backlogs.measure(bench, wanted, "keda")
    # Nobody needs to wait for the end of what is too slow by then.
    by_cpu = backlogs.measure(bench, wanted, "hpa", most_seconds=by_queue.seconds * (_FASTER + 1))
    factor = by_cpu.seconds / by_queue.seconds
    more = "" if by_cpu.in_time else "more than "
    seen = (
        f"{by_queue.seconds:.0f} s with up to {by_queue.pods} workers; scaled on CPU: {more}{by_cpu.seconds:.0f} s "
        f"with up to {by_cpu.pods}, {more}{factor:.1f} times as long"
    )
    claim = (
        f"oldest age back under {wanted.target_seconds} s, at least {_FASTER} times as fast as with CPU-based scaling"
    )
    what = f"a backlog of {wanted.jobs:,} jobs that wait on I/O, workers scaled on their queue"
    return [Row(what, claim, seen, by_queue.in_time and factor >= _FASTER)], []


SCENARIOS: dict[str, Scenario] = {
    "release": release,
    "kill": pods_killed,
    "drain": pods_drained,
    "jobs": jobs,
    "deaf": deaf_app,
    "migration": failing_migration,
    "pace": pace,
    "backlog": backlog,
}


def _simple(bench: Bench, amount: Amount, change: Change, what: str) -> tuple[list[Row], list[Part]]:
    (part,) = parts = bench.prove(Options([change], amount.drive(bench)))
    return [_kept(part, what)], parts


def _kept(part: Part, what: str) -> Row:
    rest = [problem for problem in part.verdict.problems if "requests failed" not in problem]
    seen = f"{_requests(part)}{'; ' if rest else ''}{'; '.join(rest)}"
    return Row(what, "0 failed", seen, part.verdict.ok)


def _requests(part: Part) -> str:
    rows = [row for row in part.verdict.rows if row.load is not Load.JOBS]
    return ", ".join(f"{row.failed} of {row.sent:,} {row.load.value} failed" for row in rows)


def _sockets(part: Part) -> Row:
    facts = part.verdict.facts
    seen = (
        f"{facts.get('cut off', 0)} cut off, at most {facts.get('most cut off within 100 ms', 0)} in 100 ms, "
        f"back after {facts.get('longest until back in the room (s)', 0)} s at the longest; "
        f"{facts.get('room messages lost', 0)} of {facts.get('room messages heard', 0):,} messages lost"
    )
    claim = "every one back within the drain, no message lost after that, at most 20 in 100 ms"
    broken = [problem for problem in part.verdict.problems if "WebSocket" in problem or "message" in problem]
    return Row(f"{facts.get('WebSocket clients', 0)} WebSocket clients through it", claim, seen, not broken)


def _sent(part: Part) -> str:
    return f"{sum(row.sent for row in part.verdict.rows):,}"


def _revisions(bench: Bench) -> set[str]:
    """The revisions that run now: a pod's name holds the hash of its ReplicaSet."""
    found = bench.workloads.find().values()
    return {pod.split("-")[-2] for workload in found for pod in bench.workloads.pods(workload)}
