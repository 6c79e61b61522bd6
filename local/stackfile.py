"""The engine's own copy of a stack file: the committed one stays as it is.

``pulumi stack init`` writes a salt into the file that it is given, and ``make up`` adds the images that it built. Both
go into a copy in the state folder. There an addition wins over the committed file: it says where this platform is.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from local.paths import write

_ENGINE_KEYS = ("encryptionsalt", "secretsprovider", "encryptedkey")


def write_copy(source: Path, copy: Path, additions: Mapping[str, Any]) -> None:
    """Writes the copy: the committed file, the engine's own keys of an earlier copy, and the additions.

    Args:
        source: The committed stack file.
        copy: Where the engine reads; replaced in one step.
        additions: Settings to add, by key with ``pxl:``. Objects are merged, an addition wins.
    """
    document = _read(source)
    before = _read(copy) if copy.exists() else {}
    for key in _ENGINE_KEYS:
        if key in before:
            document.setdefault(key, before[key])
    config = document.setdefault("config", {})
    for key, value in additions.items():
        config[key] = _merged(config.get(key), value)
    _replace(copy, document)


def take_over_keys(source: Path, copy: Path) -> None:
    """Adds the engine's own keys (its salt) to the copy; what the copy has stays."""
    if not source.exists():
        return
    document, found = _read(copy), _read(source)
    missing = {key: found[key] for key in _ENGINE_KEYS if key in found and key not in document}
    if missing:
        _replace(copy, {**document, **missing})


def settings(copy: Path, *keys: str) -> dict[str, Any]:
    """Those of the settings that an earlier copy has."""
    config = (_read(copy).get("config") or {}) if copy.exists() else {}
    return {key: config[key] for key in keys if key in config}


def _merged(given: Any, added: Any) -> Any:
    if isinstance(given, dict) and isinstance(added, Mapping):
        for key, value in added.items():
            given[key] = _merged(given.get(key), value)
        return given
    return added


def _read(path: Path) -> dict[str, Any]:
    return YAML().load(path.read_text(encoding="utf-8")) or {}


def _replace(path: Path, document: dict[str, Any]) -> None:
    text = io.StringIO()
    YAML().dump(document, text)
    write(path, text.getvalue())
