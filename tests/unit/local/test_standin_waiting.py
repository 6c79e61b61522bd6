"""What the Kubernetes stand-in waits for, how it explains a stall, and how it writes: against a scripted API server."""

import threading
from typing import Any

import pytest

from local.standins.kubernetes import apply, names, waiting
from local.standins.kubernetes.client import ApiError, Cluster, NoKind, Resource
from local.standins.kubernetes.kubeconfig import Unreachable
from local.standins.kubernetes.provider import KubernetesProvider
from local.standins.kubernetes.readiness import Verdict, left_over_seconds, verdict
from local.standins.serve import Host


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted API server answers at once: nothing is gained by looking at it slowly."""
    monkeypatch.setattr(waiting, "_FIRST_LOOK_SECONDS", 0.001)


def _workload(kind: str, status: dict[str, Any], api: str = "apps/v1", **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop", "generation": 2, "uid": "1"}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": {"observedGeneration": 2, **status},
    }


def _condition(name: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": status, "reason": reason, "message": message}]}


DONE = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
READY = [
    ("a deployment whose pods are all new and available", _workload("Deployment", DONE, replicas=2)),
    ("a paused deployment", _workload("Deployment", {}, replicas=2, paused=True)),
    ("a deployment of none", _workload("Deployment", {}, replicas=0)),
    ("a stateful set", _workload("StatefulSet", DONE, replicas=2)),
    (
        "a stateful set that is updated by hand",
        _workload("StatefulSet", {"readyReplicas": 1}, replicas=1, updateStrategy={"type": "OnDelete"}),
    ),
    (
        "a daemon set",
        _workload("DaemonSet", {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1}),
    ),
    ("a complete job", _workload("Job", _condition("Complete", "True"), "batch/v1")),
    ("a suspended job", _workload("Job", {}, "batch/v1", suspend=True)),
    ("a pod that is ready", _workload("Pod", _condition("Ready", "True"), "v1")),
    ("a headless service", _workload("Service", {}, "v1", clusterIP="None", selector={"a": "b"})),
    ("a service without a selector", _workload("Service", {}, "v1", clusterIP="10.0.0.1")),
    ("an external name", _workload("Service", {}, "v1", type="ExternalName", selector={"a": "b"})),
    ("a bound claim", _workload("PersistentVolumeClaim", {"phase": "Bound"}, "v1")),
    (
        "a definition in force",
        _workload("CustomResourceDefinition", _condition("Established", "True"), "apiextensions.k8s.io/v1"),
    ),
    ("a custom resource", _workload("Widget", {}, "pxl.test/v1")),
    ("a custom deployment of somebody else's group", _workload("Deployment", {}, "example.com/v1")),
]
NOT_YET = [
    ("the controller has not seen the change", _workload("Deployment", {**DONE, "observedGeneration": 1}, replicas=2)),
    ("not all pods are new", _workload("Deployment", {**DONE, "updatedReplicas": 1}, replicas=2)),
    ("old pods are still there", _workload("Deployment", {**DONE, "replicas": 3}, replicas=2)),
    ("a pod is not available", _workload("Deployment", {**DONE, "availableReplicas": 1}, replicas=2)),
    ("a pod of a set is not ready", _workload("StatefulSet", {**DONE, "readyReplicas": 1}, replicas=2)),
    (
        "a set is half updated",
        _workload(
            "StatefulSet", {**DONE, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}, replicas=2
        ),
    ),
    (
        "a node lacks its pod",
        _workload("DaemonSet", {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}),
    ),
    ("the job runs", _workload("Job", {"active": 1}, "batch/v1")),
    ("the pod starts", _workload("Pod", {"phase": "Pending"}, "v1")),
    ("nothing stands behind the service", _workload("Service", {}, "v1", clusterIP="10.0.0.1", selector={"a": "b"})),
    ("the claim is not bound", _workload("PersistentVolumeClaim", {"phase": "Pending"}, "v1")),
    ("the definition is not in force", _workload("CustomResourceDefinition", {}, "apiextensions.k8s.io/v1")),
]
FAILED = [
    (
        "ProgressDeadlineExceeded",
        _workload("Deployment", _condition("Progressing", "False", "ProgressDeadlineExceeded")),
    ),
    ("BackoffLimitExceeded", _workload("Job", _condition("Failed", "True", "BackoffLimitExceeded"), "batch/v1")),
    ("Evicted", _workload("Pod", {"phase": "Failed", "reason": "Evicted"}, "v1")),
    ("lost", _workload("PersistentVolumeClaim", {"phase": "Lost"}, "v1")),
]


@pytest.mark.parametrize(("what", "obj"), READY, ids=[what for what, _ in READY])
def test_nothing_is_left_to_wait_for(what: str, obj: dict[str, Any]) -> None:
    assert verdict(obj) == Verdict(True), f"{what} is ready"


@pytest.mark.parametrize(("what", "obj"), NOT_YET, ids=[what for what, _ in NOT_YET])
def test_it_is_waited_while(what: str, obj: dict[str, Any]) -> None:
    found = verdict(obj)
    assert (found.ready, found.failed) == (False, ""), what
    assert found.waiting, "the status line says what is missing"


@pytest.mark.parametrize(("reason", "obj"), FAILED, ids=[reason for reason, _ in FAILED])
def test_a_hopeless_wait_ends_at_once(reason: str, obj: dict[str, Any]) -> None:
    assert reason in verdict(obj).failed


def test_a_service_is_ready_with_one_ready_endpoint() -> None:
    service = _workload("Service", {}, "v1", clusterIP="10.0.0.1", selector={"a": "b"})
    assert not verdict(service, [{"endpoints": [{"conditions": {"ready": False}}]}]).ready
    assert verdict(service, [{"endpoints": None}, {"endpoints": [{"conditions": {"ready": True}}]}]).ready


def test_a_claim_that_binds_on_first_use_is_not_waited_for() -> None:
    claim = _workload("PersistentVolumeClaim", {"phase": "Pending"}, "v1", storageClassName="local")
    assert verdict(claim, [{"volumeBindingMode": "WaitForFirstConsumer"}]).ready, "its pod comes later"


# --- explanations -------------------------------------------------------------------------------------------------


class FakeApi:
    """An API server in a dict; ``script`` is what the next reads of an object give."""

    def __init__(self, *script: Any, events: Any = (), kinds: bool = True) -> None:
        self.script = list(script)
        self.events, self.kinds = list(events), kinds
        self.applied: list[dict[str, Any]] = []

    def resource(self, api_version: str, kind: str) -> Resource:
        if not self.kinds:
            raise NoKind(f"the API server has no {kind} in {api_version}")
        return Resource("/api/v1", kind.lower(), kind != "Namespace")

    def get(self, *_: Any) -> dict[str, Any]:
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return step

    def list(self, api_version: str, kind: str, namespace: str | None, **query: str) -> list[dict[str, Any]]:
        return self.events if kind == "Event" else []

    def apply(self, obj: dict[str, Any], manager: str, *, force: bool, dry_run: bool) -> dict[str, Any]:
        self.applied.append(obj)
        return obj


def test_a_stall_is_told_with_the_latest_warnings() -> None:
    event = {"reason": "FailedCreate", "count": 5, "message": "exceeded quota: pods"}
    api: Any = FakeApi(events=[event])
    text = "\n".join(waiting.warnings(api, _workload("Deployment", {})))
    assert text == "event FailedCreate (5 times): exceeded quota: pods"


def test_an_explanation_that_fails_does_not_hide_the_failure() -> None:
    class Forbidding(FakeApi):
        def list(self, api_version: str, kind: str, namespace: str | None, **query: str) -> Any:
            raise ApiError(403, {}, "may not list events")

    api: Any = Forbidding()
    assert "no more is known" in waiting.warnings(api, _workload("Deployment", {}))[0]


# --- the waits ----------------------------------------------------------------------------------------------------

STARTING = _workload("Deployment", {}, replicas=2)
UP = _workload("Deployment", DONE, replicas=2)


def _wait(
    api: Any, obj: dict[str, Any], seconds: float = 5, cancelled: threading.Event | None = None
) -> dict[str, Any]:
    return waiting.until_ready(api, obj, seconds, cancelled or threading.Event(), lambda _: None)


def test_a_wait_ends_with_the_live_object() -> None:
    assert _wait(FakeApi(STARTING, ApiError(500, {}, "overloaded"), UP), STARTING) is UP, "one bad answer is no failure"


@pytest.mark.parametrize(
    ("api", "seconds", "text"),
    [
        (FakeApi(STARTING), 0.0, "not ready within 0 s: 0 of 2 pods updated"),
        (FakeApi(ApiError(404, {}, "gone")), 5, "was deleted"),
        (FakeApi(FAILED[0][1]), 5, "ProgressDeadlineExceeded"),
    ],
)
def test_a_wait_that_ends_badly_says_why_and_keeps_the_object(api: Any, seconds: float, text: str) -> None:
    with pytest.raises(waiting.NotReady, match=text) as caught:
        _wait(api, STARTING, seconds)
    assert caught.value.live["kind"] == "Deployment", "the engine records it, so that nothing is orphaned"


def test_an_interrupt_ends_a_wait() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(waiting.NotReady, match="cancelled"):
        _wait(FakeApi(STARTING), STARTING, 600, cancelled)


def test_the_skip_annotation_and_the_time_out_annotation_are_honoured() -> None:
    skipped = {**STARTING, "metadata": {**STARTING["metadata"], "annotations": {"pulumi.com/skipAwait": "true"}}}
    assert _wait(FakeApi(STARTING), skipped, 0) is skipped
    timed = {"metadata": {"annotations": {"pulumi.com/timeoutSeconds": "7"}}}
    assert waiting.timeout_of(timed, 0) == 7
    assert waiting.timeout_of(timed, 9) == 9, "customTimeouts come first"
    assert waiting.timeout_of({"metadata": {}}, 0) == 600


def test_a_deletion_is_over_when_the_object_is_gone_or_another_one() -> None:
    gone = ApiError(404, {"reason": "NotFound"}, "")
    another = {**UP, "metadata": {**UP["metadata"], "uid": "2"}}
    for end in (gone, another, NoKind("its definition is gone")):
        waiting.until_gone(FakeApi(UP, end), UP, 5, threading.Event(), lambda _: None)  # type: ignore[arg-type]


def test_a_deletion_that_hangs_names_the_finalizers() -> None:
    held = {**UP, "metadata": {**UP["metadata"], "finalizers": ["example.com/hold"]}}
    with pytest.raises(waiting.NotReady, match=r"example\.com/hold"):
        waiting.until_gone(FakeApi(held), held, 0, threading.Event(), lambda _: None)  # type: ignore[arg-type]


def test_a_cluster_that_falls_silent_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    silent: Any = FakeApi(Unreachable("https://127.0.0.1:1 does not answer"))
    monkeypatch.setattr(waiting, "_AWAY_SECONDS", 0.05)
    with pytest.raises(waiting.NotReady, match="fell silent") as raised:
        _wait(silent, STARTING)
    assert raised.value.live == STARTING, "what it last was is recorded, and the next run waits for it again"


# --- writing ------------------------------------------------------------------------------------------------------

MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "shop"}, "data": {"a": "b"}}
GONE = ApiError(404, {}, "not found")


def _create(api: Any, obj: dict[str, Any] = MAP, *, upsert: bool = False, take_up: bool = True) -> dict[str, Any]:
    cancelled = threading.Event()
    return apply.create(
        api,
        obj,
        "mine",
        force=False,
        upsert=upsert,
        take_up=take_up,
        cancelled=cancelled,
        tell=lambda _: cancelled.set(),
    )


def _managed_by(manager: str) -> dict[str, Any]:
    return {**MAP, "metadata": {**MAP["metadata"], "managedFields": [{"manager": manager}]}}


def test_an_object_that_somebody_else_has_made_is_not_taken_over() -> None:
    api = FakeApi(_managed_by("kubectl"))
    with pytest.raises(apply.Refused, match="already exists"):
        _create(api)
    assert api.applied == [], "the check comes before the write"


def test_an_object_that_a_killed_run_of_the_same_resource_has_made_is_taken_up() -> None:
    assert _create(FakeApi(_managed_by("mine"))) == MAP, "else every kill between create and record needs hands"


def test_nothing_is_taken_up_where_the_field_manager_may_be_another_engines() -> None:
    with pytest.raises(apply.Refused, match="already exists"):
        _create(FakeApi(_managed_by("mine")), take_up=False)


class Fixed(FakeApi):
    """An API server that lets nobody change what is there; what is deleted is gone."""

    def delete(self, *_: Any) -> None:
        self.script = [GONE]

    def apply(self, obj: dict[str, Any], manager: str, *, force: bool, dry_run: bool) -> dict[str, Any]:
        if self.script != [GONE]:
            raise ApiError(422, {"message": "data: field is immutable"}, "")
        return super().apply(obj, manager, force=force, dry_run=dry_run)


def test_what_a_killed_run_left_and_nobody_can_change_any_more_is_made_anew() -> None:
    api = Fixed(_managed_by("mine"))
    assert _create(api) == MAP, "a secret may have been changed after the kill; the next run must not end there"


def test_what_may_hold_data_is_not_deleted_to_be_made_anew() -> None:
    database = {**_managed_by("mine"), "kind": "StatefulSet"}
    with pytest.raises(apply.Refused, match="immutable"):
        _create(Fixed(database), {**MAP, "kind": "StatefulSet"})


def test_two_engines_with_a_stack_of_the_same_name_have_other_field_managers() -> None:
    urn = "urn:pulumi:dev::shop::kubernetes:core/v1:ConfigMap::m"
    assert names.field_manager(urn, "one") == names.field_manager(urn, "one")
    assert names.field_manager(urn, "one") != names.field_manager(urn, "two"), "each would take up the other's objects"


def test_upsert_takes_an_object_over_on_purpose() -> None:
    assert _create(FakeApi(_managed_by("kubectl")), upsert=True) == MAP


def test_a_kind_that_is_not_there_yet_is_tried_again() -> None:
    with pytest.raises(apply.Refused, match="cancelled"):
        _create(FakeApi(GONE, kinds=False))


def test_a_namespace_given_to_a_cluster_wide_kind_is_dropped() -> None:
    made = _create(FakeApi(GONE), {**MAP, "kind": "Namespace"})
    assert "namespace" not in made["metadata"]


def test_ignored_fields_keep_their_live_value() -> None:
    api = FakeApi(_workload("Deployment", {}, replicas=7))
    wanted = _workload("Deployment", {}, replicas=2, paused=False)
    done = apply.update(api, wanted, "m", force=False, ignored=["spec.replicas"], dry_run=False)  # type: ignore[arg-type]
    assert done["spec"] == {"replicas": 7, "paused": False}, "an autoscaler has set it, and an update must not undo it"


def test_an_object_that_is_gone_is_not_made_again_by_an_update() -> None:
    with pytest.raises(apply.Refused, match="pulumi refresh"):
        apply.update(FakeApi(GONE), MAP, "m", force=False, ignored=[], dry_run=False)  # type: ignore[arg-type]


def test_a_field_conflict_says_who_and_what_to_do() -> None:
    class Conflicting(FakeApi):
        def apply(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise ApiError(409, {"message": 'conflict with "kubectl"', "details": {"causes": [{}]}}, "")

    with pytest.raises(apply.Refused, match=r"pulumi\.com/patchForce") as caught:
        apply.update(Conflicting(MAP), MAP, "m", force=False, ignored=[], dry_run=False)  # type: ignore[arg-type]
    assert 'conflict with "kubectl"' in str(caught.value)


@pytest.mark.parametrize("api", [FakeApi(GONE, kinds=False), FakeApi(MAP)])
def test_a_create_that_cannot_be_previewed_is_no_error(api: Any) -> None:
    assert apply.preview_create(api, MAP, "m") is None, "the definition or the deletion comes in the same run"


def _stalled(at: str, deadline: int = 30) -> dict[str, Any]:
    entry = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": at}
    return _workload("Deployment", {"conditions": [entry]}, replicas=2, progressDeadlineSeconds=deadline)


def test_a_rollout_that_failed_before_this_change_does_not_fail_it():
    seconds = left_over_seconds(_stalled("10:00"), _stalled("10:00"))
    assert seconds == 30, "going back to the old version keeps the condition until its pods move"


def test_a_rollout_that_fails_after_this_change_fails_it_at_once():
    assert left_over_seconds(_stalled("10:00"), _stalled("10:05")) == 0, "it failed again, under this change"
    healthy = _workload("Deployment", DONE, replicas=2)
    assert left_over_seconds(healthy, _stalled("10:05")) == 0, "it was fine before this change"


def test_what_a_killed_run_has_made_under_a_drawn_name_is_found_again_but_not_for_a_replacement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urn = "urn:pulumi:dev::shop::kubernetes:apps/v1:StatefulSet::db"
    made, manager = _workload("StatefulSet", {}), names.field_manager(urn, "us")
    drawn = {"annotations": {"pulumi.com/autonamed": "true"}, "managedFields": [{"manager": manager}]}
    made["metadata"] = {**made["metadata"], **drawn, "name": "db-12345678"}
    cluster = Cluster.__new__(Cluster)
    cluster.list = lambda *_, **__: [_workload("StatefulSet", {}), made]
    new = {"metadata": {"namespace": "shop"}}
    for owner in ("", "them"):
        monkeypatch.setenv("PXL_STANDIN_OWNER", owner)
        other = KubernetesProvider(Host("127.0.0.1:1"))
        other._reached = cluster
        assert other._orphan(urn, new, "apps/v1", "StatefulSet") is None, "it is not theirs"
    monkeypatch.setenv("PXL_STANDIN_OWNER", "us")
    provider = KubernetesProvider(Host("127.0.0.1:1"))
    provider._reached = cluster
    found = provider._orphan(urn, new, "apps/v1", "StatefulSet")
    assert found == "db-12345678", "a second database behind the same Service would take half of the connections"
    provider._recorded.add(urn)
    assert provider._orphan(urn, new, "apps/v1", "StatefulSet") is None, "the old one must live until the new one does"
