"""A Debian from the host's own apt sources, in the host's release, unpacked by mmdebstrap."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import cache
from operations.console import Step, say
from operations.errors import Problem

APT_FILE = "/etc/apt/apt.conf.d/90build-host"
"""Where a build finds ``apt_settings``. Empty in an image, so that mounting over it leaves no trace."""
_APT = Path("/etc/apt")
_APT_PREFIXES = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::Force")


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


def apt_settings() -> list[str]:
    """The lines of apt's configuration that say how to reach its sources."""
    if not shutil.which("apt-config"):
        return []
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if line.startswith(_APT_PREFIXES) and not line.endswith('"";')]


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


def bootstrap(
    target: Path,
    packages: Sequence[str],
    options: Sequence[str],
    current: Step,
    *,
    env: Mapping[str, str] | None = None,
) -> None:
    """Unpacks a minimal Debian with some packages.

    Args:
        target: A folder to fill, or the name of a tar file.
        packages: What it has besides the minimum.
        options: More of mmdebstrap's options.
        current: Shows what is being done.
        env: Added to the environment.

    Raises:
        Problem: mmdebstrap or a package cannot be had, or the disk is full.
    """
    _require_mmdebstrap()
    release = codename()
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}", *options]
    argv += [*(f"--aptopt={line}" for line in apt_settings()), release, str(target), "-"]

    def heard(line: str) -> bool:
        if line.startswith("I: "):
            current.update(line[3:].strip())
        return False

    data = "\n".join(sources(release)) + "\n"
    code, output = cache.watched(argv, heard, data=data, env={**os.environ, **(env or {})})
    if code != 0:
        full = "No space left on device" in output
        raise Problem(
            "A minimal Debian could not be made.",
            where=f"mmdebstrap, {target.parent}",
            why="the disk is full" if full else output,
            remedy="free about 3 GB, or point PXL_CACHE at a larger disk, and run the command again"
            if full
            else "check that apt-get update works on this machine, and run the command again",
        )
