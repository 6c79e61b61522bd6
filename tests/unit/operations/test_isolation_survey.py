"""What a proof finds to try on a cluster, and what it makes for itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from isolated_world import DATABASE_LABELS, DATABASE_LINK, DECLARED, DNS_LINK, declares

from operations.errors import Problem
from operations.proof.isolation import owned
from operations.proof.isolation.declared import from_file, from_outputs
from operations.proof.isolation.manifests import namespace_of, pod_of
from operations.proof.isolation.model import Kind, Target, on_every_address
from operations.proof.isolation.outside import named_by_links, outside_targets, split
from operations.proof.isolation.survey import Survey, look

API_LABELS = {
    "app": "api",
    "app.kubernetes.io/name": "pxl-app",
    "app.kubernetes.io/instance": "api",
    "pod-template-hash": "5f9",
}


def pod(name: str, labels: dict[str, str], ports: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "registry.example.com/app@sha256:1", "ports": ports, **more.pop("container", {})}
    status = {"phase": "Running", "podIP": "10.1.0.1", "containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": labels, **more.pop("metadata", {})},
        "spec": {"nodeName": "n1", "containers": [container]},
        "status": {**status, **more.pop("status", {})},
    }


API = pod("api-1", API_LABELS, [{"containerPort": 3000}])
DATABASE = pod("database-0", DATABASE_LABELS, [{"containerPort": 5432}, {"containerPort": 9, "protocol": "UDP"}])
DNS_POD = pod(
    "coredns-x",
    {"k8s-app": "kube-dns"},
    [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}],
    container={"readinessProbe": {"httpGet": {"port": 8181}}, "livenessProbe": {"httpGet": {"port": "metrics"}}},
    metadata={"namespace": "kube-system"},
)
SERVICE = {"spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": [{"port": 443}]}}
NODE = {
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    }
}


class Recorded:
    """A cluster that answers from tables."""

    def __init__(self, *pods: dict[str, Any], services: tuple[dict[str, str], ...] = ()) -> None:
        self._pods = pods
        dns = {"spec": {"selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53}]}}
        slices = [{"endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 6443}]}]
        self._objects = {
            "/api/v1/namespaces/shop": {"metadata": {"labels": {"pxl.dev/stack": "shop", "other": "x"}}},
            "/api/v1/nodes/n1": NODE,
            "/api/v1/namespaces/default/services/kubernetes": SERVICE,
        }
        self._lists = {
            "/api/v1/namespaces/shop/services": [{"spec": {"selector": one}} for one in services],
            "/api/v1/namespaces/kube-system/services": [dns],
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices": slices,
        }

    def get(self, path: str) -> Any:
        return self._objects.get(path)

    def items(self, path: str, selector: str = "") -> list[Any]:
        return self._lists[path]

    def pods(self, namespace: str, selector: str = "") -> list[Any]:
        return [DNS_POD] if namespace == "kube-system" else list(self._pods)


def survey(*pods: dict[str, Any], declared: Any = DECLARED, **more: Any) -> Survey:
    cluster: Any = Recorded(*pods, **more)
    return look(cluster, declared)


def test_every_declared_port_of_every_pod_is_a_target_and_one_that_is_not() -> None:
    found = survey(API, DATABASE)
    ports = {(target.place.group, target.port, target.declared) for target in found.own_targets}
    assert ports == {
        ("api", 3000, True),
        ("api", 18080, False),
        ("database-0", 5432, True),
        ("database-0", 18080, False),
    }


def test_the_port_that_nothing_declares_is_really_one() -> None:
    busy = pod("x", {}, [{"containerPort": 18080}])
    linked = declares(DNS_LINK, {**DATABASE_LINK, "ports": [18081]})
    assert survey(API, busy, declared=linked).spare_port == 18082


def test_what_the_cluster_serves_is_a_target() -> None:
    found = {(one.place.group, one.address, one.label, one.required) for one in survey(API).cluster}
    assert found == {
        ("node", "10.0.0.1", "10250", False),
        ("API server", "10.0.0.1", "6443", False),
        ("API Service", "10.96.0.1", "443", False),
        ("DNS", "10.1.0.1", "name", True),
        ("DNS", "10.1.0.1", "53", True),
        ("DNS", "10.1.0.1", "8181", False),
    }, "the ports of DNS that only its probes name, too"
    (name,) = (one for one in survey(API).cluster if one.lookup)
    assert name.answers == {"10.96.0.1"}, "a name counts as resolved with the right address only"


def test_groups_hold_nothing_that_was_drawn() -> None:
    owner = [{"kind": "ReplicaSet", "name": "web-5f9"}]
    drawn = pod("web-5f9-abcde", {"pod-template-hash": "5f9"}, [], metadata={"ownerReferences": owner})
    assert {place.group for place in survey(API, drawn).pods} == {"api", "web"}


def test_pods_that_ended_are_left_out_and_those_that_do_not_run_are_said() -> None:
    done = pod("migrations", {}, [], status={"phase": "Succeeded"})
    leaving = pod("api-0", API_LABELS, [], metadata={"deletionTimestamp": "now"})
    waiting = [{"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
    broken = pod("worker-1", {}, [], status={"containerStatuses": waiting})
    found = survey(API, done, leaving, broken)
    assert [place.pod for place in found.pods] == ["api-1"]
    (idle,) = found.idle
    assert "pod shop/worker-1 does not run" in idle, "it could be wide open, and nobody would see"


def test_what_a_proof_made_itself_is_no_pod_of_the_stack() -> None:
    bare = pod_of("pxl-proof-1-unlabelled-0", "shop", "image")
    bare["status"] = API["status"]
    assert "labels" not in bare["metadata"], "a pod without labels has none, not even its owner's"
    assert [place.pod for place in survey(API, bare).pods] == ["api-1"]


def test_a_client_that_does_not_run_is_known_by_its_labels() -> None:
    migrations = {"app.kubernetes.io/instance": "migrations", "kind": "job"}
    link = {**DATABASE_LINK, "name": "m", "from": {"namespace": "shop", "labels": migrations}}
    declared = declares(DNS_LINK, DATABASE_LINK, link)
    found = survey(API, DATABASE, declared=declared)
    assert found.roles_without_pods(declared) == {"migrations": migrations}


def test_without_a_pod_of_the_app_there_is_no_image() -> None:
    with pytest.raises(Problem) as refused:
        survey(DATABASE)
    assert "pxlctl explain shop" in str(refused.value)


def test_every_address_of_a_pod_is_tried() -> None:
    both = [{"ip": "10.1.0.1"}, {"ip": "2001:db8::1"}]
    (place,) = survey(pod("api-1", API_LABELS, [], status={"podIPs": both})).pods
    tried = on_every_address(Target(place, 3000))
    assert [one.address for one in tried] == ["10.1.0.1", "2001:db8::1"]
    assert len({one.label for one in tried}) == 1, "in one column"
    assert len(on_every_address(Target(place, 53, lookup="name"))) == 1, "a name is asked for once"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("203.0.113.10:443", ("203.0.113.10", 443)),
        ("example.com:1", ("example.com", 1)),
        ("[2001:db8::1]:8080", ("2001:db8::1", 8080)),
    ],
)
def test_a_host_and_its_port_are_told_apart(text: str, parts: tuple[str, int]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize("text", ["example.com", ":443", "a:0", "a:70000", "2001:db8::1:443", "a b:1", ""])
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(Problem):
        split(text)


def test_hosts_of_links_are_targets_and_single_addresses_are_hosts() -> None:
    external = {**DATABASE_LINK, "opens": ["egress"], "to": {"cidrs": ["10.0.0.0/8"], "host": "db.example.com"}}
    single = {**external, "name": "mail", "to": {"cidrs": ["203.0.113.9/32", "198.51.100.0/24"]}, "ports": [25]}
    found, unresolved = named_by_links(declares(external, single), lambda name: ["10.9.9.9", "10.9.9.8"])
    assert [(one.place.group, one.address, one.port) for one in found] == [
        ("db.example.com", "10.9.9.9", 5432),
        ("db.example.com", "10.9.9.8", 5432),
        ("203.0.113.9", "203.0.113.9", 25),
    ]
    assert not unresolved
    assert all(one.required for one in found), "a declared link has to be shown"
    _, unresolved = named_by_links(declares(external), lambda name: [])
    assert "db.example.com" in unresolved[0]


def test_what_a_link_leads_to_is_not_tried_once_more_as_the_outside() -> None:
    link = {**DATABASE_LINK, "opens": ["egress"], "to": {"cidrs": ["203.0.113.10/32"]}, "ports": [443]}
    named, _ = named_by_links(declares(link), lambda name: [])
    beyond, _ = outside_targets([("203.0.113.10", 443)], ("169.254.169.254", 80), named, lambda name: [])
    assert [one.place.group for one in beyond] == ["metadata"]
    assert not beyond[0].required


def test_temporary_things_are_restricted_owned_and_end_by_themselves() -> None:
    namespace = namespace_of("n", "shop", {"pxl.dev/owner": "team", "app.kubernetes.io/name": "x"}, "restricted")
    labels = namespace["metadata"]["labels"]
    assert labels["pxl.dev/owner"] == "team"
    assert labels[owned.OF] == "shop"
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    made = pod_of("p", "n", "image", labels={}, pull_secrets=["login"])["spec"]
    (container,) = made["containers"]
    assert made["activeDeadlineSeconds"] <= 900, "a killed proof must not leave pods for good"
    assert made["imagePullSecrets"] == [{"name": "login"}]
    assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "hostNetwork" not in made
    assert pod_of("p", "n", "image", node="n1")["spec"]["hostNetwork"] is True


def test_kinds_are_in_the_order_of_the_tables() -> None:
    assert [kind.name for kind in Kind] == ["STACK", "STRANGER", "CLUSTER", "OUTSIDE"]


def test_links_are_read_from_outputs_and_from_files(tmp_path: Path) -> None:
    document = {"namespace": "shop", "links": [DNS_LINK, DATABASE_LINK]}
    assert from_outputs("shop", {"url": "x", "links": document}).namespace == "shop"
    for content in (document, {"url": "x", "links": document}):
        path = tmp_path / "links.json"
        path.write_text(json.dumps(content))
        assert [link.name for link in from_file(path).links] == ["dns", "api-to-database"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"namespace": "shop", "links": []},
        {"namespace": "shop", "links": [{**DNS_LINK, "opens": []}]},
        {"namespace": "shop", "links": [{**DNS_LINK, "opens": ["both"]}]},
        {"namespace": "shop", "links": [{**DNS_LINK, "to": {"cidrs": []}}]},
        {"namespace": "shop", "links": [{**DNS_LINK, "ports": []}]},
        {"namespace": "shop", "links": [{**DNS_LINK, "port": 53}]},
    ],
)
def test_links_that_say_nothing_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        from_outputs("shop", {"links": document})
    assert "pxlctl up shop" in str(refused.value)


def test_a_stack_without_the_output_is_told_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        from_outputs("shop", {"url": "x"})
    assert "pxlctl up shop" in str(refused.value), "no links is not the same as nothing declared"
    (tmp_path / "bad.json").write_text("{")
    for path in (tmp_path / "bad.json", tmp_path / "none.json"):
        with pytest.raises(Problem):
            from_file(path)
