"""AWS Backup: plans that try restores, and what they try. Nothing is restored here."""

import uuid
from typing import Any

from moto.backup import urls
from moto.backup.responses import BackupResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

from local.aws.additions import backups
from local.aws.additions.common import kept, refuse, take_over

ADDITIONS = {
    "backup CreateRestoreTestingPlan, GetRestoreTestingPlan, UpdateRestoreTestingPlan, ListRestoreTestingPlans, "
    "DeleteRestoreTestingPlan": "moto has none of them",
    "backup CreateRestoreTestingSelection, GetRestoreTestingSelection, UpdateRestoreTestingSelection, "
    "ListRestoreTestingSelections, DeleteRestoreTestingSelection": "moto has none of them",
}
"""What is added, and why."""

_PLANS = "/restore-testing/plans"
_PATHS = (
    rf"{_PLANS}/?$",
    rf"{_PLANS}/(?P<plan>[^/]+)/?$",
    rf"{_PLANS}/(?P<plan>[^/]+)/selections/?$",
    rf"{_PLANS}/(?P<plan>[^/]+)/selections/(?P<selection>[^/]+)/?$",
)
_PLAN, _SELECTION = "RestoreTestingPlanName", "RestoreTestingSelectionName"


class RestoreTesting(BackupResponse):
    """Plans and selections, kept as they were given."""

    def _plans(self) -> dict[str, Any]:
        return kept(self.backup_backend, "restore_plans")

    def _tried(self) -> dict[tuple[str, str], Any]:
        return kept(self.backup_backend, "restore_selections")  # pyright: ignore[reportReturnType]

    def _found_plan(self, name: str | None = None) -> Any:
        wanted = name or self._get_param(_PLAN)
        if wanted not in self._plans():
            raise refuse("ResourceNotFoundException", f"Restore testing plan {wanted} not found")
        return self._plans()[wanted]

    def create_restore_testing_plan(self) -> ActionResult:
        """Makes a plan."""
        wanted = dict(self._get_param("RestoreTestingPlan"))
        name = wanted[_PLAN]
        if name in self._plans():
            raise refuse("AlreadyExistsException", f"Restore testing plan {name} already exists")
        number = str(uuid.uuid4())
        arn = f"arn:aws:backup:{self.region}:{self.current_account}:restore-testing-plan:{name}-{number}"
        self._plans()[name] = {
            "ScheduleExpressionTimezone": "Etc/UTC", "StartWindowHours": 24, **wanted,
            "RestoreTestingPlanArn": arn, "CreationTime": utcnow(),
        }  # fmt: skip
        self.backup_backend.tag_resource(arn, self._get_param("Tags") or {})
        return ActionResult({"RestoreTestingPlanArn": arn, _PLAN: name, "CreationTime": utcnow()})

    def get_restore_testing_plan(self) -> ActionResult:
        """A plan."""
        return ActionResult({"RestoreTestingPlan": self._found_plan()})

    def update_restore_testing_plan(self) -> ActionResult:
        """Changes a plan."""
        found = self._found_plan()
        found.update(self._get_param("RestoreTestingPlan"), LastUpdateTime=utcnow())
        return ActionResult(found)

    def list_restore_testing_plans(self) -> ActionResult:
        """All plans."""
        return ActionResult({"RestoreTestingPlans": list(self._plans().values())})

    def delete_restore_testing_plan(self) -> EmptyResult:
        """Removes a plan that tries nothing any more."""
        name = self._found_plan()[_PLAN]
        if any(plan == name for plan, _ in self._tried()):
            raise refuse("InvalidRequestException", f"Restore testing plan {name} has selections")
        del self._plans()[name]
        return EmptyResult()

    def create_restore_testing_selection(self) -> ActionResult:
        """Has a plan try something."""
        plan, wanted = self._found_plan(), dict(self._get_param("RestoreTestingSelection"))
        key = (plan[_PLAN], wanted[_SELECTION])
        if key in self._tried():
            raise refuse("AlreadyExistsException", f"Restore testing selection {wanted[_SELECTION]} already exists")
        made = {"ValidationWindowHours": 0, **wanted, _PLAN: plan[_PLAN], "CreationTime": utcnow()}
        self._tried()[key] = made
        arn = plan["RestoreTestingPlanArn"]
        answer = {"RestoreTestingPlanArn": arn, _PLAN: key[0], _SELECTION: key[1]}
        return ActionResult({**answer, "CreationTime": made["CreationTime"]})

    def get_restore_testing_selection(self) -> ActionResult:
        """What a plan tries."""
        return ActionResult({"RestoreTestingSelection": self._found_selection()})

    def update_restore_testing_selection(self) -> ActionResult:
        """Changes what a plan tries."""
        found = self._found_selection()
        found.update(self._get_param("RestoreTestingSelection"))
        plan = self._found_plan(found[_PLAN])
        return ActionResult({**found, "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"], "UpdateTime": utcnow()})

    def list_restore_testing_selections(self) -> ActionResult:
        """All that a plan tries."""
        name = self._found_plan()[_PLAN]
        found = [selection for (plan, _), selection in self._tried().items() if plan == name]
        return ActionResult({"RestoreTestingSelections": found})

    def delete_restore_testing_selection(self) -> EmptyResult:
        """Has a plan try it no more."""
        found = self._found_selection()
        del self._tried()[found[_PLAN], found[_SELECTION]]
        return EmptyResult()

    def _found_selection(self) -> Any:
        key = (self._get_param(_PLAN), self._get_param(_SELECTION))
        if key not in self._tried():
            raise refuse("ResourceNotFoundException", f"Restore testing selection {key[1]} not found")
        return self._tried()[key]


class _Handler(RestoreTesting, backups.Plans):
    """All of AWS Backup."""

    def __init__(self) -> None:
        super().__init__()
        self.automated_parameter_parsing = True


def install() -> None:
    """Has this module and that of the plans answer for AWS Backup."""
    take_over(urls, _Handler, *_PATHS, *backups.PATHS)
