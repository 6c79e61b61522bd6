"""What the proof itself makes, and how that is recognised."""

from operations.proof.isolation.cluster import Object

MARK = "pxl.dev/proof"
VALUE = "isolation"
OF = "pxl.dev/proof-of"
"""The namespace that a temporary one belongs to."""
PREFIX = "pxl-proof-"


def is_ours(made: Object) -> bool:
    """Whether the proof made an object: by its label, or by its annotation where it must have no label."""
    metadata = made["metadata"]
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return marks.get(MARK) == VALUE
