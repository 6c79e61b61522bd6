"""What commands show while they work: one line a step, alive for as long as it takes.

That goes to standard error, so that standard output stays what a script reads: results, and nothing else.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from operations.errors import Problem

_HEARTBEAT_SECONDS = 15.0

# Colons mean keys here (pxl:key:), never emoji.
console = Console(stderr=True, highlight=False, emoji=False)


def say(text: str) -> None:
    """Prints one line of progress."""
    console.print(text, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Prints one line that deserves attention."""
    console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def show(text: str, style: str | None = None) -> None:
    """Prints a result on standard output, at once.

    Raises:
        Problem: If it cannot be written, because the disk is full for example.
    """
    try:
        Console(highlight=False, emoji=False).print(text, style=style, markup=False, soft_wrap=True)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read it has read enough
    except OSError as error:
        # What is left in the buffer would be tried again at the end, with a message of Python's own.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise Problem(
            "the result cannot be written", why=error.strerror, remedy="free space there, or write it elsewhere"
        ) from error


def elapsed(seconds: float) -> str:
    """``7 s``, ``1 min 05 s``: for people, not for scripts."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


class Step:
    """One piece of work in progress; ``update`` says what it waits for right now."""

    def __init__(self, title: str, hint: str) -> None:
        """Starts the clock."""
        self.title = title
        self.detail = hint
        self.started = time.monotonic()

    def update(self, detail: str) -> None:
        """Replaces the text after the title."""
        self.detail = detail

    def line(self) -> str:
        """The step as one line, with the time it has taken so far."""
        detail = f" · {self.detail}" if self.detail else ""
        return f"{self.title}{detail} ({elapsed(time.monotonic() - self.started)})"


@contextmanager
def step(title: str, hint: str = "") -> Iterator[Step]:
    """Shows that work goes on: a spinner on a terminal, a heartbeat line elsewhere.

    Args:
        title: What is being done, as a gerund ("building the engine").
        hint: What to expect ("about 4 min the first time"); replaced by ``Step.update``.

    Yields:
        The step, so that the work can say what it waits for.
    """
    current = Step(title, hint)
    show = _spin if console.is_terminal else _beat
    done = threading.Event()
    thread = threading.Thread(target=show, args=(current, done), daemon=True)
    thread.start()
    outcome = "failed"
    try:
        yield current
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    finally:
        done.set()
        thread.join()
        mark = {"done": "✓", "failed": "✗", "interrupted": "∎"}[outcome]
        say(f"{mark} {current.title} ({elapsed(time.monotonic() - current.started)})")
        sys.stderr.flush()


def _spin(current: Step, done: threading.Event) -> None:
    with console.status(Text(current.line())) as status:
        while not done.wait(0.2):
            status.update(Text(current.line()))


def _beat(current: Step, done: threading.Event) -> None:
    while not done.wait(_HEARTBEAT_SECONDS):
        say(f"  … {current.line()}")
