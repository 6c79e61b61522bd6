"""Reads a stack file as the engine does: what the check sees is what the program gets.

YAML has several readings of what stands without quotes. The engine's is that of its Go library: ``yes`` is a text,
``1e3`` and ``0o17`` are whole numbers, ``017`` is one to the base of 8, ``1:30`` is a text, and a date becomes a text
in Go's own form, such as ``2030-01-31 00:00:00 +0000 UTC``. The tests compare both on the engine itself.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import yaml

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOTHING = ("", "~", "null", "Null", "NULL")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WHOLE = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?:[Tt](\d\d?):(\d\d?):(\d\d?)(\.\d+)?(Z|[-+]\d\d:\d\d))|(?: (\d\d?):(\d\d?):(\d\d?)(\.\d+)?))?"
)
ENGINES_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [-+]\d{4} ([A-Z]+|[-+]\d{2,4})")
"""A date without quotes, as the engine hands it on."""

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_SCALAR = "!as-the-engine-reads-it"
_TEXT = "tag:yaml.org,2002:str"
_TAGS: dict[type, str] = {
    yaml.ScalarNode: _TEXT,
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}
_LARGEST, _NO_MORE_WHOLE = 2**63 - 1, 1e21


def read(text: str) -> Any:
    """A YAML document of texts, numbers, truth values, lists and mappings whose keys are texts.

    Raises:
        yaml.YAMLError: It is not YAML, a key is there twice, or it holds what the engine cannot read.
    """
    return yaml.load(text, _Loader)


def as_text(value: Any) -> str:
    """A single value as the engine hands it to a program: every setting at the top that is no group is a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def plain(text: str) -> Any:
    """What stands in a file without quotes.

    Raises:
        ValueError: An infinite number or none at all, which the engine does not take.
    """
    if text in _NOTHING:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(f"{text} is not a number that a setting can have; put it in quotes if it is a text")
    if text[0] not in "+-.0123456789":
        return text
    date = _date(text) if text[0].isdigit() else None
    return date or _number(text if text[0] == "." else text.replace("_", ""), text)


def _number(digits: str, text: str) -> Any:
    whole = _WHOLE.fullmatch(digits)
    if whole:
        sign, *forms = whole.groups()
        found = next(int(form, base) for form, base in zip(forms, (16, 2, 8, 10), strict=True) if form is not None)
        if found <= _LARGEST:
            return -found if sign == "-" else found
        if forms[3] is None:
            return text
    if not _FLOAT.fullmatch(digits):
        return text
    value = float(digits)
    if math.isinf(value):
        return text
    return int(value) if value.is_integer() and abs(value) < _NO_MORE_WHOLE else value


def _date(text: str) -> str | None:
    found = _DATE.fullmatch(text)
    if not found:
        return None
    year, month, day, *rest = found.groups()
    hour, minute, second, part, zone = rest[:5] if rest[0] else (*rest[5:], None)
    try:
        moment = datetime(*(int(number or 0) for number in (year, month, day, hour, minute, second)), tzinfo=UTC)
    except ValueError:
        return None
    fraction = (part or "").rstrip("0").rstrip(".")
    offset = _offset(zone)
    return offset and f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {offset}"


def _offset(zone: str | None) -> str | None:
    if zone in (None, "Z"):
        return "+0000 UTC"
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > 24 or minutes > 60:
        return None
    hours, minutes = divmod(hours * 60 + minutes, 60)
    shown = f"{zone[0]}{hours:02}{minutes:02}"
    return "+0000 UTC" if hours == minutes == 0 else f"{shown} {shown}"


class _Loader(yaml.SafeLoader):
    """The engine's readings, and its refusals: a key that is there twice, and what only a tag could explain."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a node that carries none."""
        if kind is not yaml.ScalarNode or not implicit[0]:
            return _TAGS[kind]
        return "tag:yaml.org,2002:merge" if value == "<<" else _SCALAR

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node, without a tag of its own."""
        peek = cast("Callable[[], Any]", self.peek_event)  # pyright: ignore[reportUnknownMemberType]  # untyped
        event: Any = peek()
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TEXT):
            problem = f"the tag {tag} has no meaning here; leave it out"
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def construct_scalar_as_engine(self, node: Any) -> Any:
        """What stands without quotes."""
        try:
            return plain(node.value)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """One mapping, all of its keys different, and texts."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add(str(key.value))
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return {"<nil>" if key is None else as_text(key): value for key, value in found.items()}

    def construct_text(self, node: Any) -> str:
        """What stands in quotes, or as a block."""
        if _HALF_CHARACTER.search(node.value):
            raise yaml.constructor.ConstructorError(None, None, "holds half a character", node.start_mark)
        return node.value


_Loader.add_constructor(_SCALAR, _Loader.construct_scalar_as_engine)
_Loader.add_constructor(_TEXT, _Loader.construct_text)
