"""The custom resources that the program uses, without their operators' schemas: those are tried by ``make fuzz``."""

from typing import Any

# Group, version, kind and plural: what reads them in production is not here, or a loop beside this module.
_KINDS = (
    ("external-secrets.io", "v1", "ExternalSecret", "externalsecrets"),
    ("vpcresources.k8s.aws", "v1beta1", "SecurityGroupPolicy", "securitygrouppolicies"),
)


def definitions() -> list[dict[str, Any]]:
    """A CustomResourceDefinition for each, which takes any ``spec`` and ``status``."""
    return [_definition(*kind) for kind in _KINDS]


def _definition(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
    }
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
    }
