"""What the engine says when it fails is understood: errors, locks, and who holds them."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from operations.engine import words
from operations.engine.lock import Holder, holders

HOST = socket.gethostname()
LOCKED = f"""\
error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the \
lock file with `pulumi cancel`.
  file:///state/.pulumi/locks/organization/pxl/dev/5184.json: created by root@{HOST} (pid 4711) at 2026-01-31T12:00:00Z
"""

FAILED = """\
Updating (dev):
    pulumi:pulumi:Stack pxl-dev running error: 3 mistakes in the settings
Diagnostics:
  pulumi:pulumi:Stack (pxl-dev):
    error: 3 mistakes in the settings

      pxl:api.replicas is wrong
        next: mend it
    error: an unhandled error occurred: program exited with non-zero exit code: 1

  kubernetes:core/v1:Secret (app):
    error: connecting as postgres://pxl:hunter2@db failed

Resources:
    1 errored
"""


def now(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def test_errors_are_kept_whole_and_decoration_is_left_out() -> None:
    assert words.failure(FAILED.splitlines()).splitlines() == [
        "error: 3 mistakes in the settings",
        "",
        "  pxl:api.replicas is wrong",
        "    next: mend it",
        "error: connecting as postgres://pxl:[redacted]@db failed",
    ]


def test_without_an_error_the_last_lines_have_to_do() -> None:
    assert words.failure(["a", "", "b"]) == "a\nb"


def test_the_holder_of_a_lock_is_read_from_what_the_engine_says() -> None:
    assert holders(LOCKED.splitlines()) == [Holder("root", HOST, 4711, "2026-01-31T12:00:00Z")]


def test_other_failures_name_no_holder() -> None:
    assert holders(FAILED.splitlines()) == []


def test_a_process_that_has_ended_is_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert Holder("root", HOST, ended.pid, now()).is_gone()


def test_a_process_that_lives_is_not_gone() -> None:
    assert not Holder("root", HOST, os.getpid(), now()).is_gone()


def test_a_process_number_that_was_given_away_is_not_its_holder() -> None:
    assert Holder("root", HOST, os.getpid(), now(days=30)).is_gone(), "this process began after that lock was written"


def test_nothing_is_known_about_processes_of_another_machine() -> None:
    assert not Holder("root", "another-host", 4711, now()).is_gone(), "its process may well be alive"


def test_a_lock_with_an_unreadable_time_is_left_alone() -> None:
    assert not Holder("root", HOST, os.getpid(), "yesterday").is_gone()
