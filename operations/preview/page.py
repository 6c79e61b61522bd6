"""The page: what somebody should look twice at comes first. Names and kinds only, never a value."""

from collections.abc import Iterable

from operations.errors import Problem
from operations.preview.changes import Change, Changes

_MOST_CHARACTERS = 60_000  # GitHub takes 65,536
_VERBS = ("replace", "delete", "create", "update")


def marker(stack: str) -> str:
    """The line by which the comment of a stack is found again; nobody sees it."""
    return f"<!-- pxl preview of stack {stack} -->"


def markdown(stack: str, changes: Changes, problem: Problem | None = None) -> str:
    """The page of one stack.

    Args:
        stack: Its name.
        changes: What would change.
        problem: Why the preview failed, if it did.
    """
    lines = [marker(stack), f"### Preview of `{stack}`", ""]
    if problem is not None:
        lines += ["**It failed**, so this is not all of it.", "", "```", *_fenced(str(problem)), "```", ""]
    if risky := [change for change in changes.changes if change.risky]:
        lines += [f"**Look twice at {len(risky)}:**", "", *_table(risky), ""]
    rest = [change for change in changes.changes if not change.risky]
    counts = ", ".join(f"{changes.counts[verb]} to {verb}" for verb in _VERBS if changes.counts[verb])
    if not changes.changes and problem is None:
        lines += [f"Nothing changes; {changes.same} stay as they are."]
    elif changes.changes:
        lines += [f"{counts}; {changes.same} stay as they are."]
    if rest:
        lines += ["", "<details><summary>The others</summary>", "", *_table(rest), "", "</details>"]
    text = "\n".join(lines) + "\n"
    if len(text) <= _MOST_CHARACTERS:
        return text
    cut = text[:_MOST_CHARACTERS].rpartition("\n")[0]
    return f"{cut}\n\nThe rest is too long for a comment: `make preview STACK={stack}` shows it.\n"


def _table(changes: Iterable[Change]) -> list[str]:
    ordered = sorted(changes, key=lambda one: (_VERBS.index(one.verb), not one.stateful, one.kind, one.name))
    rows = [
        f"| {one.verb}{' ⚠ holds data' if one.stateful and one.risky else ''} | `{_cell(one.kind)}` | "
        f"`{_cell(one.name)}` | {', '.join(f'`{_cell(key)}`' for key in one.keys)} |"
        for one in ordered
    ]
    return ["| | kind | name | what differs |", "| --- | --- | --- | --- |", *rows]


def _cell(text: str) -> str:
    """Nothing that ends a cell, or the code in it."""
    return text.replace("|", "/").replace("`", "'").replace("\n", " ")


def _fenced(text: str) -> list[str]:
    return text.replace("```", "'''").splitlines()
