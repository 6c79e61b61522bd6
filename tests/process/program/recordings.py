"""What the program declares for the committed stacks, each recorded once for all tests."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from operations.rendering import config
from operations.rendering.manifests import Resource
from operations.rendering.program import record
from operations.stacks import Project, read_yaml

ROOT = Path(__file__).resolve().parents[3]
Recorded = Callable[[str], list[Resource]]


@cache
def of(stack: str) -> list[Resource]:
    """Runs the program with the committed settings of a stack. What comes back is shared: nobody may change it."""
    project = Project(ROOT)
    settings = config.build(read_yaml(project.stack_file(stack))["config"], project.definition())
    return record(ROOT / "infra", "pxl", stack, settings)
