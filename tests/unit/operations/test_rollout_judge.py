"""What a proof of a rollout makes of what it measured."""

import pytest

from operations.proof.rollout.judge import Budget, judge, max_within
from operations.proof.rollout.model import Client, Job, Killed, Load, Measured, PodLife, Sample, Stay


def measured(**parts) -> Measured:
    return Measured("a change", changed=(5.0, 20.0), ended=30.0, **parts)


def samples(number: int, problem: str = "", at: float = 10.0, load: Load = Load.FRESH) -> list[Sample]:
    return [Sample(load, at + each / 100, 0.01, problem) for each in range(number)]


def test_a_rollout_that_drops_nothing_holds():
    verdict = judge(measured(samples=samples(100)), Budget())
    assert verdict.ok, verdict.problems
    (row,) = verdict.rows
    assert (row.sent, row.failed) == (100, 0)


def test_one_failed_request_is_over_a_budget_of_none_and_within_one_of_one():
    one = measured(samples=[*samples(100), *samples(1, "connection refused")])
    assert judge(one, Budget()).problems == ["1 of 101 requests failed, 0 may"]
    assert judge(one, Budget(failed=1)).ok


def test_failures_are_told_with_when_and_what_went_on_then():
    pods = [PodLife("api-1", "api", "a", "", ready=1.0, leaving=9.5), PodLife("api-2", "api", "b", "", ready=25.0)]
    failed = [*samples(3, "connection refused"), *samples(2, "connection refused", at=29.0)]
    first, second = judge(measured(samples=failed, pods=pods), Budget()).failures
    assert first.startswith("3 × connection refused (requests on new connections), 10.0 to 10.0 s")
    assert "api-1 told to go at 9.5 s" in first
    assert "api-2" not in first, "what happened much later is not the cause"
    assert "2 × connection refused" in second, "two bursts are two lines"


def test_a_slow_answer_is_counted_and_does_not_fail():
    verdict = judge(measured(samples=[Sample(Load.KEEP_ALIVE, 1, 3.0)]), Budget(slow_seconds=2))
    assert verdict.rows[0].slow == 1 and verdict.ok


def client(*stays: Stay, room: str = "r") -> Client:
    return Client(room, list(stays))


def test_a_message_that_a_client_missed_while_it_was_in_the_room_is_lost():
    there = client(Stay(1.0, heard={0, 1}))
    missed = client(Stay(1.0, heard={0}))
    verdict = judge(measured(clients=[there, missed], said={("r", 0): 5.0, ("r", 1): 10.0}), Budget())
    assert verdict.facts["room messages lost"] == 1
    assert any("1 room messages were lost" in problem for problem in verdict.problems)


@pytest.mark.parametrize("said", [0.5, 9.5, 10.5, 29.8])
def test_what_was_said_while_a_client_was_away_or_just_going_is_not_lost(said: float):
    away = client(Stay(1.0, closed=10.0, code=1012), Stay(11.0))
    assert judge(measured(clients=[away], said={("r", 0): said}), Budget()).ok


def test_a_client_that_did_not_come_back_is_told():
    gone = client(Stay(1.0, closed=10.0, code=1012))
    assert any(
        "1 of 1 WebSocket clients did not come back" in each
        for each in judge(measured(clients=[gone]), Budget()).problems
    )


def test_a_client_that_came_back_late_is_told():
    late = client(Stay(1.0, closed=5.0, code=1012), Stay(20.0))
    assert any(
        "only after 10 s" in each for each in judge(measured(clients=[late]), Budget(rejoin_seconds=10)).problems
    )
    assert judge(measured(clients=[late]), Budget(rejoin_seconds=16)).ok


def test_a_storm_is_told():
    storm = [client(Stay(1.0, closed=10 + each / 1000, code=1012), Stay(11.0)) for each in range(30)]
    verdict = judge(measured(clients=storm), Budget(burst=20))
    assert any("30 WebSocket clients were cut off within 100 ms" in each for each in verdict.problems)


def test_a_connection_that_just_broke_is_told():
    broken = client(Stay(1.0, closed=10.0, code=1006), Stay(10.1))
    assert any("broke without a close" in each for each in judge(measured(clients=[broken]), Budget()).problems)


@pytest.mark.parametrize(
    ("moments", "most"), [([], 0), ([1.0], 1), ([1.0, 1.05, 1.2], 2), ([1.0, 1.06, 1.1, 1.15], 3), ([0.0, 0.2, 0.4], 1)]
)
def test_the_most_within_a_span_is_found_wherever_it_begins(moments, most):
    assert max_within(moments, 0.1) == most


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (Job("1", 1.0, "queued"), "1 of 2 accepted jobs are not done"),
        (Job("1", 1.0, ""), "1 of 2 accepted jobs are not done"),
        (Job("1", 1.0, "failed"), "1 jobs failed"),
        (Job("1", 1.0, "completed", completions=2), "1 jobs were completed more than once"),
    ],
)
def test_a_job_that_did_not_end_well_is_told(job: Job, word: str):
    verdict = judge(measured(jobs=[Job("0", 1.0, "completed", 2, 1), job]), Budget())
    assert any(word in problem for problem in verdict.problems), verdict.problems
    assert judge(measured(jobs=[Job("0", 1.0, "completed", 2, 1)]), Budget()).ok, "to be begun twice is no fault"


def test_a_container_that_had_to_be_killed_is_told_with_the_cure():
    killed = Killed("api-1", "app", 12.0, "outlived its grace of 30 s: handle SIGTERM")
    assert judge(measured(killed=[killed]), Budget()).problems == [
        "api-1 (app) was killed at 12.0 s: outlived its grace of 30 s: handle SIGTERM"
    ]


def test_a_change_that_failed_or_never_ended_is_told():
    one = Measured("a change", changed=(5.0, None), failure="403 forbidden", ended=30.0)
    problems = judge(one, Budget()).problems
    assert "the change itself failed: 403 forbidden" in problems
    assert any("not complete in time" in problem for problem in problems)
