"""Marks every object with the state that made it: what no record holds any more can then be told from what others made.

A run that is killed may have made an object and not recorded it. The stack's label alone does not say whose that is:
two checkouts, or two backends, may each have a stack of that name. The id that is drawn here is in no other state, and
is recorded before anything that carries it is made.
"""

from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pulumi_random as random

from infra.marks import STATE_ANNOTATION, STATE_RESOURCE


def mark_objects() -> None:
    """Puts the annotation on every Kubernetes object that the program registers after this.

    Only on the object itself, never on a pod template: pods do not roll because of it.
    """
    state = random.RandomUuid(STATE_RESOURCE).result

    def mark(given: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not given.type_.startswith("kubernetes:"):
            return None
        props = _mapping(given.props)
        metadata = _mapping(props.get("metadata"))
        annotations = {**_mapping(metadata.get("annotations")), STATE_ANNOTATION: state}
        marked: dict[str, Any] = {**props, "metadata": {**metadata, "annotations": annotations}}
        return pulumi.ResourceTransformationResult(marked, given.opts)

    pulumi.runtime.register_stack_transformation(mark)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(cast("Mapping[str, Any]", value or {}))
