"""TLS to Redis for an app whose client speaks none: a HAProxy beside each process, on the pod's own loopback.

It is a native sidecar: it starts before the app and ends after it, in Jobs, too. It verifies the server's certificate
and name, follows the server's name when it moves to another address (a failover), and closes what still goes to the
old one, so that the app's client connects again.
"""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.core.v1 import ProbeArgsDict

from pxl_components.images import ImageReference
from pxl_components.labels import Identity
from pxl_components.pods import Container, config_folder
from pxl_components.validation import Arguments
from pxl_components.workload import ContainerProbes, ResourceSpec

LOOPBACK = "127.0.0.1"
_FOLDER = "/usr/local/etc/haproxy"
_CONFIG = "haproxy.cfg"
_CA = "ca.pem"
_USER = 99  # that of the official image
_HEALTH_PORT = 8404
_LAST_START_FAILURE = 30
_RESOURCES = ResourceSpec("20m", None, "48Mi", "48Mi", "16Mi", "64Mi")

_TEMPLATE = """\
global
    log stdout format raw local0 notice
    maxconn 2000
defaults
    log global
    timeout connect 5s
    # Clients of queues and rooms are silent for hours; TCP's own keep-alive finds out who is gone.
    timeout client 24h
    timeout server 24h
    option clitcpka
    option srvtcpka
resolvers cluster
    parse-resolv-conf
    hold valid 5s
    accepted_payload_size 8192
frontend health
    mode http
    bind :{health}
    timeout client 5s
    monitor-uri /healthz
listen redis
    mode tcp
    bind 127.0.0.1:{port}
    default-server ssl verify required ca-file {ca} verifyhost {host} sni str({host}) ssl-min-ver TLSv1.2
    default-server check inter 2s fall 2 rise 1 on-marked-down shutdown-sessions
    default-server resolvers cluster resolve-prefer ipv4 init-addr last,libc,none
    server primary {host}:{port}
"""


class TlsProxy(TypedDict):
    """A proxy beside each process that speaks TLS with the server, and plain TCP with the app."""

    image: str
    """HAProxy 2.6 or newer, by digest."""
    config_map: Input[str]
    """Name of the ConfigMap with ``haproxy.cfg`` and, where the authority is private, ``ca.pem``."""
    port: NotRequired[int]
    """TCP port on the pod's loopback; default 6379."""


@dataclass(frozen=True)
class ProxySpec:
    """A ``TlsProxy`` that has been checked."""

    image: ImageReference
    config_map: Input[str]
    port: int

    @staticmethod
    def read(given: Arguments) -> "ProxySpec":
        """Reads the group."""
        return ProxySpec(given.image(), given.text_input("config_map"), given.integer("port", 6379, 1024, 65535))

    def container(self) -> Container:
        """The sidecar."""
        return Container(
            name="redis-tls",
            image=self.image,
            resources=_RESOURCES,
            user=_USER,
            command=["haproxy", "-W", "-db", "-f", f"{_FOLDER}/{_CONFIG}"],
            port=_HEALTH_PORT,
            port_name="redis-tls",
            probes=_probes(),
            mounts=[config_folder("redis-tls", self.config_map, _FOLDER)],
        )


def configure(
    parent: pulumi.Resource,
    name: str,
    identity: Identity,
    namespace: Input[str],
    *,
    host: Input[str],
    port: int,
    ca_pem: Input[str] | None,
) -> pulumi.Output[str]:
    """Writes the proxies' configuration; the name of its ConfigMap comes back.

    Args:
        parent: The component.
        name: Its name.
        identity: Whose object it is.
        namespace: The namespace of the proxies.
        host: The server, as its certificate names it.
        port: Its TCP port; the proxies listen on the same one.
        ca_pem: The authority that signed its certificate; None for those of the proxy's image.
    """
    ca = "@system-ca" if ca_pem is None else f"{_FOLDER}/{_CA}"
    text = pulumi.Output.from_input(host).apply(
        lambda known: _TEMPLATE.format(host=known, port=port, ca=ca, health=_HEALTH_PORT)
    )
    made = kubernetes.core.v1.ConfigMap(
        f"{name}-tls",
        metadata=identity.metadata(namespace),
        data={_CONFIG: text, **({} if ca_pem is None else {_CA: ca_pem})},
        immutable=True,
        opts=pulumi.ResourceOptions(parent=parent, replace_on_changes=["data"]),
    )
    return made.metadata.apply(lambda metadata: str(metadata.name))


def _probes() -> ContainerProbes:
    answers: ProbeArgsDict = {"http_get": {"path": "/healthz", "port": _HEALTH_PORT}, "timeout_seconds": 2}
    # The app starts when this has succeeded once.
    startup: ProbeArgsDict = {**answers, "period_seconds": 1, "failure_threshold": _LAST_START_FAILURE}
    liveness: ProbeArgsDict = {**answers, "period_seconds": 10, "failure_threshold": 6}
    return ContainerProbes(startup, None, liveness)
