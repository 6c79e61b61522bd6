"""Small things that every service needs: tags, and inputs under AWS' names."""

from collections.abc import Callable, Mapping
from typing import Any

from local.standins.aws.types import Change, Obj


def tag_list(tags: Obj | None) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tags_of(listed: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags as most services return them, as an object."""
    return {entry["Key"]: entry["Value"] for entry in listed or []}


def retag(change: Change, put: Callable[[Obj], Any], remove: Callable[[list[str]], Any]) -> None:
    """Brings the tags to what the program has.

    Args:
        change: The change.
        put: Sets some tags.
        remove: Takes some away, by name.
    """
    old, new = change.old.get("tags") or {}, change.new.get("tags") or {}
    gone = [key for key in {**(change.state.get("tags") or {}), **old} if key not in new]
    if gone:
        remove(gone)
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if changed:
        put(changed)


def named(given: Mapping[str, Any], names: Mapping[str, str]) -> Obj:
    """Those inputs that are given, under AWS' names.

    Args:
        given: The inputs.
        names: AWS' name for each.
    """
    return {theirs: given[ours] for ours, theirs in names.items() if given.get(ours) is not None}


def changed(change: Change, names: Mapping[str, str]) -> Obj:
    """Those inputs that changed and are still given, under AWS' names.

    Args:
        change: The change.
        names: AWS' name for each.
    """
    return {theirs: value for ours, theirs in names.items() if change.of(ours)
            for value in [change.new.get(ours)] if value is not None}  # fmt: skip


def present(**fields: Any) -> Obj:
    """The fields that have a value: AWS takes no nulls."""
    return {key: value for key, value in fields.items() if value is not None}


def truth(value: Any) -> bool | None:
    """A flag that some versions of the SDK send as a text."""
    return value.lower() == "true" if isinstance(value, str) else value
