"""``Pulumi.yaml``, written from the settings model: ``python -m infra.settings.schema --write``."""

import sys
from pathlib import Path
from typing import Any

import yaml

from infra.settings.model import SECRET_KEYS, EnvironmentName, Settings

PROJECT_FILE = Path(__file__).resolve().parents[2] / "Pulumi.yaml"

# The engine demands every key that it knows of, unless it has a default, and knows no default that means "not set".
UNSET: dict[str, Any] = {"string": "", "object": {}}
_REQUIRED = {field.alias or "" for field in Settings.model_fields.values() if field.annotation is EnvironmentName}

_HEADER = """\
# The config schema is generated from infra/settings/model.py: make schema
"""


def project() -> dict[str, Any]:
    """The whole project file as data."""
    return {
        "name": "pxl",
        "description": "A PXL application in production: API, workers, Postgres and Redis on Kubernetes",
        "runtime": {"name": "python", "options": {"virtualenv": ".venv"}},
        "main": "infra/",
        "config": {f"pxl:{key}": entry for key, entry in _entries()},
    }


def text() -> str:
    """The project file as it must stand in the repository."""
    return _HEADER + yaml.safe_dump(project(), sort_keys=False, width=120, allow_unicode=True)


def _entries() -> list[tuple[str, dict[str, Any]]]:
    """Secrets are left out: the engine would demand them of every stack. The program refuses them in plain text."""
    found: list[tuple[str, dict[str, Any]]] = []
    properties = Settings.model_json_schema(by_alias=True)["properties"]
    for key, field in properties.items():
        entry: dict[str, Any] = {"type": _engine_type(field), "description": field.get("description", "")}
        if key in SECRET_KEYS:
            continue
        if key not in _REQUIRED:
            entry["default"] = UNSET[entry["type"]]
        found.append((key, entry))
    return found


def _engine_type(field: dict[str, Any]) -> str:
    """The engine knows strings, integers, booleans, arrays and objects; models and maps are objects."""
    options = [field, *field.get("anyOf", []), *field.get("allOf", [])]
    named = next((option["type"] for option in options if option.get("type") not in (None, "null")), None)
    return named or ("string" if "EnvironmentName" in str(field) else "object")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PROJECT_FILE.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
