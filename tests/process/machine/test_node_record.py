"""The record of the sandbox's process never names somebody else's."""

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from local.node import record


def of(pid: int) -> record.Record:
    found = record.process_state(pid)
    assert found is not None
    return record.Record(pid, found[1], Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "f")


def test_a_running_process_is_alive() -> None:
    assert of(os.getpid()).alive


def test_a_process_that_got_the_same_number_later_is_not_the_recorded_one() -> None:
    assert not replace(of(os.getpid()), start=1).alive, "down would kill a stranger"


def test_a_record_of_an_earlier_boot_names_nobody() -> None:
    assert not replace(of(os.getpid()), boot="another").alive


def test_a_record_says_when_its_process_began() -> None:
    with subprocess.Popen(["sleep", "5"]) as child:
        now = time.time()
        found = of(child.pid)
        child.kill()
    assert abs(found.began - now) < 1, "what an earlier sandbox reported would count as this one's"


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as child:
        found = of(child.pid)
        end = time.monotonic() + 5
        while found.alive and time.monotonic() < end:
            time.sleep(0.01)
        assert record.process_state(child.pid) is not None, "the child must still be there, as a zombie"
        assert not found.alive, "a sandbox whose first process has ended is gone"


def test_a_process_whose_name_holds_spaces_and_brackets_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) S (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "5"]) as child:
        try:
            found = of(child.pid)
            assert found.alive
            assert found.start >= of(os.getpid()).start, "a child starts after its parent"
        finally:
            child.kill()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"pid": 7, "start": 8, "boot": "b", "fingerprint": "f"}))
    assert record.read(path) == record.Record(7, 8, "b", "f")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "start": 1, "boot": "b"}'])
def test_a_record_that_is_not_whole_counts_as_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(content)
    assert record.read(path) is None


def test_no_record_counts_as_none(tmp_path: Path) -> None:
    assert record.read(tmp_path / "record.json") is None
