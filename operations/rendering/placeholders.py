"""What stands where a value cannot be known without a cluster or a key: readable, and valid in its place."""

import re
from collections.abc import Iterator
from typing import Any

import pulumi

SECRET = "<secret>"
UNKNOWN = "<known after deployment>"
# What secret settings hold while the program runs: long enough for every rule, and easy to find again.
SECRET_TEXT = "pxlctl-placeholder-of-a-secret".ljust(64, "0")
DIGEST = "sha256:" + "0" * 64
# RFC 2606: a name that never resolves.
REGISTRY = "placeholder.invalid"


def output_placeholders(token: str, name: str) -> dict[str, str]:
    """Readable outputs for a resource of any provider: ``rds-endpoint.placeholder.invalid`` and the like.

    Only text: a number that nobody knows stays unknown, so that no arithmetic is done on an invented one.

    Args:
        token: The resource's type, such as ``aws:rds/instance:Instance``.
        name: Its logical name.
    """
    found = next((cls for cls in _resource_classes(pulumi.CustomResource) if _token(cls) == token), None)
    if found is None:
        return {}
    types = pulumi._types.resource_types(found)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    return {key: f"{name}-{_kebab(key)}.{REGISTRY}" for key, kind in types.items() if _holds_text(kind)}


def _token(cls: type) -> str:
    value = cls.__dict__.get("pulumi_type", "")
    return value if isinstance(value, str) else ""


def _holds_text(kind: Any) -> bool:
    arguments = getattr(kind, "__args__", ())
    return kind is str or (type(None) in arguments and str in arguments)


def _resource_classes(base: type) -> Iterator[type]:
    for cls in base.__subclasses__():
        yield cls
        yield from _resource_classes(cls)


def _kebab(text: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()
