"""What the engine records of a resource: outputs, and the inputs as a refresh finds them."""

from typing import Any

from local.standins.aws.check import FILLED_IN, without_marks
from local.standins.aws.compare import includes
from local.standins.aws.types import Obj, Type
from local.standins.values import UNKNOWN, Secret, mark_like, plain


def outputs(kind: Type, inputs: Obj, live: Obj, region: str | None) -> Obj:
    """The recorded outputs: the inputs, and over them what AWS says.

    Args:
        kind: The resource's type.
        inputs: The checked inputs, secrets kept.
        live: What ``read`` returned.
        region: The region that it is in; None when that is not known.
    """
    given = plain(without_marks(inputs))
    found = {**given, **{key: value for key, value in live.items() if value is not None}}
    if kind.tagged:
        found["tagsAll"] = found.get("tags") or {}
    if kind.regional and region:
        found["region"] = region
    return _hidden(kind, mark_like(found, inputs))


def of_preview(kind: Type, inputs: Obj, recorded: Obj, region: str | None) -> Obj:
    """The outputs as far as they are known before the update.

    Args:
        kind: The resource's type.
        inputs: The checked inputs, secrets and unknowns kept.
        recorded: The outputs of the last run; empty for a new resource.
        region: The region; None when that is not known.
    """
    known = {**recorded, **without_marks(inputs), **dict.fromkeys(kind.moved_by_update if recorded else (), UNKNOWN)}
    return outputs(kind, known, {}, region)


def live_inputs(kind: Type, inputs: Obj, live: Obj) -> Obj:
    """The inputs as a refresh finds them: what the program set, with the live values where they have drifted.

    Args:
        kind: The resource's type.
        inputs: The recorded inputs, secrets kept; empty for an import.
        live: What ``read`` returned.
    """
    if not inputs:
        return _hidden(kind, {key: value for key, value in live.items() if value is not None})
    known = plain(inputs)
    found: Obj = {}
    for key, given in known.items():
        there = live.get(key)
        found[key] = given if key == FILLED_IN or key not in live or includes(given, there, key) else there
    return _hidden(kind, mark_like({key: value for key, value in found.items() if value is not None}, inputs))


def _hidden(kind: Type, found: Obj) -> Obj:
    def hide(key: str, value: Any) -> Any:
        return Secret(value) if key in kind.secrets and not isinstance(value, Secret) and value is not None else value

    return {key: hide(key, value) for key, value in found.items()}
