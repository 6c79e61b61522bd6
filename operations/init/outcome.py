"""What came of each part: made, changed, or there already."""

from dataclasses import dataclass
from enum import Enum


class Verb(Enum):
    """What happened to a part."""

    MADE = "made"
    CHANGED = "changed"
    THERE = "there"
    SKIPPED = "skipped"
    WOULD_MAKE = "would make"
    WOULD_CHANGE = "would change"


@dataclass(frozen=True)
class Outcome:
    """One part of what a stack stands on.

    Attributes:
        part: What it is, such as ``bucket``.
        name: Its name, or its ARN.
        verb: What happened to it.
        changes: What was done to it, or would be, in words.
    """

    part: str
    name: str
    verb: Verb
    changes: tuple[str, ...] = ()

    @classmethod
    def of(cls, part: str, name: str, changes: list[str], *, made: bool, dry: bool) -> "Outcome":
        """From the changes that a part took."""
        if not changes:
            verb = Verb.THERE
        elif made:
            verb = Verb.WOULD_MAKE if dry else Verb.MADE
        else:
            verb = Verb.WOULD_CHANGE if dry else Verb.CHANGED
        return cls(part, name, verb, tuple(changes))
