"""The embedded node, for real: needs root, and builds what the cache lacks."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import images, node
from local.node import cgroups, host, ports, record
from local.node.config import KERNEL_SETTINGS
from local.node.layout import NODE_NAME, Layout
from local.paths import CHECKOUT, State
from operations.errors import Problem

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and mounts need root"),
]

_SETTINGS = [
    *KERNEL_SETTINGS,
    *("net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "net/netfilter/nf_conntrack_max"),
    *("net/bridge/bridge-nf-call-iptables", "fs/inotify/max_user_instances"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(argv: list[str]) -> str:
    if not shutil.which(argv[0]):
        return ""
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def host_state() -> dict[str, Any]:
    """Everything of the machine that a node could change and must not."""
    settings = {name: Path("/proc/sys", name) for name in _SETTINGS}
    return {
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "routes": Path("/proc/net/route").read_text(),
        "nftables": command(["nft", "list", "ruleset"]),
        "iptables": command(["iptables-save"]),
        "settings": {name: path.read_text() for name, path in settings.items() if path.exists()},
        "hosts": Path("/etc/hosts").read_text(),
    }


def processes_of(state: State) -> list[str]:
    """Command lines that name the state folder, and every process of its control groups."""
    names = [f"pxl-{state.id}", f"pxl-{state.id}-build"]
    found = [str(pid) for name in names for pid in cgroups.processes(name)]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(state.folder) in line:
            found.append(line)
    return found


def kubectl(running: node.Node, *arguments: str, data: dict[str, Any] | None = None) -> str:
    encoded = None if data is None else json.dumps(data).encode()
    return running.run(["kubectl", *arguments], data=encoded).stdout.decode()


def answer(url: str, seconds: float = 20.0) -> str:
    """What a URL answers, once it does."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return response.read().decode()
        except (OSError, http.client.HTTPException):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def api_status(running: node.Node, path: str) -> int:
    """What the API server answers to somebody without a name."""
    found = ports.read(Layout(running.state).ports)
    assert found is not None
    connection = http.client.HTTPSConnection(
        "127.0.0.1", found.api, timeout=5, context=ssl._create_unverified_context()
    )
    connection.request("GET", path)
    return connection.getresponse().status


def with_dns(running: node.Node) -> node.Node:
    node.install_addons(running, images.ensure(running, running.state))
    return running


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    # A kernel module that is loaded on the first start brings its settings with it.
    host.load_modules()
    return host_state()


@pytest.fixture(scope="module")
def state(before: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    del before
    found = State(tmp_path_factory.mktemp("node") / "state")
    yield found
    node.down(found)


@pytest.fixture(scope="module")
def app_port() -> int:
    return free_port()


@pytest.fixture
def running(state: State, app_port: int) -> node.Node:
    return node.up(state, app_port=app_port)


def test_up_ends_with_a_node_that_is_ready_and_whose_parts_all_run(running: node.Node) -> None:
    found = node.status(running.state)
    assert found.ready, f"up returned although the Node is not Ready: {found.detail}"
    assert {each.phase for each in found.daemons} == {"ready"}, "up returned before every daemon was ready"
    assert kubectl(running, "get", "nodes", "-o", "name").split() == [f"node/{NODE_NAME}"]


def test_a_second_up_changes_nothing_and_takes_less_than_two_seconds(running: node.Node) -> None:
    recorded = Layout(running.state).record.read_bytes()
    began = time.monotonic()
    again = node.up(running.state)
    assert time.monotonic() - began < 2, "an up of what runs is a check, not a start"
    assert again == running, "the second up must find the first one's node"
    assert Layout(running.state).record.read_bytes() == recorded, "nothing may have been started"


def test_pods_run_and_the_clusters_dns_answers_and_the_app_port_leads_to_the_node_port(running: node.Node) -> None:
    with_dns(running)
    kubectl(running, "apply", "-f", "-", data=node_port_service())
    assert answer(f"http://127.0.0.1:{running.app_port}/health") == "OK", "the forwarded port must reach the pod"
    inside = running.run(["kubectl", "exec", "-n", "kube-system", "deploy/coredns", "--", "/coredns", "-version"])
    assert b"CoreDNS" in inside.stdout, "the API server must be let into the kubelet: exec and logs depend on it"


def test_nobody_without_a_name_reads_more_than_whether_the_api_server_is_well(running: node.Node) -> None:
    assert api_status(running, "/readyz") == 200
    assert api_status(running, "/api/v1/secrets") == 401, "anonymous requests must end at the health paths"


def test_a_killed_sandbox_comes_back_with_its_objects_and_its_pods(running: node.Node) -> None:
    with_dns(running)
    kubectl(running, "apply", "-f", "-", data=node_port_service())
    kubectl(running, "create", "configmap", "kept", "--from-literal=a=b")
    uid = kubectl(running, "get", "configmap", "kept", "-o", "jsonpath={.metadata.uid}")
    os.kill(running.pid, signal.SIGKILL)
    again = node.up(running.state)
    assert again.pid != running.pid
    assert again.app_port == running.app_port, "the ports of a node stay its own"
    assert kubectl(again, "get", "configmap", "kept", "-o", "jsonpath={.metadata.uid}") == uid
    assert answer(f"http://127.0.0.1:{again.app_port}/health") == "OK", "pods must come back without being asked"
    kubectl(again, "delete", "configmap", "kept")


def test_a_sandbox_that_is_asked_to_end_stops_its_parts_in_order_and_can_be_revived(running: node.Node) -> None:
    os.kill(running.pid, signal.SIGTERM)
    found = record.read(Layout(running.state).record)
    assert found is not None
    end = time.monotonic() + 40
    while found.alive and time.monotonic() < end:
        time.sleep(0.1)
    assert not found.alive, "the first process must end after SIGTERM"
    log = (Layout(running.state).log / "init.log").read_text()
    # The watchdog may already have said something after it.
    stop = log[log.rindex("stopping on terminated") :].splitlines()
    assert stop[1] == "stopped", f"the stop was not an orderly one: {log}"
    assert node.up(running.state).pid != running.pid


def test_a_daemon_that_dies_is_started_again(running: node.Node) -> None:
    def scheduler() -> tuple[int, str]:
        found = next(each for each in node.status(running.state).daemons if each.name == "kube-scheduler")
        return found.restarts, found.phase

    running.run(["pkill", "-KILL", "-x", "kube-scheduler"])
    end = time.monotonic() + 20
    while scheduler() != (1, "ready") and time.monotonic() < end:
        time.sleep(0.1)
    assert scheduler() == (1, "ready"), "the scheduler was not started again, once"


def test_a_build_has_the_hosts_network_and_leaves_the_root_as_it_was(running: node.Node) -> None:
    (running.state.folder / "given").write_text("seen")
    interfaces = running.build_run(["ls", "/sys/class/net"]).stdout.decode().split()
    assert set(interfaces) == {name for _, name in socket.if_nameindex()}
    assert running.build_run(["cat", str(running.state.folder / "given")]).stdout == b"seen"
    (running.state.folder / "given").unlink()
    running.build_run(["touch", "/etc/left"])
    assert running.build_run(["test", "-e", "/etc/left"], check=False).returncode == 1
    assert running.build_run(["sh", "-c", "exit 7"], check=False).returncode == 7


def test_a_port_that_is_taken_is_refused_with_the_name_of_who_holds_it(running: node.Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(Problem, match="is taken") as caught:
            node.up(running.state, app_port=taken.getsockname()[1])
        assert f"process {os.getpid()}" in str(caught.value), "whoever holds the port must be named"
    assert node.up(running.state) == running, "what ran must run on, on the port that it had"


def test_two_nodes_run_side_by_side(running: node.Node, tmp_path: Path) -> None:
    other = State(tmp_path / "state")
    try:
        second = node.up(other, app_port=free_port())
        assert node.status(running.state).ready, "a second node must leave the first alone"
        kubectl(second, "create", "namespace", "other")
        assert "other" not in kubectl(running, "get", "namespaces"), "two nodes share no data"
        assert ports.read(Layout(other).ports) != ports.read(Layout(running.state).ports)
    finally:
        node.down(other)
    assert processes_of(other) == []
    assert node.status(running.state).ready, "taking the second away must leave the first alone"


def test_what_a_killed_build_left_is_gone_after_the_next(running: node.Node) -> None:
    folder = Layout(running.state).folder
    program = "from local import node, paths; node.running(paths.State.current()).build_run(['sleep', '60'])"
    environment = {**os.environ, "PXL_STATE": str(running.state.folder), "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, env=environment) as killed:
        end = time.monotonic() + 20
        while not cgroups.processes(f"pxl-{running.state.id}-build") and time.monotonic() < end:
            time.sleep(0.05)
        killed.kill()
    end = time.monotonic() + 5
    while cgroups.processes(f"pxl-{running.state.id}-build") and time.monotonic() < end:
        time.sleep(0.05)
    assert cgroups.processes(f"pxl-{running.state.id}-build") == set(), "a build must end with its command"
    running.build_run(["true"])
    assert list(folder.glob("build-*")) == [], "its files must not stay until the node goes"


@pytest.mark.parametrize("seconds", [0.3, 0.8, 2.5])
def test_a_start_that_was_killed_is_repaired_by_the_next(seconds: float, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    environment = {**os.environ, "PXL_STATE": str(state.folder), "PYTHONPATH": str(CHECKOUT)}
    program = f"from local import node; from local.paths import State; node.up(State.current(), app_port={free_port()})"
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, cwd=CHECKOUT, env=environment, stderr=subprocess.DEVNULL) as killed:
        time.sleep(seconds)
        killed.kill()
    try:
        node.up(state, app_port=free_port())
        assert node.status(state).ready
    finally:
        node.down(state)


def test_a_start_that_fails_names_the_part_and_shows_its_log(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    database = Layout(state).data("etcd") / "data" / "member" / "snap" / "db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"no database" * 1000)
    try:
        with pytest.raises(Problem) as caught:
            node.up(state, app_port=free_port())
        said = str(caught.value)
        assert "did not start: etcd" in said, said
        assert "invalid database" in said, f"the reason is in etcd's log and must be shown: {said}"
    finally:
        node.down(state)
    assert processes_of(state) == []


def test_down_leaves_nothing_on_the_machine(running: node.Node, before: dict[str, Any]) -> None:
    with_dns(running)
    state = running.state
    node.down(state)
    assert processes_of(state) == [], "every process of the node must have ended"
    assert host_state() == before, "mounts, interfaces, firewall and settings must be what they were"
    left = [str(path) for h in cgroups.hierarchies() for path in Path(h.mount).glob(f"pxl-{state.id}*")]
    assert left == [], "the node's control groups must be gone"
    assert list(state.folder.iterdir()) == [], "the node's files must be gone"
    node.down(state)


def node_port_service() -> dict[str, Any]:
    """Node port 30080 leads to the health check of CoreDNS: the one server that is always there."""
    spec = {
        "type": "NodePort",
        "selector": {"k8s-app": "kube-dns"},
        "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30080}],
    }
    metadata = {"name": "health", "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
