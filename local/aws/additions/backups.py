"""AWS Backup: plans that change and go, and what they cover."""

import uuid
from typing import Any

from moto.backup.models import Plan
from moto.backup.responses import BackupResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

from local.aws.additions.common import kept, refuse

ADDITIONS = {
    "backup UpdateBackupPlan": "moto has none",
    "backup DeleteBackupPlan": "moto goes on answering for it, and keeps its name",
    "backup CreateBackupSelection, GetBackupSelection, ListBackupSelections, DeleteBackupSelection": (
        "moto has none of them"
    ),
}
"""What is added, and why."""

PATHS = (
    r"/backup/plans/(?P<planId>[^/]+)/selections/?$",
    r"/backup/plans/(?P<planId>[^/]+)/selections/(?P<selectionId>[^/]+)/?$",
)
"""The paths that moto does not have."""


class Plans(BackupResponse):
    """Plans and their selections."""

    def _selections(self) -> dict[str, Any]:
        return kept(self.backup_backend, "selections")

    def _plan(self) -> Any:
        return self.backup_backend.get_backup_plan(self._get_param("BackupPlanId"), None)

    def update_backup_plan(self) -> Any:
        """Gives a plan other rules: a new version of it."""
        old = self._plan()
        new: Any = Plan(self._get_param("BackupPlan"), old.creator_request_id, self.backup_backend)
        new.backup_plan_id, new.backup_plan_arn = old.backup_plan_id, old.backup_plan_arn
        self.backup_backend.plans[old.backup_plan_id] = new
        return ActionResult(new.to_dict())

    def delete_backup_plan(self) -> Any:
        """Removes a plan that covers nothing any more."""
        plan = self._plan()
        if any(found["BackupPlanId"] == plan.backup_plan_id for found in self._selections().values()):
            raise refuse(
                "InvalidRequestException",
                "Related backup plan selections must be deleted prior to backup plan deletion",
            )
        del self.backup_backend.plans[plan.backup_plan_id]
        answer = {"BackupPlanId": plan.backup_plan_id, "BackupPlanArn": plan.backup_plan_arn}
        return ActionResult({**answer, "DeletionDate": utcnow(), "VersionId": plan.version_id})

    def create_backup_selection(self) -> ActionResult:
        """Has a plan cover something."""
        plan, wanted = self._plan(), self._get_param("BackupSelection")
        found = {
            "BackupPlanId": plan.backup_plan_id,
            "SelectionId": str(uuid.uuid4()),
            "CreationDate": utcnow(),
            "BackupSelection": wanted,
        }
        self._selections()[found["SelectionId"]] = found
        return ActionResult({key: found[key] for key in ("BackupPlanId", "SelectionId", "CreationDate")})

    def get_backup_selection(self) -> ActionResult:
        """What a plan covers."""
        return ActionResult(self._selection())

    def list_backup_selections(self) -> ActionResult:
        """All that a plan covers."""
        plan = self._plan()
        listed = [
            {
                "SelectionId": found["SelectionId"],
                "SelectionName": found["BackupSelection"]["SelectionName"],
                "BackupPlanId": plan.backup_plan_id,
                "IamRoleArn": found["BackupSelection"]["IamRoleArn"],
                "CreationDate": found["CreationDate"],
            }
            for found in self._selections().values()
            if found["BackupPlanId"] == plan.backup_plan_id
        ]
        return ActionResult({"BackupSelectionsList": listed})

    def delete_backup_selection(self) -> EmptyResult:
        """Has a plan cover it no more."""
        del self._selections()[self._selection()["SelectionId"]]
        return EmptyResult()

    def _selection(self) -> Any:
        found = self._selections().get(self._get_param("SelectionId"))
        if found is None or found["BackupPlanId"] != self._get_param("BackupPlanId"):
            raise refuse("ResourceNotFoundException", "Backup selection not found")
        return found
