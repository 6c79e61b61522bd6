"""Builds the Go programs of the platform: engine, Kubernetes and what runs on the node.

Each is a Go module of this repository, built once per content of its lock and shared by every checkout.
"""

import functools
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local import cache
from local.paths import CHECKOUT, cache_dir
from operations.console import Step, step
from operations.errors import Problem

_KUBERNETES = "k8s.io/component-base/version"
_PULUMI = "github.com/pulumi/pulumi/sdk/v3/go/common/version"
_NEEDED_GO = "1.26"


@dataclass(frozen=True)
class Tool:
    """A Go module whose programs the platform runs.

    Args:
        folder: Where its ``go.mod`` is, relative to the checkout.
        hint: How long a cold build takes on 2 cores, for whoever waits.
        packages: What to build; ``tool`` stands for every ``tool`` line of ``go.mod``.
        stamps: Variables that the linker sets (``-X``), so that the programs know their own version.
    """

    folder: str
    hint: str
    packages: tuple[str, ...] = ("tool",)
    stamps: tuple[str, ...] = ()

    @property
    def flags(self) -> list[str]:
        """Everything after ``go build`` but the place and the packages. A change makes every build cold."""
        stamps = "".join(f" -X {stamp}" for stamp in self.stamps)
        return ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w{stamps}"]


TOOLS = {
    "pulumi": Tool("local/tools/pulumi", "about 4 min the first time", stamps=(f"{_PULUMI}.Version=v3.259.0",)),
    "language-python": Tool("local/tools/language-python", "about 1 min the first time"),
    "kubernetes": Tool(
        "local/tools/kubernetes",
        "about 7 min the first time",
        stamps=(f"{_KUBERNETES}.gitVersion=v1.36.3", f"{_KUBERNETES}.gitMajor=1", f"{_KUBERNETES}.gitMinor=36"),
    ),
    "coredns": Tool("local/tools/coredns", "about 2 min the first time", packages=(".",)),
    "metrics-server": Tool("local/tools/metrics-server", "about 2 min the first time"),
    "keda": Tool("local/tools/keda", "about 10 min the first time"),
    "policies": Tool("local/node/policies", "about 1 min the first time", packages=(".",)),
    "init": Tool("local/node/init", "some seconds the first time", packages=("./...",)),
}


def tool(name: str) -> Path:
    """The folder that holds the built programs of a module, building them when they are not in the cache.

    Args:
        name: A key of ``TOOLS``.

    Raises:
        Problem: Go is missing or too old, the disk is full, or the build failed.
    """
    wanted = TOOLS[name]

    def make(scratch: Path) -> None:
        with step(f"building {name}", hint=wanted.hint) as current:
            _build(name, wanted, scratch, current)

    return cache.folder(f"bin-{name}", fingerprint(name), make)


def source(name: str, module: str) -> Path:
    """The folder with the files of a Go module that a tool's ``go.mod`` pins.

    Args:
        name: A key of ``TOOLS``.
        module: Path of the module.

    Raises:
        Problem: It cannot be downloaded.
    """
    argv = ["go", "mod", "download", "-json", module]
    done = subprocess.run(argv, cwd=CHECKOUT / TOOLS[name].folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _problem(name, CHECKOUT / TOOLS[name].folder, done.stderr or done.stdout, argv)
    return Path(json.loads(done.stdout)["Dir"])


def fingerprint(name: str) -> str:
    """Twelve hex digits over everything that decides what the build yields."""
    wanted = TOOLS[name]
    digest = hashlib.sha256(repr((wanted.flags, wanted.packages, _go_version())).encode())
    for path in sorted(p for p in (CHECKOUT / wanted.folder).rglob("*") if p.suffix in {".go", ".mod", ".sum"}):
        digest.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@functools.cache
def _go_version() -> str:
    if not shutil.which("go"):
        raise Problem(
            "Go is not installed.",
            where="PATH",
            why="the engine and the node are built from Go modules",
            remedy=f"install Go {_NEEDED_GO} or newer, put its bin folder on PATH, and run the command again",
        )
    done = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _build(name: str, wanted: Tool, scratch: Path, current: Step) -> None:
    # -v names each package as it is compiled: the only sign of life of a build that takes minutes.
    argv = ["go", "build", "-v", *wanted.flags, "-o", f"{scratch}/", *wanted.packages]
    # A lazier garbage collector saves the compiler a sixth of its time.
    environment = {"GOGC": "400", **os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    folder = CHECKOUT / wanted.folder
    compiled = itertools.count(1)

    def heard(line: str) -> bool:
        names_a_package = re.fullmatch(r"[\w.~/-]+\n?", line) is not None
        if names_a_package:
            current.update(f"{wanted.hint}, {next(compiled)} packages compiled")
        return names_a_package

    code, output = cache.watched(argv, heard, cwd=folder, env=environment)
    if code != 0:
        raise _problem(name, folder, output, argv)


def _problem(name: str, folder: Path, output: str, argv: list[str]) -> Problem:
    what = f"{name} could not be built."
    if "no space left on device" in output:
        return Problem(
            what,
            where=f"{cache_dir()} or Go's own cache (go env GOCACHE)",
            why="the disk is full",
            remedy="free about 6 GB, or point PXL_CACHE and GOCACHE at a larger disk, and run the command again",
        )
    if "requires go >=" in output or "unsupported release" in output or "invalid go version" in output:
        return Problem(
            what,
            where=shutil.which("go"),
            why=f"this Go is too old\n{output}",
            remedy=f"install Go {_NEEDED_GO} or newer and put its bin folder first on PATH",
        )
    if "dial tcp" in output or "i/o timeout" in output or "no such host" in output:
        return Problem(
            what,
            where="the Go module proxy (go env GOPROXY)",
            why=output,
            remedy="check the network or GOPROXY, and run the command again: what was fetched is kept",
        )
    return Problem(
        what, where=str(folder), why=output, remedy=f"to see all of it: cd {folder} && CGO_ENABLED=0 {_quoted(argv)}"
    )


def _quoted(argv: list[str]) -> str:
    shown = [part if part != argv[argv.index("-o") + 1] else "/tmp/" for part in argv]
    return " ".join(f'"{part}"' if " " in part else part for part in shown)
