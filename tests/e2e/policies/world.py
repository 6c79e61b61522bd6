"""Seven pods in three namespaces that talk on four ports, the node, and what lies beyond it.

The names of pods are ``namespace/name``; their labels are what policies select by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "policies-"

NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "x": {"team": "red", "stage": "test"},
    "y": {"team": "blue", "stage": "test"},
    "z": {"team": "blue", "stage": "live"},
}

HTTP, ADMIN, OTHER, TALK = "tcp/8080", "tcp/8081", "tcp/9080", "udp/8080"
PORTS = (HTTP, ADMIN, OTHER, TALK)
BEYOND = "tcp/80"
"""The port on which the outside and the metadata address answer."""


@dataclass(frozen=True)
class Pod:
    """A pod that listens on every port, and names some of them."""

    name: str
    labels: Mapping[str, str]
    named: Mapping[str, str] = field(default_factory=lambda: {"http": HTTP, "admin": ADMIN, "talk": TALK})

    @property
    def namespace(self) -> str:
        return PREFIX + self.name.partition("/")[0]

    @property
    def short(self) -> str:
        return self.name.partition("/")[2]


PODS = (
    Pod("x/a", {"app": "a", "tier": "web", "behind": "service"}),
    Pod("x/b", {"app": "b", "tier": "web"}),
    Pod("x/c", {}),
    Pod("y/a", {"app": "a", "tier": "web"}),
    Pod("y/b", {"app": "b", "tier": "data"}),
    # "http" is another port here: a policy that names it means each pod's own.
    Pod("z/a", {"app": "a", "tier": "data"}, {"http": OTHER, "admin": ADMIN}),
)
NODE = "node"
"""The node itself: pods in its network are no pods to a policy."""
OUTSIDE, METADATA = "outside", "metadata"
ADDRESSES = {OUTSIDE: "203.0.113.10", METADATA: "169.254.169.254"}


def ports_of(target: str) -> tuple[str, ...]:
    """Where a target answers."""
    return (BEYOND,) if target in ADDRESSES else PORTS


def listener(pod: Pod | None, image: str, node: str) -> dict[str, Any]:
    """The Pod object; without a pod, the one in the node's network."""
    labels = dict(pod.labels) if pod else {"app": "a", "tier": "web"}
    named = pod.named if pod else {}
    ports = [
        {"name": name, "containerPort": int(port.partition("/")[2]), "protocol": port.partition("/")[0].upper()}
        for name, port in named.items()
    ]
    name = pod.name if pod else NODE
    container = {
        "name": "listener",
        "image": image,
        "command": ["node", "-e", _LISTENER, *PORTS],
        "env": [
            {"name": "POLICY_TEST_POD", "value": name},
            # The node has several addresses, and a datagram's answer has to come from the one that was asked.
            {"name": "POLICY_TEST_ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "ports": ports,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod.short if pod else NODE, "labels": labels},
        "spec": {
            "nodeName": node,
            "hostNetwork": pod is None,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


# Says its name to whoever connects or sends: an answer from somebody else is none.
_LISTENER = """
const me = process.env.POLICY_TEST_POD
const tcp = port => require('net').createServer(s => { s.on('error', () => {}); s.end(me) }).listen(port)
const udp = port => {
  const s = require('dgram').createSocket('udp4')
  s.on('message', (_, from) => s.send(me, from.port, from.address)).bind(port, process.env.POLICY_TEST_ADDRESS)
}
for (const each of process.argv.slice(1)) {
  const [protocol, port] = each.split('/')
  ;(protocol === 'tcp' ? tcp : udp)(Number(port))
}
"""
