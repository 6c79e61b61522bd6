"""Folders of the cache: whole or not at all, kept for as long as they are used."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local import cache
from local.paths import CHECKOUT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PXL_CACHE", str(tmp_path))
    return tmp_path


def aged(path: Path, days: float) -> Path:
    path.mkdir()
    then = time.time() - days * 86400
    os.utime(path, (then, then))
    return path


def test_what_a_killed_command_left_is_removed_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "bin-x"
    (tmp_path / ".bin-x.killed").mkdir()

    def fail() -> None:
        with cache.replacing(target) as scratch:
            (scratch / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with cache.replacing(target) as scratch:
        (scratch / "whole").touch()
    assert [path.name for path in target.iterdir()] == ["whole"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_nobody_has_used_for_a_month_goes_when_its_like_is_made(folder: Path) -> None:
    old, recent = aged(folder / "bin-x-0123456789ab", 31), aged(folder / "bin-x-1123456789ab", 29)
    others = [aged(folder / "bin-x-official-3.2", 99), aged(folder / "bin-xy-0123456789ab", 99)]
    made = cache.folder("bin-x", "2123456789ab", lambda scratch: (scratch / "whole").touch())
    assert not old.exists(), "a cache that only grows fills the disk"
    assert all(path.exists() for path in [recent, *others, made])


def test_what_a_killed_command_left_half_made_goes_whatever_its_key(folder: Path) -> None:
    half, another = folder / ".bin-x-0123456789ab.k2xw", folder / ".bin-x-official-3.2.k2xw"
    half.mkdir()
    another.mkdir()
    cache.folder("bin-x", "2123456789ab", lambda _: None)
    assert not half.exists(), "with another key in the next run, nobody else would look for it"
    assert another.exists(), "it is another command's, which may be at work"


def test_what_is_used_stays(folder: Path) -> None:
    kept = aged(folder / "bin-x-0123456789ab", 31)
    cache.folder("bin-x", "0123456789ab", lambda _: pytest.fail("it was there"))
    assert cache.prune("bin-x") == []
    assert kept.exists()


def test_what_a_node_has_mounted_stays_however_old_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = aged(folder / "root-0123456789ab", 99)
    monkeypatch.setattr(cache, "_mounted", lambda: f"overlay rw,lowerdir={mounted},upperdir=/u,workdir=/w")
    assert cache.prune("root") == []


@pytest.mark.skipif(not cache.may_unshare(), reason="a process namespace needs root")
def test_a_build_ends_with_the_command_that_was_killed_and_all_that_it_started() -> None:
    program = f"""
import sys; sys.path.insert(0, {str(CHECKOUT)!r})
from local import cache
command = "setsid sleep 12345 & echo started >&2; wait"
cache.watched(["sh", "-c", command], lambda line: bool(print(line, end="", flush=True)))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "started\n"
        killed.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while sleeping("sleep 12345") and time.monotonic() < end:
        time.sleep(0.02)
    assert not sleeping("sleep 12345"), "it would take the machine from the next command, for nothing"


def sleeping(command: str) -> bool:
    """Whether any process has this command line."""
    found = subprocess.run(["pgrep", "--exact", "--full", command], capture_output=True, check=False)
    return found.returncode == 0
