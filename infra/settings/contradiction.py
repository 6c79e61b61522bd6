"""What a rule over several settings finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.settings.model import Settings


@dataclass(frozen=True)
class Contradiction:
    """Two or more settings that exclude each other.

    Attributes:
        keys: Paths without ``pxl:``, the one to change first.
        value: What is shown for the first key.
        problem: Why they cannot hold together.
        remedy: What to change.
    """

    keys: tuple[str, ...]
    value: object
    problem: str
    remedy: str


Rule = Callable[[Settings], Iterator[Contradiction]]
