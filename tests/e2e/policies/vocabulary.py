"""The words that cases are written in: parts of a policy as the API has them, and who gets through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.policies.world import ADMIN, HTTP, OTHER, PODS, PORTS

Peers = Mapping[str, tuple[str, ...]]
"""Ports by peer; ``*`` is everybody."""

ALL = (*PORTS, "tcp/80")
TCP = (HTTP, ADMIN, OTHER, "tcp/80")
NOBODY: Peers = {}
EVERYBODY: Peers = {"*": ALL}
EVERY_POD: Peers = {pod.name: ALL for pod in PODS}
X, Y, Z = ({pod.name: ALL for pod in PODS if pod.name.startswith(letter)} for letter in "xyz")


@dataclass(frozen=True)
class Case:
    """Policies, and what gets through under them."""

    name: str
    policies: list[dict[str, Any]]
    into: Mapping[str, Peers] = field(default_factory=dict[str, Peers])
    out: Mapping[str, Peers] = field(default_factory=dict[str, Peers])


def policy(namespace: str, selector: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A policy; ``types`` stands for ``policyTypes``."""
    if "types" in spec:
        spec["policyTypes"] = spec.pop("types")
    return {"namespace": namespace, "spec": {"podSelector": selector, **spec}}


def labelled(**labels: str) -> dict[str, Any]:
    return {"matchLabels": labels}


def where(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


def pods(**labels: str) -> dict[str, Any]:
    return {"podSelector": labelled(**labels) if labels else {}}


def namespaces(**labels: str) -> dict[str, Any]:
    return {"namespaceSelector": labelled(**labels) if labels else {}}


def block(cidr: str, *holes: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr, **({"except": list(holes)} if holes else {})}}


def tcp(port: int | str | None = None, end: int | None = None) -> dict[str, Any]:
    return port_of("TCP", port, end)


def udp(port: int | str | None = None) -> dict[str, Any]:
    return port_of("UDP", port)


def port_of(protocol: str, port: int | str | None = None, end: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": protocol}
    return found | ({"port": port} if port is not None else {}) | ({"endPort": end} if end is not None else {})


def only(*ports: str, of: Peers = EVERYBODY) -> Peers:
    """The same peers on fewer ports."""
    return dict.fromkeys(of, ports)
