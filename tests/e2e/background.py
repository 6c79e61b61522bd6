"""Something that goes on beside a test: requests, or a daemon that is held down."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_END_SECONDS = 15


@contextmanager
def repeating(once: Callable[[], None], every: float, limit: int = 20_000) -> Iterator[None]:
    """Calls a function again and again for as long as the block runs.

    Args:
        once: What to call; it must not raise.
        every: Seconds between the end of a call and the next.
        limit: The most calls.
    """
    over = threading.Event()

    def run() -> None:
        for _ in range(limit):
            if over.wait(every):
                return
            once()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_END_SECONDS)
