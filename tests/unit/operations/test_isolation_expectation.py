"""What the declared links say about a connection; nothing here knows a NetworkPolicy."""

from typing import Any

import pytest
from isolated_world import (
    API_1,
    API_2,
    API_LABELS,
    CLIENTS_LINK,
    DATABASE,
    DATABASE_LABELS,
    DATABASE_LINK,
    DECLARED,
    DNS,
    DNS_LINK,
    FOREIGN,
    KUBELET,
    NODE,
    OUTSIDE,
    UNLABELLED,
    declares,
    pod,
)

from operations.proof.isolation.declared import Link
from operations.proof.isolation.expectation import Meant, applies, can_be_tried, expect
from operations.proof.isolation.model import Place, Target


def meant(source: Place, place: Place, port: int, declared: Any = DECLARED) -> Meant:
    return expect(source, Target(place, port), declared).meant


@pytest.mark.parametrize(
    ("source", "place", "port", "expected"),
    [
        (API_1, DATABASE, 5432, Meant.REACH),
        (API_1, DATABASE, 18080, Meant.BLOCK),  # a link opens a port, not a pod
        (API_1, UNLABELLED, 5432, Meant.BLOCK),  # and a pod, not a port
        (API_1, FOREIGN, 5432, Meant.BLOCK),
        (DATABASE, API_1, 3000, Meant.BLOCK),  # nor does it lead back
        (DATABASE, DATABASE, 18080, Meant.REACH),  # a pod always reaches itself
        (API_1, API_2, 3000, Meant.BLOCK),  # but not its twin: anybody may call the API, the API may call nobody
        (FOREIGN, API_1, 3000, Meant.REACH),
        (FOREIGN, API_1, 18080, Meant.BLOCK),
        (FOREIGN, DATABASE, 5432, Meant.BLOCK),
        (UNLABELLED, DATABASE, 5432, Meant.BLOCK),
        (UNLABELLED, DNS, 53, Meant.REACH),
        (API_1, DNS, 8080, Meant.BLOCK),
        (API_1, KUBELET, 10250, Meant.BLOCK),
        (API_1, OUTSIDE, 443, Meant.BLOCK),
        (NODE, DATABASE, 5432, Meant.REACH),  # the kubelet's probes come from there
        (NODE, UNLABELLED, 18080, Meant.REACH),
        (FOREIGN, OUTSIDE, 443, Meant.OPEN),
        (FOREIGN, KUBELET, 10250, Meant.OPEN),
        (NODE, FOREIGN, 3000, Meant.OPEN),
    ],
)
def test_what_is_meant_with_the_links_of_a_small_stack(source: Place, place: Place, port: int, expected: Meant) -> None:
    assert meant(source, place, port) is expected


def test_nothing_is_open_in_the_namespace_without_a_link() -> None:
    only_dns = declares(DNS_LINK)
    for source in (API_1, UNLABELLED, FOREIGN):
        assert meant(source, DATABASE, 5432, only_dns) is Meant.BLOCK


@pytest.mark.parametrize("side", ["egress", "ingress"])
def test_half_a_link_opens_nothing_between_two_pods(side: str) -> None:
    half = declares({**DATABASE_LINK, "opens": [side]})
    assert meant(API_1, DATABASE, 5432, half) is Meant.BLOCK, "policies of both pods have their say"


def test_two_halves_of_different_links_open_a_way() -> None:
    out = {**DATABASE_LINK, "name": "out", "opens": ["egress"]}
    into = {**DATABASE_LINK, "name": "in", "opens": ["ingress"], "from": {"cidrs": ["0.0.0.0/0"]}}
    found = expect(API_1, Target(DATABASE, 5432), declares(out, into))
    assert (found.meant, found.why) == (Meant.REACH, "link out and in")


def test_every_label_of_a_link_has_to_fit() -> None:
    stricter = {**DATABASE_LINK, "from": {"namespace": "shop", "labels": {**API_LABELS, "tier": "front"}}}
    assert meant(API_1, DATABASE, 5432, declares(stricter)) is Meant.BLOCK
    impostor = pod("impostor", "impostor", "10.1.0.9", {"app": "api"}, namespace="other")
    assert meant(impostor, DATABASE, 5432) is Meant.BLOCK, "the same labels in another namespace are somebody else"


def test_a_range_of_addresses_is_open_but_for_its_holes() -> None:
    there = {"cidrs": ["203.0.113.0/24"], "except": ["203.0.113.64/26"]}
    link = declares({**DATABASE_LINK, "opens": ["egress"], "to": there, "ports": [443]})
    inside, hole = (Place("x", OUTSIDE.kind, address=address) for address in ("203.0.113.10", "203.0.113.70"))
    assert meant(API_1, inside, 443, link) is Meant.REACH
    assert meant(API_1, inside, 80, link) is Meant.BLOCK
    assert meant(API_1, hole, 443, link) is Meant.BLOCK
    assert meant(DATABASE, inside, 443, link) is Meant.BLOCK, "it is the API's, and nobody else's"


def test_a_range_that_is_not_everybody_is_no_pod_elsewhere() -> None:
    some = {**CLIENTS_LINK, "from": {"cidrs": ["198.51.100.0/24"]}}
    assert meant(FOREIGN, API_1, 3000, declares(some)) is Meant.BLOCK


def test_anybody_is_also_whoever_has_an_address_of_the_other_family() -> None:
    six = pod("six", "six", "2001:db8::5", {}, namespace="other")
    assert meant(six, API_1, 3000) is Meant.REACH, "the components write 0.0.0.0/0 as a rule without peers"


def test_a_callers_namespace_may_be_named() -> None:
    gateway = {**CLIENTS_LINK, "from": {"namespace": "other", "labels": {}}}
    assert meant(FOREIGN, API_1, 3000, declares(gateway)) is Meant.REACH
    elsewhere = pod("x", "x", "10.1.0.8", {}, namespace="third")
    assert meant(elsewhere, API_1, 3000, declares(gateway)) is Meant.BLOCK


def test_another_address_of_a_pod_is_the_same_pod() -> None:
    target = Target(DATABASE, 5432, other_address="2001:db8::3")
    assert expect(API_1, target, DECLARED).meant is Meant.REACH
    assert expect(FOREIGN, target, DECLARED).meant is Meant.BLOCK, "a family that policies forget must be seen"


def test_a_node_says_nothing_about_the_pods_of_another() -> None:
    elsewhere = pod("database", "database-1", "10.1.1.3", DATABASE_LABELS, node="n2")
    assert not applies(NODE, Target(elsewhere, 5432), DECLARED)
    assert meant(NODE, elsewhere, 5432) is Meant.BLOCK, "what always gets through is a node to its own pods"
    assert applies(NODE, Target(DATABASE, 5432), DECLARED)
    assert applies(FOREIGN, Target(elsewhere, 5432), DECLARED)


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({}, True),
        ({"to": {"cidrs": ["10.0.0.0/8"], "host": "db.example.com"}}, True),
        ({"to": {"cidrs": ["10.0.0.1/32"]}}, True),
        ({"to": {"cidrs": ["10.0.0.0/8"]}}, False),
        ({"from": {"namespace": "gateway", "labels": {}}}, False),
        ({"from": {"cidrs": ["198.51.100.0/24"]}}, False),
        ({"from": {"cidrs": ["0.0.0.0/0"]}}, True),
    ],
)
def test_a_link_can_be_tried_where_both_ends_can_be_had(changes: dict[str, Any], possible: bool) -> None:
    link = Link.model_validate({**DATABASE_LINK, **changes})
    assert can_be_tried(link, DECLARED) is possible


def test_a_pod_in_its_nodes_network_is_the_node_and_nobodys_pod() -> None:
    agent = pod("agent", "agent", "10.0.0.1", DATABASE_LABELS, host_network=True)
    assert meant(agent, OUTSIDE, 443) is Meant.OPEN, "policies select no such pod"
    assert meant(API_1, agent, 5432) is Meant.BLOCK, "and no link leads to it, whatever its labels"
