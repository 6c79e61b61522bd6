"""NetworkPolicies are enforced on the node as the API reference says."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.harness import Platform
from tests.e2e.policies.cases import CASES, DENY_X
from tests.e2e.policies.cluster import Cluster, wait
from tests.e2e.policies.probe import Edge, reached, settled
from tests.e2e.policies.vocabulary import Case, Peers
from tests.e2e.policies.world import ADDRESSES, HTTP, NODE, PODS, PREFIX, listener, ports_of

TARGETS = (*(pod.name for pod in PODS), NODE, *ADDRESSES)
SOURCES = (*(pod.name for pod in PODS), NODE)
EDGES = [Edge(source, target, port) for source in SOURCES for target in TARGETS for port in ports_of(target)]


@pytest.fixture(scope="module")
def world(platform: Platform) -> Iterator[Cluster]:
    found = Cluster(platform)
    found.remove()
    found.build()
    yield found
    found.remove()


def expected(case: Case) -> set[Edge]:
    return {edge for edge in EDGES if gets_through(case, edge)}


def gets_through(case: Case, edge: Edge) -> bool:
    # The reference: a pod cannot be kept from itself, nor the node from its pods.
    if edge.source in (edge.target, NODE):
        return True
    leaves = edge.source not in case.out or allowed(case.out[edge.source], edge.target, edge.port)
    enters = edge.target not in case.into or allowed(case.into[edge.target], edge.source, edge.port)
    return leaves and enters


def allowed(peers: Peers, peer: str, port: str) -> bool:
    return port in peers.get(peer, ()) or port in peers.get("*", ())


def test_there_are_enough_cases_and_each_says_something() -> None:
    assert len({case.name for case in CASES}) == len(CASES), "two cases of one name hide each other"
    closing = [case for case in CASES if expected(case) != set(EDGES)]
    assert len(closing) >= 60, "the list is written from the whole of the API reference; what closes nothing is extra"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_policy_lets_through_what_the_reference_says(world: Cluster, case: Case) -> None:
    with world.under(case.policies):
        too_many, missing = settled(world.networks, EDGES, world.addresses, expected(case))
    assert not too_many, f"open although closed: {sorted(too_many)}"
    assert not missing, f"closed although open: {sorted(missing)}"


def test_a_service_is_judged_by_the_pod_behind_it(world: Cluster) -> None:
    spec = {"selector": {"behind": "service"}, "ports": [{"port": 80, "targetPort": 8080}]}
    service = world.core.create_namespaced_service(f"{PREFIX}x", {"metadata": {"name": "a"}, "spec": spec})
    through = world.addresses | {"service": service.spec.cluster_ip}
    wait(lambda: world.networks.answer("x/c", "tcp/80", through["service"], 2) == "x/a", "the Service to lead there")
    by_pod_port = {"namespace": "x", "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 8080}]}]}}
    by_service_port = {"namespace": "x", "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}}
    with world.under([by_pod_port]):
        assert world.networks.answer("x/b", "tcp/80", through["service"], 5) == "x/a", "policies speak of pods' ports"
    with world.under([by_service_port]):
        assert world.networks.answer("x/b", "tcp/80", through["service"], 1) is None, "and not of Services' ports"
    with world.under([DENY_X]):
        assert world.networks.answer("x/b", "tcp/80", through["service"], 1) is None, "a Service is no way around"
        assert world.networks.answer("x/a", "tcp/80", through["service"], 5) == "x/a", "but a pod reaches itself by it"


def test_an_answer_belongs_to_its_connection_and_what_talks_may_go_on(world: Cluster) -> None:
    with world.networks.socket("x/b", socket.SOCK_STREAM) as made:
        made.settimeout(5)
        made.connect((world.addresses["x/a"], 8080))
        with world.under([DENY_X]):
            assert made.recv(10) == b"x/a", "what was open when the policy came may end in peace"
            assert world.networks.answer("x/b", HTTP, world.addresses["x/a"], 1) is None, "a new one is refused"


def test_changed_labels_count_at_once(world: Cluster) -> None:
    from_b = {
        "namespace": "x",
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "b"}}}]}]},
    }
    edge, where = Edge("x/c", "x/a", HTTP), f"{PREFIX}x"
    with world.under([from_b]):
        assert not reached(world.networks, [edge], world.addresses, 1)
        world.core.patch_namespaced_pod("c", where, {"metadata": {"labels": {"app": "b"}}})
        wait(lambda: reached(world.networks, [edge], world.addresses, 1), "a pod's new label to open the way", 15)
        world.core.patch_namespaced_pod("c", where, {"metadata": {"labels": {"app": None}}})
        wait(lambda: not reached(world.networks, [edge], world.addresses, 1), "and its loss to close it", 15)
    by_team = {
        "namespace": "x",
        "spec": {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "green"}}}]}]},
    }
    edge = Edge("y/a", "x/a", HTTP)
    with world.under([by_team]):
        world.core.patch_namespace(f"{PREFIX}y", {"metadata": {"labels": {"team": "green"}}})
        wait(lambda: reached(world.networks, [edge], world.addresses, 1), "a namespace's new label to open the way", 15)
        world.core.patch_namespace(f"{PREFIX}y", {"metadata": {"labels": {"team": "blue"}}})
        wait(lambda: not reached(world.networks, [edge], world.addresses, 1), "and its loss to close it", 15)


def test_nothing_passes_in_ipv6_which_no_policy_can_name(world: Cluster) -> None:
    def answer(source: str, target: str) -> str | None:
        address, index = world.link_local(target)[0], world.link_local(source)[1]
        with world.networks.socket(source, socket.SOCK_STREAM, socket.AF_INET6) as made:
            made.settimeout(2)
            try:
                made.connect((address, 8080, 0, index))
                return made.recv(10).decode()
            except OSError:
                return None

    assert answer("x/a", "x/a") == "x/a", "pods listen on their IPv6 addresses, too"
    assert answer("x/b", "x/a") is None, "and a bridge would carry it past every rule of IPv4"


def test_a_new_pod_is_isolated_before_its_first_container_starts(world: Cluster) -> None:
    """Twelve pods that try from their first moment on, under policies that forbid it."""
    hurry = f"""
    const net = require('net'); let open = 0; const end = Date.now() + 3000
    const once = () => {{
      if (Date.now() > end) {{ console.log('open ' + open); return }}
      const s = net.connect(8080, '{world.addresses["y/a"]}')
      s.setTimeout(100, () => s.destroy()); s.on('connect', () => {{ open++; s.destroy() }})
      s.on('error', () => {{}}); s.on('close', once)
    }}
    once()
    """
    names = [f"new-{number}" for number in range(12)]
    with world.under([DENY_X]):
        for name in names:
            body = listener(PODS[2], world.image, "pxl")
            body["metadata"] = {"name": name, "labels": {"app": "new"}}
            body["spec"]["restartPolicy"] = "Never"
            body["spec"]["containers"][0]["command"] = ["node", "-e", hurry]
            world.core.create_namespaced_pod(f"{PREFIX}x", body)
        for name in names:
            wait(lambda name=name: phase(world, name) == "Succeeded", f"{name} to end")
            # Version 36 of the client hands on the bytes as if they were their own text.
            raw = world.core.read_namespaced_pod_log(name, f"{PREFIX}x", _preload_content=False)
            log = raw.data.decode()
            assert log.strip() == "open 0", f"{name} got through before it was isolated: {log}"
    for name in names:
        world.core.delete_namespaced_pod(name, f"{PREFIX}x", grace_period_seconds=0)


def phase(world: Cluster, name: str) -> str:
    return world.core.read_namespaced_pod(name, f"{PREFIX}x").status.phase


def test_rules_hold_while_the_agent_is_away(world: Cluster) -> None:
    edge = Edge("x/b", "x/a", HTTP)
    with world.under([DENY_X]):
        for _ in range(3):
            world.node.run(["pkill", "-KILL", "-f", "/opt/pxl/policies agent"])
            with ThreadPoolExecutor() as pool:
                tries = list(pool.map(lambda _: reached(world.networks, [edge], world.addresses, 1), range(20)))
            assert not any(tries), "what is closed stays closed without the agent"
            wait(lambda: answers(world), "the agent to come back", 30)
        time.sleep(1)
        assert not reached(world.networks, [edge], world.addresses, 1), "and after it has come back"
    assert settled(world.networks, [edge], world.addresses, {edge}) == (set(), set()), "it works again"


def test_a_new_pod_waits_for_the_agent(world: Cluster) -> None:
    body = listener(PODS[2], world.image, "pxl")
    body["metadata"]["name"] = "waiting"
    world.node.run(["pkill", "-STOP", "-f", "/opt/pxl/policies agent"])
    try:
        world.core.create_namespaced_pod(f"{PREFIX}x", body)
        time.sleep(4)
        assert phase(world, "waiting") == "Pending", "nobody has isolated it yet, so it must not run"
    finally:
        world.node.run(["pkill", "-CONT", "-f", "/opt/pxl/policies agent"])
    wait(lambda: phase(world, "waiting") == "Running", "the pod to start once the agent answers")


def answers(world: Cluster) -> bool:
    try:
        return not world.status()["error"]
    except OSError:
        return False
