"""Checks of this machine: what the commands need, and what the embedded node needs on top."""

import re
import sys

from operations.doctor.registry import Area, Finding, check, fail, ok, warn
from operations.doctor.subjects import Subject

_GIB = 1024**3
_MODULES = (
    "pulumi",
    "pulumi_kubernetes",
    "pulumi_random",
    "kubernetes",
    "pydantic",
    "yaml",
    "pxl_components",
)
_INSTALL = "make .venv/installed, then .venv/bin/pxlctl"
# Debian 12's own package is 1.19, which neither builds the engine nor fetches a newer toolchain.
_GET_GO = "install Go 1.26 from https://go.dev/dl and put its bin folder first on PATH"
ELSEWHERE = "or use a cluster of your own: make up KUBE_CONTEXT=NAME"


@check("python", Area.MACHINE)
def python(subject: Subject) -> Finding:
    """Python 3.11 or newer, with what the project imports."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 (that is what this checks)
        return fail(f"{version} is older than 3.11", "apt-get install python3.11-venv, then make the environment anew")
    missing = [name for name in _MODULES if not subject.machine.has_module(name)]
    if missing:
        return fail(f"{version}, without {', '.join(missing)}", _INSTALL)
    if sys.prefix == sys.base_prefix:
        return warn(f"{version}, outside a virtual environment", _INSTALL)
    return ok(f"{version} in {sys.prefix}")


@check("pulumi engine", Area.MACHINE)
def engine(subject: Subject) -> Finding:  # noqa: PLR0911 (one case a line)
    """An engine on PATH, one built before, or what it takes to build one."""
    machine = subject.machine
    if machine.which("pulumi"):
        code, text = machine.run("pulumi", "version")
        if code != 0:
            return fail(f"pulumi does not start: {text[:120]}", "install it again")
        if not re.match(r"v?3\.", text):
            return fail(f"{text}, but version 3 is needed", "install Pulumi 3")
        if not machine.which("pulumi-language-python"):
            return fail(f"{text}, without its Python language host", "put pulumi-language-python on PATH beside it")
        return ok(f"{text} on PATH")
    built = machine.glob(subject.cache, "engine-*/pulumi")
    if built:
        folder = built[-1].parent
        if not subject.needs_node:
            return warn("built by `make up`, but not on PATH, where pxlctl looks", f'export PATH="{folder}:$PATH"')
        return ok(f"built before, in {folder}")
    if machine.which("go"):
        return ok("not there; `make up` builds it from Go modules (about 4 min, once)")
    return fail("not on PATH, and there is no Go to build it with", f"{_GET_GO}, or install Pulumi 3")


@check("go", Area.MACHINE)
def go(subject: Subject) -> Finding:
    """Go, which is needed only for what has not been built yet."""
    machine = subject.machine
    needed = subject.needs_node and not machine.glob(subject.cache, "bin-kubernetes-*/kubelet")
    needed = needed or not (machine.which("pulumi") or machine.glob(subject.cache, "engine-*/pulumi"))
    if not machine.which("go"):
        if needed:
            return fail("not there, and there is something to build", f"{_GET_GO}, {ELSEWHERE}")
        return ok("not there, and not needed: everything is built")
    code, text = machine.run("go", "env", "GOVERSION")
    found = re.match(r"go(\d+)\.(\d+)", text)
    if code != 0 or not found:
        return warn(f"its version cannot be told: {text[:80]}", "go version")
    # From 1.21 on it fetches a newer toolchain by itself where a module asks for one.
    if (int(found[1]), int(found[2])) < (1, 21):
        return fail(f"{text} is older than go1.21", _GET_GO)
    return ok(text)


@check("node and npm", Area.MACHINE)
def node(subject: Subject) -> Finding:
    """Node and npm, for working on the example app; images are built without the machine's own."""
    missing = [name for name in ("node", "npm") if not subject.machine.which(name)]
    if missing:
        return warn(
            f"no {' and no '.join(missing)}: the example app cannot be tested here",
            "apt-get install nodejs npm",
        )
    code, text = subject.machine.run("node", "--version")
    return ok(f"node {text}") if code == 0 else warn(f"node does not start: {text[:80]}", "install it again")


@check("root", Area.MACHINE)
def root(subject: Subject) -> Finding | None:
    """Root, which the embedded node needs for namespaces, mounts and cgroups."""
    if not subject.needs_node:
        return None
    return ok("yes") if subject.machine.is_root() else fail("not root", f'sudo env "PATH=$PATH" make up, {ELSEWHERE}')


@check("namespaces", Area.MACHINE)
def namespaces(subject: Subject) -> Finding | None:
    """The tools that make and enter namespaces, and a kernel that allows it."""
    if not subject.needs_node:
        return None
    missing = [name for name in ("unshare", "nsenter") if not subject.machine.which(name)]
    if missing:
        return fail(f"no {' and no '.join(missing)}", "apt-get install util-linux")
    if not subject.machine.is_root():
        return ok("unshare and nsenter; not tried, as that takes root")
    code, text = subject.machine.run(
        "unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "true"
    )
    if code != 0:
        return fail(f"the kernel refuses new namespaces: {text[:120]}", f"run outside this container, {ELSEWHERE}")
    return ok("new mount, network, process, UTS and IPC namespaces work")


@check("mmdebstrap", Area.MACHINE)
def mmdebstrap(subject: Subject) -> Finding | None:
    """What makes the node's root file system."""
    if not subject.needs_node:
        return None
    if subject.machine.which("mmdebstrap"):
        return ok("yes")
    if subject.machine.glob(subject.cache, "root-*"):
        return ok("not there, and not needed: the node's root file system is in the cache")
    if subject.machine.which("apt-get"):
        return warn("not there; `make up` installs it", "apt-get install mmdebstrap")
    return fail("not there, and this is no Debian", f"install mmdebstrap, {ELSEWHERE}")


@check("disk", Area.MACHINE)
def disk(subject: Subject) -> Finding:
    """Space for builds, images and state."""
    free = subject.machine.free_bytes(subject.cache) / _GIB
    detail = f"{free:.0f} GiB free at {subject.cache}"
    if not subject.needs_node:
        return ok(detail) if free >= 1 else fail(detail, "free some space")
    if free < 6:
        return fail(
            f"{detail}, at least 6 are needed",
            "free space, or name another place: PXL_CACHE=DIR PXL_STATE=DIR",
        )
    if free < 15:
        return warn(f"{detail}; a first build takes up to 15", "free space, or name another place: PXL_CACHE=DIR")
    return ok(detail)


@check("memory", Area.MACHINE)
def memory(subject: Subject) -> Finding | None:
    """Memory for a control plane (about 700 MB), the stores and the app, and for building them."""
    if not subject.needs_node:
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", subject.machine.read("/proc/meminfo") or "")
    if not found:
        return warn("cannot be told", "look at /proc/meminfo")
    free = int(found[1]) / 1024**2
    detail = f"{free:.1f} GiB available"
    if free < 2:
        return fail(f"{detail}, at least 2 are needed", f"stop something, {ELSEWHERE}")
    return warn(f"{detail}; a first build wants 4", "stop something") if free < 4 else ok(detail)


@check("port of the app", Area.MACHINE)
def port(subject: Subject) -> Finding | None:
    """The port at which the app will answer on 127.0.0.1."""
    if subject.port is None:
        return None
    listening = f":{subject.port:04X} "
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (subject.machine.read(table) or "").splitlines()[1:]:
            fields = line.split()
            if f"{fields[1]} ".endswith(listening) and fields[3] == "0A":
                remedy = "if it is not this project's own node that listens: make up PORT=OTHER"
                return warn(f"{subject.port} is taken", remedy)
    return ok(f"{subject.port} is free")
