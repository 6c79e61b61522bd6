"""What is known of one rehearsal: written by ``make rehearse``, read by the process that keeps it going."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from local.paths import State, write
from local.rehearsal import servers

_NODE_PORTS = range(31080, 31100)


@dataclass(frozen=True)
class Stage:
    """One stack of AWS on this machine.

    Attributes:
        stack: Its name.
        namespace: Its namespace in the node.
        region: The region that moto plays.
        endpoint: Where moto answers for the stack's account.
        app_port: The port of 127.0.0.1 that plays the load balancer.
        registry_port: The port of 127.0.0.1 that plays ECR.
        node_port: The node's port behind ``app_port``.
        images: The platform's images.
    """

    stack: str
    namespace: str
    region: str
    endpoint: str
    app_port: int
    registry_port: int
    node_port: int
    images: dict[str, str]

    def save(self, state: State) -> None:
        """Writes it."""
        write(path(state, self.stack), json.dumps(asdict(self)))


def path(state: State, stack: str) -> Path:
    """Where a rehearsal is written down."""
    return state.path("rehearsal", stack, "stage.json")


def state_of(state: State, stack: str) -> State:
    """The state of what belongs to one rehearsal: its moto, its authority."""
    return State(state.folder / "rehearsal" / stack)


def read(state: State, stack: str) -> Stage | None:
    """The rehearsal of a stack; None when there is none."""
    try:
        return Stage(**json.loads(path(state, stack).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def stacks(state: State) -> list[str]:
    """The stacks that are rehearsed."""
    folder = state.folder / "rehearsal"
    return sorted(entry.parent.name for entry in folder.glob("*/stage.json"))


def node_port(state: State, stack: str) -> int:
    """A port of the node that no other rehearsal has."""
    known = read(state, stack)
    taken = {found.node_port for each in stacks(state) if (found := read(state, each)) is not None}
    return known.node_port if known else next(port for port in _NODE_PORTS if port not in taken)


def dns_rules(state: State) -> list[str]:
    """What the cluster's DNS answers for the endpoints of managed stores; nothing without a rehearsal."""
    if not stacks(state):
        return []
    there = f"{{1}}.{servers.NAMESPACE}.svc.cluster.local."
    names = (r"^([a-z0-9-]+)\..*\.rds\.amazonaws\.com\.$", r"^master\.([a-z0-9-]+)\..*\.cache\.amazonaws\.com\.$")
    return [f"rewrite stop name regex {name} {there} answer auto" for name in names]
