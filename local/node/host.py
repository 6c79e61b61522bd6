"""What the machine must offer, and the one thing that a kernel may have to be asked for."""

import ctypes
import errno
import os
import platform
import shutil
import subprocess
from pathlib import Path

from operations.console import say
from operations.errors import Problem

_BRIDGE_SETTINGS = Path("/proc/sys/net/bridge")
_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# The daemons of one node have 20.
_INOTIFY_NEEDED = 24
_ELSEWHERE = "use a cluster of your own instead: make up KUBE_CONTEXT=name"


def require() -> None:
    """Checks everything that can be checked before any work is done.

    Raises:
        Problem: Not Linux, not root, or a program of the base system is missing.
    """
    if platform.system() != "Linux":
        raise Problem("The embedded node needs Linux.", why=f"this is {platform.system()}", remedy=_ELSEWHERE)
    require_root()
    if not shutil.which("nsenter"):
        raise Problem(
            "nsenter is not installed.",
            where="PATH",
            why="commands enter the node's namespaces with it",
            remedy="apt-get install util-linux",
        )


def require_plain(*paths: Path) -> None:
    """Raises a Problem when a path holds a character that separates the options of a mount."""
    for path in paths:
        if set(str(path)) & set(',:\\"'):
            raise Problem(
                "The path holds a character that the node's file system cannot have.",
                where=str(path),
                why="commas, colons, quotes and backslashes separate the options of a mount",
                remedy="name another folder with PXL_STATE or PXL_CACHE",
            )


def require_root() -> None:
    """Raises a Problem unless the user is root, who alone may make namespaces and mounts."""
    if os.geteuid() != 0:
        raise Problem(
            "The embedded node needs root.",
            why="it makes Linux namespaces, mounts and control groups",
            remedy=f"run the command with sudo --preserve-env, or {_ELSEWHERE}",
        )


def require_inotify(needed: int = _INOTIFY_NEEDED) -> None:
    """Raises a Problem unless the user may have as many inotify instances more as the node's daemons need.

    The limit is the machine's, by default 128 for each user: enough for six nodes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    made: list[int] = []
    try:
        while len(made) < needed:
            handle = libc.inotify_init1(os.O_CLOEXEC)
            if handle < 0:
                break
            made.append(handle)
        error = ctypes.get_errno()
    finally:
        for handle in made:
            os.close(handle)
    if len(made) < needed and error == errno.EMFILE:
        limit = int(_INOTIFY_LIMIT.read_text())
        raise Problem(
            "The machine has no room for another node.",
            where=str(_INOTIFY_LIMIT),
            why=f"its daemons need {needed} inotify instances, and of the {limit} that the user may have, "
            f"{len(made)} are free; a node that runs has about 20",
            remedy=f"end another one (make down), or allow more: sysctl fs.inotify.max_user_instances={4 * limit}",
        )


def load_modules() -> None:
    """Loads the kernel modules that nothing loads by itself, where they are not built in.

    The bridge filter is for the sandbox's network alone: on the host, it is switched off as soon as it is
    there, so that the host's own bridges work as before.

    Raises:
        Problem: The kernel has no such module.
    """
    if _BRIDGE_SETTINGS.is_dir():
        return
    say("loading the kernel module br_netfilter, switched off for the host's own bridges")
    done = subprocess.run(["modprobe", "br_netfilter"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(
            "The kernel's bridge filter cannot be loaded.",
            where="kernel module br_netfilter",
            why=done.stderr.strip(),
            remedy="install the distribution's own kernel modules, or " + _ELSEWHERE,
        )
    for setting in _BRIDGE_SETTINGS.glob("bridge-nf-call-*"):
        setting.write_text("0")
