"""KMS: keys and their aliases."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, present, retag
from local.standins.aws.types import Change, Name, Obj, Type

_CREATED_WITH = {
    "description": "Description", "keyUsage": "KeyUsage", "customerMasterKeySpec": "KeySpec", "policy": "Policy",
    "multiRegion": "MultiRegion",
}  # fmt: skip
_LONGEST_WINDOW = 30


def _tag_list(tags: Obj | None) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in (tags or {}).items()]


def _create_key(aws: Aws, given: Obj) -> str:
    made = aws.client("kms").create_key(**named(given, _CREATED_WITH), Tags=_tag_list(given.get("tags")))
    return made["KeyMetadata"]["KeyId"]


def _update_key(aws: Aws, key_id: str, change: Change) -> None:
    kms, new = aws.client("kms"), change.new
    if change.of("description"):
        kms.update_key_description(KeyId=key_id, Description=new.get("description") or "")
    if change.of("policy") and new.get("policy"):
        kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=new["policy"])
    if change.of("enableKeyRotation", "rotationPeriodInDays"):
        if new.get("enableKeyRotation"):
            kms.enable_key_rotation(KeyId=key_id, **named(new, {"rotationPeriodInDays": "RotationPeriodInDays"}))
        elif change.old:
            kms.disable_key_rotation(KeyId=key_id)
    if change.of("isEnabled") and (change.old or new.get("isEnabled") is False):
        (kms.disable_key if new.get("isEnabled") is False else kms.enable_key)(KeyId=key_id)
    retag(
        change,
        lambda tags: kms.tag_resource(KeyId=key_id, Tags=_tag_list(tags)),
        lambda names: kms.untag_resource(KeyId=key_id, TagKeys=names),
    )


def _read_key(aws: Aws, key_id: str, known: Obj) -> Obj | None:
    kms = aws.client("kms")
    found: Any = absent_is_none(lambda: kms.describe_key(KeyId=key_id)["KeyMetadata"])
    if found is None or found["KeyState"] == "PendingDeletion":
        return None
    rotation = kms.get_key_rotation_status(KeyId=key_id)
    tags = kms.list_resource_tags(KeyId=key_id)["Tags"]
    return {
        "arn": found["Arn"],
        "keyId": found["KeyId"],
        "description": found["Description"],
        "isEnabled": found["Enabled"],
        "keyUsage": found.get("KeyUsage") or "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": found.get("KeySpec") or found.get("CustomerMasterKeySpec"),
        "multiRegion": found.get("MultiRegion", False),
        "enableKeyRotation": rotation["KeyRotationEnabled"],
        "policy": kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"],
        "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
    }


def _delete_key(aws: Aws, key_id: str, known: Obj) -> None:
    window = known.get("deletionWindowInDays") or _LONGEST_WINDOW
    aws.client("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=window)


def _create_alias(aws: Aws, given: Obj) -> str:
    aws.client("kms").create_alias(AliasName=given["name"], TargetKeyId=given["targetKeyId"])
    return given["name"]


def _update_alias(aws: Aws, name: str, change: Change) -> None:
    if change.of("targetKeyId"):
        aws.client("kms").update_alias(AliasName=name, TargetKeyId=change.new["targetKeyId"])


def _read_alias(aws: Aws, name: str, known: Obj) -> Obj | None:
    kms = aws.client("kms")
    pages = kms.get_paginator("list_aliases").paginate()
    found = next((alias for page in pages for alias in page["Aliases"] if alias["AliasName"] == name), None)
    if found is None:
        return None
    key = kms.describe_key(KeyId=found["TargetKeyId"])["KeyMetadata"]
    # The program may name the key by id or by ARN; AWS keeps the id.
    target = known.get("targetKeyId")
    shown = target if target in (key["KeyId"], key["Arn"]) else key["KeyId"]
    return present(name=name, arn=found["AliasArn"], targetKeyArn=key["Arn"], targetKeyId=shown)


def _delete_alias(aws: Aws, name: str, known: Obj) -> None:
    aws.client("kms").delete_alias(AliasName=name)


TYPES = (
    Type(
        token="aws:kms/key:Key",
        create=_create_key,
        read=_read_key,
        update=_update_key,
        delete=_delete_key,
        completes=True,
        replaces=frozenset(
            {
                "customKeyStoreId",
                "customerMasterKeySpec",
                "keyUsage",
                "multiRegion",
                "xksKeyId",
            }
        ),
    ),
    Type(
        token="aws:kms/alias:Alias",
        create=_create_alias,
        read=_read_alias,
        update=_update_alias,
        delete=_delete_alias,
        replaces=frozenset({"name", "namePrefix"}),
        name=Name(limit=256, prefix="alias/"),
        tagged=False,
    ),
)
