"""What is wrong with a stack's settings, in the words of whoever has to mend it."""

import difflib
import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from infra.settings.model import SECRET_KEYS, Section, Settings
from infra.settings.values import FORMS


@dataclass(frozen=True)
class Mistake:
    """One value that cannot be used.

    Attributes:
        file: Name of the stack file, as a reader would look for it.
        key: Path of the setting, such as ``pxl:api.replicas.min``.
        value: The value as written, shortened; ``[secret]`` for a secret.
        problem: What is wrong with it.
        remedy: What to write instead, or what to run.
    """

    file: str
    key: str
    value: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.file}: {self.key}{shown}\n  {self.problem}\n  next: {self.remedy}"

    def as_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return asdict(self)


class SettingsError(Exception):
    """The settings of a stack cannot be used; every mistake found is in it."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__(f"{count} in the settings\n\n" + "\n\n".join(map(str, mistakes)))


def from_validation(error: ValidationError, file: str) -> list[Mistake]:
    """Turns what pydantic found into mistakes, in the order of the settings."""
    return [_mistake(details, file) for details in error.errors(include_url=False)]


def shown(key: str, value: Any) -> str:
    """A value as it may be printed: short, and never a secret."""
    if value is None:
        return ""
    if key.split(".", maxsplit=1)[0].removeprefix("pxl:") in SECRET_KEYS or "PRIVATE KEY" in str(value):
        return "[secret]"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(word: str, words: list[str]) -> str | None:
    """The known word that a misspelled one most likely meant."""
    by_lower = {known.lower(): known for known in words}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def path_of(location: tuple[int | str, ...]) -> str:
    """``pxl:network.egress[0].cidr``: the way ``pulumi config set --path`` writes it."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part != "[key]")
    return "pxl:" + path.removeprefix(".")


def _mistake(details: ErrorDetails, file: str) -> Mistake:
    location, kind = details["loc"], details["type"]
    key = path_of(location)
    value = "" if kind == "missing" else shown(key, details["input"])
    if kind == "extra_forbidden" and nearest(str(location[-1]), list(SECRET_KEYS)):
        value = "[secret]"
    problem, remedy = _words(details, location)
    return Mistake(file, key, value, problem, remedy)


def _words(details: ErrorDetails, location: tuple[int | str, ...]) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "refused":
        return context["problem"], context["remedy"]
    if kind == "extra_forbidden":
        return _unknown(location)
    if kind == "missing":
        return "is missing", f"set it: {_wanted(location)}"
    if kind == "string_pattern_mismatch":
        form = FORMS.get(context["pattern"], context["pattern"])
        return "has a form that is not allowed", f"expected: {_wanted(location)} ({form})"
    return details["msg"][0].lower() + details["msg"][1:], f"expected: {_wanted(location)}"


def _unknown(location: tuple[int | str, ...]) -> tuple[str, str]:
    section, word = _section(location[:-1]), str(location[-1])
    known = [field.alias or name for name, field in section.model_fields.items()] if section else []
    guess = nearest(word, known)
    if guess:
        return "is not a setting", f"did you mean {path_of((*location[:-1], guess))}?"
    if "." in word:
        return "is not a setting", f"write it as a nested key: pulumi config set --path 'pxl:{word}' VALUE"
    return "is not a setting", f"remove it; known here: {', '.join(known)}"


def _section(location: tuple[int | str, ...]) -> type[Section] | None:
    current: type[Section] | None = Settings
    for part in location:
        field = _field(current, str(part)) if isinstance(part, str) else None
        if field is not None:
            current = model_in(field.annotation)
    return current


def model_in(annotation: Any) -> type[Section] | None:
    """The group of settings that a type consists of or holds; None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    arguments: tuple[Any, ...] = getattr(cast("Any", annotation), "__args__", ())
    for argument in arguments:
        if found := model_in(argument):
            return found
    return None


def _field(section: type[Section] | None, alias: str) -> FieldInfo | None:
    fields = section.model_fields.items() if section else ()
    return next((field for name, field in fields if alias in (field.alias, name)), None)


def _wanted(location: tuple[int | str, ...]) -> str:
    """The description and bounds of the setting that a location lies in."""
    names = [part for part in location if isinstance(part, str) and part != "[key]"]
    for depth in range(len(names), 0, -1):
        field = _field(_section(tuple(names[: depth - 1])), names[depth - 1])
        if field is not None:
            return ", ".join([field.description or names[depth - 1], *bounds(field)])
    return "see docs/settings.md"


def bounds(field: FieldInfo) -> list[str]:
    """What limits a setting, in words."""
    words = {"ge": "at least", "le": "at most", "min_length": "length at least", "max_length": "length at most"}
    rules = [*field.metadata, *_annotated_rules(field.annotation)]
    limits = [(text, getattr(rule, name, None)) for rule in rules for name, text in words.items()]
    return list(dict.fromkeys(f"{text} {limit}" for text, limit in limits if limit is not None))


def _annotated_rules(annotation: Any) -> list[Any]:
    """The rules of an optional value stand on its inner type."""
    found: list[Any] = []
    for rule in getattr(annotation, "__metadata__", ()):
        found += rule.metadata if isinstance(rule, FieldInfo) else [rule]
    inner = [argument for argument in getattr(annotation, "__args__", ()) if argument is not type(None)]
    return found + (_annotated_rules(inner[0]) if len(inner) == 1 else [])
