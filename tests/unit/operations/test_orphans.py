"""Which objects are orphans, which of them may be deleted, and which are nobody's business."""

from typing import Any

import pytest

from infra.marks import STATE_ANNOTATION
from operations.engine.state import CREATING, Pending, State
from operations.orphans.judging import judge
from operations.orphans.kinds import KINDS
from operations.orphans.model import Findings

OURS, THEIRS = "state-1", "state-2"
BY_KIND = {kind.name: kind for kind in KINDS}
DRAWN = {
    "type": "random:index/randomUuid:RandomUuid",
    "urn": "urn:pulumi:dev::pxl::random:index/randomUuid:RandomUuid::state",
    "outputs": {"result": OURS},
}


def live(kind: str, name: str, mark: str | None = OURS, manager: str = "pulumi-kubernetes-1", **more: Any) -> Any:
    """An object as the API lists it, marked by a field manager."""
    metadata: dict[str, Any] = {"name": name, "namespace": "pxl-dev", "uid": f"uid-{name}"}
    if mark:
        metadata["annotations"] = {STATE_ANNOTATION: mark}
        fields = {"f:metadata": {"f:annotations": {f"f:{STATE_ANNOTATION}": {}}}}
        metadata["managedFields"] = [{"manager": manager, "fieldsV1": fields}]
    if kind == "Namespace":
        del metadata["namespace"]
    return BY_KIND[kind], {"metadata": {**metadata, **more.pop("metadata", {})}, **more}


def record(token: str, resource_id: str, **outputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::pxl::{token}::{resource_id}"
    return {"type": token, "urn": urn, "id": resource_id, "outputs": outputs}


def found(*objects: Any, records: tuple[Any, ...] = (), pending: tuple[Pending, ...] = ()) -> Findings:
    return judge(objects, State((DRAWN, *records), pending), None)


def test_what_is_recorded_is_no_orphan_whatever_the_version_of_its_kind() -> None:
    name = {"metadata": {"name": "one", "namespace": "pxl-dev"}}
    records = (
        record("kubernetes:core/v1:Secret", "pxl-dev/one", **name),
        record("kubernetes:autoscaling/v1:HorizontalPodAutoscaler", "pxl-dev/one", **name),
        record("kubernetes:core/v1:Namespace", "one"),
    )
    here = [live(kind, "one") for kind in ("Secret", "HorizontalPodAutoscaler", "Namespace")]
    assert found(*here, records=records).orphans == ()


def test_the_secret_of_a_replacement_that_was_never_recorded_may_be_deleted() -> None:
    records = (record("kubernetes:core/v1:Secret", "pxl-dev/key-old"),)
    findings = found(live("Secret", "key-old"), live("Secret", "key-new"), records=records)
    assert [orphan.title for orphan in findings.removable] == ["Secret pxl-dev/key-new"]


def test_an_object_of_that_name_but_another_kind_is_not_what_was_recorded() -> None:
    records = (record("kubernetes:core/v1:ConfigMap", "pxl-dev/one"),)
    assert len(found(live("Secret", "one"), records=records).removable) == 1


def test_what_another_state_made_is_counted_and_never_shown() -> None:
    findings = found(live("Secret", "of-another-checkout", mark=THEIRS))
    assert (findings.orphans, findings.foreign) == ((), 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (live("Secret", "unmarked", mark=None), "nothing on it says which state made it"),
        (live("Secret", "copied", manager="kubectl-client-side-apply"), "it may be a copy"),
        (live("PersistentVolumeClaim", "data"), "holds data"),
        (live("StatefulSet", "db", spec={}), "may hold data"),
        (live("Namespace", "pxl-dev"), "everything in it"),
        (live("ExternalSecret", "secrets"), "operator's Secret"),
        (
            live("Deployment", "d", spec={"template": {"spec": {"volumes": [{"persistentVolumeClaim": {}}]}}}),
            "may hold data",
        ),
        (live("Job", "j", spec={"template": {"spec": {"volumes": [{"hostPath": {}}]}}}), "may hold data"),
    ],
    ids=lambda value: value[1]["metadata"]["name"] if isinstance(value, tuple) else "",
)
def test_what_is_not_certain_or_holds_data_is_told_and_left_alone(given: Any, words: str) -> None:
    findings = found(given)
    assert findings.removable == []
    assert words in findings.kept[0].why


def test_a_volume_that_ends_with_its_pod_does_not_keep_a_workload() -> None:
    volumes = [{"emptyDir": {}}, {"secret": {}}]
    given = live("Deployment", "api", spec={"template": {"spec": {"volumes": volumes}}})
    assert len(found(given).removable) == 1


@pytest.mark.parametrize("more", [{"ownerReferences": [{"uid": "x"}]}, {"deletionTimestamp": "now"}])
def test_what_has_an_owner_or_is_going_is_left_out(more: dict[str, Any]) -> None:
    assert found(live("Secret", "one", metadata=more)).orphans == ()


def test_the_claims_of_a_database_that_is_there_are_not_told_of() -> None:
    claims = {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    database = live("StatefulSet", "db-1", spec=claims)
    records = (record("kubernetes:apps/v1:StatefulSet", "pxl-dev/db-1"),)
    here = [database, live("PersistentVolumeClaim", "data-db-1-0", mark=None), live("PersistentVolumeClaim", "data-x")]
    assert [orphan.name for orphan in found(*here, records=records).orphans] == ["data-x"]


def test_while_something_is_being_made_nothing_is_deleted() -> None:
    making = (Pending("urn:pulumi:dev::pxl::kubernetes:core/v1:Secret::key", CREATING),)
    findings = found(live("Secret", "key-new"), pending=making)
    assert findings.removable == [], "another run may be just about to record it"
    assert "right now" in findings.kept[0].why


def test_without_an_id_of_the_state_nothing_is_certain() -> None:
    findings = judge([live("Secret", "one")], State((), ()), None)
    assert "no id of its own" in findings.kept[0].why
    assert len(judge([live("Secret", "one")], State((), ()), OURS).removable) == 1, "after a destroy it is handed over"


def test_the_findings_are_the_same_in_words_and_for_scripts() -> None:
    findings = found(live("Secret", "one"), live("StatefulSet", "db", spec={}), live("Secret", "x", mark=THEIRS))
    text = findings.text()
    assert "Secret pxl-dev/one" in text
    assert "may be deleted" in text
    assert "1 objects of another checkout's" in text
    assert [entry["removable"] for entry in findings.as_dict()["orphans"]] == [True, False]
    assert Findings().text() == "nothing in the cluster is in no record"
