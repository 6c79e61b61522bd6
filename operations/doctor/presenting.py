"""Runs the checks and shows what they found, by area."""

from collections.abc import Sequence
from typing import Any

from operations import console

# Imported for what they register.
from operations.doctor import cluster, kernel, machine, stack  # noqa: F401
from operations.doctor.registry import CHECKS, Area, Check, Level, Result, run
from operations.doctor.subjects import Subject

_MARKS = {Level.OK: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.FAIL: ("✗", "red")}

Results = Sequence[tuple[Check, Result]]


def examine(subject: Subject) -> Results:
    """Every check that applies, in the order of the report."""
    return run(sorted(CHECKS, key=lambda one: list(Area).index(one.area)), subject)


def failed(results: Results) -> bool:
    """Whether any check failed; warnings do not count."""
    return any(result.level is Level.FAIL for _, result in results)


def show(results: Results) -> None:
    """One line a check, and below it what to do."""
    width = max((len(result.name) for _, result in results), default=0)
    area = None
    for check, result in results:
        if check.area is not area:
            area = check.area
            console.show(f"{area.value}:", style="bold")
        mark, colour = _MARKS[result.level]
        console.show(f"  {mark} {result.name:<{width}}  {result.detail}", style=colour)
        if result.remedy:
            console.show(f"    {'':<{width}}  next: {result.remedy}")
    console.show(summary(results), style="bold")


def summary(results: Results) -> str:
    """The count in one line."""
    levels = [result.level for _, result in results]
    parts = [f"{levels.count(Level.OK)} fine"]
    if warnings := levels.count(Level.WARN):
        parts.append("1 warning" if warnings == 1 else f"{warnings} warnings")
    if failures := levels.count(Level.FAIL):
        parts.append("1 failure" if failures == 1 else f"{failures} failures")
    return ", ".join(parts)


def data(results: Results) -> dict[str, Any]:
    """``{"ok", "results": [{area, name, level, detail, remedy}]}``."""
    listed = [{"area": check.area.name.lower(), **result.as_dict()} for check, result in results]
    return {"ok": not failed(results), "results": listed}
