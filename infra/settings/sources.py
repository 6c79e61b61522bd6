"""Where raw settings come from: a stack file on disk, or the engine that runs the program."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from infra.settings import app_secrets, reading
from infra.settings.load import check, load
from infra.settings.mistakes import Mistake, SettingsError, model_in, nearest, path_of
from infra.settings.model import SECRET_KEYS, Settings
from infra.settings.values import DNS_LABEL, LABEL_VALUE

_PROJECT = "pxl:"
_FOREIGN_NAMESPACES = ("pulumi", "kubernetes", "random", "aws")
_STACK_FILE_KEYS = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
# Whether a setting is a group; the engine hands on a single value as a text.
_GROUPS = {field.alias or name: bool(model_in(field.annotation)) for name, field in Settings.model_fields.items()}
# Stands for a secret whose value only the engine can decrypt: long enough for every rule about length.
_ENCRYPTED = "x" * 64


def default_namespace(stack: str) -> str:
    """The Kubernetes namespace of a stack that names none."""
    return f"pxl-{stack}"


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
    values = _handed_on({key: _decoded(key, value) for key, value in raw.items()})
    encrypted = json.loads(environ.get("PULUMI_CONFIG_SECRET_KEYS") or "[]")
    hidden = {key: _ENCRYPTED if _PROJECT + key in encrypted else value for key, value in values.items()}
    mistakes += _plain_secrets(hidden, file) + _stack_name(stack, values, file)
    mistakes += _needless_secrets([key for key in values if _PROJECT + key in encrypted], file)
    found, settings = check(values, file)
    if mistakes or found or settings is None:
        # What was set as a secret is not shown, not even under a name that is no setting.
        raise SettingsError([_hidden(mistake, encrypted) for mistake in mistakes + found])
    return settings


def _hidden(mistake: Mistake, encrypted: list[str]) -> Mistake:
    top = re.split(r"[.\[]", mistake.key, maxsplit=1)[0]
    return replace(mistake, value="[secret]") if top in encrypted and mistake.value else mistake


def _stack_name(stack: str, raw: Mapping[str, Any], file: str) -> list[Mistake]:
    """The name of a stack becomes a label of every object, and unless one is set, the namespace."""
    if not re.fullmatch(LABEL_VALUE, stack):
        problem = "cannot be the value of a label, and every object carries it"
        remedy = "pulumi stack rename; letters, digits, - _ . inside, at most 63"
        return [Mistake(file, "(stack)", stack, problem, remedy)]
    if "namespace" not in raw and not re.fullmatch(DNS_LABEL, default_namespace(stack)):
        problem = f"is not set, and {default_namespace(stack)}, which follows from the stack, is no name of a namespace"
        remedy = "pulumi config set pxl:namespace NAME; lower-case letters, digits and hyphens"
        return [Mistake(file, "pxl:namespace", "", problem, remedy)]
    return []


def _decoded(key: str, value: str) -> Any:
    """Groups reach the program as JSON; a string that is no JSON is a string."""
    if _GROUPS.get(key, False) and value.startswith(("{", "[")):
        with suppress(ValueError):
            return json.loads(value)
    return value


def _handed_on(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as the engine hands them on, whichever way they came.

    What a stack file leaves out arrives as the schema's default, an empty text or group: so what is empty counts as
    left out. A single value arrives as a text.
    """
    values: dict[str, Any] = {}
    for key, value in raw.items():
        group = _GROUPS.get(key)
        if (group and value in (None, {})) or (group is False and value in (None, "")):
            continue
        single = group is False and isinstance(value, bool | int | float)
        values[key] = reading.as_text(value) if single else value
    return values


def _read_stack_file(path: Path) -> tuple[dict[str, Any] | None, list[Mistake]]:
    try:
        document: Any = reading.read(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        remedy = "create it with 'pulumi stack init', or name one that exists"
        return None, [Mistake(path.name, "(file)", "", f"cannot be read: {error.strerror}", remedy)]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        return None, [Mistake(path.name, "(file)", "", f"is not YAML: {error}", "mend it at that line")]
    config: Any = _mapping(document).get("config") or {} if isinstance(document, dict) else None
    if not isinstance(config, dict):
        return None, [Mistake(path.name, "config", "", "is not a mapping of keys to values", "write 'pxl:KEY: VALUE'")]
    mistakes = [
        Mistake(path.name, str(key), "", "is not a part of a stack file", _guess(str(key), list(_STACK_FILE_KEYS)))
        for key in _mapping(document)
        if key not in _STACK_FILE_KEYS
    ]
    raw, more = _split(_mapping(config), path.name)
    more += _empty_groups(raw, path.name)
    raw = _handed_on(raw)
    needless = [key for key, value in raw.items() if key not in SECRET_KEYS and _holds_secret(value)]
    more += _needless_secrets(needless, path.name)
    values = {key: _ENCRYPTED if _is_encrypted(value) else value for key, value in raw.items() if key not in needless}
    plain = _plain_secrets(values, path.name)
    if values.get(app_secrets.SETTING) == _ENCRYPTED:
        values[app_secrets.SETTING] = app_secrets.stand_in(values.get("secrets"), _ENCRYPTED)
    stack = re.fullmatch(r"Pulumi\.(.+)\.ya?ml", path.name)
    if stack is not None:
        more += _stack_name(stack.group(1), values, path.name)
    return values, mistakes + more + plain


def _empty_groups(raw: Mapping[str, Any], file: str) -> list[Mistake]:
    """Groups without a value; the engine has a type for each and takes nothing else."""
    remedy = "remove the line, or write its settings below it, indented"
    return [
        Mistake(file, path_of((key,)), "", "has no value", remedy)
        for key, value in raw.items()
        if value is None and _GROUPS.get(key)
    ]


def _mapping(value: Any) -> dict[str, Any]:
    return value


def _listed(value: Any) -> list[Any]:
    return value


def _plain_secrets(raw: Mapping[str, Any], file: str) -> list[Mistake]:
    return [
        Mistake(file, path_of((key,)), "[secret]", "stands in plain text", f"pulumi config set --secret pxl:{key}")
        for key in SECRET_KEYS
        if key in raw and raw[key] != _ENCRYPTED
    ]


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and list(_mapping(value)) == ["secure"]


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_encrypted(value) or any(_holds_secret(item) for item in _mapping(value).values())
    return isinstance(value, list) and any(_holds_secret(item) for item in _listed(value))


def _needless_secrets(keys: list[str], file: str) -> list[Mistake]:
    """A secret in any other setting would leave the engine's care: the pods' environment and the state show it."""
    problem = "is set as a secret, but the cluster and the state would show it in plain text"
    remedy = f"set it without --secret; kept secret are {', '.join(SECRET_KEYS)}"
    return [Mistake(file, path_of((key,)), "[secret]", problem, remedy) for key in keys if key not in SECRET_KEYS]


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
