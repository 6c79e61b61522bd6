"""One run at a time on a state folder."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local.paths import State
from operations.errors import Problem


@contextmanager
def held(state: State) -> Iterator[None]:
    """Holds the state folder for this process; the kernel lets go of it however the process ends.

    Raises:
        Problem: Another run holds it; the message says which.
    """
    path = state.path("lock")
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(path.read_text(encoding="utf-8"), state) from None
        file.truncate(0)
        json.dump({"pid": os.getpid(), "command": " ".join(sys.argv[1:]), "since": time.time()}, file)
        file.flush()
        yield
        file.truncate(0)


def _busy(record: str, state: State) -> Problem:
    try:
        holder = json.loads(record)
        minutes = int(time.time() - holder["since"]) // 60
        why = f"'{holder['command']}' (process {holder['pid']}) has held it for {minutes} min"
    except (ValueError, KeyError):
        why = "another run holds it"
    return Problem(
        "Another run is at work on this platform.",
        where=str(state.folder),
        why=why,
        remedy="wait for it to end, or work on a second platform: PXL_STATE=<folder> make up PORT=<port>",
    )
