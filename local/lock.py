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

# One of these is in every folder that a run has begun with, and one that was taken down may keep the last.
_MARKS = {"lock", "passphrase", "contexts"}


@contextmanager
def held(state: State) -> Iterator[None]:
    """Holds the state folder for this process; the kernel lets go of it however the process ends.

    Raises:
        Problem: Another run holds it (the message says which), or the folder is somebody else's.
    """
    _require_own(state)
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


def _require_own(state: State) -> None:
    """``make down`` empties the folder: one that holds something else, such as a home folder, is refused."""
    found = {path.name for path in state.folder.iterdir()} if state.folder.is_dir() else set[str]()
    if found and not found & _MARKS:
        raise Problem(
            "That folder is not one of a platform: it holds something else.",
            where=f"{state.folder} (PXL_STATE)",
            why=f"it has {', '.join(sorted(found)[:3])}, and make down removes everything in it",
            remedy="name a new or an empty folder with PXL_STATE",
        )


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
