"""Checks of the kernel: what the embedded node's container runtime and proxy need from it."""

import re

from operations.doctor.machine import ELSEWHERE
from operations.doctor.registry import Area, Finding, check, fail, ok, warn
from operations.doctor.subjects import Machine, Subject

_CONTROLLERS = ("cpu", "memory", "pids")


@check("cgroups", Area.MACHINE)
def cgroups(subject: Subject) -> Finding | None:
    """A cgroup hierarchy with the controllers that the kubelet needs; either version."""
    if not subject.needs_node:
        return None
    machine = subject.machine
    unified = machine.read("/sys/fs/cgroup/cgroup.controllers")
    if unified is not None:
        missing = [name for name in _CONTROLLERS if name not in unified.split()]
        version = "version 2"
    else:
        missing = [name for name in _CONTROLLERS if not machine.exists(f"/sys/fs/cgroup/{name}/cgroup.procs")]
        hybrid = machine.exists("/sys/fs/cgroup/unified/cgroup.procs")
        version = "version 1 (hybrid)" if hybrid else "version 1"
    if missing:
        return fail(
            f"{version}, without {', '.join(missing)}",
            f"enable them on the kernel's command line, {ELSEWHERE}",
        )
    return ok(f"{version} with {', '.join(_CONTROLLERS)}")


@check("overlay file system", Area.MACHINE)
def overlay(subject: Subject) -> Finding | None:
    """Overlay mounts, for the node's root and for containers."""
    if not subject.needs_node:
        return None
    known = re.search(r"^\S*\s*overlay$", subject.machine.read("/proc/filesystems") or "", re.M)
    if known or has_feature(subject.machine, "overlay", "CONFIG_OVERLAY_FS"):
        return ok("yes")
    return fail("the kernel has none", f"modprobe overlay, {ELSEWHERE}")


@check("bridge filtering", Area.MACHINE)
def bridge(subject: Subject) -> Finding | None:
    """Packets between pods pass the firewall: NetworkPolicies and Service addresses need that on one node."""
    if not subject.needs_node:
        return None
    machine = subject.machine
    if machine.exists("/proc/sys/net/bridge") or has_feature(machine, "br_netfilter", "CONFIG_BRIDGE_NETFILTER"):
        return ok("yes")
    return fail("the kernel has no br_netfilter", f"modprobe br_netfilter, {ELSEWHERE}")


@check("packet filter", Area.MACHINE)
def packet_filter(subject: Subject) -> Finding | None:
    """nf_tables, or iptables' own tables: Services and NetworkPolicies are made of them."""
    if not subject.needs_node:
        return None
    found = [
        name
        for name, option in (("nf_tables", "CONFIG_NF_TABLES"), ("ip_tables", "CONFIG_IP_NF_IPTABLES"))
        if has_feature(subject.machine, name, option)
    ]
    if "nf_tables" in found:
        return ok(" and ".join(found))
    if found:
        return warn("only ip_tables: NetworkPolicies are not enforced on the node", "modprobe nf_tables")
    return fail("neither nf_tables nor ip_tables", f"modprobe nf_tables, {ELSEWHERE}")


def has_feature(machine: Machine, module: str, option: str) -> bool:
    """Whether the running kernel has a feature: built in, loaded, or ready to be loaded.

    Args:
        machine: Where to look.
        module: The module's name.
        option: The option in the kernel's configuration.
    """
    if machine.exists(f"/sys/module/{module}"):
        return True
    code, text = machine.run("zcat", "/proc/config.gz")
    if code != 0:
        text = machine.read(f"/boot/config-{(machine.read('/proc/sys/kernel/osrelease') or '').strip()}") or ""
    if re.search(rf"^{option}=y$", text, re.M):
        return True
    return machine.run("modprobe", "--dry-run", "--quiet", module)[0] == 0
