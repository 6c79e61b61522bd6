"""Secrets Manager: secrets and their versions."""

import base64
from typing import Any

from botocore.exceptions import ClientError

from local.standins.aws.errors import code_of, is_gone
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, present, retag, tag_list, tags_of
from local.standins.aws.types import Change, Name, Obj, Type

_WINDOW_DAYS = 30
_CURRENT = "AWSCURRENT"


def _create(aws: Aws, given: Obj) -> str:
    made = aws.client("secretsmanager").create_secret(
        Name=given["name"],
        **named(given, {"description": "Description", "kmsKeyId": "KmsKeyId"}),
        Tags=tag_list(given.get("tags")),
    )
    return made["ARN"]


def _update(aws: Aws, arn: str, change: Change) -> None:
    manager, new = aws.client("secretsmanager"), change.new
    if change.old and change.of("description", "kmsKeyId"):
        manager.update_secret(
            SecretId=arn, Description=new.get("description") or "", **named(new, {"kmsKeyId": "KmsKeyId"})
        )
    if change.of("policy"):
        if new.get("policy"):
            manager.put_resource_policy(SecretId=arn, ResourcePolicy=new["policy"])
        elif change.old:
            manager.delete_resource_policy(SecretId=arn)
    retag(
        change,
        lambda tags: manager.tag_resource(SecretId=arn, Tags=tag_list(tags)),
        lambda names: manager.untag_resource(SecretId=arn, TagKeys=names),
    )


def _present(call: Any) -> Any:
    """The result of a call, or None when the secret is gone or waits for its deletion."""
    try:
        return call()
    except ClientError as error:
        deleted = code_of(error) == "InvalidRequestException" and "delet" in str(error)
        if is_gone(error) or deleted:
            return None
        raise


def _read(aws: Aws, arn: str, known: Obj) -> Obj | None:
    found = _present(lambda: aws.client("secretsmanager").describe_secret(SecretId=arn))
    if found is None or found.get("DeletedDate"):
        return None
    return {
        "arn": found["ARN"],
        "name": found["Name"],
        "description": found.get("Description"),
        "kmsKeyId": found.get("KmsKeyId"),
        "tags": tags_of(found.get("Tags")),
    }


def _delete(aws: Aws, arn: str, known: Obj) -> None:
    days = known.get("recoveryWindowInDays", _WINDOW_DAYS)
    how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    aws.client("secretsmanager").delete_secret(SecretId=arn, **how)


def _create_version(aws: Aws, given: Obj) -> str:
    binary = given.get("secretBinary")
    text = given.get("secretString") or given.get("secretStringWo")
    made = aws.client("secretsmanager").put_secret_value(
        SecretId=given["secretId"],
        **present(
            SecretString=text,
            SecretBinary=base64.b64decode(binary) if binary else None,
            VersionStages=given.get("versionStages"),
        ),
    )
    return f"{given['secretId']}|{made['VersionId']}"


def _parts(version: str) -> tuple[str, str]:
    secret, _, number = version.rpartition("|")
    return secret, number


def _update_version(aws: Aws, version: str, change: Change) -> None:
    manager = aws.client("secretsmanager")
    secret, number = _parts(version)
    before, after = set(change.old.get("versionStages") or []), set(change.new.get("versionStages") or [])
    listed = manager.list_secret_version_ids(SecretId=secret)["Versions"]
    holders = {stage: entry["VersionId"] for entry in listed for stage in entry.get("VersionStages", [])}
    for stage in sorted(after - before):
        held = holders.get(stage)
        if held != number:
            manager.update_secret_version_stage(
                SecretId=secret, VersionStage=stage, MoveToVersionId=number, **present(RemoveFromVersionId=held)
            )
    for stage in sorted(before - after - {_CURRENT}):
        manager.update_secret_version_stage(SecretId=secret, VersionStage=stage, RemoveFromVersionId=number)


def _read_version(aws: Aws, version: str, known: Obj) -> Obj | None:
    secret, number = _parts(version)
    found = _present(lambda: aws.client("secretsmanager").get_secret_value(SecretId=secret, VersionId=number))
    if found is None:
        return None
    write_only = bool(known.get("secretStringWo"))
    binary = found.get("SecretBinary")
    return {
        "arn": found["ARN"],
        "secretArn": found["ARN"],
        "secretId": secret,
        "versionId": found["VersionId"],
        "versionStages": found.get("VersionStages") or [],
        "hasSecretStringWo": write_only or None,
        "secretString": None if write_only else found.get("SecretString"),
        "secretBinary": base64.b64encode(binary).decode() if binary else None,
    }


def _delete_version(aws: Aws, version: str, known: Obj) -> None:
    # AWS deletes no versions: one without a stage is deprecated, and the current one stays current.
    manager = aws.client("secretsmanager")
    secret, number = _parts(version)
    found = _present(lambda: manager.get_secret_value(SecretId=secret, VersionId=number))
    for stage in (found or {}).get("VersionStages") or []:
        if stage not in (_CURRENT, "AWSPREVIOUS"):
            manager.update_secret_version_stage(SecretId=secret, VersionStage=stage, RemoveFromVersionId=number)


TYPES = (
    Type(
        token="aws:secretsmanager/secret:Secret",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        completes=True,
        replaces=frozenset({"name", "namePrefix"}),
        name=Name(limit=512),
    ),
    Type(
        token="aws:secretsmanager/secretVersion:SecretVersion",
        create=_create_version,
        read=_read_version,
        update=_update_version,
        delete=_delete_version,
        replaces=frozenset({"secretId", "secretBinary", "secretString", "secretStringWoVersion"}),
        secrets=frozenset({"secretBinary", "secretString", "secretStringWo"}),
        tagged=False,
    ),
)
