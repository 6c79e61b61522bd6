"""The releases of a stack: what the block held at each commit of its file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from operations.promotion import git
from operations.promotion.release import Block, read_text, short

_ROLLBACK = re.compile(r"rollback from ([0-9a-f]{12})\b")


@dataclass(frozen=True)
class Entry:
    """A release, and the commit that brought it."""

    block: Block
    commit: str
    when: str
    author: str


@dataclass(frozen=True)
class Candidate:
    """A digest that a stack can go back to.

    Attributes:
        entry: The last time that it was released.
        current: Whether it is what the file says now.
        given_up: Whether the stack was rolled back from it since.
        healthy: Since when it was healthy, and where; None when nothing shows it.
    """

    entry: Entry
    current: bool
    given_up: bool
    healthy: tuple[str, str] | None

    @property
    def eligible(self) -> bool:
        """Whether it is taken without being named."""
        return not self.current and not self.given_up and self.healthy is not None

    @property
    def note(self) -> str:
        """What there is to say about it."""
        if self.current:
            return "current"
        if self.given_up:
            return "rolled back from"
        return f"healthy in {self.healthy[1]} since {self.healthy[0]}" if self.healthy else "not shown to be healthy"

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            **self.entry.block.as_dict(),
            "commit": self.entry.commit,
            "committed": self.entry.when,
            "author": self.entry.author,
            "current": self.current,
            "rolledBackFrom": self.given_up,
            "healthy": None if self.healthy is None else {"since": self.healthy[0], "in": self.healthy[1]},
        }


def releases(path: Path) -> list[Entry]:
    """Every change of a stack file's release block, newest first.

    Raises:
        Problem: The file lies in no repository.
    """
    return changes(git.versions(path))


def changes(versions: Iterable[git.Version]) -> list[Entry]:
    """From versions of a file, newest first, to the commits that changed its release."""
    found: list[Entry] = []
    before: Block | None = None
    for version in reversed(list(versions)):
        block = read_text(version.text)
        if block is not None and block != before:
            found.append(Entry(block, version.commit, version.when, version.author))
        before = block
    return found[::-1]


def proven(stack: str, others: Iterable[Entry]) -> dict[str, str]:
    """Which digests were promoted from a stack into another one, and since when they were healthy there."""
    blocks = [one.block for one in others]
    return {
        one.digest: one.healthy_since for one in reversed(blocks) if one.proven_in == stack and one.healthy_since
    }  # fmt: skip


def candidates(stack: str, entries: Iterable[Entry], elsewhere: dict[str, str], current: str) -> list[Candidate]:
    """The digests of a stack, newest first, each once.

    Args:
        stack: Its name.
        entries: Its releases, newest first.
        elsewhere: See ``proven``: what was promoted from here was healthy here.
        current: The digest that the file says now.
    """
    found: dict[str, Candidate] = {}
    given_up: set[str] = set()
    for entry in entries:
        block = entry.block
        if block.digest not in found:
            healthy = None
            if block.digest in elsewhere:
                healthy = (elsewhere[block.digest], stack)
            elif block.healthy_since and block.proven_in:
                healthy = (block.healthy_since, block.proven_in)
            bad = short(block.digest) in given_up
            found[block.digest] = Candidate(entry, block.digest == current, bad, healthy)
        # What stands further down the list was released before this way back.
        given_up |= set(_ROLLBACK.findall(block.reason or ""))
    return list(found.values())


def since(entries: Iterable[Entry], chosen: Entry) -> list[str]:
    """The digests that were released after an entry: their migrations ran, and stay."""
    newer: list[str] = []
    for entry in entries:
        if entry == chosen:
            break
        newer.append(entry.block.digest)
    return [digest for digest in dict.fromkeys(newer) if digest != chosen.block.digest]
