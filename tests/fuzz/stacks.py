"""Whole stack configurations: any settings, broken ones among them, and mended by what the check says."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from infra.environments import ENVIRONMENTS
from infra.settings import Mistake, app_secrets, default_namespace
from infra.settings.load import check
from infra.settings.mistakes import model_in
from infra.settings.model import SECRET_KEYS, Section, Settings
from infra.settings.values import DNS_LABEL
from tests.fuzz import values

Raw = dict[str, Any]
Path = tuple[str, ...]
_ROUNDS = 16
_PLACEHOLDER = "x" * 64


@dataclass
class Stack:
    """One generated stack.

    Attributes:
        name: Of the stack.
        raw: Its settings, as they stand in its file below ``pxl:``.
        secrets: What the engine decrypts of them.
    """

    name: str
    raw: Raw
    secrets: dict[str, str] = field(default_factory=dict[str, str])

    def yaml(self) -> str:
        """The text of its file."""
        lines = [f"  {quoted('pxl:' + key)}: {written(value)}" for key, value in self.raw.items()]
        return "\n".join(["config:" if lines else "config: {}", *lines, ""])

    def keys(self) -> set[str]:
        """Every setting that it holds, dotted; of lists and mappings the setting itself, and those in its groups."""
        return {".".join(path) for path in KEYS if _holds(self.raw, path)}


def keys(section: type[Section] = Settings, prefix: Path = ()) -> dict[Path, FieldInfo]:
    """Every setting of the model by its path; those within a list of groups, or within groups by name, too."""
    found: dict[Path, FieldInfo] = {}
    for name, field_info in section.model_fields.items():
        path = (*prefix, values.alias(name, field_info))
        inner = model_in(field_info.annotation)
        if inner is None or _is_listed(field_info) or _is_named(field_info):
            found[path] = field_info
        if inner is not None:
            found |= keys(inner, path)
    return found


def _is_listed(field_info: FieldInfo) -> bool:
    return "list[" in str(field_info.annotation)


def _is_named(field_info: FieldInfo) -> bool:
    return model_in(field_info.annotation) is not None and "dict[" in str(field_info.annotation)


KEYS = keys()
_NAMED = {path for path, info in KEYS.items() if _is_named(info)}
_NAME = "reports"
# Below a list of groups, or groups by name, nothing can be set by itself.
_SETTABLE = {path: info for path, info in KEYS.items() if not any(path[:n] in KEYS for n in range(1, len(path)))}
_GROUPS = sorted({path[:n] for path in _SETTABLE for n in range(1, len(path))})
CHOSEN = [path for path in KEYS if path != ("environment",)]


def _place(path: Path) -> Path:
    """Where a setting is put: the list that it lies in, or itself."""
    return next(path[:length] for length in range(1, len(path) + 1) if path[:length] in KEYS)


def _values(path: Path) -> values.Values:
    """Of a setting within a list of groups, or groups by name: one group that has it."""
    place = _place(path)
    if place == path:
        return values.of_field(KEYS[path])
    group = model_in(KEYS[place].annotation)
    assert group is not None
    inner = values.of_field(KEYS[path])

    def within(value: values.Strategy) -> values.Strategy:
        groups = _with(group, path[len(place) :], value)
        return groups.map(lambda one: {_NAME: one} if place in _NAMED else [one])

    return values.Values(within(inner.good), within(inner.bad), within(inner.edge))


def _with(group: type[Section], path: Path, value: values.Strategy) -> values.Strategy:
    """Groups in which a setting, or one of a group within, has a value."""
    if len(path) > 1:
        fields = {values.alias(name, info): info for name, info in group.model_fields.items()}
        inner = model_in(fields[path[0]].annotation)
        assert inner is not None
        value = _with(inner, path[1:], value)
    return st.builds(lambda item, given: {**item, path[0]: given}, values.section(group), value)


VALUES = {path: _values(path) for path in KEYS}


def _holds(raw: Any, path: Path, at: Path = ()) -> bool:
    if isinstance(raw, list):
        return any(_holds(item, path, at) for item in raw)
    if not path:
        return True
    if at in _NAMED:
        return isinstance(raw, dict) and any(_holds(item, path) for item in raw.values())
    return isinstance(raw, dict) and path[0] in raw and _holds(raw[path[0]], path[1:], (*at, path[0]))


@st.composite
def stacks(draw: st.DrawFn, focus: Path) -> Stack:
    """Stacks with one setting in common; most are mended until the check has nothing to say, and some broken after it.

    Args:
        draw: Of hypothesis.
        focus: The setting that all of them have at first, so that every setting gets its share.
    """
    # The simplest of all, with which every series would begin, has nothing to tell.
    assume(draw(st.integers(0, 9)))
    raw: Raw = {"environment": draw(st.sampled_from(ENVIRONMENTS))}
    name = draw(st.sampled_from([*ENVIRONMENTS, "eu-1", "s" * 59, "Shop_2.eu"]))
    others = draw(st.lists(st.sampled_from(CHOSEN), max_size=7, unique=True))
    for path in [*others, focus]:
        at_a_bound = path == focus and draw(st.booleans())
        _put(raw, _place(path), draw(VALUES[path].edge if at_a_bound else VALUES[path].good))
    kind = (*focus[:-1], "kind")
    if kind in _SETTABLE and kind != focus and draw(st.booleans()):
        # Many a setting belongs to one kind of its group only, and would wait long for it to be drawn.
        _put(raw, kind, draw(VALUES[kind].good))
    if draw(st.integers(0, 7)):
        _mend(draw, raw, name, focus)
    if draw(st.integers(0, 7)) >= 5:
        name = _break(draw, raw, name, focus)
    return Stack(name, raw, _secrets(draw, raw))


def _break(draw: st.DrawFn, raw: Raw, name: str, focus: Path) -> str:
    """Puts something in that is wrong, as a rule; the stack's name comes back."""
    kind = draw(st.sampled_from(["value", "value", "value", "group", "name", "gone", "stack"]))
    path = draw(st.just(focus) | st.sampled_from(CHOSEN))
    if kind == "value":
        _put(raw, _place(path), draw(VALUES[path].bad))
    elif kind == "group":
        _put(raw, draw(st.sampled_from(_GROUPS)), draw(st.sampled_from([None, [], {}, "", "text", 5, True, [{}]])))
    elif kind == "name":
        wrong = draw(st.sampled_from([path[-1] + "s", path[-1].upper(), path[-1].replace("P", "_p"), "colour", ""]))
        _put(raw, (*_place(path)[:-1], wrong), draw(VALUES[path].good))
    elif kind == "gone":
        _remove(raw, _place(path))
    return draw(st.from_regex(r"[A-Za-z0-9_.-]{1,70}", fullmatch=True)) if kind == "stack" else name


def _mend(draw: st.DrawFn, raw: Raw, name: str, focus: Path) -> None:
    """Changes what the check names until it is content: its messages have to lead there."""
    for number in range(_ROUNDS):
        mistakes = mistakes_of(raw, name)
        if not mistakes:
            return
        for mistake in mistakes:
            path = path_named(mistake)
            if path not in _SETTABLE and path not in _GROUPS:
                continue
            if path == _place(focus):
                _put(raw, path, draw(VALUES[focus].good))
            elif _holds(raw, path) and draw(st.booleans()):
                _remove(raw, path)
            elif path in _SETTABLE:
                _put(raw, path, draw(VALUES[path].good))
            else:
                _put(raw, path, draw(values.section(_model(path))))
        given_up = [path for path in _SETTABLE if path not in (_place(focus), ("environment",)) and _holds(raw, path)]
        if number >= _ROUNDS // 4 and given_up:
            # What cannot be had together: one of them goes.
            _remove(raw, draw(st.sampled_from(given_up)))


def _model(path: Path) -> type[Section]:
    current: type[Section] = Settings
    for part in path:
        fields = {values.alias(name, info): info for name, info in current.model_fields.items()}
        found = model_in(fields[part].annotation)
        assert found is not None
        current = found
    return current


def mistakes_of(raw: Raw, name: str) -> list[Mistake]:
    """What the check says of settings in memory."""
    seen = {key: _PLACEHOLDER if key in SECRET_KEYS and value is not None else value for key, value in raw.items()}
    if app_secrets.SETTING in seen:
        seen[app_secrets.SETTING] = app_secrets.stand_in(raw.get("secrets"), _PLACEHOLDER)
    file = f"Pulumi.{name}.yaml"
    found = check(seen, file, complete=False)[0]
    unnamed = raw.get("namespace") is None and not re.fullmatch(DNS_LABEL, default_namespace(name))
    return [*found, Mistake(file, "pxl:namespace", "", "", "")] if unnamed else found


def path_named(mistake: Mistake) -> Path:
    """The setting that a message names, as a path; the list where it names an item."""
    dotted = mistake.key.removeprefix("pxl:").partition("[")[0]
    path = tuple(dotted.split("."))
    while path and path not in _SETTABLE and path not in _GROUPS:
        path = path[:-1]
    return path


def _secrets(draw: st.DrawFn, raw: Raw) -> dict[str, str]:
    """What the engine would decrypt; now and then something that is too short, or no JSON."""
    found: dict[str, str] = {}
    for key in SECRET_KEYS:
        if not is_encrypted(raw.get(key)):
            continue
        drawn = draw(st.text("abc'\"$ %\\{}:@/äß\n", min_size=40, max_size=60)) + "-canary"
        if key == app_secrets.SETTING:
            drawn = app_secrets.stand_in(raw.get("secrets"), drawn)
        found[key] = draw(st.sampled_from([*[drawn] * 9, "canary"]))
    return found


def is_encrypted(value: Any) -> bool:
    """Whether a value is what the engine writes for a secret."""
    return isinstance(value, dict) and list(value) == ["secure"]


def _put(raw: Raw, path: Path, value: Any) -> None:
    group = raw
    for part in path[:-1]:
        if not isinstance(group.get(part), dict):
            group[part] = {}
        group = group[part]
    group[path[-1]] = value


def _remove(raw: Raw, path: Path) -> None:
    group: Any = raw
    for part in path[:-1]:
        group = group.get(part) if isinstance(group, dict) else None
    if isinstance(group, dict):
        group.pop(path[-1], None)
    if len(path) > 1 and group == {}:
        _remove(raw, path[:-1])


def written(value: Any) -> str:
    """A value as YAML that has one reading only: every text in quotes, what is not ASCII escaped."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(str(key))}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    """A text in double quotes."""
    return '"' + re.sub(r"[^ !#-\[\]-~]", lambda found: f"\\U{ord(found[0]):08x}", text) + '"'
