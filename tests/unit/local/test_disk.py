"""A failure on a full disk."""

import shutil
from types import SimpleNamespace

from local import disk
from operations.errors import Problem

REFUSED = Problem("The registry did not take an image.", why="it answered 500")


def test_a_failure_on_a_full_disk_names_the_disk_and_keeps_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))
    named = disk.named(REFUSED, tmp_path)
    assert named.what == "The disk is full: 3 MB are free."
    assert named.where == str(tmp_path)
    assert "it answered 500" in (named.why or "")


def test_with_room_enough_a_failure_is_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**31))
    assert disk.named(REFUSED, tmp_path, tmp_path / "not-there") is REFUSED
