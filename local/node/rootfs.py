"""The node's root file system: Debian packages, unpacked once into the cache by mmdebstrap."""

import hashlib
import os
import re
import shutil
import subprocess
from collections import deque
from pathlib import Path

from local.build import locked, replacing
from local.paths import cache_dir
from operations.console import Step, say, step
from operations.errors import Problem

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
_APT = Path("/etc/apt")
_UNREAD = "path-exclude=/usr/share/{doc,man,locale,info}/*"


def ensure() -> Path:
    """The root file system's folder in the cache, made from the host's own apt sources if it is not there.

    Raises:
        Problem: The machine is neither Debian nor Ubuntu, mmdebstrap cannot be had, or a package cannot.
    """
    release = codename()
    lines = sources(release)
    key = hashlib.sha256(repr((PACKAGES, release, lines, _UNREAD)).encode()).hexdigest()[:12]
    target = cache_dir() / f"root-{key}"
    if target.is_dir():
        return target
    with locked(cache_dir() / "root.lock"):
        if not target.is_dir():
            _require_mmdebstrap()
            hint = "Debian packages, about 1 min the first time"
            with step("making the node's file system", hint=hint) as current, replacing(target) as scratch:
                _bootstrap(release, lines, scratch, current)
    return target


def codename() -> str:
    """The release of the host's distribution, such as ``bookworm``."""
    text = Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""
    found = re.search(r'^VERSION_CODENAME="?(\w+)', text, re.MULTILINE)
    if not found or not _APT.is_dir():
        raise Problem(
            "The node's file system is made of Debian packages, and this is not a Debian or Ubuntu.",
            where="/etc/os-release",
            remedy="use a cluster of your own instead: make up KUBE_CONTEXT=name",
        )
    return found.group(1)


def sources(release: str, apt: Path = _APT) -> list[str]:
    """The one-line form of every apt source of the distribution itself, for the given release.

    Other vendors' sources are left out: their suites are not named after the release.
    """
    lines: list[str] = []
    for path in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            lines += _from_stanza(stanza, release)
    for path in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        text = path.read_text() if path.exists() else ""
        lines += [line for raw in text.splitlines() if (line := _from_line(raw, release))]
    return list(dict.fromkeys(lines))


def _from_stanza(stanza: str, release: str) -> list[str]:
    fields = {
        key.strip().lower(): value.split()
        for key, _, value in (line.partition(":") for line in stanza.splitlines() if not line.startswith(("#", " ")))
    }
    if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
        return []
    suites = [suite for suite in fields.get("suites", []) if _is_of(suite, release)]
    signed = fields.get("signed-by", [])
    # A key that is written out in the stanza cannot be put on one line: apt's own keyring has to do.
    option = f"[signed-by={signed[0]}] " if signed and signed[0].startswith("/") else ""
    components = " ".join(fields.get("components", []))
    return [f"deb {option}{uri} {suite} {components}" for uri in fields.get("uris", []) for suite in suites]


def _from_line(raw: str, release: str) -> str | None:
    found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?\S+\s+(\S+)\s+\S", raw.strip())
    return raw.strip() if found and _is_of(found.group(1), release) else None


def _is_of(suite: str, release: str) -> bool:
    return suite in {release, f"{release}-updates", f"{release}-security"}


def _require_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "mmdebstrap"]
    shown = " ".join(command)
    say(f"installing a package on this machine: mmdebstrap ({shown})")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for attempt in (["apt-get", "update"], command):
        done = subprocess.run(attempt, env=environment, capture_output=True, text=True, check=False)
    if not shutil.which("mmdebstrap"):
        raise Problem(
            "mmdebstrap could not be installed.",
            where="apt",
            why="\n".join(done.stderr.splitlines()[-5:]),
            remedy=f"install it by hand and run the command again: {shown}",
        )


def _bootstrap(release: str, lines: list[str], target: Path, current: Step) -> None:
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    argv += ["--dpkgopt=" + _UNREAD.replace("{doc,man,locale,info}", name) for name in ("doc", "man", "locale", "info")]
    argv += [release, str(target), "-"]
    tail = deque[str](maxlen=12)
    # mmdebstrap reads its standard input only once it has begun to write.
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.close()
        for line in process.stderr:
            tail.append(line.rstrip())
            if line.startswith("I: "):
                current.update(line[3:].strip())
    if process.returncode != 0:
        raise _problem(target, "\n".join(tail))


def _problem(target: Path, output: str) -> Problem:
    full = "No space left on device" in output
    return Problem(
        "The node's file system could not be made.",
        where=str(target.parent),
        why="the disk is full" if full else output,
        remedy="free about 2 GB, or point PXL_CACHE at a larger disk, and run the command again"
        if full
        else "check that apt-get update works on this machine, and run the command again",
    )
