"""From a stack's raw values to ``Settings``, or to everything that is wrong with them."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from infra.environments import ENVIRONMENTS, defaults
from infra.settings import contradictions, reading
from infra.settings.mistakes import Mistake, SettingsError, from_validation, path_of, shown
from infra.settings.model import SECRET_KEYS, Settings

# A value set aside can leave its group incomplete, and that group the one around it: as deep as settings nest.
_ROUNDS = 5
# Takes a date in either form.
_MOMENT = ("release", "healthySince")


def load(raw: Mapping[str, Any], file: str, *, complete: bool = True) -> Settings:
    """Checks raw values and fills in what the environment starts from.

    Args:
        raw: Values by key without ``pxl:``, objects as dicts.
        file: Name of the file that they come from, for the messages.
        complete: Whether what ``make up`` fills in must be there too.

    Raises:
        SettingsError: With every mistake found, not just the first.
    """
    mistakes, settings = check(raw, file, complete=complete)
    if mistakes or settings is None:
        raise SettingsError(mistakes)
    return settings


def check(raw: Mapping[str, Any], file: str, *, complete: bool = True) -> tuple[list[Mistake], Settings | None]:
    """Like ``load``, but returns the mistakes.

    Values that do not parse are set aside and the rest is checked on, so that a wrong type in one place does not hide
    a contradiction in another.
    """
    given = copy.deepcopy(dict(raw))
    base = defaults(_environment(raw))
    mistakes: list[Mistake] = []
    removed: set[str] = set()
    for location, mistake in list(_unfit_texts(given, (), file)):
        mistakes.append(mistake)
        removed.add(".".join(str(part) for part in location))
        _set_aside(given, location)
    for _ in range(_ROUNDS):
        try:
            settings = Settings.model_validate_json(json.dumps(_merge(base, given), default=str))
        except ValidationError as error:
            for details, mistake in zip(error.errors(), from_validation(error, file), strict=True):
                location = details["loc"]
                dotted = ".".join(str(part) for part in location)
                if details["type"] == "missing" and dotted in removed:
                    # It was taken away here a round ago: without it the group it belongs to is no use either.
                    _set_aside(given, location[:-1])
                    continue
                mistakes.append(mistake)
                removed.add(dotted)
                _set_aside(given, location)
        else:
            mistakes += _contradictions(settings, removed, file, complete)
            return mistakes, None if mistakes else settings
    return mistakes, None


def _environment(raw: Mapping[str, Any]) -> str:
    named = raw.get("environment")
    return named if named in ENVIRONMENTS else ENVIRONMENTS[0]


def _unfit_texts(
    value: Any, location: tuple[int | str, ...], file: str
) -> Iterator[tuple[tuple[int | str, ...], Mistake]]:
    """Texts that no process can be given, and dates that the engine has rewritten."""
    if isinstance(value, dict | list):
        inner = cast("dict[str, Any] | list[Any]", value)
        for part, item in inner.items() if isinstance(inner, dict) else enumerate(inner):
            yield from _unfit_texts(item, (*location, part), file)
    if not isinstance(value, str):
        return
    key = path_of(location)
    if "\0" in value:
        problem = "holds a NUL character, which ends a text"
        yield location, Mistake(file, key, shown(key, value), problem, "leave it out")
    elif reading.ENGINES_DATE.fullmatch(value) and location != _MOMENT:
        problem = "is a date without quotes, which the engine rewrites to this"
        yield location, Mistake(file, key, shown(key, value), problem, "put it in quotes")


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]  # JSON
    return result


def _set_aside(given: dict[str, Any], location: tuple[int | str, ...]) -> None:
    """Removes the value at a location, or the list that it lies in."""
    if location == ("environment",):
        given["environment"] = ENVIRONMENTS[0]
        return
    *path, last = [part for part in location if part != "[key]"]
    group: Any = given
    for part in path:
        inner = group.get(part)
        if not isinstance(inner, dict):
            last = part
            break
        group = inner  # pyright: ignore[reportUnknownVariableType]  # JSON
    group.pop(last, None)


def _contradictions(settings: Settings, removed: set[str], file: str, complete: bool) -> list[Mistake]:
    found: list[Mistake] = []
    for item in contradictions.find(settings, complete=complete):
        if any(
            bad == key or bad.startswith(key + ".") or key.startswith(bad + ".") for key in item.keys for bad in removed
        ):
            continue
        key = f"pxl:{item.keys[0]}"
        value = "[secret]" if item.keys[0] in SECRET_KEYS and item.value is not None else shown(key, item.value)
        found.append(Mistake(file, key, value, item.problem, item.remedy))
    return found
