"""What can be said about a Kubernetes object, or its kind, without asking a server."""

from typing import Any

Obj = dict[str, Any]
"""An object as the API has it: camelCase fields, plain values."""

AUTONAMED = "pulumi.com/autonamed"
"""The annotation that tells a drawn name from one that the program chose."""

_CLUSTER_SCOPED = frozenset({
    "APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding",
    "ComponentStatus", "CustomResourceDefinition", "DeviceClass", "FlowSchema", "IPAddress", "IngressClass",
    "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "Namespace", "Node",
    "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "RuntimeClass", "SelfSubjectReview",
    "ServiceCIDR", "StorageClass", "TokenReview", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration", "VolumeAttachment",
})  # fmt: skip

_SERVER_FIELDS = ("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
                  "resourceVersion", "selfLink", "uid")  # fmt: skip

# The SDKs cannot have dashes in field names; the schema of a CustomResourceDefinition is the only place with some.
_DASHED = {
    f"x_kubernetes_{name}": f"x-kubernetes-{name.replace('_', '-')}"
    for name in ("embedded_resource", "int_or_string", "list_map_keys", "list_type", "map_type",
                 "preserve_unknown_fields", "validations")
}  # fmt: skip
_UNDERSCORED = {dashed: name for name, dashed in _DASHED.items()}


def kind_of(urn: str, inputs: Obj) -> tuple[str, str]:
    """The apiVersion and kind of a resource: from its inputs, else from the type token in its URN.

    Raises:
        ValueError: For types that are no single API object (charts, lists, patches).
    """
    token = urn.split("::")[2].rpartition("$")[2]
    _, api, kind = token.split(":")
    lists_or_patches = _is_builtin(api) and kind.endswith(("List", "Patch"))
    if lists_or_patches or api.split("/")[0] in ("helm.sh", "yaml", "kustomize"):
        raise ValueError(f"the local stand-in for kubernetes has no {token}: it takes single objects only")
    return inputs.get("apiVersion") or api.removeprefix("core/"), inputs.get("kind") or kind


def _is_builtin(api_version: str) -> bool:
    group = api_version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def is_namespaced(api_version: str, kind: str) -> bool | None:
    """Whether objects of a kind live in a namespace; None for kinds that only the server knows."""
    if kind in _CLUSTER_SCOPED and _is_builtin(api_version):
        return False
    return True if _is_builtin(api_version) else None


def to_api(value: Any) -> Any:
    """SDK field names as the API spells them."""
    return _renamed(value, _DASHED)


def from_api(value: Any) -> Any:
    """API field names as the SDKs spell them."""
    return _renamed(value, _UNDERSCORED)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value


def without_server_fields(obj: Obj) -> Obj:
    """The object without the metadata that only a server sets."""
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _SERVER_FIELDS}
    return {**obj, "metadata": metadata}


def annotation(obj: Obj, key: str) -> str | None:
    """An annotation's text."""
    annotations = obj.get("metadata", {}).get("annotations")
    return annotations.get(key) if isinstance(annotations, dict) else None


def is_autonamed(obj: Obj) -> bool:
    """Whether the object's name was drawn, not chosen."""
    return annotation(obj, AUTONAMED) == "true"


def id_of(obj: Obj) -> str:
    """``namespace/name``, or ``name`` for objects outside namespaces."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else metadata["name"]


def parse_id(resource_id: str) -> tuple[str | None, str]:
    """The inverse of ``id_of``: namespace (None outside namespaces) and name."""
    namespace, _, name = resource_id.rpartition("/")
    return namespace or None, name


def reference(api_version: str, kind: str, resource_id: str) -> Obj:
    """As much of an object as it takes to find it."""
    namespace, name = parse_id(resource_id)
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def label(obj: Obj) -> str:
    """How messages call the object: ``Deployment default/web``."""
    return f"{obj.get('kind', 'object')} {id_of(obj)}"
