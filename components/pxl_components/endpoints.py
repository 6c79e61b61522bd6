"""What a link leads to or comes from: the value types of the network."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict, cast

import pulumi
from pulumi import Input

from pxl_components.labels import Identity
from pxl_components.validation import Arguments


class Endpoint(TypedDict):
    """Something that a workload may connect to. Components put one out; ``connects_to`` takes a list of them."""

    name: str
    """What is reached, as a DNS label, such as ``postgres``: the network policies are named after it."""
    host: Input[str]
    """The DNS name or address that clients use."""
    port: int
    """The TCP port, 1-65535; a Service of this library listens on the same port as its pods."""
    namespace: NotRequired[Input[str]]
    """The namespace of the target's pods; needed with ``pod_labels``."""
    pod_labels: NotRequired[dict[str, str]]
    """The labels that select the target's pods. Exactly one of ``pod_labels`` and ``cidrs`` is given."""
    cidrs: NotRequired[Input[list[str]]]
    """The address ranges of a target outside the cluster, such as ``10.0.16.0/20``."""


class ExternalEgress(TypedDict):
    """A service outside the cluster that a workload may call: a payment API, SMTP."""

    name: str
    """What is called, as a DNS label: the network policy is named after it."""
    cidr: str
    """The address range, such as ``203.0.113.0/24``. Network policies know addresses, not host names."""
    except_cidrs: NotRequired[list[str]]
    """Ranges inside ``cidr`` that stay closed, such as the cluster's own networks."""
    ports: list[int]
    """The TCP ports, 1-65535, at least one."""


class IngressSource(TypedDict):
    """Who may call an API besides its declared links: an ingress controller, a load balancer, anybody."""

    name: str
    """Who calls, as a DNS label: the network policy is named after it."""
    cidrs: NotRequired[list[str]]
    """Address ranges; ``["0.0.0.0/0"]`` is anybody. Exactly one of ``cidrs`` and ``namespace`` is given."""
    namespace: NotRequired[Input[str]]
    """The namespace of the calling pods, such as that of the ingress controller."""
    pod_labels: NotRequired[dict[str, str]]
    """Narrows ``namespace`` to some of its pods; default: all of them."""


@dataclass(frozen=True)
class Target:
    """An ``Endpoint`` that has been checked."""

    name: str
    port: int
    namespace: Input[str] | None
    pod_labels: dict[str, str] | None
    cidrs: Input[list[str]]


@dataclass(frozen=True)
class EgressSpec:
    """An ``ExternalEgress`` that has been checked."""

    name: str
    cidr: str
    except_cidrs: list[str]
    ports: list[int]


@dataclass(frozen=True)
class SourceSpec:
    """An ``IngressSource`` that has been checked."""

    name: str
    cidrs: list[str]
    namespace: Input[str] | None
    pod_labels: dict[str, str]


def in_cluster(service: Input[str], namespace: Input[str], port: int, identity: Identity) -> Endpoint:
    """The endpoint of a Service whose pods carry the identity's selector; its name is the component's."""
    return {
        "name": identity.instance,
        "host": pulumi.Output.concat(service, ".", namespace, ".svc"),
        "port": port,
        "namespace": namespace,
        "pod_labels": identity.selector,
    }


def output(endpoint: Endpoint) -> dict[str, object]:
    """The endpoint as the engine records it: with the names of the schema."""
    names = {"pod_labels": "podLabels"}
    return {names.get(key, key): value for key, value in endpoint.items()}


def read_links(args: Arguments, key: str = "connects_to") -> list[Target | pulumi.Output[Target]]:
    """The declared links; one that is an Output as a whole is checked when it is known.

    Raises:
        ArgumentError: a malformed link, or two links to one target.
    """
    links: list[Target | pulumi.Output[Target]] = []
    for number, item in enumerate(args.listed(key)):
        where = f"{key}[{number}]"
        if isinstance(item, pulumi.Output):
            later = cast("pulumi.Output[object]", item)
            links.append(later.apply(lambda known, where=where: _late_target(args, known, where)))
        else:
            links.append(_target(Arguments(args.component, item, Endpoint, where)))
    _refuse_twice(args, key, [link.name for link in links if isinstance(link, Target)])
    return links


def read_external_egress(args: Arguments, key: str = "external_egress") -> list[EgressSpec]:
    """The declared services outside the cluster."""
    found = [_egress(group) for group in args.groups(key, ExternalEgress)]
    _refuse_twice(args, key, [item.name for item in found])
    return found


def read_sources(args: Arguments, key: str = "ingress_from") -> list[SourceSpec]:
    """The declared callers."""
    found: list[SourceSpec] = []
    for group in args.groups(key, IngressSource):
        group.exactly_one("cidrs", "namespace")
        namespace = group.text_input("namespace") if group.has("namespace") else None
        if group.has("pod_labels") and namespace is None:
            raise group.error("pod_labels", None, "selects pods in no namespace", "give namespace as well")
        labels = read_pod_labels(group)
        found.append(SourceSpec(group.dns_label("name", ""), read_cidrs(group, "cidrs"), namespace, labels))
    _refuse_twice(args, key, [item.name for item in found])
    return found


def read_cidrs(args: Arguments, key: str) -> list[str]:
    """Address ranges in their normal form; given but empty is refused.

    Raises:
        ArgumentError: no such range, or one with bits set behind its prefix.
    """
    ranges = args.strings(key, [])
    if args.has(key) and not ranges:
        raise args.error(key, ranges, "is empty", "name at least one range, such as 203.0.113.0/24")
    return [_cidr(args, key, item) for item in ranges]


def read_cidrs_input(args: Arguments, key: str) -> Input[list[str]]:
    """Address ranges now or later, checked as soon as they are known."""
    value = args.values.get(key)
    if not isinstance(value, pulumi.Output):
        return read_cidrs(args, key)
    later = cast("pulumi.Output[object]", value)

    def check(known: object) -> list[str]:
        items = cast("list[object]", known) if isinstance(known, list) else []
        if not items:
            raise args.error(key, None, "is empty or not a list", "name at least one range, such as 203.0.113.0/24")
        return [_cidr(args, key, str(item)) for item in items]

    return later.apply(check)


def _cidr(args: Arguments, key: str, text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as wrong:
        raise args.error(key, text, f"is no address range ({wrong})", "write it like 203.0.113.0/24") from None


def _egress(group: Arguments) -> EgressSpec:
    cidr = _cidr(group, "cidr", group.text("cidr"))
    holes = read_cidrs(group, "except_cidrs")
    for hole in holes:
        if not _inside(hole, cidr):
            raise group.error("except_cidrs", hole, f"is not within {cidr}", "leave it out: it is closed anyway")
        if hole == cidr:
            problem = "is all of cidr, so that nothing would be open"
            raise group.error("except_cidrs", hole, problem, "leave the whole destination out, or close a part of it")
    ports = group.listed("ports")
    if not ports:
        raise group.error("ports", ports, "is empty", "name the TCP ports to open, such as [443]")
    checked = [group.whole("ports", port, 1, 65535) for port in ports]
    return EgressSpec(group.dns_label("name", ""), cidr, holes, checked)


def _inside(inner: str, outer: str) -> bool:
    small, large = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(small, ipaddress.IPv4Network) and isinstance(large, ipaddress.IPv4Network):
        return small.subnet_of(large)
    if isinstance(small, ipaddress.IPv6Network) and isinstance(large, ipaddress.IPv6Network):
        return small.subnet_of(large)
    return False


def _target(group: Arguments) -> Target:
    group.exactly_one("pod_labels", "cidrs")
    group.text_input("host")
    labels = read_pod_labels(group) if group.has("pod_labels") else None
    if labels is not None and not labels:
        raise group.error("pod_labels", labels, "is empty and would select every pod", "name the target's labels")
    if labels is not None and not group.has("namespace"):
        raise group.error("namespace", None, "is missing", "name the namespace of the pods in pod_labels")
    namespace = group.text_input("namespace") if group.has("namespace") else None
    name, port = group.dns_label("name", ""), group.integer("port", 0, 1, 65535)
    return Target(name, port, namespace, labels, read_cidrs_input(group, "cidrs"))


def _late_target(args: Arguments, known: object, where: str) -> Target:
    target = _target(Arguments(args.component, known, Endpoint, where))
    if target.pod_labels is None:
        # Whether a policy on the target's side exists must be known before the value is.
        problem = "is outside the cluster and known only later"
        raise args.error(where, target.name, problem, "write the endpoint out with plain cidrs, or use external_egress")
    return target


def read_pod_labels(group: Arguments) -> dict[str, str]:
    """The labels that select pods; empty when they are not given.

    Raises:
        ArgumentError: a value that is no text.
    """
    labels = group.mapping("pod_labels")
    for key, value in labels.items():
        if not isinstance(value, str):
            raise group.error(f"pod_labels.{key}", value, "is not a text", "write label values in quotes")
    return cast("dict[str, str]", labels)


def _refuse_twice(args: Arguments, key: str, names: Sequence[str]) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise args.error(key, name, "is named twice", "policies are named after it: give each its own name")
