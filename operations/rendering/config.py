"""The configuration that a program gets while it is rendered: as the engine would pass it, gaps filled."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from infra.environments import ENVIRONMENTS, defaults
from infra.settings import app_secrets, reading
from infra.settings.model import SECRET_KEYS
from operations.rendering.placeholders import DIGEST, REGISTRY, SECRET_TEXT


@dataclass(frozen=True)
class RenderConfig:
    """Configuration as the engine passes it.

    Attributes:
        values: Text by full key; objects as JSON, secrets as placeholders.
        secrets: Keys that are or hold secrets.
        invented: What was missing and is a placeholder now, for people.
    """

    values: dict[str, str]
    secrets: list[str]
    invented: list[str] = field(default_factory=list[str])


def build(raw: dict[str, Any], project: dict[str, Any]) -> RenderConfig:
    """From a stack file's ``config`` (and the project's defaults) to what the program gets.

    Encrypted values become a placeholder of text. Secrets that are missing are given one where the settings
    ask for them, and so are the digests that only a build or a promotion can know.

    Args:
        raw: The stack file's ``config``.
        project: ``Pulumi.yaml`` as a mapping.
    """
    config = _defaults(project) | copy.deepcopy(raw)
    invented: list[str] = []
    secrets = [key for key, value in config.items() if _holds_secret(value)]
    config = {key: _decrypted(value) for key, value in config.items()}
    _add_secrets(config, secrets, invented)
    _add_app_secrets(config, secrets, invented)
    _add_images(config, invented)
    return RenderConfig({key: _as_text(value) for key, value in config.items()}, secrets, invented)


def _defaults(project: dict[str, Any]) -> dict[str, Any]:
    """Values that ``Pulumi.yaml`` gives to every stack."""
    found: dict[str, Any] = {}
    for key, entry in (project.get("config") or {}).items():
        full = key if ":" in key else f"{project.get('name', '')}:{key}"
        if isinstance(entry, dict):
            chosen = entry.get("value", entry.get("default"))
            # An empty default stands for "not set": the schema of an optional object cannot say it otherwise.
            if chosen not in (None, "", {}):
                found[full] = chosen
        elif entry is not None:
            found[full] = entry
    return found


def _add_secrets(config: dict[str, Any], secrets: list[str], invented: list[str]) -> None:
    """Secrets that the stack has to be given and that are not in its file."""
    if config.get("pxl:environment") is None or _resolved(config, "secrets", "delivery") != "direct":
        return
    external = _resolved(config, "postgres", "kind") == "external"
    for key in SECRET_KEYS:
        if key == app_secrets.SETTING:
            continue
        drawn = _resolved(config, "secrets", "generate") is not False
        generated = drawn and not (key == "databasePassword" and external)
        if f"pxl:{key}" not in config and not generated:
            config[f"pxl:{key}"] = SECRET_TEXT
            secrets.append(f"pxl:{key}")
            invented.append(f"pxl:{key}")


def _add_app_secrets(config: dict[str, Any], secrets: list[str], invented: list[str]) -> None:
    """Values for the variables that the stack lists: they are encrypted in its file, or not there yet."""
    key = f"pxl:{app_secrets.SETTING}"
    if not _resolved(config, "secrets", "variables") or _resolved(config, "secrets", "delivery") != "direct":
        return
    if key not in config:
        secrets.append(key)
        invented.append(key)
    config[key] = app_secrets.stand_in(config.get("pxl:secrets"), SECRET_TEXT)


def _add_images(config: dict[str, Any], invented: list[str]) -> None:
    """Digests that come from a build (`make up`) or a promotion, so that every workload can be shown."""
    if config.get("pxl:environment") is None:
        return
    if not config.get("pxl:release"):
        config["pxl:release"] = {"digest": DIGEST}
        invented.append("pxl:release.digest")
        if _resolved(config, "registry", "kind") == "none" and not (config.get("pxl:image") or {}).get("repository"):
            config["pxl:image"] = {**(config.get("pxl:image") or {}), "repository": f"{REGISTRY}/app"}
            invented.append("pxl:image.repository")
    wanted = {
        "postgres": _resolved(config, "postgres", "kind") == "ephemeral",
        "redis": _resolved(config, "redis", "kind") == "ephemeral",
        "registry": _resolved(config, "registry", "kind") == "cluster",
    }
    images = config.get("pxl:images")
    if images is not None and not isinstance(images, dict):
        return
    missing = [name for name, needed in wanted.items() if needed and (images or {}).get(name) is None]
    if missing:
        config["pxl:images"] = {**(images or {}), **{name: f"{REGISTRY}/{name}@{DIGEST}" for name in missing}}
        invented.extend(f"pxl:images.{name}" for name in missing)


def _resolved(config: dict[str, Any], section: str, key: str) -> Any:
    """A setting as the program will see it: from the file, else what its environment starts from."""
    value = config.get(f"pxl:{section}")
    if isinstance(value, dict) and key in value:
        return value[key]
    environment = config.get("pxl:environment")
    return defaults(environment)[section].get(key) if environment in ENVIRONMENTS else None


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return list(value) == ["secure"] or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _decrypted(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) == ["secure"]:
            return SECRET_TEXT
        return {key: _decrypted(item) for key, item in value.items()}
    return [_decrypted(item) for item in value] if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    """The engine passes a single value as its text, and groups as JSON."""
    return json.dumps(value) if isinstance(value, dict | list) else reading.as_text(value)
