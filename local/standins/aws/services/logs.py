"""CloudWatch Logs: log groups."""

from typing import Any

from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, retag
from local.standins.aws.types import Change, Name, Obj, Type


def _create(aws: Aws, given: Obj) -> str:
    aws.client("logs").create_log_group(
        logGroupName=given["name"],
        **named(given, {"kmsKeyId": "kmsKeyId", "logGroupClass": "logGroupClass"}),
        **({"tags": given["tags"]} if given.get("tags") else {}),
    )
    return given["name"]


def _update(aws: Aws, name: str, change: Change) -> None:
    logs, new = aws.client("logs"), change.new
    if change.of("retentionInDays"):
        if new.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=new["retentionInDays"])
        elif change.old:
            logs.delete_retention_policy(logGroupName=name)
    if change.old and change.of("kmsKeyId"):
        if new.get("kmsKeyId"):
            logs.associate_kms_key(logGroupName=name, kmsKeyId=new["kmsKeyId"])
        else:
            logs.disassociate_kms_key(logGroupName=name)
    arn = aws.arn("logs", f"log-group:{name}")
    retag(
        change,
        lambda tags: logs.tag_resource(resourceArn=arn, tags=tags),
        lambda names: logs.untag_resource(resourceArn=arn, tagKeys=names),
    )


def _read(aws: Aws, name: str, known: Obj) -> Obj | None:
    logs: Any = aws.client("logs")
    listed = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    found = next((group for group in listed if group["logGroupName"] == name), None)
    if found is None:
        return None
    arn = found["arn"].removesuffix(":*")
    return {
        "name": name,
        "arn": arn,
        "retentionInDays": found.get("retentionInDays") or 0,
        "kmsKeyId": found.get("kmsKeyId"),
        "logGroupClass": found.get("logGroupClass") or "STANDARD",
        "tags": logs.list_tags_for_resource(resourceArn=arn).get("tags") or {},
    }


def _delete(aws: Aws, name: str, known: Obj) -> None:
    if not known.get("skipDestroy"):
        aws.client("logs").delete_log_group(logGroupName=name)


TYPES = (
    Type(
        token="aws:cloudwatch/logGroup:LogGroup",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        completes=True,
        replaces=frozenset({"name", "namePrefix", "logGroupClass"}),
        name=Name(limit=512),
    ),
)
