"""Presents what is wrong with a stack's settings; ``infra.settings`` finds it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.settings import Mistake, check_stack_file
from operations.errors import Problem
from operations.stacks import Project


def find_mistakes(project: Project, stack: str, file: Path | None) -> tuple[Path, list[Mistake]]:
    """Every mistake in the settings of a stack, and the file that was looked at.

    Args:
        project: The project.
        stack: Name of the stack.
        file: The settings file to look at instead of ``Pulumi.<stack>.yaml``.

    Raises:
        Problem: If the stack or the file does not exist.
    """
    path = project.settings_file(stack, file)
    return path, check_stack_file(path)


def text(path: Path, mistakes: Sequence[Mistake]) -> str:
    """One block a mistake, and the count at the end."""
    if not mistakes:
        return f"{path.name}: no mistakes"
    blocks = [_block(mistake) for mistake in mistakes]
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return "\n\n".join([*blocks, f"{count} in {path.name}; nothing was touched"])


def data(stack: str, path: Path, mistakes: Sequence[Mistake]) -> dict[str, Any]:
    """The same for ``--json``: ``{"stack", "file", "ok", "mistakes": [...]}``."""
    return {
        "stack": stack,
        "file": str(path),
        "ok": not mistakes,
        "mistakes": [asdict(one) for one in mistakes],
    }


def require_clean(project: Project, stack: str, file: Path | None) -> Path:
    """The settings file, once it holds no mistake.

    Raises:
        Problem: With every mistake found.
    """
    path, mistakes = find_mistakes(project, stack, file)
    if mistakes:
        raise Problem(
            f"the settings of stack {stack} cannot be used",
            where=str(path),
            why=text(path, mistakes),
            remedy=f"mend the file, then: {command(stack, file)}",
        )
    return path


def command(stack: str, file: Path | None) -> str:
    """What to call to see every mistake of the same file."""
    return f"pxlctl check {stack}" + (f" --file {file}" if file is not None else "")


def _block(mistake: Mistake) -> str:
    shown = f" = {mistake.value}" if mistake.value else ""
    problem, remedy = (text.replace("\n", "\n  ") for text in (mistake.problem, mistake.remedy))
    return f"{mistake.file}: {mistake.key}{shown}\n  {problem}\n  next: {remedy}"
