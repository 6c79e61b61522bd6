"""A small stack and its surroundings: two API pods, a database, a pod of another namespace, a node, the outside."""

from typing import Any

from operations.proof.isolation.declared import Declared
from operations.proof.isolation.expectation import Meant, expect
from operations.proof.isolation.judge import Judge, Proof
from operations.proof.isolation.model import Kind, Outcome, Pair, Place, Target, Try

API_LABELS = {"app": "api"}
DATABASE_LABELS = {"app": "database"}


def pod(group: str, name: str, address: str, labels: dict[str, str], **more: Any) -> Place:
    given = {"kind": Kind.STACK, "namespace": "shop", "node": "n1", "container": "c", **more}
    return Place(group, pod=name, address=address, labels=labels, **given)


API_1 = pod("api", "api-1", "10.1.0.1", {**API_LABELS, "pod-template-hash": "x"})
API_2 = pod("api", "api-2", "10.1.0.2", {**API_LABELS, "pod-template-hash": "x"})
DATABASE = pod("database", "database-0", "10.1.0.3", DATABASE_LABELS)
UNLABELLED = pod("unlabelled pod", "bare", "10.1.0.4", {}, kind=Kind.STRANGER)
FOREIGN = pod("foreign pod", "foreign", "10.1.0.5", {}, namespace="other", kind=Kind.STRANGER)
DNS = pod("DNS", "dns-1", "10.1.0.6", {"k8s-app": "kube-dns"}, namespace="kube-system", kind=Kind.CLUSTER)
NODE = pod("node", "host", "10.0.0.1", {}, namespace="privileged", kind=Kind.CLUSTER, host_network=True)
OUTSIDE = Place("203.0.113.10", Kind.OUTSIDE, address="203.0.113.10")
KUBELET = Place("node", Kind.CLUSTER, address="10.0.0.1", node="n1")

SOURCES = (API_1, API_2, DATABASE, UNLABELLED, FOREIGN, NODE)
TARGETS = (
    *(Target(place, 3000) for place in (API_1, API_2)),
    *(Target(place, 18080, declared=False) for place in (API_1, API_2, DATABASE, UNLABELLED, FOREIGN)),
    *(Target(place, 5432) for place in (DATABASE, UNLABELLED, FOREIGN)),
    Target(DNS, 53, lookup="kubernetes.default.svc", answers=frozenset({"10.96.0.1"})),
    Target(DNS, 53),
    Target(DNS, 8080, required=False),
    Target(KUBELET, 10250, required=False),
    Target(OUTSIDE, 443, required=False),
)
PAIRS: list[Pair] = [(source, target) for source in SOURCES for target in TARGETS]

DATABASE_LINK: dict[str, Any] = {
    "name": "api-to-database",
    "opens": ["egress", "ingress"],
    "from": {"namespace": "shop", "labels": API_LABELS},
    "to": {"namespace": "shop", "labels": DATABASE_LABELS},
    "ports": [5432],
}
CLIENTS_LINK: dict[str, Any] = {
    "name": "api-from-clients",
    "opens": ["ingress"],
    "from": {"cidrs": ["0.0.0.0/0"]},
    "to": {"namespace": "shop", "labels": API_LABELS},
    "ports": [3000],
}
DNS_LINK: dict[str, Any] = {
    "name": "dns",
    "opens": ["egress"],
    "from": {"namespace": "shop", "labels": {}},
    "to": {"namespace": "kube-system", "labels": {}},
    "ports": [53],
}


def declares(*links: dict[str, Any]) -> Declared:
    return Declared.model_validate({"namespace": "shop", "links": list(links)})


DECLARED = declares(DNS_LINK, DATABASE_LINK, CLIENTS_LINK)


def as_declared(declared: Declared = DECLARED, pairs: list[Pair] = PAIRS) -> dict[Pair, Try]:
    """What comes of every connection where the policies do exactly what is declared."""
    blocked = Meant.BLOCK
    return {
        (source, target): Try(Outcome.SILENT if expect(source, target, declared).meant is blocked else Outcome.REACHED)
        for source, target in pairs
    }


def proof_of(tried: dict[Pair, Try], declared: Declared = DECLARED, pairs: list[Pair] = PAIRS, **more: Any) -> Proof:
    judged = Judge(declared, pairs, tried, **more).judge()
    return Proof("shop", declared, tuple(judged), len(tried))
