"""Where raw settings come from: a stack file on disk, or the engine that runs the program."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.settings.load import check, load
from infra.settings.mistakes import Mistake, SettingsError, nearest, path_of
from infra.settings.model import SECRET_KEYS, Settings

_PROJECT = "pxl:"
_FOREIGN_NAMESPACES = ("pulumi", "kubernetes", "random", "aws")
_STACK_FILE_KEYS = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
# Stands for a secret whose value only the engine can decrypt: long enough for every rule about length.
_ENCRYPTED = "x" * 64


def check_stack_file(path: Path, *, complete: bool = False) -> list[Mistake]:
    """Everything that is wrong with a stack file, without an engine, a cluster or the key to its secrets.

    Args:
        path: The stack file.
        complete: Whether what ``make up`` fills in (the images that it builds) must be there too.
    """
    raw, mistakes = _read_stack_file(path)
    if raw is None:
        return mistakes
    return mistakes + check(raw, path.name, complete=complete)[0]


def from_stack_file(path: Path) -> Settings:
    """A stack file's settings, its secrets left as placeholders.

    Raises:
        SettingsError: With every mistake found.
    """
    raw, mistakes = _read_stack_file(path)
    if raw is None or mistakes:
        raise SettingsError(mistakes)
    return load(raw, path.name, complete=False)


def from_engine(stack: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the engine hands to the running program.

    Args:
        stack: Name of the stack, which names its file.
        environ: Holds ``PULUMI_CONFIG`` and ``PULUMI_CONFIG_SECRET_KEYS``, the engine's own way of passing
            configuration.

    Raises:
        SettingsError: With every mistake found, before any resource.
    """
    config: dict[str, str] = json.loads(environ.get("PULUMI_CONFIG") or "{}")
    file = f"Pulumi.{stack}.yaml"
    raw, mistakes = _split(config, file)
    # What a stack file leaves out arrives as the schema's default, an empty string or object.
    values = {key: _decoded(key, value) for key, value in raw.items() if value not in ("", "{}")}
    encrypted = json.loads(environ.get("PULUMI_CONFIG_SECRET_KEYS") or "[]")
    hidden = {key: _ENCRYPTED if _PROJECT + key in encrypted else value for key, value in values.items()}
    mistakes += _plain_secrets(hidden, file)
    found, settings = check(values, file)
    if mistakes or found or settings is None:
        raise SettingsError(mistakes + found)
    return settings


def _decoded(key: str, value: str) -> Any:
    """Objects reach the program as JSON; a string that is no JSON is a string."""
    field = next((field for field in Settings.model_fields.values() if field.alias == key), None)
    if field is None or not value.startswith(("{", "[")) or key in SECRET_KEYS:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _read_stack_file(path: Path) -> tuple[dict[str, Any] | None, list[Mistake]]:
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        remedy = "create it with 'pulumi stack init', or name one that exists"
        return None, [Mistake(path.name, "(file)", "", f"cannot be read: {error.strerror}", remedy)]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [Mistake(path.name, "(file)", "", f"is not YAML: {error}", "mend the syntax at that line")]
    config: Any = _mapping(document).get("config") or {} if isinstance(document, dict) else None
    if not isinstance(config, dict):
        return None, [Mistake(path.name, "config", "", "is not a mapping of keys to values", "write 'pxl:KEY: VALUE'")]
    mistakes = [
        Mistake(path.name, str(key), "", "is not a part of a stack file", _guess(str(key), list(_STACK_FILE_KEYS)))
        for key in _mapping(document)
        if key not in _STACK_FILE_KEYS
    ]
    raw, more = _split(_mapping(config), path.name)
    values = {key: _ENCRYPTED if _is_encrypted(value) else value for key, value in raw.items()}
    return values, mistakes + more + _plain_secrets(values, path.name)


def _mapping(value: Any) -> dict[str, Any]:
    return value


def _plain_secrets(raw: Mapping[str, Any], file: str) -> list[Mistake]:
    return [
        Mistake(file, path_of((key,)), "[secret]", "stands in plain text", f"pulumi config set --secret pxl:{key}")
        for key in SECRET_KEYS
        if key in raw and raw[key] != _ENCRYPTED
    ]


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and list(_mapping(value)) == ["secure"]


def _split(config: Mapping[str, Any], file: str) -> tuple[dict[str, Any], list[Mistake]]:
    """This project's keys without their prefix, and the keys that belong to nobody."""
    raw: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    known = [field.alias or name for name, field in Settings.model_fields.items()]
    for key, value in config.items():
        namespace, colon, name = str(key).partition(":")
        if str(key).startswith(_PROJECT):
            raw[name] = value
        elif not colon or namespace not in _FOREIGN_NAMESPACES:
            guess = nearest(name or namespace, known)
            remedy = f"did you mean {_PROJECT}{guess}?" if guess else f"settings of this project start with {_PROJECT}"
            mistakes.append(Mistake(file, str(key), "", "belongs to no known project or provider", remedy))
    return raw, mistakes


def _guess(word: str, known: list[str]) -> str:
    guess = nearest(word, known)
    return f"did you mean {guess}?" if guess else f"remove it; a stack file holds {', '.join(known)}"
