"""What of that is allowed: the budget, and what went over it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from operations.proof.rollout.model import Client, Load, Measured, PodLife, Sample

_RESTARTED = 1012
_CLEAN = {1000, 1001, _RESTARTED}
_BURST_SECONDS = 0.1
# What was said in the last moment of a connection may still have been on its way.
_ON_ITS_WAY_SECONDS = 1.0
_CLOSE_BY_SECONDS = 3.0


@dataclass(frozen=True)
class Budget:
    """What may happen.

    Attributes:
        failed: Requests that may fail.
        slow_seconds: From when on an answer counts as slow.
        burst: WebSocket clients that may be cut off within any 100 ms.
        rejoin_seconds: Within what time each must be back in its room.
    """

    failed: int = 0
    slow_seconds: float = 2.0
    burst: int = 20
    rejoin_seconds: float = 30.0


@dataclass(frozen=True)
class Row:
    """One load in numbers; times in seconds."""

    load: Load
    sent: int
    failed: int
    slow: int
    median: float
    p99: float
    longest: float


@dataclass
class Verdict:
    """What came of it.

    Attributes:
        rows: Each load in numbers.
        failures: What failed, the same cause at the same time taken together.
        problems: What goes over the budget; empty if the proof holds.
        facts: What else there is to know, by name.
    """

    rows: list[Row] = field(default_factory=list[Row])
    failures: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])
    facts: dict[str, str | int | float] = field(default_factory=dict[str, "str | int | float"])

    @property
    def ok(self) -> bool:
        """Whether the stack came through within the budget."""
        return not self.problems


def judge(measured: Measured, budget: Budget) -> Verdict:
    """Compares what was measured with what may happen."""
    verdict = Verdict()
    _requests(measured, budget, verdict)
    _sockets(measured, budget, verdict)
    _jobs(measured, verdict)
    _change(measured, verdict)
    return verdict


def _requests(measured: Measured, budget: Budget, verdict: Verdict) -> None:
    by_load: dict[Load, list[Sample]] = defaultdict(list)
    for sample in measured.samples:
        by_load[sample.load].append(sample)
    verdict.rows = [_row(load, by_load[load], budget) for load in Load if by_load[load]]
    failed = [sample for sample in measured.samples if sample.problem]
    verdict.failures = _clusters(failed, measured.pods)
    if len(failed) > budget.failed:
        verdict.problems.append(f"{len(failed)} of {len(measured.samples)} requests failed, {budget.failed} may")


def _row(load: Load, samples: list[Sample], budget: Budget) -> Row:
    times = sorted(sample.seconds for sample in samples if not sample.problem) or [0.0]
    return Row(
        load=load,
        sent=len(samples),
        failed=sum(bool(sample.problem) for sample in samples),
        slow=sum(seconds > budget.slow_seconds for seconds in times),
        median=times[len(times) // 2],
        p99=times[min(len(times) - 1, int(len(times) * 0.99))],
        longest=times[-1],
    )


def _clusters(failed: list[Sample], pods: list[PodLife]) -> list[str]:
    """What failed, by load and cause; failures less than three seconds apart are one line."""
    lines: list[tuple[float, str]] = []
    by_cause: dict[tuple[Load, str], list[float]] = defaultdict(list)
    for sample in failed:
        by_cause[sample.load, sample.problem].append(sample.at)
    for (load, problem), moments in by_cause.items():
        for group in _close_by(sorted(moments)):
            when = f"{group[0]:.1f} s" if len(group) == 1 else f"{group[0]:.1f} to {group[-1]:.1f} s"
            lines.append((group[0], f"{len(group)} × {problem} ({load.value}), {when}{_meanwhile(group, pods)}"))
    return [line for _, line in sorted(lines)]


def _close_by(moments: list[float]) -> Iterable[list[float]]:
    group: list[float] = []
    for moment in moments:
        if group and moment - group[-1] > _CLOSE_BY_SECONDS:
            yield group
            group = []
        group.append(moment)
    if group:
        yield group


def _meanwhile(group: list[float], pods: list[PodLife]) -> str:
    """Which pods came or went at that time: where to look first."""
    start, end = group[0] - _CLOSE_BY_SECONDS, group[-1]
    said: list[str] = []
    for pod in pods:
        for moment, word in ((pod.leaving, "told to go"), (pod.gone, "gone"), (pod.ready, "ready")):
            if moment is not None and start <= moment <= end:
                said.append(f"{pod.name} {word} at {moment:.1f} s")
    return f"; meanwhile {', '.join(said)}" if said else ""


def _sockets(measured: Measured, budget: Budget, verdict: Verdict) -> None:
    if not measured.clients:
        return
    cuts = sorted(stay.closed for client in measured.clients for stay in client.stays if stay.closed is not None)
    codes = Counter(stay.code for client in measured.clients for stay in client.stays if stay.closed is not None)
    gone = [client for client in measured.clients if not client.stays or client.stays[-1].closed is not None]
    waits = [wait for client in measured.clients for wait in _waits(client)]
    lost, heard = _lost(measured)
    burst = max_within(cuts, _BURST_SECONDS)
    verdict.facts |= {
        "WebSocket clients": len(measured.clients),
        "cut off": len(cuts),
        "close codes": ", ".join(f"{code}: {number}" for code, number in sorted(codes.items())) or "none",
        "most cut off within 100 ms": burst,
        "longest until back in the room (s)": round(max(waits, default=0.0), 3),
        "attempts to come back that failed": sum(len(client.failed) for client in measured.clients),
        "room messages heard": heard,
        "room messages lost": lost,
    }
    if gone:
        verdict.problems.append(f"{len(gone)} of {len(measured.clients)} WebSocket clients did not come back")
    if late := [wait for wait in waits if wait > budget.rejoin_seconds]:
        verdict.problems.append(
            f"{len(late)} WebSocket clients were back only after {budget.rejoin_seconds:g} s, the last after "
            f"{max(late):.1f} s"
        )
    if lost:
        verdict.problems.append(f"{lost} room messages were lost to clients that were in the room")
    if burst > budget.burst:
        verdict.problems.append(f"{burst} WebSocket clients were cut off within 100 ms, {budget.burst} may be")
    if broken := sum(number for code, number in codes.items() if code not in _CLEAN):
        verdict.problems.append(f"{broken} WebSockets broke without a close (see the close codes)")


def _waits(client: Client) -> list[float]:
    pairs = zip(client.stays, client.stays[1:], strict=False)
    return [later.joined - earlier.closed for earlier, later in pairs if earlier.closed is not None]


def _lost(measured: Measured) -> tuple[int, int]:
    """Messages that a client missed while it was in the room; and how many were heard in all.

    A message counts as said when anybody heard it.
    """
    by_room: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (room, number), at in measured.said.items():
        by_room[room].append((number, at))
    lost = heard = 0
    for client in measured.clients:
        for stay in client.stays:
            heard += len(stay.heard)
            end = (measured.ended if stay.closed is None else stay.closed) - _ON_ITS_WAY_SECONDS
            lost += sum(stay.joined <= at < end and number not in stay.heard for number, at in by_room[client.room])
    return lost, heard


def max_within(moments: list[float], seconds: float) -> int:
    """The most of some sorted moments within any span of that length."""
    most = start = 0
    for end, moment in enumerate(moments):
        while moment - moments[start] > seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def _jobs(measured: Measured, verdict: Verdict) -> None:
    if not measured.jobs:
        return
    states = Counter(job.state or "unknown" for job in measured.jobs)
    lost = sum(number for state, number in states.items() if state not in ("completed", "failed"))
    twice = sum((job.completions or 0) > 1 for job in measured.jobs)
    verdict.facts |= {
        "jobs accepted": len(measured.jobs),
        "jobs completed": states["completed"],
        "jobs begun more than once": sum((job.runs or 0) > 1 for job in measured.jobs),
        "jobs lost": lost,
        "jobs done twice": twice,
    }
    if lost:
        verdict.problems.append(f"{lost} of {len(measured.jobs)} accepted jobs are not done: {dict(states)}")
    if states["failed"]:
        verdict.problems.append(f"{states['failed']} jobs failed")
    if twice:
        verdict.problems.append(f"{twice} jobs were completed more than once")


def _change(measured: Measured, verdict: Verdict) -> None:
    began, complete = measured.changed
    if measured.failure:
        verdict.problems.append(f"the change itself failed: {measured.failure}")
    if complete is None:
        verdict.problems.append("the rollout was not complete in time (pxlctl explain says why)")
    else:
        verdict.facts["change took (s)"] = round(complete - began, 1)
    for killed in measured.killed:
        verdict.problems.append(f"{killed.pod} ({killed.container}) was killed at {killed.at:.1f} s: {killed.why}")
    crashed = [pod for pod in measured.pods if pod.restarts]
    verdict.facts["container restarts"] = sum(pod.restarts for pod in crashed)
