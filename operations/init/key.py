"""The KMS key that encrypts the state's bucket and the secrets in the state."""

from typing import Any

from operations.errors import Problem
from operations.init.aws import Aws
from operations.init.documents import key_policy, same, text
from operations.init.names import Names
from operations.init.outcome import Outcome

_NOT_FOUND = ("NotFoundException",)


def ensure(aws: Aws, names: Names) -> tuple[Outcome, str]:
    """Makes the key and its alias, or completes them.

    Returns:
        What came of it, and the key's ARN ("" in a dry run without a key).

    Raises:
        Problem: AWS refuses, or the key is going to be deleted.
    """
    began = len(aws.changes)
    found = aws.ask("kms", "describe_key", missing=_NOT_FOUND, KeyId=names.alias)
    by_alias = found is not None
    # A run that ended between key and alias left a key without a name: found by its tags, not made again.
    key = found["KeyMetadata"] if found else _left_over(aws, names)
    made = key is None
    if key is None:
        answer = aws.change(
            f"key for {names.alias}",
            "kms",
            "create_key",
            Description=f"state and secrets of stack {names.stack} of {names.project}",
            Policy=text(key_policy(names)),
            Tags=[{"TagKey": key, "TagValue": value} for key, value in names.tags.items()],
        )
        key = answer["KeyMetadata"] if answer else None
    arn = str(key["Arn"]) if key else ""
    if key:
        _usable(names, key)
    if not by_alias:
        aws.change(f"alias {names.alias}", "kms", "create_alias", AliasName=names.alias, TargetKeyId=arn)
    rotates = arn and aws.ask("kms", "get_key_rotation_status", KeyId=arn)["KeyRotationEnabled"]
    if not rotates:
        aws.change("rotation every year", "kms", "enable_key_rotation", KeyId=arn)
    if arn and not made:
        policy = aws.ask("kms", "get_key_policy", KeyId=arn, PolicyName="default")["Policy"]
        if not same(policy, key_policy(names)):
            aws.change(
                "policy: this account only", "kms", "put_key_policy",
                KeyId=arn, PolicyName="default", Policy=text(key_policy(names)),
            )  # fmt: skip
    return Outcome.of("key", names.alias, aws.changes[began:], made=made, dry=aws.dry), arn


def _left_over(aws: Aws, names: Names) -> dict[str, Any] | None:
    named = {alias.get("TargetKeyId") for alias in aws.pages("kms", "list_aliases", "Aliases")}
    for entry in aws.pages("kms", "list_keys", "Keys"):
        if entry["KeyId"] in named:
            continue
        # The tags of a key that others keep to themselves cannot be read: it is not ours.
        answer = aws.ask("kms", "list_resource_tags", missing=("AccessDeniedException",), KeyId=entry["KeyId"])
        tags = {tag["TagKey"]: tag["TagValue"] for tag in (answer or {}).get("Tags") or []}
        if tags.items() >= names.tags.items():
            key = aws.ask("kms", "describe_key", KeyId=entry["KeyId"])["KeyMetadata"]
            if key["KeyState"] == "Enabled":
                return key
    return None


def _usable(names: Names, key: dict[str, Any]) -> None:
    state = str(key.get("KeyState"))
    if state == "Enabled":
        return
    undo = {
        "PendingDeletion": f"aws kms cancel-key-deletion --key-id {key['KeyId']} --region {names.region} && "
        f"aws kms enable-key --key-id {key['KeyId']} --region {names.region}",
        "Disabled": f"aws kms enable-key --key-id {key['KeyId']} --region {names.region}",
    }
    raise Problem(
        f"the key behind {names.alias} cannot be used",
        where=str(key["Arn"]),
        why=f"it is {state}; without it the state and its secrets cannot be read any more",
        remedy=undo.get(state, "wait until it is enabled, then run it again"),
    )
