"""Runs blocking work side by side, in threads that keep nobody from ending."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class _Job(Generic[T]):
    """One piece of work and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.result: T | None = None
        self.error: Exception | None = TimeoutError("it took too long")
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self._work()
            self.error = None
        except Exception as error:  # it is handed to whoever waits
            self.error = error


def side_by_side(work: Mapping[K, Callable[[], T]], seconds: float) -> tuple[dict[K, T], dict[K, Exception]]:
    """Does everything at the same time: the results, and the errors of what failed or took too long.

    An interrupt gets through while it waits, and what still runs then does not hold up the end of the process.

    Args:
        work: What to do, by a key of the caller's.
        seconds: How long all of it may take.
    """
    jobs = {key: _Job(one) for key, one in work.items()}
    end = time.monotonic() + seconds
    for job in jobs.values():
        job.thread.join(max(0.0, end - time.monotonic()))
    done: dict[K, T] = {}
    failed: dict[K, Exception] = {}
    for key, job in jobs.items():
        error = job.error
        if error is None:
            done[key] = job.result  # pyright: ignore[reportArgumentType]  # without an error there is a result
        else:
            failed[key] = error
    return done, failed
