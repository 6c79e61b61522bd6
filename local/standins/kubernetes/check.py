"""The inputs of a resource as they are recorded: name, namespace, apiVersion and kind filled in."""

from collections.abc import Callable
from typing import Any

from local.standins.kubernetes.objects import AUTONAMED, Obj, annotation
from local.standins.values import UNKNOWN, Secret, plain


class Unacceptable(Exception):  # noqa: N818
    """Inputs that cannot be an object; carries the property's path and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def complete(
    new: Obj,
    old: Obj,
    *,
    api_version: str,
    kind: str,
    name_for_new: Callable[[], str],
    default_namespace: str | None,
) -> Obj:
    """The program's inputs with everything filled in that has to be known before the object is made.

    Args:
        new: The program's inputs, secrets and unknowns kept.
        old: What the last run recorded; empty for a new object.
        api_version: As the API spells it.
        kind: The object's kind.
        name_for_new: Draws a name; called for a new object without one only.
        default_namespace: Where namespaced objects go that name none; None for kinds outside namespaces.

    Raises:
        Unacceptable: For inputs that cannot be an object.
    """
    given = new.get("metadata", {})
    if plain(given) is UNKNOWN:
        return {**new, "apiVersion": api_version, "kind": kind}
    metadata = _mapping(given, "metadata")
    if metadata.get("generateName"):
        raise Unacceptable("metadata.generateName", "not supported with server-side apply; leave the name out instead")
    metadata = {key: value for key, value in metadata.items() if key not in ("managedFields", "resourceVersion", "uid")}
    if not metadata.get("name"):
        metadata = _named(metadata, old, name_for_new)
    if default_namespace and not metadata.get("namespace"):
        metadata["namespace"] = default_namespace
    kept = Secret(metadata) if isinstance(given, Secret) else metadata
    return {**new, "apiVersion": api_version, "kind": kind, "metadata": kept}


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, Secret):
        value = value.value
    if not isinstance(value, dict):
        raise Unacceptable(path, f"must be an object, not {type(value).__name__}")
    return dict(value)


def _named(metadata: Obj, old: Obj, draw: Callable[[], str]) -> Obj:
    adopted = old.get("metadata", {}).get("name") if annotation(old, AUTONAMED) == "true" else None
    annotations = metadata.get("annotations")
    # Annotations that are not known yet cannot be added to; the name's origin is then lost until the update.
    marked = annotations if annotations is UNKNOWN else {**_mapping(annotations or {}, "metadata.annotations"),
                                                         AUTONAMED: "true"}  # fmt: skip
    return {**metadata, "name": adopted or draw(), "annotations": marked}
