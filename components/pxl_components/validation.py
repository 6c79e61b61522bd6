"""Reading args: defaults, bounds and errors that name component, argument, value and remedy.

A ``TypedDict`` checks nothing at run time, and other languages send integers as ``3.0``; so every component reads its
args once through ``Arguments`` into a frozen spec. Plain values are checked at once, Outputs as soon as they are known.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

import pulumi
from pulumi import Input

from pxl_components.images import ImageReference

E = TypeVar("E", bound=Enum)

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_SHOWN = 80


class ArgumentError(ValueError):
    """An argument that a component refuses; the message has component, argument, value, reason and remedy."""


class Arguments:
    """The args of one component, or a group within them.

    Args:
        component: Class and name, such as ``Api "web"``.
        values: What the caller gave; ``None`` values count as not given.
        shape: The ``TypedDict`` that says which keys exist and which are required.
        path: Where the group is, such as ``probes``; empty at the top.

    Raises:
        ArgumentError: not a mapping, a key that does not exist, or one that is missing.
    """

    def __init__(self, component: str, values: object, shape: type, path: str = "") -> None:
        """Refuses what is no argument of ``shape``."""
        self.component = component
        self.path = path
        if isinstance(values, pulumi.Output):
            raise self.error("", None, "is an Output as a whole", "write its fields out: each may be an Output")
        if not isinstance(values, Mapping):
            raise self.error("", values, "is not a group of arguments", f"give the keys of {shape.__name__}")
        given = cast("Mapping[str, object]", values)
        self.values = {key: value for key, value in given.items() if value is not None}
        self._refuse_unknown(shape)
        for key in sorted(cast("frozenset[str]", getattr(shape, "__required_keys__"))):  # noqa: B009
            if key not in self.values:
                raise self.error(key, None, "is missing", "it is required, see its description")

    @classmethod
    def of(cls, component: str, name: str, values: object, shape: type) -> "Arguments":
        """The args of the component ``name``, whose name is checked too: labels and the names of objects hold it."""
        args = cls(f'{component} "{name}"', values, shape)
        if not _NAME.fullmatch(name):
            form = "lower-case letters, digits and hyphens inside, a letter first, at most 40"
            raise ArgumentError(f"{args.component}: the component's name is not {form}; rename it")
        return args

    def _refuse_unknown(self, shape: type) -> None:
        known = sorted(shape.__annotations__)
        for key in self.values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
                # Texts are not shown: one may be a secret under a misspelled name.
                shown = self.values[key] if isinstance(self.values[key], int | float) else None
                raise self.error(key, shown, "does not exist", remedy)

    def error(self, key: str, value: object, problem: str, remedy: str) -> ArgumentError:
        """The error for one argument; a secret's value is never passed in here."""
        where = ".".join(part for part in (self.path, key) if part) or "args"
        shown = "" if value is None else f" = {_show(value)}"
        return ArgumentError(f"{self.component}: argument {where}{shown} {problem}; {remedy}")

    def has(self, key: str) -> bool:
        """Whether the caller gave the argument."""
        return key in self.values

    def exactly_one(self, first: str, second: str) -> None:
        """Refuses both and neither of two arguments."""
        if self.has(first) and self.has(second):
            raise self.error(second, None, f"contradicts {first}", f"give {first} or {second}, not both")
        if not self.has(first) and not self.has(second):
            raise self.error(first, None, "is missing", f"give {first} or {second}")

    def exactly_one_of(self, *keys: str) -> None:
        """Refuses all but exactly one of several arguments."""
        given = [key for key in keys if self.has(key)]
        if not given:
            raise self.error(keys[0], None, "is missing", f"give one of {', '.join(keys)}")
        if len(given) > 1:
            raise self.error(given[1], None, f"contradicts {given[0]}", f"give one of {', '.join(keys)}")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds; ``3.0`` counts as 3."""
        return self.whole(key, self.values.get(key, default), low, high)

    def whole(self, key: str, value: object, low: int, high: int) -> int:
        """``value`` as a whole number within bounds."""
        # Not isinstance(int) alone: other languages send 3.0, and True would count as 1.
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else low - 1
        if low <= number <= high and number == int(number):
            return int(number)
        raise self.error(key, value, f"is not a whole number from {low} to {high}", "choose one within them")

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        """A whole number within bounds, or None when it is not given."""
        return self.integer(key, low, low, high) if self.has(key) else None

    def boolean(self, key: str, default: bool = False) -> bool:
        """True or false, and nothing that only looks like it."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, value, "is neither true nor false", "write it without quotes")
        return value

    def choice(self, key: str, default: E) -> E:
        """A member of an enum, given as member or as its value."""
        value = self.values.get(key, default)
        kind = type(default)
        try:
            return value if isinstance(value, kind) else kind(value)
        except ValueError:
            names = ", ".join(str(member.value) for member in kind)
            raise self.error(key, value, "is not one of its choices", f"choose one of: {names}") from None

    def text(self, key: str, default: str = "", pattern: re.Pattern[str] | None = None, form: str = "") -> str:
        """A plain string; ``form`` says in words what the pattern asks for."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or (self.has(key) and not value):
            raise self.error(key, value, "is not a text", "give a string that is not empty")
        if self.has(key) and pattern is not None and not pattern.fullmatch(value):
            raise self.error(key, value, f"is not {form}", f"write {form}")
        return value

    def dns_label(self, key: str, default: str) -> str:
        """A DNS label: lower-case letters, digits and hyphens, at most 63."""
        value = self.text(key, default)
        if not DNS_LABEL.fullmatch(value):
            form = "a DNS label (lower-case letters, digits, hyphens inside, at most 63)"
            raise self.error(key, value, f"is not {form}", f"write {form}")
        return value

    def path_text(self, key: str, default: str) -> str:
        """An absolute path of a URL or a file."""
        value = self.text(key, default)
        if value and not re.fullmatch(r"/[^\s?#]*", value):
            raise self.error(key, value, "is not an absolute path", "start it with / and leave spaces, ? and # out")
        return value

    def strings(self, key: str, default: Sequence[str]) -> list[str]:
        """A list of strings that are not empty."""
        value = self.values.get(key, list(default))
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) and item for item in items):
            raise self.error(
                key, cast("object", value), "is not a list of texts", 'write it like ["node", "dist/app.js"]'
            )
        return cast("list[str]", items)

    def command(self, key: str, default: Sequence[str]) -> list[str]:
        """A command as a list, at least its program; no shell reads it."""
        words = self.strings(key, default)
        if not words:
            raise self.error(key, words, "is empty", 'name the program, such as ["node", "dist/app.js"]')
        return words

    def image(self, key: str = "image") -> ImageReference:
        """An image by digest."""
        try:
            return ImageReference.parse(self.values.get(key))
        except ValueError as refused:
            problem, _, remedy = str(refused).partition("; ")
            raise self.error(key, None, problem, remedy) from None

    def text_input(self, key: str) -> Input[str]:
        """A string now or later; checked not to be empty as soon as it is known."""
        return self.checked(key, self.values.get(key))

    def secret_input(self, key: str) -> pulumi.Output[str]:
        """A string now or later that is secret from here on; an error does not show it."""
        return pulumi.Output.secret(self.checked(key, self.values.get(key), hidden=True))

    def checked(self, key: str, value: object, *, hidden: bool = False) -> Input[str]:
        """The text ``value``, refused when it is empty or no text, now or as soon as it is known."""

        def check(known: object) -> str:
            if not isinstance(known, str) or not known:
                raise self.error(key, None if hidden else known, "is empty or not a text", "give a non-empty string")
            return known

        if isinstance(value, pulumi.Output):
            return cast("pulumi.Output[object]", value).apply(check)
        return check(value)

    def group(self, key: str, shape: type) -> "Arguments | None":
        """A nested group, or None when it is not given."""
        return Arguments(self.component, self.values[key], shape, self._at(key)) if self.has(key) else None

    def group_or_empty(self, key: str, shape: type) -> "Arguments":
        """A nested group whose arguments are all optional."""
        return Arguments(self.component, self.values.get(key, {}), shape, self._at(key))

    def groups(self, key: str, shape: type) -> "list[Arguments]":
        """A list of nested groups, empty when it is not given."""
        return [
            Arguments(self.component, item, shape, self._at(f"{key}[{i}]")) for i, item in enumerate(self.listed(key))
        ]

    def listed(self, key: str) -> list[object]:
        """A list of anything, empty when it is not given."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, value, "is not a list", "put it into [ ]")
        return cast("list[object]", value)

    def mapping(self, key: str) -> dict[str, object]:
        """A mapping of names to anything, empty when it is not given."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, None, "is not a mapping", "write it as name: value")
        return dict(cast("Mapping[str, object]", value))

    def labels(self, argument: str = "labels") -> dict[str, str]:
        """Owner labels; those that selectors are made of are not the caller's to set."""
        found: dict[str, str] = {}
        for key, value in self.mapping(argument).items():
            where = f"{argument}.{key}"
            if not _LABEL_KEY.fullmatch(key) or not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
                raise self.error(where, value, "is not a Kubernetes label", "use letters, digits, - _ . only")
            if key.startswith("app.kubernetes.io/"):
                raise self.error(where, value, "is set by the component itself", "choose another key")
            found[key] = value
        return found

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def on_known(value: Input[Any], check: Callable[[Any], Any]) -> Any:
    """Applies ``check`` now to a plain value, later to an Output."""
    if isinstance(value, pulumi.Output):
        return cast("pulumi.Output[Any]", value).apply(check)
    return check(value)


def _show(value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, pulumi.Output):
        return "(known later)"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
