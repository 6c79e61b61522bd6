"""The engine from its Go modules, for machines that reach a Go module proxy and nothing of Pulumi's own."""

import json
import shutil
import subprocess
from pathlib import Path

from local import build, cache
from local.paths import CHECKOUT, cache_dir
from operations.errors import Problem

_SDK = "github.com/pulumi/pulumi/sdk/v3"
_SCRIPT = "pulumi-language-python-exec"


def is_cached() -> bool:
    """Whether the engine has been built before."""
    try:
        return (cache_dir() / f"bin-pulumi-{build.fingerprint('pulumi')}").is_dir()
    except Problem:
        return False  # Without Go there is nothing that a build could have left.


def folder(version: str) -> Path:
    """The folder of the engine, the Python language host and its script, built when they are not cached.

    Args:
        version: The engine's version, which the script must have too.

    Raises:
        Problem: When Go is missing, or the build or the module proxy fails.
    """
    parts = [build.tool("pulumi") / "pulumi", build.tool("language-python") / "pulumi-language-python"]

    def make(scratch: Path) -> None:
        # The language host finds its script beside itself, and the engine warns of a host that is elsewhere.
        for part in [*parts, _module(version) / "python" / "cmd" / _SCRIPT]:
            shutil.copyfile(part, scratch / part.name)
            (scratch / part.name).chmod(0o755)

    return cache.folder("engine", "".join(part.parent.name[-6:] for part in parts), make)


def _module(version: str) -> Path:
    argv = ["go", "mod", "download", "-json", f"{_SDK}@v{version}"]
    done = subprocess.run(argv, cwd=CHECKOUT / "local/tools/pulumi", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(
            f"The Go module {_SDK} {version} could not be had.",
            where="the Go module proxy (go env GOPROXY)",
            why=(done.stderr or done.stdout).strip(),
            remedy="check the network or GOPROXY, and run the command again",
        )
    return Path(json.loads(done.stdout)["Dir"])
