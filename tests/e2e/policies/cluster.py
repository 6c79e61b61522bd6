"""The world of the cases on a running node, and the policies of one case at a time."""

import copy
import http.client
import ipaddress
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from local import node
from local.paths import State
from tests.e2e.harness import Platform
from tests.e2e.policies.probe import Networks, process_of
from tests.e2e.policies.world import ADDRESSES, NAMESPACES, NODE, PODS, PREFIX, Pod, listener

_SECONDS = 120
T = TypeVar("T")


class Unix(http.client.HTTPConnection):
    """HTTP through a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("agent", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Cluster:
    """A node with the pods of the world on it."""

    def __init__(self, platform: Platform) -> None:
        running = node.running(State(platform.state))
        assert running, "the platform's node must run"
        self.node = running
        api = config.new_client_from_config(str(running.kubeconfig), running.context)
        self.core, self.policies = client.CoreV1Api(api), client.NetworkingV1Api(api)
        self.image = _image(self.core)
        self.addresses: dict[str, str] = dict(ADDRESSES)
        self.processes: dict[str, int] = {}
        self.networks = Networks({})

    def link_local(self, name: str) -> tuple[str, int]:
        """The IPv6 address that the kernel gave a pod's interface, and the interface's number in the pod."""
        for line in Path(f"/proc/{self.processes[name]}/net/if_inet6").read_text().splitlines():
            digits, index, *_, device = line.split()
            if device == "eth0":
                return str(ipaddress.IPv6Address(bytes.fromhex(digits))), int(index, 16)
        raise AssertionError(f"{name} has no IPv6 address; then nothing has to be shown of it")

    def status(self) -> dict[str, Any]:
        """What the agent says is in force."""
        connection = Unix(f"/proc/{self.node.pid}/root/run/pxl-policies.sock")
        try:
            connection.request("GET", "/status")
            return json.load(connection.getresponse())
        finally:
            connection.close()

    def build(self) -> None:
        """Makes namespaces and pods, and returns when every one listens."""
        for name, labels in NAMESPACES.items():
            self.namespace(PREFIX + name, labels)
        for pod in PODS:
            self.core.create_namespaced_pod(pod.namespace, listener(pod, self.image, "pxl"))
        self.core.create_namespaced_pod(f"{PREFIX}x", listener(None, self.image, "pxl"))
        processes = self.processes
        processes[NODE] = self.node.pid
        for pod in (*PODS, None):
            self.addresses[pod.name if pod else NODE] = self.address(pod)
            if pod:
                processes[pod.name] = wait(
                    lambda pod=pod: process_of("POLICY_TEST_POD", pod.name), f"{pod.name} to run"
                )
        self.networks.close()
        self.networks = Networks(processes)

    def namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """A namespace, and the account without which its pods are refused."""
        self.core.create_namespace({"metadata": {"name": name, "labels": dict(labels)}})
        wait(lambda: self.core.list_namespaced_service_account(name).items, f"the account of {name}")

    def address(self, pod: Pod | None) -> str:
        """A pod's address, once its container runs."""
        namespace, name = (pod.namespace, pod.short) if pod else (f"{PREFIX}x", NODE)

        def running() -> str | None:
            found = self.core.read_namespaced_pod(name, namespace)
            states = found.status.container_statuses or []
            return found.status.pod_ip if states and all(each.state.running for each in states) else None

        return wait(running, f"{namespace}/{name} to run")

    def remove(self) -> None:
        """Takes the namespaces away, and returns when they are gone."""
        self.networks.close()
        names = [PREFIX + name for name in NAMESPACES]
        for name in names:
            try:
                self.core.delete_namespace(name, grace_period_seconds=0)
            except ApiException as error:
                if error.status != 404:
                    raise
        wait(lambda: not [n for n in self.core.list_namespace().items if n.metadata.name in names], "them to go")

    @contextmanager
    def under(self, policies: list[dict[str, Any]]) -> Iterator[None]:
        """Policies, in force within the block."""
        made: list[Any] = []
        try:
            for number, each in enumerate(policies):
                spec = self._with_addresses(each["spec"])
                body = {"metadata": {"name": f"case-{number}"}, "spec": spec}
                made.append(self.policies.create_namespaced_network_policy(PREFIX + each["namespace"], body))
            self.in_force(made)
            yield
        finally:
            for each in made:
                self.policies.delete_namespaced_network_policy(each.metadata.name, each.metadata.namespace)
            self.in_force([])

    def in_force(self, made: list[Any]) -> None:
        """Returns when exactly these policies of the world are."""
        wanted = {f"{p.metadata.namespace}/{p.metadata.name}": p.metadata.resource_version for p in made}

        def same() -> bool:
            found = self.status()
            mine = {key: version for key, version in found["policies"].items() if key.startswith(PREFIX)}
            return mine == wanted and not found["error"]

        wait(same, f"the agent to enforce {sorted(wanted)}")

    def _with_addresses(self, spec: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(copy.deepcopy(spec))
        for name, address in self.addresses.items():
            text = text.replace(f"{{{name}}}", address)
        return json.loads(text)


def wait(condition: Callable[[], T | None], what: str, seconds: float = _SECONDS) -> T:
    """What a condition yields, once it yields something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def _image(core: client.CoreV1Api) -> str:
    pods = core.list_namespaced_pod("pxl-dev", label_selector="app.kubernetes.io/component=api").items
    assert pods, "the app's image is what the pods of the world are made of"
    return pods[0].spec.containers[0].image
