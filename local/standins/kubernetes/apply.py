"""Writing objects: server-side apply, dry runs, and the API's refusals in words."""

import threading
from collections.abc import Callable
from typing import Any

from local.standins.kubernetes import waiting
from local.standins.kubernetes.client import ApiError, Cluster, NoKind
from local.standins.kubernetes.objects import Obj, annotation, label

# A namespace, service account or custom kind of the same run may be a moment away.
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)

# These are never deleted to be made anew.
_HOLD_DATA = frozenset({"Namespace", "PersistentVolume", "PersistentVolumeClaim", "StatefulSet",
                        "CustomResourceDefinition"})  # fmt: skip

_EXISTS = """{label} already exists in the cluster, and this stack has not made it. Possible reasons and ways out:
  - a resource was renamed in the program: give it an alias, or let the replacement delete first
  - it was made by hand or by another tool: delete it, or adopt it with `pulumi import`
  - it is to be taken over on purpose: set upsertExistingObjects on the provider"""


class Refused(Exception):  # noqa: N818 - the log reads so
    """The API server did not take the object; the text says why."""


def fitted(cluster: Cluster, obj: Obj) -> Obj:
    """The object with a namespace only where its kind has one."""
    if cluster.resource(obj["apiVersion"], obj["kind"]).namespaced:
        return obj
    metadata = {key: value for key, value in obj["metadata"].items() if key != "namespace"}
    return {**obj, "metadata": metadata}


def find(cluster: Cluster, obj: Obj) -> Obj | None:
    """The live object of that name, or None."""
    metadata = obj["metadata"]
    try:
        return cluster.get(obj["apiVersion"], obj["kind"], metadata.get("namespace"), metadata["name"])
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def preview_create(cluster: Cluster, obj: Obj, manager: str) -> Obj | None:
    """What a create would give, from a dry run; None where the server cannot tell yet.

    Raises:
        Refused: When the server would not take the object.
    """
    try:
        obj = fitted(cluster, obj)
        # An object of that name will be deleted first, or is a mistake that the create itself explains better.
        return None if find(cluster, obj) else cluster.apply(obj, manager, force=True, dry_run=True)
    except NoKind:
        return None
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise Refused(_refusal(error, obj, manager)) from error


def create(
    cluster: Cluster,
    obj: Obj,
    manager: str,
    *,
    force: bool,
    upsert: bool,
    take_up: bool,
    cancelled: threading.Event,
    tell: Callable[[str], None],
) -> Obj:
    """Makes an object that does not exist yet.

    Args:
        cluster: Where.
        obj: The complete object.
        manager: The field manager that owns its fields from now on.
        force: Takes fields over from other managers (only with ``upsert`` there can be any).
        upsert: Takes over an object of that name, whoever made it.
        take_up: Takes up what an earlier run of this resource made: its field manager is of no other engine.
        cancelled: Ends the retries.
        tell: Gets what the create waits for, for display.

    Raises:
        Refused: When somebody else has made it, or the server does not take it. What an earlier run of this resource
            made and could not record any more (it was killed) is taken up.
    """
    for pause in (*_RETRY_SECONDS, None):
        live = None
        try:
            obj = fitted(cluster, obj)
            live = None if upsert else find(cluster, obj)
            if live and not (take_up and is_managed_by(live, manager)):
                raise Refused(_EXISTS.format(label=label(obj)))
            return cluster.apply(obj, manager, force=force, dry_run=False)
        except (NoKind, ApiError) as error:
            if live and _is_fixed(error, obj):
                tell("what a killed run left of it cannot become what is wanted now: it goes first")
                _remove(cluster, live, cancelled, tell)
                continue
            if pause is None or not _may_pass(error):
                raise Refused(_refusal(error, obj, manager)) from error
            tell(f"trying again: {error}")
        if cancelled.wait(pause):
            raise Refused(f"the creation of {label(obj)} was cancelled")
    raise AssertionError("unreachable: the last attempt returns or raises")


def _is_fixed(error: Exception, obj: Obj) -> bool:
    """Whether an object has to be made anew to change: an immutable Secret, the template of a Job."""
    return isinstance(error, ApiError) and error.status == 422 and obj["kind"] not in _HOLD_DATA


def _remove(cluster: Cluster, live: Obj, cancelled: threading.Event, tell: Callable[[str], None]) -> None:
    metadata = live["metadata"]
    cluster.delete(live["apiVersion"], live["kind"], metadata.get("namespace"), metadata["name"])
    try:
        waiting.until_gone(cluster, live, waiting.timeout_of(live, 0), cancelled, tell)
    except waiting.NotReady as error:
        raise Refused(str(error)) from error


def _may_pass(error: Exception) -> bool:
    if isinstance(error, ApiError):
        return error.status == 404 or (error.status == 403 and "serviceaccount" in str(error))
    return isinstance(error, NoKind)


def is_managed_by(live: Obj, manager: str) -> bool:
    """Whether a field manager has applied any field of a live object."""
    return any(entry.get("manager") == manager for entry in live["metadata"].get("managedFields") or [])


def update(cluster: Cluster, obj: Obj, manager: str, *, force: bool, ignored: list[str], dry_run: bool) -> Obj:
    """Changes an object in place.

    Args:
        cluster: Where.
        obj: The complete object.
        manager: The field manager of the resource.
        force: Takes fields over from other managers.
        ignored: The paths of ``ignoreChanges``: they keep what is live, whoever has set it.
        dry_run: Changes nothing.

    Raises:
        Refused: When the object is gone, or the server does not take the change.
    """
    try:
        obj = fitted(cluster, obj)
        live = find(cluster, obj)
        if live is None:
            raise Refused(f"{label(obj)} is gone from the cluster; `pulumi refresh` lets the next update make it anew")
        for path in ignored:
            keep_live(obj, live, path)
        return cluster.apply(obj, manager, force=force, dry_run=dry_run)
    except (NoKind, ApiError) as error:
        raise Refused(_refusal(error, obj, manager)) from error


def keep_live(obj: Obj, live: Obj, path: str) -> None:
    """Sets a field (``spec.replicas``) of the object to its live value; paths into lists are left alone."""
    fields = path.split(".")
    source: Any = live
    target: Any = obj
    for field in fields[:-1]:
        source = source.get(field) if isinstance(source, dict) else None
        target = target.get(field) if isinstance(target, dict) else None
    if isinstance(source, dict) and isinstance(target, dict) and fields[-1] in source and "[" not in path:
        target[fields[-1]] = source[fields[-1]]


def is_forced(obj: Obj, setting: bool) -> bool:
    """Whether an apply takes fields over from other managers: the annotation, else the provider's setting."""
    return annotation(obj, "pulumi.com/patchForce") == "true" or setting


def _refusal(error: Exception, obj: Obj, manager: str) -> str:
    if isinstance(error, NoKind):
        return f"{label(obj)} was not created: {error}. Verify that its CustomResourceDefinition is there"
    if isinstance(error, ApiError) and error.status == 409 and error.details.get("causes"):
        return (
            f"server-side apply field conflict detected: the resource managed by field manager {manager!r} had an "
            f"apply conflict: {error}. Undo the other change, leave the field to its other manager, or set the "
            f'annotation pulumi.com/patchForce: "true" to take it over'
        )
    return f"the API server refused {label(obj)}: {error}"
