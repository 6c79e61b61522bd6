"""What changed between two versions of a resource's inputs, and whether it means another resource."""

from dataclasses import dataclass
from typing import Literal

from local.standins.aws.check import FILLED_IN, without_marks
from local.standins.aws.types import Change, Obj, Type


@dataclass(frozen=True)
class Difference:
    """One changed input."""

    name: str
    change: Literal["add", "delete", "update"]
    replaces: bool


def compare(kind: Type, old: Obj, new: Obj) -> list[Difference]:
    """The differences between two versions of inputs, by name.

    Args:
        kind: The resource's type.
        old: The recorded inputs, plain.
        new: The program's inputs after ``check.complete``, plain; unknowns differ from everything.
    """
    change = Change(without_marks(old), without_marks(new))
    found: list[Difference] = []
    for name in sorted(change.old.keys() | change.new.keys()):
        if not change.of(name):
            continue
        before, after = change.old.get(name), change.new.get(name)
        what = "add" if before is None else "delete" if after is None else "update"
        found.append(Difference(name, what, kind.forces(name, change)))
    return found


def deletes_first(kind: Type, differences: list[Difference], old: Obj, new: Obj) -> bool:
    """Whether a replacement has to delete before it creates: only when both would have the same chosen name or place.

    Args:
        kind: The resource's type.
        differences: What changed.
        old: The recorded inputs, plain.
        new: The program's inputs, plain.
    """
    if not any(difference.replaces for difference in differences):
        return False
    if kind.alone:
        return all(old.get(name) == new.get(name) for name in kind.alone)
    if kind.name is None:
        return False
    name = kind.name.field
    chosen = name not in new.get(FILLED_IN, ())
    return chosen and new.get(name) is not None and new.get(name) == old.get(name)
