"""``pxlctl rollback``: a stack gets the release back that was healthy before, as a change like any other."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.console import step
from operations.errors import Problem
from operations.promotion import git, history, release
from operations.promotion.history import Candidate
from operations.promotion.release import Block, short
from operations.promotion.target import Target, promoter
from operations.registry import login
from operations.registry.client import Repository
from operations.stacks import Project

# What git and people take for enough of a digest.
_LEAST_DIGITS = 12


@dataclass(frozen=True)
class Rollback:
    """What came of it."""

    stack: str
    path: Path
    before: Block
    block: Block
    kept: tuple[str, ...]
    changed: bool

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "stack": self.stack,
            "digest": self.block.digest,
            "before": self.before.digest,
            "release": self.block.as_dict(),
            "file": str(self.path),
            "migrationsThatStay": list(self.kept),
            "changed": self.changed,
        }


def listed(project: Project, stack: str) -> list[Candidate]:
    """What a stack can go back to, newest first.

    Raises:
        Problem: There is no such stack, or its file lies in no repository.
    """
    path = project.stack_file(stack)
    current = release.read(path)
    with step("reading the releases", hint=f"the history of {path.name}"):
        entries = history.releases(path)
        others = [
            entry for other in project.stacks() if other != stack
            for entry in history.releases(project.stack_file(other))
        ]  # fmt: skip
    return history.candidates(stack, entries, history.proven(stack, others), current.digest if current else "")


def roll_back(
    project: Project,
    stack: str,
    *,
    to: str | None = None,
    reason: str | None = None,
    profile: str | None = None,
    dry_run: bool = False,
) -> Rollback:
    """Writes an earlier release into a stack's file.

    Args:
        project: The project.
        stack: The stack.
        to: A digest, or the first 12 digits of one; None for the last one that was healthy.
        reason: Why; it is written down.
        profile: AWS profile for the stack's registry.
        dry_run: Whether to look only.

    Raises:
        Problem: There is nothing to go back to, or its image is gone.
    """
    target = Target.of(project, stack)
    if target.before is None:
        raise Problem(f"stack {stack} has no release to go back from", where=f"{target.path}, {release.KEY}")
    found = listed(project, stack)
    chosen = _named(found, to, stack) if to is not None else _last(found, stack, target.path)
    _require_image(target, chosen, profile)
    old = chosen.entry.block
    why = " ".join((reason or "").split())
    block = Block(
        old.digest,
        proven_in=old.proven_in,
        healthy_since=old.healthy_since,
        promoted_by=promoter(project.folder),
        reason=f"rollback from {short(target.before.digest)}" + (f": {why}" if why else ""),
    )
    text = target.with_release(block)
    if not dry_run:
        target.write(text)
    kept = history.since(history.releases(target.path), chosen.entry)
    return Rollback(stack, target.path, target.before, block, tuple(kept), not dry_run)


def _named(found: list[Candidate], to: str, stack: str) -> Candidate:
    digits = to.strip().removeprefix("sha256:")
    if not re.fullmatch(rf"[0-9a-f]{{{_LEAST_DIGITS},64}}", digits):
        raise Problem(
            f"{to!r} is no digest",
            remedy=f"give sha256: and 64 hex digits, or the first {_LEAST_DIGITS}: pxlctl rollback {stack} --list",
        )
    matching = [one for one in found if one.entry.block.digest.removeprefix("sha256:").startswith(digits)]
    if not matching:
        raise Problem(
            f"stack {stack} never released {to}",
            why="only what it ran before can be gone back to; anything new is promoted",
            remedy=f"see what there is: pxlctl rollback {stack} --list",
        )
    if matching[0].current:
        raise Problem(f"{short(matching[0].entry.block.digest)} is what stack {stack} says now")
    return matching[0]


def _last(found: list[Candidate], stack: str, path: Path) -> Candidate:
    for candidate in found:
        if candidate.eligible:
            return candidate
    others = [one for one in found if not one.current]
    why = "\n".join(f"{short(one.entry.block.digest)}  {one.entry.when}  {one.note}" for one in others)
    remedy = f"name one: pxlctl rollback {stack} --to DIGEST" if others else "promote a mended one"
    if git.is_shallow(path.parent):
        remedy = "this clone lacks a part of the history: git fetch --unshallow"
    raise Problem(
        f"no earlier release of stack {stack} is known to have been healthy",
        where=f"the history of {path.name}",
        why=why or "there is no other one",
        remedy=remedy,
    )


def _require_image(target: Target, chosen: Candidate, profile: str | None) -> None:
    digest = chosen.entry.block.digest
    with step(f"looking for {short(digest)}", hint=target.repository):
        there = Repository(login.find(target.repository, profile=profile)).has_manifest(digest)
    if there != digest:
        raise Problem(
            f"the image {short(digest)} is no longer in the registry",
            where=f"{target.repository}@{digest}",
            why="it was deleted, by hand or by a lifecycle policy",
            remedy=f"choose another one: pxlctl rollback {target.stack} --list",
        )
