"""A failure on a full disk, told as that: what fails first is anybody's guess, and rarely says why."""

import shutil
from pathlib import Path

from operations.errors import Problem

# Below this the kubelet evicts pods (`evictionHard`), and soon nothing can be written.
_NEEDED_BYTES = 500 * 2**20
_MEBI = 2**20


def named(problem: Problem, *folders: Path) -> Problem:
    """The same problem, or one that names the full disk and has it as its reason.

    Args:
        problem: What went wrong.
        folders: Where space is needed.
    """
    for folder in folders:
        free = shutil.disk_usage(folder).free if folder.is_dir() else _NEEDED_BYTES
        if free < _NEEDED_BYTES:
            return Problem(
                f"The disk is full: {free // _MEBI} MB are free.",
                where=str(folder),
                why=str(problem),
                remedy="free at least 1 GB there, and run make up again",
            )
    return problem
