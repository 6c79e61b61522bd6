"""docs/fidelity.md is complete: what exists is listed, and what is listed exists."""

import inspect
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pulumi
import pxl_components
import pytest
from typer.main import get_command

from infra.environments import ENVIRONMENTS
from infra.settings.mistakes import model_in
from infra.settings.model import LogLevel, Section, Settings
from operations.command_line import app
from operations.orphans.kinds import KINDS
from tests.process.program.recordings import Recorded

ROOT = Path(__file__).resolve().parents[3]
MARKS = {"real", "stand-in", "never"}
# The table of the platform names parts of a machine, which nothing here can enumerate.
FREE_SECTION = "The embedded platform"


def rows() -> dict[str, dict[str, str]]:
    """Section to capability to mark."""
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] not in ("capability", "---"):
            found.setdefault(section, {})[cells[0].strip("`")] = cells[1]
    return found


def components() -> set[str]:
    members = (getattr(pxl_components, name) for name in pxl_components.__all__)
    return {
        member.__name__
        for member in members
        if inspect.isclass(member) and issubclass(member, pulumi.ComponentResource)
    }


def commands() -> set[str]:
    top: dict[str, Any] = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    groups = {name: getattr(command, "commands", None) for name, command in top.items()}
    alone = {f"pxlctl {name}" for name, inner in groups.items() if inner is None}
    return alone | {f"pxlctl {name} {command}" for name, inner in groups.items() if inner for command in inner}


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = {f"make {name}" for name in re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE)}
    return found | {"make up KUBE_CONTEXT"}


def choices(section: type[Section] = Settings, prefix: str = "") -> set[str]:
    """``key: value`` for every setting that is a choice between ways to run."""
    found: set[str] = set()
    for name, field in section.model_fields.items():
        path, kind = f"{prefix}{field.alias or name}", field.annotation
        inner = model_in(kind)
        if inner:
            found |= choices(inner, f"{path}.")
        elif inspect.isclass(kind) and issubclass(kind, Enum) and kind is not LogLevel and prefix:
            found |= {f"{path}: {member.value}" for member in kind}
    return found


@pytest.fixture(scope="module")
def kinds(recorded: Recorded) -> set[str]:
    """Kinds of the objects that the committed stacks consist of."""
    found = (one for stack in ENVIRONMENTS for one in recorded(stack))
    return {one.inputs["kind"] for one in found if one.is_manifest}


@pytest.mark.parametrize(
    ("section", "existing"),
    [
        ("Components", components),
        ("Choices in the settings", choices),
        ("Commands", commands),
        ("Make targets", targets),
    ],
)
def test_the_page_lists_exactly_what_there_is(section, existing):
    listed, there = set(rows()[section]), existing()
    assert there, "an empty list would prove nothing"
    assert listed == there, f"missing: {sorted(there - listed)}; gone: {sorted(listed - there)}"


def test_the_page_lists_exactly_the_kinds_that_the_stacks_consist_of(kinds):
    listed, there = set(rows()["Kinds that the stacks consist of"]), kinds
    assert listed == there, f"missing: {sorted(there - listed)}; gone: {sorted(listed - there)}"


def test_every_kind_that_the_stacks_consist_of_is_looked_for_as_an_orphan(kinds):
    missing = kinds - {kind.name for kind in KINDS}
    assert not missing, f"an object of {missing} that a killed run left would never be found"


def test_every_mark_is_one_of_three():
    wrong = {name: mark for section in rows().values() for name, mark in section.items() if mark not in MARKS}
    assert not wrong, f"only {sorted(MARKS)} are known: {wrong}"


def test_the_free_section_is_there():
    assert rows()[FREE_SECTION], "what the embedded platform needs of a machine must be said"
