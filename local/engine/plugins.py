"""Provider plugins: the official ones where they can be had, else the stand-ins of this repository."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from local.engine import official
from local.paths import CHECKOUT, write
from operations.console import say, step
from operations.errors import Problem

ALWAYS = ("kubernetes", "random")
"""The providers that every stack uses; their versions are those of the installed SDKs."""
WITH_AWS = (*ALWAYS, "aws")
"""Those of a stack that has something on AWS: its plugin is a large download."""

_INSTALL_SECONDS = 300
_MARK = "standin"


def install(program: Path, home: Path, env: dict[str, str], providers: Sequence[str] = ALWAYS) -> list[str]:
    """Puts every provider's plugin into the engine's folder and says which are stand-ins.

    ``PXL_STANDINS`` decides: ``auto`` (the default) takes the official plugin where its site can be reached, and
    stays with a stand-in that is there; ``always`` never asks; ``never`` fails without the official plugin.

    Args:
        program: The ``pulumi`` executable.
        home: The engine's folder.
        env: The environment of engine processes.
        providers: Which.

    Returns:
        The providers that a stand-in replaces.

    Raises:
        Problem: For an unknown ``PXL_STANDINS``, and with ``never`` when an official plugin cannot be had.
    """
    mode = os.environ.get("PXL_STANDINS", "auto")
    if mode not in ("auto", "always", "never"):
        raise Problem(
            f"PXL_STANDINS is {mode!r}.",
            where="the environment",
            why="it decides whether stand-ins replace provider plugins: auto, always or never",
            remedy="unset it, or set it to one of the three",
        )
    replaced = [name for name in providers if _provide(name, mode, program, home, env)]
    if replaced:
        say(f"using local stand-ins for the providers {', '.join(replaced)} (local/standins/README.md)")
    return replaced


def _provide(name: str, mode: str, program: Path, home: Path, env: dict[str, str]) -> bool:
    wanted = version(f"pulumi-{name}")
    folder = home / "plugins" / f"resource-{name}-v{wanted}"
    is_standin = (folder / _MARK).exists()
    if mode != "always":
        if folder.is_dir() and not is_standin:
            return False
        if mode == "never" or not is_standin:
            error = _download(name, wanted, folder, program, env)
            if not error:
                return False
            if mode == "never":
                raise Problem(
                    f"The plugin of the provider {name} {wanted} could not be had.",
                    where="PXL_STANDINS=never",
                    why=error,
                    remedy="check the network, or unset PXL_STANDINS to use the local stand-in",
                )
    _link(name, folder)
    return True


def _download(name: str, wanted: str, folder: Path, program: Path, env: dict[str, str]) -> str:
    if not official.is_reachable():
        return "the site of the official plugins does not answer"
    shutil.rmtree(folder, ignore_errors=True)
    argv = [str(program), "plugin", "install", "resource", name, wanted]
    try:
        with step(f"downloading the provider {name} {wanted}"):
            done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the download took longer than {_INSTALL_SECONDS} s"
    return "" if done.returncode == 0 and folder.is_dir() else done.stderr.strip() or "the download failed"


def _link(name: str, folder: Path) -> None:
    if not (folder / _MARK).exists():
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    launcher = folder / f"pulumi-resource-{name}"
    # exec, so that the engine's child is the stand-in itself: it ends when its parent does.
    place = f"PYTHONPATH={shlex.quote(str(CHECKOUT))}"
    command = f"{shlex.quote(sys.executable)} -m local.standins.{name}"
    text = f'#!/bin/sh\nexec env {place} {command} "$@"\n'
    write(launcher, text, 0o755)
