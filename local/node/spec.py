"""What the sandbox's first process is told to do: mounts, network, daemons and their order."""

import hashlib
import json
from pathlib import Path
from typing import Any

from local.node import cgroups
from local.node.config import CONTAINERD_SOCKET, KERNEL_SETTINGS
from local.node.layout import (
    API_PORT,
    APP_NODE_PORT,
    CONFIG_INSIDE,
    DATA_INSIDE,
    LOG_INSIDE,
    NODE_IP,
    NODE_NAME,
    PKI_INSIDE,
    REGISTRY,
    SERVICE_NETWORK,
    TOOLS_INSIDE,
    Layout,
)
from local.paths import cache_dir

ETCD = "http://127.0.0.1:2379"
KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
FORWARD_TARGETS = (f"127.0.0.1:{API_PORT}", f"{NODE_IP}:{APP_NODE_PORT}")
"""Where the sockets of ``ports.claim`` lead, in their order."""
_CERTIFICATES = ("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")


def sandbox(layout: Layout, root: Path, tools: Path, hierarchies: list[cgroups.Hierarchy]) -> dict[str, Any]:
    """The specification of a node's sandbox.

    Args:
        layout: Where the node's files are.
        root: The cached root file system.
        tools: The folder with the built Kubernetes programs.
        hierarchies: The machine's cgroup hierarchies.
    """
    return {
        "hostname": NODE_NAME,
        "record": str(layout.record),
        "status": f"{DATA_INSIDE['status']}/status.json",
        "log": str(layout.log / "init.log"),
        "root": overlay(root, layout.folder / "overlay"),
        "binds": _binds(layout, tools),
        "cgroups": [{"mount": h.mount, "type": h.kind, "options": h.options} for h in hierarchies],
        "cgroup_name": layout.cgroup_name,
        "sysctls": {
            "net/ipv4/ip_forward": "1",
            # Lets the iptables rules of kube-proxy and of network policies see what pods say to each other.
            "net/bridge/bridge-nf-call-iptables": "1",
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
    """Twelve hex digits over a specification and everything in the folders that its daemons read."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode())
    for folder in read_by_daemons:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
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


def _binds(layout: Layout, tools: Path) -> list[dict[str, Any]]:
    return [
        bind(layout.config, CONFIG_INSIDE, read_only=True),
        *(
            bind(layout.config / name, f"/etc/{name}", read_only=True)
            for name in ("hosts", "resolv.conf", "machine-id")
        ),
        bind(layout.log, LOG_INSIDE),
        bind(tools, TOOLS_INSIDE, read_only=True),
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
        _process("kubelet", _kubelet(), ["kube-apiserver", "containerd"], http="http://127.0.0.1:10248/healthz"),
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


def _kubelet() -> list[str]:
    return [
        "kubelet",
        f"--config={CONFIG_INSIDE}/kubelet.json",
        f"--kubeconfig={CONFIG_INSIDE}/kubelet.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_IP}",
    ]
