"""Who an object belongs to, and how its pods are selected."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi import Input
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

_PREFIX = "app.kubernetes.io"


@dataclass(frozen=True)
class Identity:
    """The labels of one component's objects.

    The selector never holds a version, a digest or an owner: it cannot change without replacing the workload.
    """

    kind: str
    """What runs: ``pxl-app``, ``postgres``."""
    instance: str
    """The component's name: it tells two of a kind in one namespace apart."""
    role: str
    """What it is for: ``api``, ``worker``, ``migrations``, ``database``."""
    owner: Mapping[str, str] = field(default_factory=dict[str, str])
    """Owner labels, put on every object."""

    @property
    def selector(self) -> dict[str, str]:
        """The labels that select the pods."""
        return {
            f"{_PREFIX}/name": self.kind,
            f"{_PREFIX}/instance": self.instance,
            f"{_PREFIX}/component": self.role,
        }

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every object."""
        return {**self.owner, **self.selector, f"{_PREFIX}/part-of": "pxl", f"{_PREFIX}/managed-by": "pulumi"}

    def metadata(
        self,
        namespace: Input[str] | None = None,
        *,
        name: str | None = None,
        notes: Mapping[str, Input[str]] | None = None,
    ) -> ObjectMetaArgsDict:
        """Metadata of an object: labelled, in a namespace, auto-named unless its name is an API.

        Args:
            namespace: The namespace; None for an object that belongs to none.
            name: A fixed name, only for what others address by it.
            notes: Annotations.
        """
        metadata: ObjectMetaArgsDict = {"labels": self.labels}
        if namespace is not None:
            metadata["namespace"] = namespace
        if name is not None:
            metadata["name"] = name
        if notes:
            metadata["annotations"] = dict(notes)
        return metadata


def skip_checks(reasons: Mapping[str, str]) -> dict[str, str]:
    """Annotations that tell the checkov scanner which checks an object leaves out on purpose, and why.

    Args:
        reasons: Check id to reason, such as ``{"CKV_K8S_11": "a CPU limit throttles drains"}``.
    """
    return {
        f"checkov.io/skip{number}": f"{check}={reason}"
        for number, (check, reason) in enumerate(sorted(reasons.items()), start=1)
    }
