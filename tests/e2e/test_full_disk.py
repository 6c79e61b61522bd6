"""The disk of a whole platform fills while ``up`` is at work. Last of all: it has a node of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.evidence import inventory
from tests.e2e.harness import Platform, copy_of_checkout, free_port, request
from tests.e2e.interruptions import Engine, running, until

SIZE = "2300m"
BLOB_BYTES = 80 * 2**20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Platform]:
    """A platform whose state folder is on a file system that has room for it, and for little else."""
    if os.geteuid() != 0:
        pytest.skip("the embedded node needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], check=True)
    made = Platform(copy_of_checkout(tmp_path / "checkout"), disk / "state", free_port())
    try:
        done = made.up()
        assert done.returncode == 0, done.stderr[-4000:]
        yield made
    finally:
        made.command("down", timeout=300)
        subprocess.run(["umount", "-l", str(disk)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is left on a folder's file system while the block runs."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 2**30
        while size >= 2**12:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
            except OSError:
                size //= 2
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            ballast.unlink()


@pytest.mark.long
def test_a_disk_that_fills_during_the_push_is_named_and_with_room_again_all_is_well(small: Platform, tmp_path: Path):
    before, engine, log = inventory(small), Engine(small.state), tmp_path / "log"
    app = tmp_path / "app"
    app.mkdir()
    (app / "blob").write_bytes(os.urandom(BLOB_BYTES))
    (app / "Dockerfile").write_text("ARG BASE\nFROM $BASE\nCOPY blob /blob\n")
    with running(small, log, "--app", str(app)) as process:
        until(lambda: "✓ building the app" in log.read_text(), 180, "the build")
        with filled(small.state.parent):
            assert process.wait(300) == 1, log.read_text()[-3000:]
    said = log.read_text()
    assert "✗ pushing the app's image" in said, f"the push must have been under way: {said[-3000:]}"
    for word in ("The disk is full: 0 MB are free", str(small.state), "The registry in the node", "next:"):
        assert word in said, f"the message must name {word!r}: {said[-3000:]}"
    assert "Traceback" not in said
    done = small.up()
    assert done.returncode == 0, f"with room again the next run must be clean:\n{done.stderr[-4000:]}"
    assert inventory(small) == before
    assert engine.pending() == []
    assert request(f"{small.url}/ready").status == 200
