"""What the engine records of an object: outputs, inputs, and what a refresh makes of both."""

import base64
from typing import Any

from local.standins.kubernetes.diff import same
from local.standins.kubernetes.objects import Obj, from_api, without_server_fields
from local.standins.values import Secret, mark_like, plain

_OF_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp")


def outputs(inputs: Obj, live: Obj, manager: str) -> Obj:
    """The recorded outputs: the live object and, as the official provider keeps them, its inputs and field manager.

    Args:
        inputs: The checked inputs, secrets kept.
        live: The object as the API returned it.
        manager: The resource's field manager.
    """
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    found = mark_like(_secret_data(from_api({**live, "metadata": metadata})), inputs)
    initial = inputs.get("apiVersion", live["apiVersion"])
    return {**found, "__inputs": _secret_data(inputs), "__initialApiVersion": initial, "__fieldManager": manager}


def _secret_data(obj: Obj) -> Obj:
    if obj.get("kind") != "Secret" or obj.get("apiVersion") != "v1":
        return obj
    hidden = {key: Secret(plain(obj[key])) for key in ("data", "stringData") if key in obj}
    return {**obj, **hidden}


def of_preview(obj: Obj, inputs: Obj, unknown: Any) -> Obj:
    """A dry run's result with everything unknown that only the real run decides."""
    metadata = {**obj["metadata"], **dict.fromkeys(_OF_THE_SERVER, unknown)}
    result = {**obj, "metadata": metadata, "status": unknown}
    if obj["kind"] == "Service":
        allocated = [key for key in ("clusterIP", "clusterIPs") if key not in inputs.get("spec", {})]
        result["spec"] = {**obj["spec"], **dict.fromkeys(allocated, unknown)}
    return result


def live_inputs(inputs: Obj, live: Obj) -> Obj:
    """The inputs as a refresh finds them: what the program set, with the live values where they have drifted.

    Args:
        inputs: The recorded inputs, secrets kept; empty for an import.
        live: The object as the API returned it.

    Returns:
        The new inputs, secrets marked as before.
    """
    shown = from_api(live)
    if not inputs:
        shown = without_server_fields(shown)
        shown.pop("status", None)
        annotations = shown["metadata"].get("annotations") or {}
        annotations.pop("deployment.kubernetes.io/revision", None)
        return _secret_data(shown)
    known = plain(inputs)
    if live.get("kind") == "Secret" and "stringData" in known:
        shown = {**shown, "stringData": _decoded(live.get("data") or {}, known["stringData"])}
    return mark_like(_drifted(known, shown, ()), inputs)


def _decoded(data: dict[str, str], wanted: Any) -> dict[str, str]:
    return {key: base64.b64decode(data[key]).decode(errors="replace") for key in wanted if key in data}


def _drifted(given: Any, live: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(given, dict) and isinstance(live, dict):
        kept = {}
        for key, value in given.items():
            if key in live:
                kept[key] = _drifted(value, live[key], (*path, key))
            elif not value:
                kept[key] = value  # The API leaves out what is empty, false or 0.
        return kept
    if isinstance(given, list) and isinstance(live, list) and len(given) == len(live):
        return [_drifted(old, new, (*path, index)) for index, (old, new) in enumerate(zip(given, live, strict=True))]
    return given if same(given, live, path) else live
