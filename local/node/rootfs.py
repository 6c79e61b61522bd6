"""The node's root file system: Debian packages, unpacked once into the cache."""

import hashlib
from pathlib import Path

from local import cache, debian
from operations.console import step

PACKAGES = (
    "etcd-server",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "docker-registry",
    "buildah",
    "iptables",
    "nftables",
    "conntrack",
    "ipset",
    "iproute2",
    "ethtool",
    "socat",
    "ca-certificates",
    "procps",
)
_NOT_UNPACKED = ("doc", "man", "locale", "info")
_UNREAD = f"path-exclude=/usr/share/{{{','.join(_NOT_UNPACKED)}}}/*"


def ensure() -> Path:
    """The root file system's folder in the cache, made from the host's own apt sources if it is not there.

    Raises:
        Problem: The machine is neither Debian nor Ubuntu, mmdebstrap cannot be had, or a package cannot.
    """
    release = debian.codename()
    key = hashlib.sha256(repr((PACKAGES, release, debian.sources(release), _UNREAD)).encode()).hexdigest()[:12]

    def make(scratch: Path) -> None:
        options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_UNPACKED]
        with step("making the node's file system", hint="Debian packages, about 1 min the first time") as current:
            debian.bootstrap(scratch, PACKAGES, options, current)

    return cache.folder("root", key, make)
