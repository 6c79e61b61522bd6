"""Default deny, and exactly the declared links."""

from typing import Any

import pulumi
import pytest
from pulumi_recording import IMAGE, Recording, deploy
from pxl_components import Api, IsolatedNamespace, Worker

STORE = {
    "name": "postgres",
    "host": "postgres.stores.svc",
    "port": 5432,
    "namespace": "stores",
    "pod_labels": {"app.kubernetes.io/name": "postgres"},
}
API = {"namespace": "apps", "image": IMAGE}
API_SELECTOR = {
    "app.kubernetes.io/name": "pxl-app",
    "app.kubernetes.io/instance": "web",
    "app.kubernetes.io/component": "api",
}


@pytest.fixture(scope="module")
def isolated() -> Recording:
    return deploy(lambda: IsolatedNamespace("net", {"namespace_name": "pxl-dev"}).namespace_name)


def test_a_namespace_enforces_restricted_pods_by_default(isolated: Recording):
    labels = isolated.one("Namespace").metadata["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted", f"{mode} must say restricted"


def test_nothing_may_talk_by_default(isolated: Recording):
    spec = isolated.named("net-default-deny").spec
    assert spec["podSelector"] == {}, "the policy covers every pod"
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"], "both directions are closed"
    assert not {"ingress", "egress"} & spec.keys(), "a rule would open something"


def test_dns_is_the_one_thing_that_is_open(isolated: Recording):
    (rule,) = isolated.named("net-allow-dns").spec["egress"]
    assert rule["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], (
        "only the cluster's DNS namespace, not every address on port 53"
    )


def test_whoever_uses_the_namespace_waits_for_its_isolation():
    def program() -> None:
        namespace = IsolatedNamespace("net", {"namespace_name": "pxl-dev"})
        Worker("web", {"namespace": namespace.namespace_name, "image": IMAGE})

    waited = deploy(program).one("Deployment").dependencies
    assert {"net-namespace", "net-default-deny", "net-allow-dns"} <= waited, "no pod starts before its walls stand"


def test_the_namespaces_name_is_known_in_a_preview():
    program = lambda: IsolatedNamespace("net", {"namespace_name": "pxl-dev"}).namespace_name  # noqa: E731
    assert deploy(program, preview=True).outputs == "pxl-dev", "an unknown name would hide everything behind it"


def test_a_link_opens_the_client_and_the_target():
    recording = deploy(lambda: Api("web", {**API, "connects_to": [STORE]}) and None)
    out, into = recording.named("web-to-postgres-egress"), recording.named("web-to-postgres-ingress")

    assert out.metadata["namespace"] == "apps", "the way out belongs to the client's namespace"
    assert out.spec["podSelector"]["matchLabels"] == API_SELECTOR, "and to the client's pods alone"
    assert out.spec["policyTypes"] == ["Egress"]
    assert out.spec["egress"] == [
        {
            "to": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "stores"}},
                    "podSelector": {"matchLabels": STORE["pod_labels"]},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 5432}],
        }
    ], "one target, one port"

    assert into.metadata["namespace"] == "stores", "the way in belongs to the target's namespace"
    assert into.spec["podSelector"]["matchLabels"] == STORE["pod_labels"]
    assert into.spec["policyTypes"] == ["Ingress"]
    assert into.spec["ingress"] == [
        {
            "from": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}},
                    "podSelector": {"matchLabels": API_SELECTOR},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 5432}],
        }
    ], "the client and nobody else"


def test_without_links_no_policy_opens_anything():
    assert deploy(lambda: Api("web", API) and None).of("NetworkPolicy") == [], "nothing declared, nothing open"


def test_a_target_outside_the_cluster_opens_its_addresses_only():
    managed = {"name": "postgres", "host": "db.example.com", "port": 5432, "cidrs": ["10.0.16.0/20", "10.0.32.0/20"]}
    recording = deploy(lambda: Api("web", {**API, "connects_to": [managed]}) and None)
    (policy,) = recording.of("NetworkPolicy")
    (rule,) = policy.spec["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.0.16.0/20"}}, {"ipBlock": {"cidr": "10.0.32.0/20"}}]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5432}]


def test_external_egress_keeps_its_holes_closed():
    payments = {"name": "payments", "cidr": "0.0.0.0/0", "except_cidrs": ["10.0.0.0/8"], "ports": [443, 8443]}
    policy = deploy(lambda: Api("web", {**API, "external_egress": [payments]}) and None).named("web-to-payments-egress")
    (rule,) = policy.spec["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}], "the exception is not lost"
    assert [port["port"] for port in rule["ports"]] == [443, 8443]


def test_pods_wait_for_their_policies():
    waited = deploy(lambda: Api("web", {**API, "connects_to": [STORE]}) and None).one("Deployment").dependencies
    assert {"web-to-postgres-egress", "web-to-postgres-ingress"} <= waited, "an app looks for its stores at its start"


def test_a_link_that_is_known_only_later_still_opens_both_sides():
    def program() -> None:
        Api("web", {**API, "connects_to": [pulumi.Output.from_input(STORE)]})

    recording = deploy(program)
    into = recording.named("web-to-link-0-ingress")
    assert into.metadata["namespace"] == "stores", "the namespace comes out of the Output"
    assert into.spec["podSelector"]["matchLabels"] == STORE["pod_labels"]
    assert recording.named("web-to-link-0-egress").spec["egress"][0]["ports"][0]["port"] == 5432


def test_a_malformed_link_that_is_known_only_later_fails_the_deployment():
    late = pulumi.Output.from_input({**STORE, "port": 0})
    with pytest.raises(Exception, match=r"connects_to\[0\]\.port = 0 is not a whole number from 1 to 65535"):
        deploy(lambda: Api("web", {**API, "connects_to": [late]}) and None)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({**STORE, "port": 0}, ["connects_to[0].port = 0", "from 1 to 65535"]),
        ({**STORE, "port": 70000}, ["port = 70000"]),
        ({**STORE, "port": "5432"}, ["port = '5432'"]),
        ({**STORE, "cidrs": ["10.0.0.0/8"]}, ["cidrs contradicts pod_labels"]),
        ({**STORE, "pod_labels": {}}, ["would select every pod"]),
        ({k: v for k, v in STORE.items() if k != "namespace"}, ["namespace is missing"]),
        ({k: v for k, v in STORE.items() if k != "pod_labels"}, ["give pod_labels or cidrs"]),
        ({**STORE, "name": "Post_gres"}, ["name = 'Post_gres'", "DNS label"]),
        ({**STORE, "hots": "x"}, ["hots", "did you mean 'host'?"]),
        ({"name": "db", "host": "db", "port": 1, "cidrs": ["10.0.0.1/8"]}, ["cidrs = '10.0.0.1/8'", "host bits set"]),
        ("postgres", ["connects_to[0] = 'postgres'", "is not a group"]),
    ],
)
def test_a_malformed_link_is_refused(refuses: Any, link: Any, words: list[str]):
    refuses(Api, {**API, "connects_to": [link]}, *words)


def test_a_way_out_with_the_name_of_a_link_is_refused(refuses: Any):
    outside = {"name": "postgres", "cidr": "203.0.113.0/24", "ports": [443]}
    args = {**API, "connects_to": [STORE], "external_egress": [outside]}
    refuses(Api, args, "external_egress = 'postgres' is also the name of a link", "rename it")


def test_two_links_to_one_name_are_refused(refuses: Any):
    refuses(Api, {**API, "connects_to": [STORE, STORE]}, "connects_to = 'postgres' is named twice")


@pytest.mark.parametrize(
    ("egress", "words"),
    [
        ({"name": "mail", "cidr": "smtp.example.com", "ports": [587]}, ["cidr = 'smtp.example.com'", "address range"]),
        ({"name": "mail", "cidr": "203.0.113.0/24", "ports": []}, ["ports = [] is empty"]),
        ({"name": "mail", "cidr": "203.0.113.0/24", "ports": [0]}, ["ports = 0"]),
        (
            {"name": "mail", "cidr": "203.0.113.0/24", "except_cidrs": ["10.0.0.0/8"], "ports": [25]},
            ["except_cidrs = '10.0.0.0/8'", "is not within 203.0.113.0/24"],
        ),
        (
            {"name": "mail", "cidr": "203.0.113.0/24", "except_cidrs": ["203.0.113.0/24"], "ports": [25]},
            ["except_cidrs = '203.0.113.0/24'", "nothing would be open"],
        ),
    ],
)
def test_a_malformed_way_out_is_refused(refuses: Any, egress: Any, words: list[str]):
    refuses(Api, {**API, "external_egress": [egress]}, *words)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, ["namespace_name is missing"]),
        ({"namespace_name": "PXL"}, ["namespace_name = 'PXL'", "DNS label"]),
        ({"namespace_name": "pxl", "pod_security": "none"}, ["pod_security = 'none'", "restricted, baseline"]),
        ({"namespace_name": "pxl", "labels": {"app.kubernetes.io/name": "x"}}, ["is set by the component itself"]),
        ({"namespace_name": "pxl", "labels": {"owner": "a b"}}, ["labels.owner = 'a b'"]),
        ({"namespace_name": "pxl", "dns_cidrs": ["dns"]}, ["dns_cidrs = 'dns'"]),
    ],
)
def test_a_malformed_namespace_is_refused(refuses: Any, args: Any, words: list[str]):
    refuses(IsolatedNamespace, args, *words)
