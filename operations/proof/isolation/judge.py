"""Compares what was tried with what was meant.

Silence shows something only where there could have been an answer. So a connection counts as blocked only if somebody
reaches that target, and if that source reaches something else: a target that is down, a port on which nothing listens,
a pod without any network would pass for perfect isolation otherwise.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from operations.proof.isolation.declared import Declared, Link
from operations.proof.isolation.expectation import Expectation, Meant, can_be_tried, expect, opens
from operations.proof.isolation.model import Kind, Outcome, Pair, Place, Target, Try


class Verdict(Enum):
    """What one connection shows; the value is its mark in the tables, the best comes first."""

    ITSELF = "="
    REACHED = "✓"
    CLOSED = "–"
    BLOCKED = "·"
    UNKNOWN = "?"
    MISSING = "!"
    UNDECLARED = "✗"


_NEVER = Try(Outcome.FAILED)


@dataclass(frozen=True)
class Judged:
    """One connection: what was meant, what came of it, what that shows.

    Attributes:
        source: From where.
        target: To what.
        expectation: What was meant.
        tried: What came of it; None if it could not be tried.
        verdict: What it shows.
        reason: Why nothing is shown, for ``UNKNOWN``.
    """

    source: Place
    target: Target
    expectation: Expectation
    tried: Try | None
    verdict: Verdict
    reason: str = ""

    @property
    def differs(self) -> bool:
        """Whether it is not as declared."""
        return self.verdict in (Verdict.UNDECLARED, Verdict.MISSING)

    @property
    def noted(self) -> bool:
        """Whether it shows nothing, and that is no failure: a target that nobody has to reach, and nobody does."""
        return self.verdict is Verdict.UNKNOWN and not self.target.required and self.tried is not None


class Judge:
    """Judges every connection of a proof.

    Args:
        declared: What the program declares.
        pairs: Every source with every target.
        tried: What came of each connection that could be tried.
        deaf: Places and ports where nothing listens, and why.
        mute: Sources that cannot try anything, and why.
        ceased: Targets that somebody reached at first and nobody in the end.
    """

    def __init__(
        self,
        declared: Declared,
        pairs: Sequence[Pair],
        tried: Mapping[Pair, Try],
        *,
        deaf: Mapping[tuple[Place, int], str] | None = None,
        mute: Mapping[Place, str] | None = None,
        ceased: Collection[Target] = (),
    ) -> None:
        """Finds out who answers, and who gets an answer."""
        self._declared, self._pairs, self._tried = declared, pairs, tried
        self._deaf, self._mute, self._ceased = deaf or {}, mute or {}, ceased
        reached = [pair for pair, one in tried.items() if one.reached]
        self._answering = {target for _, target in reached}
        # A pod's way to itself does not leave it, and shows nothing about its network.
        self._connected = {source for source, target in reached if source != target.place}

    def judge(self) -> list[Judged]:
        """Every connection, tried or not."""
        return [self._judge(source, target) for source, target in self._pairs]

    def controls(self, at_most: int) -> dict[Target, list[Place]]:
        """Some of those who reached each target that somebody is kept from: to be asked again in the end."""
        blocked = dict.fromkeys(one.target for one in self.judge() if one.verdict in (Verdict.BLOCKED, Verdict.CLOSED))
        reached = {target: [source for source, there in self._pairs if there == target] for target in blocked}
        return {
            target: [source for source in sources if self._tried.get((source, target), _NEVER).reached][:at_most]
            for target, sources in reached.items()
        }

    def _judge(self, source: Place, target: Target) -> Judged:
        expectation = expect(source, target, self._declared)
        one = self._tried.get((source, target))
        verdict, reason = self._verdict(source, target, expectation.meant)
        return Judged(source, target, expectation, one, verdict, reason)

    def _verdict(self, source: Place, target: Target, meant: Meant) -> tuple[Verdict, str]:
        one = self._tried.get((source, target))
        if one is None:
            return Verdict.UNKNOWN, self._mute.get(source, "it was not tried")
        if one.reached:
            return _of_an_answer(source, target, meant), ""
        if why := self._hollow(target):
            return Verdict.UNKNOWN, why
        if meant is Meant.REACH:
            return Verdict.MISSING, ""
        if source not in self._connected:
            return Verdict.UNKNOWN, "the source reaches nothing at all, so that this shows nothing"
        return (Verdict.CLOSED if meant is Meant.OPEN else Verdict.BLOCKED), ""

    def _hollow(self, target: Target) -> str:
        """Why a target's silence shows nothing; "" if it shows something."""
        if why := self._deaf.get((target.place, target.port)):
            return f"nothing listens there: {why}"
        if target not in self._answering:
            return "it answers nobody, so that silence shows nothing"
        return "it stopped answering while the proof ran" if target in self._ceased else ""


def _of_an_answer(source: Place, target: Target, meant: Meant) -> Verdict:
    if source == target.place:
        return Verdict.ITSELF
    return Verdict.UNDECLARED if meant is Meant.BLOCK else Verdict.REACHED


@dataclass(frozen=True)
class Proof:
    """What a whole run shows.

    Attributes:
        stack: The stack's name.
        declared: What its program declares.
        judged: Every connection.
        connections: How many connections were tried, second tries included.
        missing: What could not be looked at and has to be: pods that do not run.
        notes: What could not be looked at and need not be.
        restore: The command that makes the cluster what the program says.
    """

    stack: str
    declared: Declared
    judged: tuple[Judged, ...]
    connections: int
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    restore: str = ""

    @property
    def differences(self) -> list[Judged]:
        """What is not as declared."""
        return [one for one in self.judged if one.differs]

    @property
    def unknown(self) -> list[Judged]:
        """What shows nothing although it has to."""
        return [one for one in self.judged if one.verdict is Verdict.UNKNOWN and not one.noted]

    @property
    def noted(self) -> list[Judged]:
        """What shows nothing and need not."""
        return [one for one in self.judged if one.noted]

    @property
    def gaps(self) -> list[str]:
        """What keeps this from being a proof, however green it looks."""
        verdicts = {one.verdict for one in self.judged}
        sources = {one.source.kind for one in self.judged}
        return [
            *self.missing,
            *(
                f"link {link.name}: nothing came through it"
                for link in self._unused()
                if can_be_tried(link, self.declared)
            ),
            *(["no connection was tried"] if not self.connections else []),
            *(
                []
                if Verdict.REACHED in verdicts
                else ["no connection was made, so that nothing could have been blocked"]
            ),
            *([] if Verdict.BLOCKED in verdicts else ["nothing was blocked"]),
            *([] if Kind.STACK in sources else ["no pod of the stack was a source"]),
            *([] if Kind.STRANGER in sources else ["no pod that is not of the stack was a source"]),
        ]

    @property
    def untried(self) -> list[str]:
        """The links that no connection of a proof can use, such as one to a range of addresses."""
        return [link.name for link in self._unused() if not can_be_tried(link, self.declared)]

    def _unused(self) -> list[Link]:
        """The links that let nothing through here: their pods may not run, and then no cell of a table says so."""
        reached = [(one.source, one.target) for one in self.judged if one.verdict is Verdict.REACHED]
        return [
            link
            for link in self.declared.links
            if not any(opens(link, side, source, target) for side in link.opens for source, target in reached)
        ]

    @property
    def ok(self) -> bool:
        """Whether the isolation is shown to be exactly what the program declares."""
        return not self.differences and not self.unknown and not self.gaps
