"""A folder that a command owns: replaced as a whole or not at all, and never if somebody else made it."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from operations.errors import Problem

MARKER = ".written-by-pxlctl-render"
_MARKER_TEXT = "pxlctl render replaces this folder as a whole. Files that you add here are lost.\n"


def check_replaceable(folder: Path) -> None:
    """Makes sure that a folder may be replaced: it does not exist, is empty, or carries the marker.

    Raises:
        Problem: If it holds something that this command did not write, or is no folder.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Problem(
            f"{folder} is not a folder",
            why="it would have to be replaced",
            remedy="name another one: --out DIR",
        )
    if folder.is_dir() and not (folder / MARKER).is_file() and any(folder.iterdir()):
        raise Problem(
            f"{folder} holds files that pxlctl render did not write",
            why=f"the folder is replaced as a whole, and it has no {MARKER}",
            remedy="name another one: --out DIR, or move these files away",
        )


def replace(folder: Path, files: Mapping[str, str]) -> None:
    """Replaces a folder by these files. A failure on the way leaves the old one as it was.

    Args:
        folder: The folder; its parents are made.
        files: Text by file name.

    Raises:
        Problem: As ``check_replaceable``, and when the disk refuses.
    """
    check_replaceable(folder)
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _refused(folder, error) from error
    try:
        fresh.chmod(0o755)
        (fresh / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
        for name, text in files.items():
            (fresh / name).write_text(text, encoding="utf-8")
        _swap(fresh, folder)
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    """A folder cannot be renamed over a full one: the old one steps aside, and comes back if need be."""
    aside = fresh.with_name(fresh.name + ".old")
    existed = folder.exists()
    if existed:
        folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        if existed:
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _refused(folder: Path, error: OSError) -> Problem:
    return Problem(
        "the manifests cannot be written",
        where=str(folder),
        why=error.strerror or str(error),
        remedy="free space or change permissions, or name another folder: --out DIR",
    )
