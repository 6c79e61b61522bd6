"""The proof from beginning to end: look, make temporary pods, try, try again what was not expected, judge."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import urllib3
from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.console import step
from operations.errors import Problem
from operations.proof.isolation.cluster import Cluster
from operations.proof.isolation.declared import Declared
from operations.proof.isolation.ephemeral import add_container
from operations.proof.isolation.expectation import applies
from operations.proof.isolation.judge import Judge, Judged, Proof
from operations.proof.isolation.model import Kind, Pair, Place, Target, Try, on_every_address
from operations.proof.isolation.outside import HostPort, named_by_links, outside_targets, split
from operations.proof.isolation.parallel import side_by_side
from operations.proof.isolation.rounds import in_rounds
from operations.proof.isolation.session import Session
from operations.proof.isolation.survey import Survey, look
from operations.proof.isolation.temporary import FOREIGN, Temporary, temporary

OUTSIDE = "203.0.113.10:443"
METADATA = "169.254.169.254:80"
"""Where clouds answer a machine's questions about itself, its credentials included."""


@dataclass(frozen=True)
class Options:
    """How to prove it.

    Attributes:
        kubeconfig: The kubeconfig file; None for the user's own, and then ``context`` must be given.
        context: The context's name.
        outside: What to try outside the cluster, as ``HOST:PORT``.
        metadata: The cloud's metadata service, likewise.
        seconds: How long one connection may take.
        ephemeral_containers: Whether to add an ephemeral container where nothing can be run otherwise.
        restore: The command that makes the cluster what the program says; "" for that of ``pxlctl``.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    outside: tuple[str, ...] = (OUTSIDE,)
    metadata: str = METADATA
    seconds: float = 3.0
    ephemeral_containers: bool = False
    restore: str = ""


def prove(stack: str, declared: Declared, options: Options) -> Proof:
    """Tries every connection between a stack's pods, and from and to everything around them.

    Args:
        stack: The stack's name.
        declared: What its program declares.
        options: How.

    Raises:
        Problem: If there is nothing to prove it with, or the cluster does not let us.
    """
    outside, metadata = [split(one) for one in options.outside], split(options.metadata)
    cluster = Cluster(rollout.connect(options.kubeconfig, options.context))
    try:
        survey = look(cluster, declared)
        with temporary(cluster, declared, survey) as made:
            return _Run(declared, options, cluster, survey, made).prove(stack, outside, metadata)
    except (ApiException, urllib3.exceptions.HTTPError) as error:
        raise Problem(
            "the cluster does not let us look",
            where=options.context or str(options.kubeconfig),
            why=rollout.api_words(error),
            remedy="use an account that may list pods, nodes and Services, and exec into the stack's pods",
        ) from error


class _Run:
    """One run over a cluster on which everything stands."""

    def __init__(self, declared: Declared, options: Options, cluster: Cluster, survey: Survey, made: Temporary) -> None:
        self._declared, self._options, self._cluster = declared, options, cluster
        self._survey, self._made = survey, made
        self._sessions = {place: Session(cluster, place) for place in (*survey.pods, *made.places)}
        self._mute: dict[Place, str] = {}
        self._deaf: dict[tuple[Place, int], str] = {}
        self._missing = [*survey.idle, *made.missing]
        self._connections = 0

    def prove(self, stack: str, outside: Sequence[HostPort], metadata: HostPort) -> Proof:
        try:
            with step("starting to listen and to try", hint=f"in {len(self._sessions)} pods"):
                self._start()
                self._listen()
                targets = self._targets(outside, metadata)
            pairs = [
                (source, target)
                for source in self._sessions
                for target in targets
                if applies(source, target, self._declared)
            ]
            judged, recovered = self._try(pairs)
        finally:
            side_by_side({place: session.close for place, session in self._sessions.items()}, 3)
        notes = (*self._made.notes, *recovered)
        # Without a refresh the engine trusts its record, and makes nothing that it has already made.
        restore = self._options.restore or f"pulumi refresh --stack {stack}; pxlctl up {stack}"
        return Proof(stack, self._declared, tuple(judged), self._connections, tuple(self._missing), notes, restore)

    def _start(self) -> None:
        _, failed = side_by_side({place: one.start for place, one in self._sessions.items()}, 90)
        if self._options.ephemeral_containers and failed:
            image = self._survey.app["spec"]["containers"][0]["image"]
            for place in failed:
                self._sessions[place] = Session(self._cluster, place, add_container(self._cluster, place, image))
            _, failed = side_by_side({place: self._sessions[place].start for place in failed}, 90)
        self._mute = {place: str(error) for place, error in failed.items()}

    def _listen(self) -> None:
        """Every pod listens on a port that nothing declares; strangers also on the ports of the stack."""
        work = {
            place: partial(session.listen, self._listened(place))
            for place, session in self._sessions.items()
            if place not in self._mute
        }
        done, failed = side_by_side(work, 60)
        why = {**self._mute, **{place: str(error) for place, error in failed.items()}}
        for place in self._sessions:
            for port in self._listened(place):
                words = why.get(place) or done[place].get(port)
                if words:
                    self._deaf[place, port] = words

    def _listened(self, place: Place) -> list[int]:
        if place.host_network:
            return []
        stranger = place.kind is Kind.STRANGER
        return [*(self._survey.all_ports if stranger else ()), self._survey.spare_port]

    def _own_target(self, place: Place, port: int) -> Target:
        return Target(place, port, declared=port != self._survey.spare_port)

    def _targets(self, outside: Sequence[HostPort], metadata: HostPort) -> list[Target]:
        made = [self._own_target(place, port) for place in self._made.places for port in self._listened(place)]
        foreign = next(place for place in self._made.places if place.group == FOREIGN)
        look_up = partial(self._look_up, self._sessions[foreign])
        named, unresolved = named_by_links(self._declared, look_up)
        self._missing += unresolved
        beyond, unresolved = outside_targets(outside, metadata, named, look_up)
        self._made.notes += unresolved
        found = [*self._survey.own_targets, *made, *self._survey.cluster, *named, *beyond]
        return [each for target in found for each in on_every_address(target)]

    def _look_up(self, session: Session, name: str) -> list[str]:
        done, _ = side_by_side({name: partial(session.look_up, name, self._options.seconds)}, 60)
        return done.get(name, [])

    def _try(self, pairs: Sequence[Pair]) -> tuple[list[Judged], list[str]]:
        with step("trying connections", hint=f"{len(pairs)} from {len(self._sessions)} pods"):
            judged, recovered = in_rounds(pairs, self._attempt, partial(self._judge, pairs))
        return judged, _recovered(recovered)

    def _judge(self, pairs: Sequence[Pair], tried: Mapping[Pair, Try], ceased: Collection[Target]) -> Judge:
        return Judge(self._declared, pairs, tried, deaf=self._deaf, mute=self._mute, ceased=ceased)

    def _attempt(self, pairs: Sequence[Pair]) -> dict[Pair, Try]:
        """Tries pairs: all sources at the same time, and each of them all of its targets."""
        wanted: dict[Place, list[Target]] = {}
        for source, target in pairs:
            if source not in self._mute:
                wanted.setdefault(source, []).append(target)
        seconds = self._options.seconds
        work: dict[Place, Callable[[], dict[Target, Try]]] = {
            source: partial(self._sessions[source].try_all, targets, seconds) for source, targets in wanted.items()
        }
        longest = max(map(len, wanted.values()), default=0)
        done, failed = side_by_side(work, 60 + seconds * (2 + longest // 16))
        self._mute |= {source: f"it could not be asked to the end ({error})" for source, error in failed.items()}
        tried = {(source, target): one for source, found in done.items() for target, one in found.items()}
        self._connections += len(tried)
        return tried


def _recovered(pairs: Sequence[Pair]) -> list[str]:
    if not pairs:
        return []
    some = ", ".join(dict.fromkeys(f"{source.group} → {target.place.group}:{target.label}" for source, target in pairs))
    return [f"{len(pairs)} were as declared only at the second try: {some}"]
