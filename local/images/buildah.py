"""Building, keeping and exporting images with buildah, in the node's root file system."""

import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.images import trust
from local.node import Builder
from local.paths import cache_dir
from operations.console import Step
from operations.errors import Problem

_TAIL_LINES = 15
_FOLLOW_SECONDS = 0.25
_INSTRUCTION = re.compile(r"(\[.*\] )?STEP \d+/\d+: ")
_ERROR = re.compile(r"\b(error|ERR!|E|fatal|failed|cannot)\b.*\w")
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


@dataclass(frozen=True)
class Base:
    """What an image is built on: ``ARG BASE`` of its Dockerfile.

    Args:
        reference: Its name in buildah's storage.
        digest: Its digest as a registry knows it. Recorded in the image instead of the storage's own, which depends
            on how the base came into the storage and would give the same source different digests.
    """

    reference: str
    digest: str

    @property
    def options(self) -> list[str]:
        """The options of ``buildah build``."""
        annotation = f"org.opencontainers.image.base.digest={self.digest}"
        return ["--build-arg", f"BASE={self.reference}", "--annotation", annotation, "--pull-never"]


class Buildah:
    """buildah with a storage in the cache, shared by every checkout.

    Args:
        runner: Where commands run.
        work: A scratch folder in the cache, for the logs of builds.
    """

    def __init__(self, runner: Builder, work: Path) -> None:
        self._runner = runner
        self._work = work

    def has(self, reference: str) -> bool:
        """Whether the storage holds an image."""
        return self._run("inspect", "--type", "image", "--format", "{{.FromImageID}}", reference).returncode == 0

    def build(
        self,
        reference: str,
        context: Path,
        dockerfile: Path,
        arguments: Mapping[str, str],
        current: Step,
        *,
        base: Base | None,
        layers: bool = False,
    ) -> None:
        """Builds an image; the same context, base and arguments yield the same digest.

        Args:
            reference: What the image is called in the storage.
            context: The folder to build from, in the cache.
            dockerfile: The Dockerfile, in the cache.
            arguments: Build arguments.
            current: Shows the instruction that is under way.
            base: What it is built on; None if its Dockerfile or the arguments say so.
            layers: Whether each instruction is kept, so that the next build starts at what has changed.

        Raises:
            Problem: With the last lines of the build.
        """
        with tempfile.TemporaryDirectory(prefix="build-", dir=self._work) as scratch:
            log = Path(scratch) / "log"
            options = [
                "--isolation",
                "chroot",
                f"--layers={str(layers).lower()}",
                "--timestamp",
                "0",
                "--identity-label=false",
            ]
            options += ["--format", "oci", "--logfile", str(log), *(base.options if base else [])]
            options += trust.mounts(Path(scratch) / "trust")
            for name, value in sorted(arguments.items()):
                options += ["--build-arg", f"{name}={value}"]
            with _following(log, current):
                done = self._run("build", *options, "--tag", reference, "--file", str(dockerfile), str(context))
            if done.returncode != 0:
                raise _failure("build", reference, dockerfile, done, _read(log))

    def export(self, reference: str, archive: Path) -> None:
        """Writes an image as an OCI archive."""
        self._require("push", "--quiet", reference, f"oci-archive:{archive}")

    def load(self, archive: Path, reference: str) -> None:
        """Takes an image from an OCI archive into the storage."""
        pulled = self._require("pull", "--quiet", f"oci-archive:{archive}")
        self._require("tag", pulled.decode().split()[-1], reference)

    def forget(self, reference: str) -> None:
        """Removes an image from the storage; nothing happens when it is not there."""
        self._run("rmi", reference)

    def _require(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode != 0:
            raise _failure(arguments[0], " ".join(arguments[1:]), None, done, "")
        return done.stdout

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        storage = ["--root", str(cache_dir() / "image-store"), "--runroot", "/run/pxl-images"]
        return self._runner.build_run(
            ["buildah", *storage, "--storage-driver", "overlay", *arguments], check=False, capture=True
        )


@contextmanager
def _following(log: Path, current: Step) -> Iterator[None]:
    """Shows the last instruction of a build's log while the block runs."""
    over = threading.Event()
    hint = current.detail

    def follow() -> None:
        while not over.wait(_FOLLOW_SECONDS):
            steps = re.findall(r"^\[?.*?STEP (\d+/\d+): (.*)$", _read(log), re.MULTILINE)
            if steps:
                count, instruction = steps[-1]
                current.update(f"step {count}: {instruction.strip()[:60]}")

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        current.update(hint)


def _read(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def telling(lines: Sequence[str]) -> list[str]:
    """The lines of a failed build that tell why: what looks like an error in its last instruction, and the end."""
    start = max((number for number, line in enumerate(lines) if _INSTRUCTION.match(line)), default=0)
    last = list(lines[start:])
    if len(last) <= _TAIL_LINES:
        return last
    head, tail = last[: -_TAIL_LINES // 2], last[-_TAIL_LINES // 2 :]
    return [*[line for line in head if _ERROR.search(line)][: _TAIL_LINES // 2], "…", *tail]


def _failure(
    verb: str, what: str, dockerfile: Path | None, done: "subprocess.CompletedProcess[bytes]", log: str
) -> Problem:
    said = [log, (done.stdout or b"").decode(errors="replace"), (done.stderr or b"").decode(errors="replace")]
    lines = [line for line in "\n".join(said).splitlines() if line.strip()]
    if _FULL.search("\n".join(lines)):
        return Problem(
            f"The disk is full: buildah {verb} could not finish.",
            where=f"{cache_dir()} (PXL_CACHE) or the state folder (PXL_STATE)",
            remedy="free about 3 GB there, or point PXL_CACHE or PXL_STATE at a larger disk, and run the command again",
        )
    return Problem(
        f"An image could not be made: buildah {verb} ended with {done.returncode}.",
        where=f"{what} ({dockerfile.name})" if dockerfile else what,
        why="\n".join(telling(lines)),
        remedy="correct what the last lines say and run the command again; nothing half-made is kept",
    )
