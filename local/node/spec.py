"""What the sandbox's first process is told to do: mounts, network, daemons and their order."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import build as builds
from local.node import cgroups
from local.node.config import CONTAINERD_SOCKET, KERNEL_SETTINGS, POLICIES_PLUGIN, REGISTRY_HOSTS
from local.node.layout import (
    API_PORT,
    APP_NODE_PORT,
    CNI_INSIDE,
    CONFIG_INSIDE,
    DATA_INSIDE,
    LOG_INSIDE,
    NODE_IP,
    NODE_NAME,
    OUTSIDE_ADDRESSES,
    OUTSIDE_INSIDE,
    PKI_INSIDE,
    POD_BRIDGE,
    POD_NETWORK,
    POLICIES_INSIDE,
    REGISTRY,
    SERVICE_NETWORK,
    TOOLS_INSIDE,
    Layout,
)
from local.paths import cache_dir

_OUTSIDE, _NODE_SIDE, _OUTER_SIDE = "outside", "10.242.0.1", "10.242.0.2"
_OUTSIDE_PORTS = (80, 443)
_POLICIES_SOCKET = "/run/pxl-policies.sock"
ETCD = "http://127.0.0.1:2379"
KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
_BEFORE_PODS = ["kube-apiserver", "containerd", "network-policies"]
FORWARD_TARGETS = (f"127.0.0.1:{API_PORT}", f"{NODE_IP}:{APP_NODE_PORT}")
"""Where the sockets of ``ports.claim`` lead, in their order."""
_CERTIFICATES = ("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")


@dataclass(frozen=True)
class Programs:
    """What the node runs that is built here.

    Args:
        kubernetes: The folder with the Kubernetes programs.
        policies: The agent that enforces NetworkPolicies, which is a CNI plugin, too.
        outside: What answers beyond the node.
    """

    kubernetes: Path
    policies: Path
    outside: Path

    @classmethod
    def built(cls) -> "Programs":
        """The programs of this checkout, built if they are not in the cache.

        Raises:
            Problem: See ``build.tool``.
        """
        return cls(builds.tool("kubernetes"), builds.tool("policies") / "policies", builds.tool("init") / "outside")


def sandbox(layout: Layout, root: Path, programs: Programs, hierarchies: list[cgroups.Hierarchy]) -> dict[str, Any]:
    """The specification of a node's sandbox.

    Args:
        layout: Where the node's files are.
        root: The cached root file system.
        programs: What is built here and shown inside.
        hierarchies: The machine's cgroup hierarchies.
    """
    return {
        "hostname": NODE_NAME,
        "record": str(layout.record),
        "status": f"{DATA_INSIDE['status']}/status.json",
        "log": str(layout.log / "init.log"),
        "root": overlay(root, layout.folder / "overlay"),
        "binds": _binds(layout, programs),
        "cgroups": [{"mount": h.mount, "type": h.kind, "options": h.options} for h in hierarchies],
        "cgroup_name": layout.cgroup_name,
        "sysctls": {
            "net/ipv4/ip_forward": "1",
            # Lets the iptables rules of kube-proxy and of network policies see what pods say to each other.
            "net/bridge/bridge-nf-call-iptables": "1",
            "net/bridge/bridge-nf-call-ip6tables": "1",
        },
        "setup": _setup(),
        "forwards": [{"target": target} for target in FORWARD_TARGETS],
        "processes": processes(),
        "watchdog": {
            "record": str(layout.watchdog_record),
            "status": str(layout.watchdog_status),
            "cgroup_name": layout.watchdog_cgroup_name,
            "processes": str(layout.status),
        },
    }


def build(layout: Layout, root: Path, scratch: Path) -> dict[str, Any]:
    """The specification of a build: the same root file system with changes of its own, in the host's network."""
    shared = layout.data("containers")
    return {
        "root": overlay(root, scratch),
        "binds": [
            *trusted(),
            *(bind(path, path, read_only=True) for path in ("/etc/hosts", "/etc/resolv.conf") if Path(path).exists()),
            bind(shared, DATA_INSIDE["containers"]),
            *same_path(layout),
        ],
        "cgroups": [{"mount": h.mount, "type": h.kind, "options": h.options} for h in cgroups.hierarchies()],
        "cgroup_name": layout.build_cgroup_name,
    }


def fingerprint(wanted: dict[str, Any], *read_by_daemons: Path) -> str:
    """Twelve hex digits over a specification and everything in the folders that its daemons read at their start."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode())
    for folder in read_by_daemons:
        for path in sorted(folder.rglob("*")):
            # Which registry answers for which is read at every pull.
            if path.is_file() and REGISTRY_HOSTS not in path.relative_to(folder).parts:
                digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def read(layout: Layout) -> dict[str, Any] | None:
    """What the node was told last, or None when it never was."""
    try:
        return json.loads(layout.spec.read_text())
    except (OSError, ValueError):
        return None


def overlay(lower: Path, above: Path) -> dict[str, str]:
    """A root overlay whose changes are kept in folders of ``above``."""
    return {
        "lower": str(lower),
        **{name: str(above / name) for name in ("upper", "work")},
        "target": str(above / "root"),
    }


def bind(source: Path | str, target: Path | str, *, read_only: bool = False) -> dict[str, Any]:
    """A file or folder of the host, shown inside."""
    return {"source": str(source), "target": str(target), "read_only": read_only}


def trusted() -> list[dict[str, Any]]:
    """The host's certificate authorities: behind a company's proxy, only they let a download through."""
    return [bind(path, path, read_only=True) for path in _CERTIFICATES if Path(path).is_dir()]


def same_path(layout: Layout) -> list[dict[str, Any]]:
    """The cache and the state folder, at the same path inside as outside."""
    return [bind(path, path) for path in (cache_dir(), layout.state.folder)]


def _binds(layout: Layout, programs: Programs) -> list[dict[str, Any]]:
    return [
        bind(layout.config, CONFIG_INSIDE, read_only=True),
        *(
            bind(layout.config / name, f"/etc/{name}", read_only=True)
            for name in ("hosts", "resolv.conf", "machine-id")
        ),
        bind(layout.log, LOG_INSIDE),
        bind(programs.kubernetes, TOOLS_INSIDE, read_only=True),
        bind(programs.policies, POLICIES_INSIDE, read_only=True),
        bind(programs.policies, f"{CNI_INSIDE}/{POLICIES_PLUGIN}", read_only=True),
        bind(programs.outside, OUTSIDE_INSIDE, read_only=True),
        *(bind(layout.data(name), inside) for name, inside in DATA_INSIDE.items()),
        *_kernel_settings(layout),
        *same_path(layout),
    ]


def _kernel_settings(layout: Layout) -> list[dict[str, Any]]:
    places = {layout.config / "kernel" / name: Path("/proc/sys") / name for name in KERNEL_SETTINGS}
    return [bind(file, place, read_only=True) for file, place in places.items() if place.exists()]


def _setup() -> list[list[str]]:
    return [
        ["ip", "link", "set", "lo", "up"],
        # The node's address lives on the loopback device: it needs no other device, and is there from the start.
        ["ip", "address", "add", f"{NODE_IP}/32", "dev", "lo"],
        # What the node itself sends to a Service needs a route before kube-proxy's rules see it.
        ["ip", "route", "add", SERVICE_NETWORK, "dev", "lo", "src", NODE_IP],
        *_outside(),
    ]


def _outside() -> list[list[str]]:
    """A second network behind the node's, so that there is something that pods must not reach."""
    inside = ["ip", "-netns", _OUTSIDE]
    return [
        ["ip", "netns", "add", _OUTSIDE],
        ["ip", "link", "add", _OUTSIDE, "type", "veth", "peer", "name", "node", "netns", _OUTSIDE],
        ["ip", "address", "add", f"{_NODE_SIDE}/30", "dev", _OUTSIDE],
        ["ip", "link", "set", _OUTSIDE, "up"],
        [*inside, "address", "add", f"{_OUTER_SIDE}/30", "dev", "node"],
        *([*inside, "address", "add", f"{address}/32", "dev", "lo"] for address in OUTSIDE_ADDRESSES),
        *([*inside, "link", "set", device, "up"] for device in ("lo", "node")),
        [*inside, "route", "add", "default", "via", _NODE_SIDE],
        *(["ip", "route", "add", f"{address}/32", "via", _OUTER_SIDE] for address in OUTSIDE_ADDRESSES),
    ]


def processes() -> list[dict[str, Any]]:
    """The daemons in the order in which they start."""
    return [
        _process("registry", ["docker-registry", "serve", f"{CONFIG_INSIDE}/registry.yml"], tcp=f"127.0.0.1:{_port()}"),
        _process("etcd", _etcd(), http=f"{ETCD}/health"),
        _process("containerd", ["containerd", "--config", f"{CONFIG_INSIDE}/containerd.toml"], unix=CONTAINERD_SOCKET),
        _process("kube-apiserver", _api_server(), ["etcd"], http=f"https://127.0.0.1:{API_PORT}/readyz"),
        _process("kube-controller-manager", _manager(), ["kube-apiserver"], http="https://127.0.0.1:10257/healthz"),
        _process("kube-scheduler", _scheduler(), ["kube-apiserver"], http="https://127.0.0.1:10259/healthz"),
        _process("kube-proxy", _proxy(), ["kube-apiserver"], http="http://127.0.0.1:10256/healthz"),
        _process("network-policies", _policies(), ["kube-apiserver"], unix=_POLICIES_SOCKET),
        _process("outside", _beyond(), tcp=f"{OUTSIDE_ADDRESSES[0]}:{_OUTSIDE_PORTS[0]}"),
        # Last: no pod may run before there is what isolates it.
        _process("kubelet", _kubelet(), _BEFORE_PODS, http="http://127.0.0.1:10248/healthz"),
    ]


def _port() -> str:
    return REGISTRY.rpartition(":")[2]


def _process(name: str, argv: list[str], after: list[str] | None = None, **ready: str) -> dict[str, Any]:
    program, *arguments = argv
    if program in KUBERNETES_PROGRAMS:
        program = f"{TOOLS_INSIDE}/{program}"
    log = f"{LOG_INSIDE}/{name}.log"
    return {"name": name, "argv": [program, *arguments], "log": log, "after": after or [], "ready": ready}


def _etcd() -> list[str]:
    peers = "http://127.0.0.1:2380"
    return [
        "etcd",
        f"--name={NODE_NAME}",
        f"--data-dir={DATA_INSIDE['etcd']}/data",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster={NODE_NAME}={peers}",
        "--log-level=warn",
        "--logger=zap",
        "--auto-compaction-retention=1",
    ]


def _api_server() -> list[str]:
    return [
        "kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--advertise-address={NODE_IP}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--authentication-config={CONFIG_INSIDE}/authentication.json",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
        f"--client-ca-file={PKI_INSIDE}/ca.crt",
        f"--tls-cert-file={PKI_INSIDE}/apiserver.crt",
        f"--tls-private-key-file={PKI_INSIDE}/apiserver.key",
        f"--kubelet-certificate-authority={PKI_INSIDE}/ca.crt",
        f"--kubelet-client-certificate={PKI_INSIDE}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={PKI_INSIDE}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={PKI_INSIDE}/sa.pub",
        f"--service-account-signing-key-file={PKI_INSIDE}/sa.key",
        # What lets an API service of an add-on (metrics) trust who the API server says is asking.
        f"--requestheader-client-ca-file={PKI_INSIDE}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={PKI_INSIDE}/front-proxy-client.crt",
        f"--proxy-client-key-file={PKI_INSIDE}/front-proxy-client.key",
    ]


def _manager() -> list[str]:
    return [
        "kube-controller-manager",
        f"--kubeconfig={CONFIG_INSIDE}/controller-manager.kubeconfig",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
        "--use-service-account-credentials",
        f"--root-ca-file={PKI_INSIDE}/ca.crt",
        f"--service-account-private-key-file={PKI_INSIDE}/sa.key",
        f"--cluster-signing-cert-file={PKI_INSIDE}/ca.crt",
        f"--cluster-signing-key-file={PKI_INSIDE}/ca.key",
    ]


def _scheduler() -> list[str]:
    return [
        "kube-scheduler",
        f"--kubeconfig={CONFIG_INSIDE}/scheduler.kubeconfig",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
    ]


def _proxy() -> list[str]:
    return ["kube-proxy", f"--config={CONFIG_INSIDE}/proxy.json"]


def _policies() -> list[str]:
    return [POLICIES_INSIDE, "agent", f"{CONFIG_INSIDE}/policies.kubeconfig", POD_BRIDGE, POD_NETWORK]


def _beyond() -> list[str]:
    places = [f"{address}:{port}" for address in OUTSIDE_ADDRESSES for port in _OUTSIDE_PORTS]
    return ["nsenter", f"--net=/run/netns/{_OUTSIDE}", "--", OUTSIDE_INSIDE, *places]


def _kubelet() -> list[str]:
    return [
        "kubelet",
        f"--config={CONFIG_INSIDE}/kubelet.json",
        f"--kubeconfig={CONFIG_INSIDE}/kubelet.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_IP}",
    ]
