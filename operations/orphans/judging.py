"""Which of the objects in the cluster are orphans, and which of these may be deleted. Pure."""

from collections.abc import Iterable
from typing import Any

from infra.marks import STATE_ANNOTATION
from operations.engine.state import CREATING, State
from operations.orphans.kinds import Kind
from operations.orphans.model import Findings, Orphan

Object = dict[str, Any]
_UNMARKED = f"nothing on it says which state made it (annotation {STATE_ANNOTATION})"
_COPIED = "it has the mark of this state, but the engine's provider has not put it there: it may be a copy"
_BUSY = "a run is making objects right now, or was killed while it did: the next successful up decides"
_UNKNOWN = "the state has drawn no id of its own to tell its objects by: the next successful up draws one"
_HOLDING = ("persistentVolumeClaim", "hostPath", "ephemeral")


def judge(
    objects: Iterable[tuple[Kind, Object]], state: State, identity: str | None, unseen: Iterable[str] = ()
) -> Findings:
    """Compares what is there with what is recorded.

    Args:
        objects: What carries the stack's labels, listed before the state was read.
        state: What the engine has recorded.
        identity: The id of the state; None for the one in the state.
        unseen: What could not be listed.
    """
    everything = list(objects)
    ours = identity or state.identity
    recorded = _recorded(state)
    busy = any(operation.verb == CREATING for operation in state.pending)
    orphans: list[Orphan] = []
    foreign = 0
    for kind, found in everything:
        metadata = found["metadata"]
        if _key(kind.group, kind.name, metadata) in recorded or _is_of_another_object(kind, found, everything):
            continue
        mark = (metadata.get("annotations") or {}).get(STATE_ANNOTATION)
        if mark and ours and mark != ours:
            foreign += 1
            continue
        why = _doubt(metadata, mark, ours) or _kept(kind, found) or (_BUSY if busy else "")
        orphans.append(_orphan(kind, metadata, why))
    orphans.sort(key=lambda orphan: orphan.title)
    return Findings(tuple(orphans), foreign, tuple(unseen))


def _doubt(metadata: Object, mark: str | None, ours: str | None) -> str:
    """Why it is not certain that this state made an object; "" if it is."""
    if not mark:
        return _UNMARKED
    if not ours:
        return _UNKNOWN
    # Whoever copies an object by hand copies its annotations, too, but not who has set them.
    by_engine = any(
        entry.get("manager", "").startswith("pulumi-") and f"f:{STATE_ANNOTATION}" in _annotations(entry)
        for entry in metadata.get("managedFields") or []
    )
    return "" if by_engine else _COPIED


def _annotations(entry: Object) -> Object:
    return entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})


def _orphan(kind: Kind, metadata: Object, why: str) -> Orphan:
    return Orphan(
        kind.api_version,
        kind.name,
        metadata.get("namespace", ""),
        metadata["name"],
        metadata["uid"],
        metadata.get("creationTimestamp", ""),
        why,
    )


def _recorded(state: State) -> set[tuple[str, str, str, str]]:
    """Group, kind, namespace and name of everything that the state holds; versions of a group are the same objects."""
    found: set[tuple[str, str, str, str]] = set()
    for record in state.resources:
        if not record["type"].startswith("kubernetes:") or not record.get("id"):
            continue
        shown = {**record.get("inputs", {}), **record.get("outputs", {})}
        metadata = shown.get("metadata") or {}
        namespace, _, name = str(record["id"]).rpartition("/")
        # The id says it as well, should the outputs be missing or secret.
        metadata = metadata if isinstance(metadata, dict) and "name" in metadata else {}
        place = {"namespace": metadata.get("namespace", namespace), "name": metadata.get("name", name)}
        _, api, kind = record["type"].split(":")
        version = str(shown.get("apiVersion") or api.removeprefix("core/"))
        found.add(_key(version.rpartition("/")[0], str(shown.get("kind") or kind), place))
    return found


def _key(group: str, kind: str, metadata: Object) -> tuple[str, str, str, str]:
    return group, kind, metadata.get("namespace") or "", metadata["name"]


def _is_of_another_object(kind: Kind, found: Object, everything: list[tuple[Kind, Object]]) -> bool:
    """Whether another object made it, or takes it along, or it is going already."""
    metadata = found["metadata"]
    if metadata.get("ownerReferences") or metadata.get("deletionTimestamp"):
        return True
    if kind.name != "PersistentVolumeClaim":
        return False
    # The claims of a StatefulSet have no owner, and stay on purpose: only those whose StatefulSet is gone are told.
    return any(
        metadata["name"].startswith(f"{claim['metadata']['name']}-{other['metadata']['name']}-")
        for other_kind, other in everything
        if other_kind.name == "StatefulSet"
        for claim in other["spec"].get("volumeClaimTemplates") or []
    )


def _kept(kind: Kind, found: Object) -> str:
    if kind.keeps:
        return kind.keeps
    template = (found.get("spec") or {}).get("template") or {}
    volumes = (template.get("spec") or {}).get("volumes") or []
    if any(source in volume for volume in volumes for source in _HOLDING):
        return "its pods have volumes that may hold data"
    return ""
