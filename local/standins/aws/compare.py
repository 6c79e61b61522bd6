"""Whether two values of an input mean the same to AWS."""

import json
from typing import Any

# Lists whose order means nothing: AWS keeps them as sets, and returns them in an order of its own.
_SETS = frozenset({
    "enabledCloudwatchLogsExports", "managedPolicyArns", "notResources", "parameters", "preferredAvailabilityZones",
    "protectedResourceArns", "records", "resources", "rules", "securityGroupIds", "securityGroups", "selectionTags",
    "subjectAlternativeNames", "subnetIds", "userGroupIds", "validationRecordFqdns", "versionStages",
    "vpcSecurityGroupIds", "ingress", "egress", "logDeliveryConfigurations",
})  # fmt: skip
_NOTHING: tuple[Any, ...] = (None, {}, [])
_DOCUMENTS = frozenset({"policy", "assumeRolePolicy"})


def same(old: Any, new: Any, name: str = "") -> bool:
    """Whether two plain values are the same: sets in any order, JSON documents in any spelling.

    Args:
        old: One value; None for one that is not given.
        new: The other value.
        name: The input's name, which tells sets and documents apart from other lists and texts.
    """
    if old in _NOTHING and new in _NOTHING:
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        return all(same(old.get(key), new.get(key), key) for key in old.keys() | new.keys())
    if isinstance(old, list) and isinstance(new, list):
        if name in _SETS:
            return _keys(old) == _keys(new)
        return len(old) == len(new) and all(same(one, other) for one, other in zip(old, new, strict=True))
    return _same_scalars(old, new, name)


def _same_scalars(old: Any, new: Any, name: str) -> bool:
    if name in _DOCUMENTS and isinstance(old, str) and isinstance(new, str):
        return document(old) == document(new)
    if isinstance(old, bool) or isinstance(new, bool):
        # atRestEncryptionEnabled and its like are texts in some versions of the SDK.
        return str(old).lower() == str(new).lower()
    return old == new


def includes(given: Any, live: Any, name: str = "") -> bool:
    """Whether a live value has all that was given; what AWS adds to an object is no difference."""
    if isinstance(given, dict) and isinstance(live, dict):
        return all(includes(value, live.get(key), key) for key, value in given.items())
    if isinstance(given, list) and isinstance(live, list):
        if len(given) != len(live):
            return False
        if name in _SETS:
            return all(any(includes(one, other) for other in live) for one in given)
        return all(includes(one, other) for one, other in zip(given, live, strict=True))
    return same(given, live, name) or (not given and live is None)


def document(text: str) -> Any:
    """A JSON document as a value, or the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _keys(items: list[Any]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True, default=repr) for item in items)
