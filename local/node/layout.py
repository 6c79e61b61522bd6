"""Where the parts of one node are, on the host and inside its sandbox, and what they are called."""

from dataclasses import dataclass
from pathlib import Path

from local.paths import State

NODE_NAME = "pxl"
"""The name of the node's machine and of its Node object."""
NODE_IP = "10.243.0.2"
"""The node's address inside the sandbox; nothing outside can see it, so every sandbox has the same."""
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_IP = "10.96.0.10"
POD_NETWORK = "10.244.0.0/24"
API_PORT = 6443
"""The API server's port inside; the host reaches it through a forwarded port of 127.0.0.1."""
APP_NODE_PORT = 30080
POD_BRIDGE = "cni0"
OUTSIDE_ADDRESSES = ("169.254.169.254", "203.0.113.10")
"""What answers beyond the node: where clouds keep their metadata service, and an address of the outside (RFC 5737)."""
REGISTRY = "localhost:5000"
PAUSE_IMAGE = f"{REGISTRY}/pxl/pause:1"

CONFIG_INSIDE = "/etc/pxl"
PKI_INSIDE = f"{CONFIG_INSIDE}/pki"
LOG_INSIDE = "/var/log/pxl"
TOOLS_INSIDE = "/opt/pxl/bin"
POLICIES_INSIDE = "/opt/pxl/policies"
OUTSIDE_INSIDE = "/opt/pxl/outside"
CNI_INSIDE = "/usr/lib/cni"
DATA_INSIDE = {
    "etcd": "/var/lib/etcd",
    "containerd": "/var/lib/containerd",
    "kubelet": "/var/lib/kubelet",
    "registry": "/var/lib/registry",
    "containers": "/var/lib/containers",
    "pod-logs": "/var/log/pods",
    "status": "/var/lib/pxl",
}
"""Folders that outlive the sandbox's process: name under ``data/`` in the state folder, place inside."""


@dataclass(frozen=True)
class Layout:
    """The files of one node on the host. All are under ``node/`` in the state folder, but the kubeconfig."""

    state: State

    @property
    def folder(self) -> Path:
        """Everything the node owns; ``down`` removes it whole."""
        return self.state.folder / "node"

    @property
    def config(self) -> Path:
        """What the daemons read, shown inside as ``/etc/pxl``."""
        return self.folder / "config"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.config / "pki"

    @property
    def log(self) -> Path:
        """One log a daemon, and ``init.log`` of the sandbox's first process."""
        return self.folder / "log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use on the host."""
        return self.state.folder / "kubeconfig"

    @property
    def record(self) -> Path:
        """Which process the sandbox is."""
        return self.folder / "record.json"

    @property
    def ports(self) -> Path:
        """Which ports of 127.0.0.1 belong to this node."""
        return self.folder / "ports.json"

    @property
    def spec(self) -> Path:
        """What the sandbox's first process was told to do."""
        return self.folder / "spec.json"

    @property
    def status(self) -> Path:
        """What the sandbox's first process says of its daemons."""
        return self.data("status") / "status.json"

    @property
    def watchdog_record(self) -> Path:
        """Which process starts the sandbox again when it ends."""
        return self.folder / "watchdog.json"

    @property
    def watchdog_status(self) -> Path:
        """What that process says of itself."""
        return self.folder / "watchdog-status.json"

    @property
    def cgroup_name(self) -> str:
        """The name of the node's group in every cgroup hierarchy."""
        return f"pxl-{self.state.id}"

    @property
    def watchdog_cgroup_name(self) -> str:
        """The same for the watchdog, which stays when the node's group is removed."""
        return f"{self.cgroup_name}-watchdog"

    @property
    def build_cgroup_name(self) -> str:
        """The same for builds, which live and end on their own."""
        return f"{self.cgroup_name}-build"

    @property
    def context(self) -> str:
        """The name of the kubeconfig's context."""
        return f"pxl-{self.state.id}"

    def data(self, name: str) -> Path:
        """A folder whose content outlives the sandbox's process."""
        return self.folder / "data" / name

    def overlay(self, name: str) -> Path:
        """A part of the root overlay: ``upper``, ``work`` or ``root`` (where it is mounted, inside only)."""
        return self.folder / "overlay" / name

    def make(self) -> None:
        """Makes every folder, private to the user."""
        self.state.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        overlays = [self.overlay(name) for name in ("upper", "work", "root")]
        for folder in [self.config, self.pki, self.log, *overlays, *map(self.data, DATA_INSIDE)]:
            folder.mkdir(parents=True, exist_ok=True)
