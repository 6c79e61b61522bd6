"""examples/postgres-only in a folder of its own, with the library as a wheel: shared by its tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "postgres-only"


def run(*argv: str | Path, timeout: float = 300) -> str:
    """A command's output; its end with an error is the test's."""
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, argv))}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def copied(folder: Path) -> Path:
    """The example where nothing of this project is around it."""
    return Path(shutil.copytree(EXAMPLE, folder / "example", ignore=shutil.ignore_patterns(".venv", "wheels")))


def wheel(folder: Path) -> Path:
    """The library's wheel, built of a copy: building leaves folders beside the sources."""
    source = Path(shutil.copytree(ROOT / "components", folder / "source" / "components"))
    for leftover in (source / "build", *source.glob("*.egg-info")):
        shutil.rmtree(leftover, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--no-index", "--wheel-dir", folder / "wheels", source)
    (made,) = (folder / "wheels").iterdir()
    return made


def environment(base: dict[str, str], venv: Path, kubeconfig: Path) -> dict[str, str]:
    """An engine's environment whose Python is that of the example."""
    return {**base, "PATH": os.pathsep.join([str(venv / "bin"), base["PATH"]]), "KUBECONFIG": str(kubeconfig)}
