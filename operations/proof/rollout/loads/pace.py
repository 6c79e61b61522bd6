"""A steady rate: what is due is begun, whether or not what came before has ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from operations.proof.rollout.model import Sample

_STEP_SECONDS = 0.05


class Clock:
    """Seconds since the proof began."""

    def __init__(self) -> None:
        """Starts it."""
        self._started = time.monotonic()

    def now(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started


@dataclass
class Run:
    """What all loads of one proof share.

    Attributes:
        clock: Its clock.
        stop: Ends the loads.
        samples: Takes every request.
    """

    clock: Clock
    stop: asyncio.Event
    samples: list[Sample]


async def paced(rate: float, run: Run, once: Callable[[float], Awaitable[None]]) -> None:
    """Begins ``once`` at a rate until told to stop, then waits for what is under way.

    A load that waited for each answer would ask less of a stack that answers slowly, and hide what it should measure.

    Args:
        rate: How many a second.
        run: When it ends.
        once: Takes the moment at which it was due.
    """
    under_way: set[asyncio.Task[None]] = set()
    started, number = run.clock.now(), 0
    while not run.stop.is_set():
        due = started + number / rate
        if (early := due - run.clock.now()) > 0:
            await asyncio.sleep(min(early, _STEP_SECONDS))
            continue
        task = asyncio.ensure_future(_done(once, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
        if number % 20 == 0:
            # Behind time, it would otherwise never let the answers in.
            await asyncio.sleep(0)
    await asyncio.gather(*under_way)


async def _done(once: Callable[[float], Awaitable[None]], due: float) -> None:
    await once(due)
