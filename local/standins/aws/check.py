"""The inputs of a resource as they are recorded: defaults, tags of the provider and a drawn name filled in."""

import hashlib
import secrets
from typing import Any

from local.standins.aws.types import Name, Obj, Type
from local.standins.values import UNKNOWN, Secret, plain

FILLED_IN = "__defaults"
"""Where the official provider records which inputs the program did not give."""

_DIGITS = 7


def complete(kind: Type, new: Obj, old: Obj, *, default_tags: Obj, draw: Any) -> Obj:
    """The program's inputs with everything filled in that has to be known before the resource is made.

    Args:
        kind: The resource's type.
        new: The program's inputs, secrets and unknowns kept.
        old: What the last run recorded, plain; empty for a new resource.
        default_tags: The tags that the provider puts on everything.
        draw: Makes a name from a ``Name``; called for a new resource without one only.
    """
    done = {key: value for key, value in new.items() if key not in (FILLED_IN, "tagsAll")}
    filled: list[str] = []
    for key, value in kind.defaults.items():
        if done.get(key) is None:
            done[key] = value
            filled.append(key)
    if kind.name and done.get(kind.name.field) is None and done.get(f"{kind.name.field}Prefix") is None:
        kept = old.get(kind.name.field) if kind.name.field in old.get(FILLED_IN, ()) else None
        done[kind.name.field] = kept or draw(kind.name)
        filled.append(kind.name.field)
    if kind.tagged and default_tags and done.get("tags") is not UNKNOWN:
        done["tags"] = _merged(default_tags, done.get("tags"))
    for key in kind.secrets & done.keys():
        if not isinstance(done[key], Secret):
            done[key] = Secret(done[key])
    return {**done, FILLED_IN: sorted(filled)}


def _merged(defaults: Obj, given: Any) -> Any:
    if isinstance(given, Secret):
        return Secret({**defaults, **plain(given)})
    return {**defaults, **(given or {})}


def without_marks(inputs: Obj) -> Obj:
    """Inputs without what only the record needs."""
    return {key: value for key, value in inputs.items() if key != FILLED_IN}


def draw_name(logical: str, wanted: Name, seed: bytes = b"") -> str:
    """A name as the official provider draws it: ``<logical name>-<7 hex digits>``.

    Args:
        logical: The resource's name in the program; cut where the result would be too long.
        wanted: What AWS takes.
        seed: The engine's random seed: equal seeds give equal names. Without one, every call gives another name.
    """
    suffix = hashlib.sha256(seed).hexdigest()[:_DIGITS] if seed else secrets.token_hex(_DIGITS)[:_DIGITS]
    room = wanted.limit - len(wanted.prefix) - len(wanted.separator) - _DIGITS
    stem = logical[:room].rstrip("-.")
    if wanted.separator != "-":
        stem = stem.replace("-", wanted.separator)
    name = f"{wanted.prefix}{stem}{wanted.separator}{suffix}"
    return name.lower() if wanted.lower else name
