"""What the declared links, and Kubernetes' own rules, say about one connection.

Links count by what they say, whether or not a NetworkPolicy exists that says so, too. Ranges of addresses count for
pods by the pods' addresses, as in most network plugins.
"""

from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from operations.proof.isolation.declared import Addresses, Declared, Link, Pods, Side
from operations.proof.isolation.model import Place, Target

_ANYBODY = "0.0.0.0/0"


class Meant(Enum):
    """What is meant to happen."""

    REACH = "to be reached"
    BLOCK = "to be blocked"
    OPEN = "not the stack's business"


@dataclass(frozen=True)
class Expectation:
    """What is meant to happen, and what says so."""

    meant: Meant
    why: str


def applies(source: Place, target: Target, declared: Declared) -> bool:
    """Whether anything is said about a connection at all: what one node's own network is to another's pods is not."""
    return not source.host_network or source.node == target.place.node or not _closed(target.place, declared)


def expect(source: Place, target: Target, declared: Declared) -> Expectation:
    """What is meant to become of a connection.

    A pod of the namespace is closed in both directions: it takes a link that opens the way out of the source and one
    that opens the way into the target. Other ends are nobody's to close here.

    Args:
        source: From where.
        target: To what.
        declared: What the program declares.
    """
    place = target.place
    if source.pod and (source.namespace, source.pod) == (place.namespace, place.pod):
        return Expectation(Meant.REACH, "a pod always reaches itself")
    closed_out, closed_in = _closed(source, declared), _closed(place, declared)
    if closed_in and source.host_network and source.node == place.node:
        return Expectation(Meant.REACH, "a node always reaches its pods")
    if not closed_out and not closed_in:
        return Expectation(Meant.OPEN, "neither end is in the stack's namespace")
    out = _way("egress", source, target, declared) if closed_out else None
    into = _way("ingress", source, target, declared) if closed_in else None
    if (closed_out and out is None) or (closed_in and into is None):
        return Expectation(Meant.BLOCK, _missing(closed_out and out is None, closed_in and into is None))
    names = dict.fromkeys(link.name for link in (out, into) if link is not None)
    return Expectation(Meant.REACH, "link " + " and ".join(names))


def _missing(no_way_out: bool, no_way_in: bool) -> str:
    sides = [
        "out of the source" if no_way_out else "",
        "into the target" if no_way_in else "",
    ]
    return f"no link opens the way {' or '.join(filter(None, sides))}"


def _closed(place: Place, declared: Declared) -> bool:
    """Whether a default deny applies: policies know pods, and not those in their node's network."""
    return bool(place.pod) and place.namespace == declared.namespace and not place.host_network


def opens(link: Link, side: Side, source: Place, target: Target) -> bool:
    """Whether a link opens one side of a connection."""
    if side not in link.opens or target.port not in link.ports:
        return False
    here = _is(link.here, source, source.address, anybody=side == "ingress")
    return here and _is(link.there, target.place, target.address)


def can_be_tried(link: Link, declared: Declared) -> bool:
    """Whether a proof has both ends of a link: a caller that it can be, and something that has an address."""
    caller = (
        link.here.namespace == declared.namespace
        if isinstance(link.here, Pods)
        else _ANYBODY in map(str, link.here.cidrs)
    )
    return caller and (isinstance(link.there, Pods) or bool(link.there.hosts))


def _way(side: Side, source: Place, target: Target, declared: Declared) -> Link | None:
    return next((link for link in declared.links if opens(link, side, source, target)), None)


def _is(end: Pods | Addresses, place: Place, address: str, *, anybody: bool = False) -> bool:
    """Whether a place is what an end of a link names.

    ``0.0.0.0/0`` as a caller is anybody, pods and IPv6 clients too: that is how the components declare it.
    """
    if isinstance(end, Pods):
        inside = bool(place.pod) and not place.host_network and place.namespace == end.namespace
        return inside and end.labels.items() <= place.labels.items()
    if anybody and _ANYBODY in map(str, end.cidrs):
        return True
    if not address:
        return False
    known = ip_address(address)
    return any(known in cidr for cidr in end.cidrs) and not any(known in hole for hole in end.holes)
