"""What the node's daemons read: kubeconfigs, their own configuration files, and some kernel settings."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from local.node.layout import (
    API_PORT,
    CNI_INSIDE,
    CONFIG_INSIDE,
    DATA_INSIDE,
    DNS_IP,
    NODE_IP,
    NODE_NAME,
    PAUSE_IMAGE,
    PKI_INSIDE,
    POD_BRIDGE,
    POD_NETWORK,
    REGISTRY,
    Layout,
)
from local.paths import write

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
POLICIES_PLUGIN = "pxl-policies"
REGISTRY_HOSTS = "registries"
"""Folder of the configuration with which registry answers for which, as containerd reads it."""
_INSIDE_SERVER = f"https://127.0.0.1:{API_PORT}"
_KUBELET = "kubelet.config.k8s.io/v1beta1"

KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
"""Settings of the whole machine that the kubelet insists on changing (``setupKernelTunables`` in its source).

It is shown files with these values in their place, and so has nothing to change. Pods see the real ones.
"""


def ensure(layout: Layout) -> None:
    """Writes what the daemons read. The certificates exist already."""
    for name in ("admin", "controller-manager", "scheduler", "kubelet", "proxy", "policies"):
        text = kubeconfig(layout.pki, name, _INSIDE_SERVER, "node")
        write(layout.config / f"{name}.kubeconfig", text)
    for name, content in files().items():
        write(layout.config / name, content, mode=0o644)
    write(layout.config / "machine-id", hashlib.sha256(layout.context.encode()).hexdigest()[:32] + "\n", mode=0o644)


def ensure_kubeconfig(layout: Layout, api_port: int) -> None:
    """Writes the administrator's kubeconfig for use on the host."""
    server = f"https://127.0.0.1:{api_port}"
    write(layout.kubeconfig, kubeconfig(layout.pki, "admin", server, layout.context))


def files() -> dict[str, str]:
    """Content by file name of everything that is the same for every node."""
    return {
        "hosts": f"127.0.0.1 localhost\n::1 localhost\n{NODE_IP} {NODE_NAME}\n",
        # For commands that are run by hand inside; pods get theirs from the kubelet.
        "resolv.conf": f"nameserver {DNS_IP}\nsearch svc.cluster.local cluster.local\n",
        "registry.yml": _json(_registry()),
        "authentication.json": _json(_authentication()),
        "kubelet.json": _json(_kubelet()),
        "proxy.json": _json(_proxy()),
        "containerd.toml": _CONTAINERD,
        "cni/10-pxl.conflist": _json(_network()),
        **{f"kernel/{name}": f"{value}\n" for name, value in KERNEL_SETTINGS.items()},
    }


def kubeconfig(pki: Path, identity: str, server: str, context: str) -> str:
    """A kubeconfig that holds its certificates, so that it can be moved. JSON is YAML, too."""
    user = {
        "client-certificate-data": _base64(pki / f"{identity}.crt"),
        "client-key-data": _base64(pki / f"{identity}.key"),
    }
    cluster = {"server": server, "certificate-authority-data": _base64(pki / "ca.crt")}
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": user}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        }
    )


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _registry() -> dict[str, Any]:
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": DATA_INSIDE["registry"]}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{REGISTRY.rpartition(':')[2]}"},
    }


def _authentication() -> dict[str, Any]:
    """Nobody is let in without a name, but for the three paths that say whether the server is well."""
    paths = [{"path": path} for path in ("/livez", "/readyz", "/healthz")]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": paths},
    }


def _kubelet() -> dict[str, Any]:
    return {
        "apiVersion": _KUBELET,
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI_INSIDE}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{PKI_INSIDE}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{PKI_INSIDE}/kubelet-server.key",
        "address": NODE_IP,
        "readOnlyPort": 0,
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        # Pods with the node's own DNS have none: there is no way out of the sandbox.
        "resolvConf": "",
        "registryPullQPS": 0,
        "serializeImagePulls": False,
        # A laptop's disk is often fuller than a server's: only the last of it makes the node evict pods.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "500Mi", "imagefs.available": "500Mi"},
        # Once there is room again, what was evicted may come back: not only after five minutes.
        "evictionPressureTransitionPeriod": "30s",
        "imageGCHighThresholdPercent": 100,
    }


def _proxy() -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": NODE_NAME,
        "clientConnection": {"kubeconfig": f"{CONFIG_INSIDE}/proxy.kubeconfig"},
        "clusterCIDR": POD_NETWORK,
        "bindAddress": NODE_IP,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # Connection tracking limits are the host's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        # A pod that is gone must leave the rules at once, or its share of connections fails meanwhile.
        "iptables": {"localhostNodePorts": True, "minSyncPeriod": "100ms"},
    }


def _network() -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": POD_BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            # Gone with the sandbox, like the pods whose addresses it holds.
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": POD_NETWORK}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    # Last, because it waits until what the others have made is isolated.
    policies = {"type": POLICIES_PLUGIN}
    return {"cniVersion": "0.4.0", "name": "pxl", "plugins": [bridge, portmap, policies]}


_CONTAINERD = f"""version = 2
root = "{DATA_INSIDE["containerd"]}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt"]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # A machine without CAP_SYS_RESOURCE may not lower the score, and every pod would fail.
  restrict_oom_score_adj = true
  # Profiles would have to be loaded into the host's kernel.
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    # Read at every pull: a rehearsal lets the node's registry answer for others.
    config_path = "{CONFIG_INSIDE}/{REGISTRY_HOSTS}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_INSIDE}"
    conf_dir = "{CONFIG_INSIDE}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""
