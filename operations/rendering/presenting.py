"""Shows what ``pxlctl render`` wrote: a table for people, the same as data for scripts."""

from pathlib import Path
from typing import Any

from operations import console
from operations.console import say, warn
from operations.rendering.render import Rendering


def show(done: Rendering) -> None:
    """A table of the files on standard output, never cut; remarks on standard error."""
    rows = [("file", "kind", "name", "namespace")]
    rows += [(one.file, one.kind, one.name, one.namespace or "-") for one in done.manifests]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    console.show("\n".join(lines))
    say(f"{len(done.manifests)} manifests in {_short(done.folder)}")
    if done.invented:
        say(f"not set, so a placeholder stands for it: {', '.join(done.invented)}")
    for one in done.left_out:
        warn(f"{one} is no manifest and was left out")


def data(stack: str, done: Rendering) -> dict[str, Any]:
    """``{"stack", "folder", "manifests": [{file, kind, name, namespace}], "placeholders", "leftOut"}``."""
    return {
        "stack": stack,
        "folder": str(done.folder),
        "manifests": [
            {"file": one.file, "kind": one.kind, "name": one.name, "namespace": one.namespace} for one in done.manifests
        ],
        "placeholders": done.invented,
        "leftOut": done.left_out,
    }


def _short(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)
