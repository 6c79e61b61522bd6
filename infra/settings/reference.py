"""``docs/settings.md``, written from the settings model: ``python -m infra.settings.reference --write``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from infra.environments import ENVIRONMENTS, defaults
from infra.settings.mistakes import bounds, model_in
from infra.settings.model import SECRET_KEYS, Section, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"

_HEADER = """\
# Settings

Every setting of a stack. They stand in `Pulumi.<stack>.yaml` under `config:`, each with `pxl:` before its first word;
what is left out has the default. `pxlctl check STACK` reports every mistake at once.

This page is generated from `infra/settings/model.py`: `make schema`.

| setting | what it is | default |
| --- | --- | --- |
"""


def text() -> str:
    """The page as it must stand in the repository."""
    rows = [
        f"| `{path}` | {_description(path, field)} | {_default(path, field)} |" for path, field in _fields(Settings)
    ]
    return _HEADER + "\n".join(rows) + "\n"


def _fields(section: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = model_in(field.annotation)
        if inner is None:
            yield path, field
        else:
            listed = "[]" if "list[" in str(field.annotation) else ""
            named = ".<name>" if "dict[" in str(field.annotation) else ""
            yield from _fields(inner, f"{path}{listed}{named}.")


def _description(path: str, field: FieldInfo) -> str:
    secret = ["set it with `--secret`"] if path in SECRET_KEYS else []
    return "; ".join([(field.description or "").removeprefix("secret: "), *bounds(field), *secret])


def _default(path: str, field: FieldInfo) -> str:
    columns = [_at(defaults(environment), path) for environment in ENVIRONMENTS]
    if any(value is not None for value in columns):
        shown = [_shown(value) for value in columns]
        return ", ".join(f"{environment} {value}" for environment, value in zip(ENVIRONMENTS, shown, strict=True))
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    return "–" if value in (None, [], {}) else _shown(value)


def _at(settings: dict[str, Any], path: str) -> Any:
    value: Any = settings
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # JSON
    return value  # pyright: ignore[reportUnknownVariableType]  # JSON


def _shown(value: Any) -> str:
    return f"`{json.dumps(getattr(value, 'value', value))}`"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
