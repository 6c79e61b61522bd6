"""AWS Backup: vaults, plans, and what a plan covers."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, present, retag
from local.standins.aws.types import Change, Name, Obj, Type

_RULE = {
    "ruleName": "RuleName", "targetVaultName": "TargetBackupVaultName", "schedule": "ScheduleExpression",
    "scheduleExpressionTimezone": "ScheduleExpressionTimezone", "startWindow": "StartWindowMinutes",
    "completionWindow": "CompletionWindowMinutes", "enableContinuousBackup": "EnableContinuousBackup",
    "recoveryPointTags": "RecoveryPointTags",
}  # fmt: skip
_LIFECYCLE = {
    "coldStorageAfter": "MoveToColdStorageAfterDays", "deleteAfter": "DeleteAfterDays",
    "optInToArchiveForSupportedResources": "OptInToArchiveForSupportedResources",
}  # fmt: skip


def tagging(backup: Any, arn: str, change: Change) -> None:
    """Brings the tags of something of this service to what the program has."""
    retag(
        change,
        lambda tags: backup.tag_resource(ResourceArn=arn, Tags=tags),
        lambda names: backup.untag_resource(ResourceArn=arn, TagKeyList=names),
    )


def _create_vault(aws: Aws, given: Obj) -> str:
    aws.client("backup").create_backup_vault(
        BackupVaultName=given["name"],
        BackupVaultTags=given.get("tags") or {},
        **named(given, {"kmsKeyArn": "EncryptionKeyArn"}),
    )
    return given["name"]


def _update_vault(aws: Aws, name: str, change: Change) -> None:
    tagging(aws.client("backup"), aws.arn("backup", f"backup-vault:{name}"), change)


def _read_vault(aws: Aws, name: str, known: Obj) -> Obj | None:
    backup = aws.client("backup")
    found: Any = absent_is_none(lambda: backup.describe_backup_vault(BackupVaultName=name))
    if found is None:
        return None
    arn = found["BackupVaultArn"]
    return {
        "name": found["BackupVaultName"],
        "arn": arn,
        "kmsKeyArn": found.get("EncryptionKeyArn"),
        "recoveryPoints": found.get("NumberOfRecoveryPoints", 0),
        "tags": backup.list_tags(ResourceArn=arn).get("Tags") or {},
    }


def _delete_vault(aws: Aws, name: str, known: Obj) -> None:
    aws.client("backup").delete_backup_vault(BackupVaultName=name)


def _plan(given: Obj) -> Obj:
    advanced = [
        {"ResourceType": entry["resourceType"], "BackupOptions": entry["backupOptions"]}
        for entry in given.get("advancedBackupSettings") or []
    ]
    rules = [_rule(rule) for rule in given["rules"]]
    return {"BackupPlanName": given["name"], "Rules": rules, **present(AdvancedBackupSettings=advanced or None)}


def _rule(rule: Obj) -> Obj:
    copies = [
        {"DestinationBackupVaultArn": copy["destinationVaultArn"], **_lifecycle(copy)}
        for copy in rule.get("copyActions") or []
    ]
    return {**named(rule, _RULE), **_lifecycle(rule), **present(CopyActions=copies or None)}


def _lifecycle(holder: Obj) -> Obj:
    return {"Lifecycle": named(holder["lifecycle"], _LIFECYCLE)} if holder.get("lifecycle") else {}


def _create_plan(aws: Aws, given: Obj) -> str:
    made = aws.client("backup").create_backup_plan(BackupPlan=_plan(given), BackupPlanTags=given.get("tags") or {})
    return made["BackupPlanId"]


def _update_plan(aws: Aws, plan_id: str, change: Change) -> None:
    backup = aws.client("backup")
    if change.of("rules", "advancedBackupSettings"):
        backup.update_backup_plan(BackupPlanId=plan_id, BackupPlan=_plan(change.new))
    tagging(backup, aws.arn("backup", f"backup-plan:{plan_id}"), change)


def _read_plan(aws: Aws, plan_id: str, known: Obj) -> Obj | None:
    backup = aws.client("backup")
    found: Any = absent_is_none(lambda: backup.get_backup_plan(BackupPlanId=plan_id))
    if found is None or found.get("DeletionDate"):
        return None
    return {
        "name": found["BackupPlan"]["BackupPlanName"],
        "arn": found["BackupPlanArn"],
        "version": found["VersionId"],
        "rules": [_rule_found(rule) for rule in found["BackupPlan"]["Rules"]],
        "tags": backup.list_tags(ResourceArn=found["BackupPlanArn"]).get("Tags") or {},
    }


def _rule_found(rule: Obj) -> Obj:
    found = {ours: rule[theirs] for ours, theirs in _RULE.items() if rule.get(theirs) is not None}
    copies = [
        {"destinationVaultArn": copy["DestinationBackupVaultArn"], **_lifecycle_found(copy)}
        for copy in rule.get("CopyActions") or []
    ]
    return {**found, **_lifecycle_found(rule), **present(copyActions=copies or None)}


def _lifecycle_found(holder: Obj) -> Obj:
    found = holder.get("Lifecycle")
    if not found:
        return {}
    return {"lifecycle": {ours: found[theirs] for ours, theirs in _LIFECYCLE.items() if theirs in found}}


def _delete_plan(aws: Aws, plan_id: str, known: Obj) -> None:
    aws.client("backup").delete_backup_plan(BackupPlanId=plan_id)


def _selection(given: Obj) -> Obj:
    tags = [
        {"ConditionType": tag["type"], "ConditionKey": tag["key"], "ConditionValue": tag["value"]}
        for tag in given.get("selectionTags") or []
    ]
    return {
        "SelectionName": given["name"],
        "IamRoleArn": given["iamRoleArn"],
        **present(
            Resources=given.get("resources"),
            NotResources=given.get("notResources"),
            ListOfTags=tags or None,
            Conditions=_conditions(given.get("conditions")),
        ),
    }


_CONDITIONS = {
    "stringEquals": "StringEquals", "stringLikes": "StringLike", "stringNotEquals": "StringNotEquals",
    "stringNotLikes": "StringNotLike",
}  # fmt: skip


def _conditions(given: list[Obj] | None) -> Obj | None:
    if not given:
        return None
    return {
        theirs: [{"ConditionKey": entry["key"], "ConditionValue": entry["value"]} for entry in given[0][ours]]
        for ours, theirs in _CONDITIONS.items()
        if given[0].get(ours)
    }


def _create_selection(aws: Aws, given: Obj) -> str:
    made = aws.client("backup").create_backup_selection(BackupPlanId=given["planId"], BackupSelection=_selection(given))
    return made["SelectionId"]


def _read_selection(aws: Aws, selection_id: str, known: Obj) -> Obj | None:
    found: Any = absent_is_none(
        lambda: aws.client("backup").get_backup_selection(BackupPlanId=known["planId"], SelectionId=selection_id)
    )
    if found is None:
        return None
    selection = found["BackupSelection"]
    return {
        "name": selection["SelectionName"],
        "iamRoleArn": selection["IamRoleArn"],
        "planId": found["BackupPlanId"],
        "resources": selection.get("Resources") or [],
        "notResources": selection.get("NotResources") or [],
    }


def _delete_selection(aws: Aws, selection_id: str, known: Obj) -> None:
    aws.client("backup").delete_backup_selection(BackupPlanId=known["planId"], SelectionId=selection_id)


TYPES = (
    Type(
        token="aws:backup/vault:Vault",
        create=_create_vault,
        read=_read_vault,
        update=_update_vault,
        delete=_delete_vault,
        replaces=frozenset({"name", "kmsKeyArn"}),
        name=Name(limit=50),
    ),
    Type(
        token="aws:backup/plan:Plan",
        create=_create_plan,
        read=_read_plan,
        update=_update_plan,
        delete=_delete_plan,
        replaces=frozenset({"name"}),
        name=Name(limit=50),
        moved_by_update=frozenset({"version"}),
    ),
    Type(
        token="aws:backup/selection:Selection",
        create=_create_selection,
        read=_read_selection,
        delete=_delete_selection,
        name=Name(limit=50),
        tagged=False,
    ),
)
