"""While a rollout goes on, every line is news."""

import cluster_objects as objects
from cluster_objects import Recorded

from operations.rollout import Answer, Snapshot
from operations.rollout.progress import Progress


def test_a_line_says_how_many_are_ready_and_what_the_probe_of_the_first_other_answers() -> None:
    lines = Progress().news(objects.rollout_of(objects.running()), Recorded(Answer(503, '{"db":false}')))
    expected = 'deployment pxl-api: 1 of 3 ready; pod pxl-api-2-0 readiness answered 503 {"db":false}'
    assert lines == [f"waiting for {expected}"]


def test_a_good_answer_is_not_given_as_the_reason_to_wait() -> None:
    lines = Progress().news(objects.rollout_of(objects.running()), Recorded(Answer(200, "{}")))
    assert lines[0].endswith("pod pxl-api-2-0 runs, and will be ready with the next readiness probe"), lines


def test_nothing_is_said_twice() -> None:
    progress, snapshot = Progress(), objects.rollout_of(objects.running())
    progress.news(snapshot, Recorded())
    assert progress.news(snapshot, Recorded()) == [], "a line that repeats hides the one that does not"


def test_a_changed_answer_is_news() -> None:
    progress, snapshot = Progress(), objects.rollout_of(objects.running())
    progress.news(snapshot, Recorded(Answer(503, "a")))
    assert len(progress.news(snapshot, Recorded(Answer(503, "b")))) == 1


def test_what_was_done_before_the_watch_is_not_mentioned() -> None:
    done = Snapshot("pxl-dev", [objects.deployment(wanted=2, available=2)])
    assert Progress().news(done, Recorded()) == [], "an untouched workload is no progress"


def test_a_job_that_failed_before_the_watch_is_not_waited_for() -> None:
    failed = {"conditions": [{"type": "Failed", "status": "True"}]}
    job = {"kind": "Job", "metadata": {"name": "migrations-1", "uid": "1"}, "spec": {}, "status": failed}
    assert Progress().news(Snapshot("pxl-dev", [job]), Recorded()) == [], "it belongs to an earlier run"


def test_the_end_of_a_rollout_is_said_once() -> None:
    progress = Progress()
    progress.news(objects.rollout_of(objects.running()), Recorded())
    done = Snapshot("pxl-dev", [objects.deployment(wanted=3, available=3)])
    assert progress.news(done, Recorded()) == ["deployment pxl-api: 3 of 3 ready"]
    assert progress.news(done, Recorded()) == []


def test_an_image_that_cannot_be_pulled_is_said_while_it_is_tried() -> None:
    (line,) = Progress().news(objects.rollout_of(objects.waiting("ImagePullBackOff", "not found")), Recorded())
    assert line.endswith("pod pxl-api-2-0 ImagePullBackOff (api): not found")


def test_a_pod_that_is_being_created_is_no_alarm() -> None:
    (line,) = Progress().news(objects.rollout_of(objects.waiting("ContainerCreating")), Recorded())
    assert line.endswith("pod pxl-api-2-0 is being created")


def test_an_old_pod_that_had_to_be_killed_is_reported_once() -> None:
    progress, snapshot = Progress(), objects.rollout_of(objects.running())
    old = snapshot.pods[0]
    old["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    old["status"]["containerStatuses"] = [objects.container_status({"terminated": {"exitCode": 137}})]
    lines = progress.news(snapshot, Recorded())
    assert any("pxl-api-1-old had to be killed (exit code 137)" in line for line in lines), "its requests are lost"
    assert progress.news(snapshot, Recorded()) == []
