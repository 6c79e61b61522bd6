"""What is tried, from where, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

UNDECLARED_MARK = "*"


class Kind(Enum):
    """What an end of a connection is, in the order of the tables."""

    STACK = "pods of the stack"
    STRANGER = "pods that are not of the stack"
    CLUSTER = "the node and what the cluster serves"
    OUTSIDE = "outside the cluster"


@dataclass(frozen=True)
class Place:
    """An end of a connection, as network policies see it.

    Attributes:
        group: What the tables call it, the same in every run: ``api``, ``foreign pod``, ``node``.
        kind: What it is.
        namespace: The pod's namespace; "" for what is no pod.
        pod: The pod's name; "" for what is no pod.
        labels: The pod's labels.
        address: Its address; "" where only a name is known.
        more_addresses: Its addresses of the other family, where a cluster has both.
        node: The node that the pod runs on, or that this is.
        host_network: Whether the pod has the network of its node.
        container: The container to run something in; "" where nothing is run.
    """

    group: str
    kind: Kind
    namespace: str = ""
    pod: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    address: str = ""
    more_addresses: tuple[str, ...] = ()
    node: str = ""
    host_network: bool = False
    container: str = ""

    @property
    def name(self) -> str:
        """For people: ``pxl-dev/api-7f…``, or the address."""
        return f"{self.namespace}/{self.pod}" if self.pod else self.address or self.group


@dataclass(frozen=True)
class Target:
    """Something that may be reached.

    Attributes:
        place: Where it is.
        port: The TCP port.
        other_address: One of the place's other addresses, to be tried instead of the first.
        lookup: A name to resolve instead of a connection; ``answers`` are the addresses that are right.
        answers: See ``lookup``.
        declared: False for a port that listens only for the proof.
        required: Whether nothing is proved while nobody reaches it. Else that is only noted.
    """

    place: Place
    port: int
    other_address: str = ""
    lookup: str = ""
    answers: frozenset[str] = frozenset()
    declared: bool = True
    required: bool = True

    @property
    def address(self) -> str:
        """Where a connection goes."""
        return self.other_address or self.place.address

    @property
    def label(self) -> str:
        """The port as the tables write it."""
        if self.lookup:
            return "name"
        return f"{self.port}{'' if self.declared else UNDECLARED_MARK}"

    @property
    def name(self) -> str:
        """For people: the place and the port."""
        where = f"{self.place.name} [{self.other_address}]" if self.other_address else self.place.name
        return f"{where}, name {self.lookup}" if self.lookup else f"{where}:{self.port}"


def on_every_address(target: Target) -> list[Target]:
    """The target as it is, and on each of its place's other addresses: policies are known to forget a family."""
    others = () if target.lookup else target.place.more_addresses
    return [target, *(replace(target, other_address=one) for one in others)]


class Outcome(Enum):
    """What came of one try."""

    REACHED = "reached"
    REFUSED = "refused"
    SILENT = "no answer in time"
    FAILED = "failed"


@dataclass(frozen=True)
class Try:
    """One try, and what the pod said about it."""

    outcome: Outcome
    words: str = ""

    @property
    def reached(self) -> bool:
        """Whether there was an answer."""
        return self.outcome is Outcome.REACHED


Pair = tuple[Place, Target]
