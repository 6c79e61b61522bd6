"""What lies outside the cluster, as targets: what links name there, and what no pod of the stack may reach."""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from operations.errors import Problem
from operations.proof.isolation.declared import Addresses, Declared
from operations.proof.isolation.model import Kind, Place, Target

METADATA_GROUP = "metadata"
HostPort = tuple[str, int]
LookUp = Callable[[str], Sequence[str]]
"""The addresses of a name, as a pod that no policy restricts sees them."""


def split(text: str) -> HostPort:
    """``HOST:PORT`` in its parts; an IPv6 address stands in brackets.

    Raises:
        Problem: If it is something else.
    """
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]]+)):(\d{1,5})", text)
    if not found or not 0 < int(found[3]) < 65536:
        raise Problem(f"{text!r} is no HOST:PORT", remedy="write it like 203.0.113.10:443 or [2001:db8::1]:443")
    return found[1] or found[2], int(found[3])


def named_by_links(declared: Declared, look_up: LookUp) -> tuple[list[Target], list[str]]:
    """The hosts that links lead to, such as a managed database; and those that do not resolve, in words."""
    wanted = {
        (host, port): link.name
        for link in declared.links
        if isinstance(link.there, Addresses)
        for host in link.there.hosts
        for port in link.ports
    }
    found: list[Target] = []
    unresolved: list[str] = []
    for (host, port), link in wanted.items():
        addresses = _addresses(host, look_up)
        if not addresses:
            unresolved.append(f"the host {host} of link {link} does not resolve: whether it is reached is not shown")
        found += [Target(Place(host, Kind.OUTSIDE, address=address), port) for address in addresses]
    return found, unresolved


def outside_targets(
    outside: Sequence[HostPort], metadata: HostPort, known: Sequence[Target], look_up: LookUp
) -> tuple[list[Target], list[str]]:
    """What the command line names and no link leads to; and what of it does not resolve, in words."""
    found: list[Target] = []
    unresolved: list[str] = []
    for group, (host, port) in ((METADATA_GROUP, metadata), *((host, (host, port)) for host, port in outside)):
        addresses = _addresses(host, look_up)
        if not addresses:
            unresolved.append(f"{host} does not resolve: whether it is kept from the stack is not shown")
        found += [
            Target(Place(group, Kind.OUTSIDE, address=address), port, required=False)
            for address in addresses
            if not any((address, port) == (one.address, one.port) for one in known)
        ]
    return found, unresolved


def _addresses(host: str, look_up: LookUp) -> Sequence[str]:
    try:
        return [str(ip_address(host))]
    except ValueError:
        return look_up(host)
