"""What changed between two versions of an object's inputs, and whether it means another object."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from local.standins.kubernetes.objects import Obj, is_autonamed

Path = tuple[str | int, ...]
Change = Literal["add", "delete", "update"]

_SELECTOR = ("spec.selector",)
# As the official provider has them: fields that the API lets nobody change.
_FORCE_NEW: dict[str, tuple[str, ...]] = {
    "apps/StatefulSet": (*_SELECTOR, "spec.podManagementPolicy", "spec.serviceName", "spec.volumeClaimTemplates"),
    "apps/DaemonSet": _SELECTOR,
    "apps/Deployment": _SELECTOR,
    "batch/Job": (*_SELECTOR, "spec.completions", "spec.parallelism", "spec.template"),
    "/PersistentVolumeClaim": (*_SELECTOR, "spec.accessModes", "spec.storageClassName", "spec.volumeName"),
    "/Pod": ("spec",),
    "/ResourceQuota": ("spec.scopes",),
    "/Service": ("spec.clusterIP",),
    "rbac.authorization.k8s.io/ClusterRoleBinding": ("roleRef",),
    "rbac.authorization.k8s.io/RoleBinding": ("roleRef",),
    "storage.k8s.io/StorageClass": ("parameters", "provisioner"),
}
_QUANTITY_PARENTS = frozenset({"limits", "requests", "capacity", "hard", "overhead", "max", "min", "default",
                               "defaultRequest", "divisor", "sizeLimit", "averageValue", "storage"})  # fmt: skip
_SUFFIXES = {"n": "1e-9", "u": "1e-6", "m": "1e-3", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12", "P": "1e15",
             "E": "1e18", **{f"{unit}i": str(1024**power) for power, unit in enumerate("KMGTPE", start=1)}}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One changed field."""

    path: Path
    change: Change
    replaces: bool

    def text(self) -> str:
        """The path as the engine writes it: ``spec.ports[0].port``, ``metadata.labels["a.b/c"]``."""
        return text_of(self.path)


def text_of(path: Path) -> str:
    """A path in the engine's notation."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif all(letter.isalnum() or letter in "_-$" for letter in part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def compare(old: Obj, new: Obj, mutable: frozenset[str] = frozenset()) -> list[Difference]:
    """The differences between two versions of inputs, in the order of the fields.

    Args:
        old: The recorded inputs, plain.
        new: The program's inputs after ``check.complete``, plain; unknowns differ from everything.
        mutable: Of ``Secret`` and ``ConfigMap`` those that may be changed in place (``enableSecretMutable``).
    """
    fixed = force_new(new, mutable)
    found = list(_differences(old, new, ()))
    return [Difference(path, change, _forces(path, fixed)) for path, change in found]


def force_new(obj: Obj, mutable: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The fields of an object whose change makes another object of it."""
    group, _, _ = obj.get("apiVersion", "").rpartition("/")
    kind = obj.get("kind", "")
    always = ("metadata.name", "metadata.namespace", "apiVersion", "kind")
    if not group and kind == "Secret":
        frozen = kind not in mutable or obj.get("immutable") is True
        return (*always, "type", *(("stringData", "data") if frozen else ()))
    if not group and kind == "ConfigMap":
        frozen = kind not in mutable or obj.get("immutable") is True
        return (*always, *(("binaryData", "data") if frozen else ()))
    return (*always, *_FORCE_NEW.get(f"{group}/{kind}", ()))


def deletes_first(differences: list[Difference], new: Obj, old: Obj) -> bool:
    """Whether a replacement has to delete before it creates: only when the new object must have the old one's name."""
    here, there = new.get("metadata", {}), old.get("metadata", {})
    return (
        any(difference.replaces for difference in differences)
        and not is_autonamed(new)
        and here.get("name") == there.get("name")
        and (here.get("namespace") or "default") == (there.get("namespace") or "default")
    )


def same(old: Any, new: Any, path: Path = ()) -> bool:
    """Whether two scalars mean the same to the API: ``1`` and ``1.0``; ``500m`` and ``0.5`` where a quantity stands."""
    if type(old) is type(new) and old == new:
        return True
    if isinstance(old, bool) or isinstance(new, bool):
        return False
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        return old == new
    if not any(part in _QUANTITY_PARENTS for part in path):
        return False
    first, second = quantity(old), quantity(new)
    return first is not None and first == second


def quantity(value: Any) -> Decimal | None:
    """A resource quantity as a number, or None when it is none."""
    text = str(value)
    digits = text.rstrip("numkMGTPEKi")
    suffix = text[len(digits) :]
    try:
        return Decimal(digits) * Decimal(_SUFFIXES[suffix] if suffix else 1)
    except (InvalidOperation, KeyError):
        return None


def _differences(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Change]]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index >= len(new):
                yield (*path, index), "delete"
            elif index >= len(old):
                yield (*path, index), "add"
            else:
                yield from _differences(old[index], new[index], (*path, index))
    elif isinstance(old, (dict, list)) or isinstance(new, (dict, list)) or not same(old, new, path):
        yield path, "update"


def _of_objects(old: Obj, new: Obj, path: Path) -> Iterator[tuple[Path, Change]]:
    # A null is no value; empty objects and lists are values (a selector of {} means "all").
    for key in [*new, *(key for key in old if key not in new)]:
        before, after = old.get(key), new.get(key)
        if before is None and after is not None:
            yield (*path, key), "add"
        elif before is not None and after is None:
            yield (*path, key), "delete"
        elif before is not None:
            yield from _differences(before, after, (*path, key))


def _forces(path: Path, fixed: tuple[str, ...]) -> bool:
    fields = [part for part in path if isinstance(part, str)]
    # Either way round: a change under spec.selector replaces, and so does one of all of spec.
    return any(all(ours == theirs for ours, theirs in zip(fields, field.split("."), strict=False)) for field in fixed)
