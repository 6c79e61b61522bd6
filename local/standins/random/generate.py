"""Random values with the rules of the official provider's resources; pure but for the system's randomness."""

import base64
import secrets
import string
import uuid
from typing import Any

from local.standins.values import Secret

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def text(given: dict[str, Any]) -> str:
    """A random text as ``RandomPassword`` and ``RandomString`` make it.

    Args:
        given: ``length`` in characters, and optionally ``lower``, ``upper``, ``numeric``, ``special`` (all true unless
            told), ``minLower`` and so on (0), ``overrideSpecial``.

    Raises:
        ValueError: When the lengths contradict each other or no character is allowed.
    """
    length = given["length"]
    classes = {
        "Lower": (given.get("lower", True), string.ascii_lowercase),
        "Upper": (given.get("upper", True), string.ascii_uppercase),
        "Numeric": (given.get("numeric", given.get("number", True)), string.digits),
        "Special": (given.get("special", True), given.get("overrideSpecial") or _SPECIAL),
    }
    needed = [
        secrets.choice(letters) for name, (_, letters) in classes.items() for _ in range(given.get(f"min{name}", 0))
    ]
    allowed = "".join(letters for wanted, letters in classes.values() if wanted)
    if length < 1 or len(needed) > length:
        raise ValueError(f"length is {length}, and must be at least 1 and the sum of the minimums ({len(needed)})")
    if not allowed:
        raise ValueError("at least one of lower, upper, numeric and special must be true")
    letters = needed + [secrets.choice(allowed) for _ in range(length - len(needed))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def results(kind: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the computed outputs of a new resource.

    Args:
        kind: The resource's name, such as ``RandomPassword``.
        given: Its inputs, without secret wrappers.

    Raises:
        ValueError: For inputs that cannot hold.
        KeyError: For a kind that is not known here.
    """
    return _KINDS[kind](given)


def _password(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "none", {"result": Secret(text(given))}


def _string(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    value = text(given)
    return value, {"result": value}


def _uuid(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    value = str(uuid.uuid4())
    return value, {"result": value}


def _bytes(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    raw = secrets.token_bytes(given["length"])
    return "none", {"base64": Secret(base64.b64encode(raw).decode()), "hex": Secret(raw.hex())}


def _id(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    raw, prefix = secrets.token_bytes(given["byteLength"]), given.get("prefix", "")
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return url, {
        "b64Std": prefix + base64.b64encode(raw).decode(),
        "b64Url": prefix + url,
        "dec": f"{prefix}{int.from_bytes(raw)}",
        "hex": prefix + raw.hex(),
    }


_KINDS = {
    "RandomPassword": _password,
    "RandomString": _string,
    "RandomUuid": _uuid,
    "RandomBytes": _bytes,
    "RandomId": _id,
}

COMPUTED: dict[str, dict[str, bool]] = {
    "RandomPassword": {"result": True},
    "RandomString": {"result": False},
    "RandomUuid": {"result": False},
    "RandomBytes": {"base64": True, "hex": True},
    "RandomId": {"b64Std": False, "b64Url": False, "dec": False, "hex": False},
}
"""The computed outputs of each kind, and whether they are secret."""
