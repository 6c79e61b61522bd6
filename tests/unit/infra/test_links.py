"""Who may talk to whom, as the program puts it out; it is what the isolation of a running stack is compared with."""

from typing import Any

import pulumi
from pulumi_recording import deploy

from infra.links import Links
from operations.proof.isolation.declared import Addresses, Declared, Pods, from_outputs

API = {"app.kubernetes.io/name": "pxl-app", "app.kubernetes.io/instance": "api"}
STORE = {
    "name": "postgres",
    "host": pulumi.Output.from_input("postgres.shop.svc"),
    "port": 5432,
    "namespace": "shop",
    "pod_labels": {"app": "postgres"},
}
MANAGED = {"name": "redis", "host": "redis.example.com", "port": 6379, "cidrs": ["10.0.16.0/20"]}


def declared(args: dict[str, Any], namespace: dict[str, Any] | None = None, port: int | None = None) -> Declared:
    """What the proof reads of what the program writes, through the engine's own serialisation."""

    def program() -> Any:
        links = Links(pulumi.Output.from_input("shop"), {"namespace_name": "shop", **(namespace or {})})  # pyright: ignore[reportArgumentType]
        links.add("api", API, args, port)
        return links.document()

    return from_outputs("shop", {"links": deploy(program).outputs})


def link(found: Declared, name: str) -> Any:
    (only,) = (one for one in found.links if one.name == name)
    return only


def test_every_pod_may_ask_dns_and_nothing_else_without_links() -> None:
    (dns,) = declared({}).links
    assert dns.opens == ["egress"]
    assert dns.here == Pods(namespace="shop"), "every pod of the namespace"
    assert dns.there == Pods(namespace="kube-system")
    assert dns.ports == [53]


def test_dns_elsewhere_is_where_it_is_said_to_be() -> None:
    found = declared({}, {"dns_namespace": "dns", "dns_cidrs": ["169.254.20.10/32"]})
    assert link(found, "dns").there == Pods(namespace="dns")
    assert link(found, "dns-servers").there.hosts == ["169.254.20.10"]


def test_a_connection_to_pods_opens_both_sides() -> None:
    found = link(declared({"connects_to": [STORE]}), "api-to-postgres")
    assert found.opens == ["egress", "ingress"]
    assert (found.here, found.there) == (
        Pods(namespace="shop", labels=API),
        Pods(namespace="shop", labels={"app": "postgres"}),
    )
    assert found.ports == [5432]


def test_a_connection_that_is_known_only_later_is_one_all_the_same() -> None:
    late = pulumi.Output.from_input(STORE)
    assert link(declared({"connects_to": [late]}), "api-to-postgres").ports == [5432]


def test_a_connection_out_of_the_cluster_opens_its_addresses_and_keeps_its_name() -> None:
    found = link(declared({"connects_to": [MANAGED]}), "api-to-redis")
    assert found.opens == ["egress"], "no policy of ours stands at the other end"
    assert isinstance(found.there, Addresses)
    assert (found.there.hosts, [str(cidr) for cidr in found.there.cidrs]) == (["redis.example.com"], ["10.0.16.0/20"])


def test_a_way_out_has_its_holes() -> None:
    payments = {"name": "payments", "cidr": "0.0.0.0/0", "except_cidrs": ["10.0.0.0/8"], "ports": [443, 8443]}
    found = link(declared({"external_egress": [payments]}), "api-to-payments")
    assert found.opens == ["egress"]
    assert [str(hole) for hole in found.there.holes] == ["10.0.0.0/8"]
    assert found.ports == [443, 8443]


def test_callers_open_the_way_in_only() -> None:
    callers = [
        {"name": "clients", "cidrs": ["0.0.0.0/0"]},
        {"name": "gateway", "namespace": "gw", "pod_labels": {"a": "b"}},
    ]
    found = declared({"ingress_from": callers}, port=3000)
    anybody, gateway = link(found, "api-from-clients"), link(found, "api-from-gateway")
    assert anybody.opens == gateway.opens == ["ingress"]
    assert anybody.there == Pods(namespace="shop", labels=API)
    assert gateway.here == Pods(namespace="gw", labels={"a": "b"})
    assert anybody.ports == [3000]
