"""Property values of the plugin protocol as plain Python values, with secrets and unknowns kept."""

from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWN_IDS = frozenset({
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string: the only one that SDKs send today
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
    "030794c1-ac77-496b-92df-f27374a8bd58",  # assets and archives
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
})  # fmt: skip


class _Unknown:
    """A value that is not known before the update; one instance only."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in its state and blanks on the screen."""

    value: Any


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A protocol struct as a dict; whole numbers become ``int``, nulls in objects are left out."""
    return {key: _decode(value) for key, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"}


def _decode(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWN_IDS else value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _unwrap(decode(value.struct_value))
    return None


def _unwrap(fields: dict[str, Any]) -> Any:
    signature = fields.get(_SIGNATURE)
    if signature is None:
        return fields
    if signature == _SECRET:
        return Secret(fields.get("value"))
    raise ValueError(f"a value of the special type {signature} (asset, archive or reference) is not supported here")


def encode(fields: dict[str, Any]) -> struct_pb2.Struct:
    """The inverse of ``decode``."""
    struct = struct_pb2.Struct()
    for key, value in fields.items():
        _encode(value, struct.fields[key])
    return struct


def _encode(value: Any, target: struct_pb2.Value) -> None:
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif value is UNKNOWN:
        target.string_value = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    elif isinstance(value, Secret):
        _encode({_SIGNATURE: _SECRET, "value": value.value}, target)
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        for key, item in value.items():
            _encode(item, target.struct_value.fields[key])
    elif isinstance(value, (list, tuple)):
        target.list_value.SetInParent()
        for item in value:
            _encode(item, target.list_value.values.add())
    else:
        raise TypeError(f"{type(value).__name__} is no property value")


def plain(value: Any) -> Any:
    """A copy without the secret wrappers; the result belongs to the caller."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_secret(value: Any) -> bool:
    """Whether a secret is anywhere in the value."""
    return _any(value, lambda item: isinstance(item, Secret))


def has_unknown(value: Any) -> bool:
    """Whether anything in the value is not known yet."""
    return _any(value, lambda item: item is UNKNOWN)


def _any(value: Any, matches: Any) -> bool:
    if matches(value):
        return True
    if isinstance(value, Secret):
        return _any(value.value, matches)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_any(item, matches) for item in items)


def mark_like(outputs: dict[str, Any], inputs: Any) -> dict[str, Any]:
    """Marks as secret what is secret in the inputs: by field in objects, and whole lists once one item is secret.

    A list is marked whole because the server may reorder it.
    """
    if not isinstance(inputs, dict):
        return outputs
    marked = dict(outputs)
    for key, given in inputs.items():
        if key not in marked or isinstance(marked[key], Secret):
            continue
        if isinstance(marked[key], dict) and isinstance(given, dict):
            marked[key] = mark_like(marked[key], given)
        elif has_secret(given):
            marked[key] = Secret(marked[key])
    return marked
