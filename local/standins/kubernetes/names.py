"""Auto-naming: ``<logical name>-<8 hex digits>``, the same for the same seed."""

import hashlib
import secrets

_SUFFIX = 8
# What is also used as a label value or a DNS label has 63 characters, everything else a DNS subdomain's 253.
_SHORT = frozenset({"Namespace", "Service", "Job", "StatefulSet"})


def draw(logical: str, kind: str, seed: bytes = b"") -> str:
    """A name for a new object.

    Args:
        logical: The resource's name in the program; cut where the result would be longer than the API allows.
        kind: The object's kind, which sets the limit.
        seed: The engine's random seed: equal seeds give equal names. Without one, every call gives another name.
    """
    suffix = hashlib.sha256(seed).hexdigest()[:_SUFFIX] if seed else secrets.token_hex(_SUFFIX // 2)
    limit = 63 if kind in _SHORT else 253
    return f"{logical[: limit - _SUFFIX - 1].rstrip('-.')}-{suffix}"


def field_manager(urn: str, owner: str) -> str:
    """The field manager of a resource: stable for as long as its URN is, and of no other resource.

    Args:
        urn: The resource.
        owner: Tells two engines apart that have a stack of the same name, each with a state of its own.
    """
    whole = f"{owner}\0{urn}" if owner else urn
    return f"pulumi-kubernetes-{hashlib.sha256(whole.encode()).hexdigest()[:_SUFFIX]}"
