"""The published release of the engine. Never run where this was developed: the site was out of reach there."""

import functools
import hashlib
import platform
import tarfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

from local import cache
from local.paths import cache_dir
from operations.console import step, warn

_SITE = "https://get.pulumi.com/releases/sdk"
_CHECKSUMS = "https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-{version}-checksums.txt"
_PROBE_SECONDS = 3.0
_DOWNLOAD_SECONDS = 60.0
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def folder(version: str) -> Path:
    """Where a downloaded release lies in the cache."""
    return cache_dir() / f"bin-pulumi-official-{version}"


@functools.cache
def is_reachable() -> bool:
    """Whether the site of the releases answers, within 3 s; asked once a process."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(f"{_SITE}/", method="HEAD")
            urllib.request.urlopen(request, timeout=_PROBE_SECONDS).close()
        except urllib.error.HTTPError:
            answers.append(True)  # Any answer at all is one of the site's.
        except OSError:
            return
        else:
            answers.append(True)

    # In a thread, because looking up the name has no time-out of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return bool(answers)


def download(target: Path, version: str) -> bool:
    """Downloads a release and checks its SHA-256 against the published list.

    Args:
        target: The folder that will hold the programs.
        version: Without the ``v``.

    Returns:
        False when the site is out of reach or the download cannot be trusted, so that the engine is built instead.
    """
    machine = _MACHINES.get(platform.machine().lower())
    if not machine or not is_reachable():
        return False
    name = f"pulumi-v{version}-linux-{machine}.tar.gz"
    try:
        with step(f"downloading the engine {version}"), cache.locked(target.with_suffix(".lock")):
            _fetch(name, target, version)
    except (OSError, ValueError, tarfile.TarError) as error:
        warn(f"the official engine could not be downloaded ({error}); it is built from its Go modules instead")
        return False
    return True


def _fetch(name: str, target: Path, version: str) -> None:
    if target.is_dir():
        return
    listed = _read(_CHECKSUMS.format(version=version)).decode()
    expected = next((line.split()[0] for line in listed.splitlines() if line.endswith(name)), None)
    with cache.replacing(target) as scratch:
        archive = scratch / name
        archive.write_bytes(_read(f"{_SITE}/{name}"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != expected:
            raise ValueError(f"the SHA-256 of {name} is not the published one")
        with tarfile.open(archive) as packed:
            for program in filter(tarfile.TarInfo.isfile, packed.getmembers()):
                packed.extract(program.replace(name=Path(program.name).name), scratch, filter="data")
        archive.unlink()


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_DOWNLOAD_SECONDS) as answer:
        return answer.read()
