"""Two runs at once."""

import multiprocessing

import pytest

from local import lock
from local.paths import State
from operations.errors import Problem


def _hold(folder, ready, leave):
    with lock.held(State(folder)):
        ready.set()
        leave.wait(10)


def test_the_second_run_says_who_holds_the_platform_and_stops(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, leave = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready, leave))
    holder.start()
    try:
        assert ready.wait(10), "the first run must get the lock"
        with pytest.raises(Problem) as refused, lock.held(State(tmp_path)):
            pass
        assert str(holder.pid) in str(refused.value), "the message must name the process"
    finally:
        leave.set()
        holder.join()


def test_a_run_that_was_killed_does_not_block_the_next(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, leave = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready, leave))
    holder.start()
    ready.wait(10)
    holder.kill()
    holder.join()
    with lock.held(State(tmp_path)):
        pass


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(Problem, match="not one of a platform") as refused, lock.held(State(tmp_path)):
        pass
    assert "photos" in str(refused.value), "the message must say what would have been lost"
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_what_a_taken_down_platform_has_left_is_taken_up(tmp_path):
    (tmp_path / "contexts").mkdir()
    with lock.held(State(tmp_path)):
        pass
