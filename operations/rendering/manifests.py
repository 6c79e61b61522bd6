"""From recorded resources to manifest files: what goes in, in which order, under which name. Pure."""

import base64
import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from infra.marks import STATE_ANNOTATION
from operations.rendering.placeholders import SECRET

_BLANK_DATA = base64.b64encode(SECRET.encode()).decode()
# Among objects that do not depend on one another: what others stand on comes first.
_ORDER = (
    "Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ResourceQuota", "LimitRange",
    "NetworkPolicy", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding",
    "ExternalSecret", "Secret", "ConfigMap", "PersistentVolumeClaim", "Service", "PodDisruptionBudget",
    "StatefulSet", "Job", "CronJob", "Deployment", "DaemonSet", "HorizontalPodAutoscaler", "Ingress",
)  # fmt: skip


_FIRST_KEYS = ("apiVersion", "kind", "metadata", "name", "namespace", "key")


@dataclass(frozen=True)
class Resource:
    """One registration of the program.

    Attributes:
        urn: Its identity.
        type: Its type token, such as ``kubernetes:apps/v1:Deployment``.
        name: Its logical name.
        custom: False for a component, which groups others and is no object itself.
        inputs: Its inputs in camelCase, secrets and unknowns already replaced.
        dependencies: URNs of what has to exist before it.
        parent: URN of the component it belongs to.
    """

    urn: str
    type: str
    name: str
    custom: bool
    inputs: dict[str, Any]
    dependencies: tuple[str, ...]
    parent: str = ""

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Resource":
        """A registration as the recorder writes it."""
        return cls(**{**record, "dependencies": tuple(record["dependencies"])})

    @property
    def is_manifest(self) -> bool:
        """Whether it is an object that ``kubectl apply`` would take."""
        named = self.type.startswith("kubernetes:") and {"apiVersion", "kind"} <= set(self.inputs)
        return self.custom and named and not str(self.inputs["kind"]).endswith("List")


@dataclass(frozen=True)
class Manifest:
    """One file: its name, its text, and the object in it."""

    file: str
    text: str
    kind: str
    name: str
    namespace: str


def manifests(resources: Iterable[Resource]) -> list[Manifest]:
    """The manifest files of a program, in an order in which they can be applied one after the other."""
    objects = [(one, manifest_object(one)) for one in apply_order(list(resources)) if one.is_manifest]
    width = max(2, len(str(len(objects))))
    return [_manifest(str(number).zfill(width), body) for number, (_, body) in enumerate(objects, 1)]


def manifest_object(resource: Resource) -> dict[str, Any]:
    """The object itself: named, its secrets blanked, what the engine alone reads taken out."""
    body = {key: value for key, value in resource.inputs.items() if value is not None and key != "status"}
    metadata = dict(body.get("metadata") or {})
    metadata.setdefault("name", resource.name)
    metadata["annotations"] = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith("pulumi.com/") and key != STATE_ANNOTATION
    }
    if not metadata["annotations"]:
        del metadata["annotations"]
    body["metadata"] = metadata
    if body["kind"] == "Secret":
        _blank_secret(body)
    return _sorted(body)


def apply_order(resources: Sequence[Resource]) -> list[Resource]:
    """Dependencies first; among what is free to go, by kind, namespace and name: the order is stable."""
    known = {one.urn: one for one in resources}
    waits_for = {one.urn: {urn for urn in one.dependencies if urn in known and urn != one.urn} for one in resources}
    waiting: dict[str, list[str]] = {}
    for urn, needed in waits_for.items():
        for dependency in needed:
            waiting.setdefault(dependency, []).append(urn)
    ready = [(_rank(one), one.urn) for one in resources if not waits_for[one.urn]]
    heapq.heapify(ready)
    ordered: list[Resource] = []
    while ready:
        _, urn = heapq.heappop(ready)
        ordered.append(known[urn])
        for dependent in waiting.get(urn, []):
            waits_for[dependent].discard(urn)
            if not waits_for[dependent]:
                heapq.heappush(ready, (_rank(known[dependent]), dependent))
    return ordered


def _rank(resource: Resource) -> tuple[int, str, str, str]:
    kind = str(resource.inputs.get("kind", ""))
    # What is no object takes no number; going first, it holds back nothing that waits for it.
    place = -1 if not resource.is_manifest else _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    metadata = resource.inputs.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return place, kind, str(metadata.get("namespace", "")), str(metadata.get("name", resource.name))


def _sorted(value: Any) -> Any:
    """Keys in one order, however they arrived: what names a thing first, the rest by the alphabet."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: (_place(key), key))}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _place(key: str) -> int:
    return _FIRST_KEYS.index(key) if key in _FIRST_KEYS else len(_FIRST_KEYS)


def _blank_secret(body: dict[str, Any]) -> None:
    for field, blank in (("data", _BLANK_DATA), ("stringData", SECRET)):
        value = body.get(field)
        if isinstance(value, dict):
            body[field] = dict.fromkeys(sorted(value), blank)
        elif value is not None:
            # The whole map is secret or unknown: not even its keys may be shown.
            body[field] = {}


def _manifest(number: str, body: dict[str, Any]) -> Manifest:
    metadata = body["metadata"]
    kind, name = str(body["kind"]), str(metadata["name"])
    file = f"{number}-{_slug(kind)}-{_slug(name)}.yaml"
    text = yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return Manifest(file, text, kind, name, str(metadata.get("namespace", "")))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


class _Dumper(yaml.SafeDumper):
    """Writes lists indented under their key and long texts as blocks, and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
