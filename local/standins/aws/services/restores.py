"""AWS Backup: plans that try restores, and what they try."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.backup import tagging
from local.standins.aws.services.shaping import named, present
from local.standins.aws.types import Change, Name, Obj, Type

_PLAN = {
    "name": "RestoreTestingPlanName", "scheduleExpression": "ScheduleExpression",
    "scheduleExpressionTimezone": "ScheduleExpressionTimezone", "startWindowHours": "StartWindowHours",
}  # fmt: skip
_POINTS = {
    "algorithm": "Algorithm", "includeVaults": "IncludeVaults", "recoveryPointTypes": "RecoveryPointTypes",
    "excludeVaults": "ExcludeVaults", "selectionWindowDays": "SelectionWindowDays",
}  # fmt: skip
_SELECTION = {
    "name": "RestoreTestingSelectionName", "iamRoleArn": "IamRoleArn",
    "protectedResourceType": "ProtectedResourceType", "protectedResourceArns": "ProtectedResourceArns",
    "restoreMetadataOverrides": "RestoreMetadataOverrides", "validationWindowHours": "ValidationWindowHours",
}  # fmt: skip
# AWS takes letters, digits and underscores only.
_NAME = Name(limit=50, separator="_")


def _plan(given: Obj) -> Obj:
    return {**named(given, _PLAN), "RecoveryPointSelection": named(given["recoveryPointSelection"], _POINTS)}


def _create_plan(aws: Aws, given: Obj) -> str:
    made = aws.client("backup").create_restore_testing_plan(
        RestoreTestingPlan=_plan(given), Tags=given.get("tags") or {}
    )
    return made["RestoreTestingPlanName"]


def _update_plan(aws: Aws, name: str, change: Change) -> None:
    backup = aws.client("backup")
    if change.of("recoveryPointSelection", *_PLAN):
        wanted = _plan(change.new)
        del wanted["RestoreTestingPlanName"]
        backup.update_restore_testing_plan(RestoreTestingPlanName=name, RestoreTestingPlan=wanted)
    found = backup.get_restore_testing_plan(RestoreTestingPlanName=name)["RestoreTestingPlan"]
    tagging(backup, found["RestoreTestingPlanArn"], change)


def _read_plan(aws: Aws, name: str, known: Obj) -> Obj | None:
    backup = aws.client("backup")
    found: Any = absent_is_none(lambda: backup.get_restore_testing_plan(RestoreTestingPlanName=name))
    if found is None:
        return None
    plan = found["RestoreTestingPlan"]
    points = plan["RecoveryPointSelection"]
    return {
        **{ours: plan.get(theirs) for ours, theirs in _PLAN.items()},
        "arn": plan["RestoreTestingPlanArn"],
        "recoveryPointSelection": {ours: points[theirs] for ours, theirs in _POINTS.items() if points.get(theirs)},
        "tags": backup.list_tags(ResourceArn=plan["RestoreTestingPlanArn"]).get("Tags") or {},
    }


def _delete_plan(aws: Aws, name: str, known: Obj) -> None:
    aws.client("backup").delete_restore_testing_plan(RestoreTestingPlanName=name)


def _selection(given: Obj) -> Obj:
    conditions = given.get("protectedResourceConditions") or {}
    shaped = {
        theirs: [{"Key": entry["key"], "Value": entry["value"]} for entry in conditions[ours]]
        for ours, theirs in {"stringEquals": "StringEquals", "stringNotEquals": "StringNotEquals"}.items()
        if conditions.get(ours)
    }
    return {**named(given, _SELECTION), **present(ProtectedResourceConditions=shaped or None)}


def _create_selection(aws: Aws, given: Obj) -> str:
    plan = given["restoreTestingPlanName"]
    aws.client("backup").create_restore_testing_selection(
        RestoreTestingPlanName=plan, RestoreTestingSelection=_selection(given)
    )
    return f"{given['name']}:{plan}"


def _update_selection(aws: Aws, selection_id: str, change: Change) -> None:
    name, _, plan = selection_id.partition(":")
    wanted = _selection(change.new)
    for fixed in ("RestoreTestingSelectionName", "ProtectedResourceType"):
        del wanted[fixed]
    aws.client("backup").update_restore_testing_selection(
        RestoreTestingPlanName=plan, RestoreTestingSelectionName=name, RestoreTestingSelection=wanted
    )


def _read_selection(aws: Aws, selection_id: str, known: Obj) -> Obj | None:
    name, _, plan = selection_id.partition(":")
    found: Any = absent_is_none(
        lambda: aws.client("backup").get_restore_testing_selection(
            RestoreTestingPlanName=plan, RestoreTestingSelectionName=name
        )
    )
    if found is None:
        return None
    selection = found["RestoreTestingSelection"]
    return {
        **{ours: selection.get(theirs) for ours, theirs in _SELECTION.items()},
        "restoreTestingPlanName": selection["RestoreTestingPlanName"],
    }


def _delete_selection(aws: Aws, selection_id: str, known: Obj) -> None:
    name, _, plan = selection_id.partition(":")
    aws.client("backup").delete_restore_testing_selection(RestoreTestingPlanName=plan, RestoreTestingSelectionName=name)


TYPES = (
    Type(
        token="aws:backup/restoreTestingPlan:RestoreTestingPlan",
        create=_create_plan,
        read=_read_plan,
        update=_update_plan,
        delete=_delete_plan,
        replaces=frozenset({"name"}),
        name=_NAME,
    ),
    Type(
        token="aws:backup/restoreTestingSelection:RestoreTestingSelection",
        create=_create_selection,
        read=_read_selection,
        update=_update_selection,
        delete=_delete_selection,
        replaces=frozenset({"name", "restoreTestingPlanName", "protectedResourceType"}),
        name=_NAME,
        tagged=False,
    ),
)
