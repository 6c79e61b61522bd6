"""A file backend after a power cut: what is restored, and what is left to people."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations.engine import damage
from operations.errors import Problem


class Backend:
    """A file backend of one stack, with its copies."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "Pulumi.yaml").write_text("name: pxl\n")
        self.root = folder / "state" / ".pulumi"
        self.env = {"PULUMI_BACKEND_URL": f"file://{folder}/state"}
        self.checkpoint = self.root / "stacks" / "pxl" / "dev.json"
        self.write(self.checkpoint, 30)
        self.write(self.checkpoint.with_name("dev.json.bak"), 29)
        self.write(self.root / "history" / "pxl" / "dev" / "dev-20.checkpoint.json", 20)
        self.write(self.root / "backups" / "pxl" / "dev" / "dev.20.json", 20)
        (self.root / "meta.yaml").write_text("version: 1\n")

    def write(self, path: Path, minute: int) -> None:
        """A checkpoint of that minute; its file is of the same minute."""
        made = datetime(2026, 5, 1, 12, minute, tzinfo=UTC)
        path.parent.mkdir(parents=True, exist_ok=True)
        stamp = made.isoformat().replace("+00:00", ".123456789Z")
        path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"manifest": {"time": stamp}}}}))
        os.utime(path, (made.timestamp(), made.timestamp()))

    def damage(self, path: Path, keep: int = 0) -> None:
        """Cuts a file off; as after a power cut, its time stays."""
        before = path.stat()
        os.truncate(path, keep)
        os.utime(path, (before.st_atime, before.st_mtime))

    def mend(self) -> None:
        damage.mend(self.env, self.project, "dev")

    @property
    def minute(self) -> int:
        latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"]
        return int(latest["manifest"]["time"][14:16])


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(tmp_path)


def content(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_whole_backend_is_not_touched(backend: Backend) -> None:
    before = content(backend.root)
    backend.mend()
    assert content(backend.root) == before


@pytest.mark.parametrize("keep", [0, 40], ids=["empty", "half written"])
def test_a_damaged_checkpoint_is_restored_from_just_before_its_last_write(
    backend: Backend, keep: int, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.damage(backend.checkpoint, keep)
    backend.mend()
    assert backend.minute == 29
    said = capsys.readouterr().err
    assert "dev.json.bak" in said, "nobody's state is exchanged without a word"
    kept = list(backend.checkpoint.parent.glob("dev.json.damaged-*"))
    assert [path.stat().st_size for path in kept] == [keep], "what there was of it stays"


def test_the_copy_from_the_end_of_the_last_run_is_as_good_when_nothing_was_written_since(backend: Backend) -> None:
    backend.write(backend.root / "history" / "pxl" / "dev" / "dev-30.checkpoint.json", 30)
    backend.damage(backend.checkpoint)
    backend.damage(backend.checkpoint.with_name("dev.json.bak"))
    backend.mend()
    assert backend.minute == 30


def test_a_copy_that_may_be_too_old_is_named_and_not_used(backend: Backend) -> None:
    backend.damage(backend.checkpoint)
    backend.damage(backend.checkpoint.with_name("dev.json.bak"))
    with pytest.raises(Problem) as raised:
        backend.mend()
    assert str(backend.checkpoint) in str(raised.value)
    assert "cp '" in (raised.value.remedy or ""), "the way to go on regardless is a command"
    assert backend.checkpoint.stat().st_size == 0, "it is for the user to decide"


def test_without_any_copy_it_is_said_what_is_lost(backend: Backend) -> None:
    for path in backend.root.rglob("*.json*"):
        backend.damage(path)
    with pytest.raises(Problem, match="damaged") as raised:
        backend.mend()
    assert "there is no copy of it" in (raised.value.why or "")


def test_a_stack_that_was_never_deployed_is_no_damage(backend: Backend) -> None:
    backend.checkpoint.write_text('{"version": 3, "checkpoint": {"stack": "dev"}}')
    before = content(backend.root)
    backend.mend()
    assert content(backend.root) == before


@pytest.mark.parametrize("text", ["", "vers", None], ids=["empty", "half written", "gone"])
def test_the_layout_is_written_again_so_that_the_stack_is_not_taken_for_a_new_one(
    backend: Backend, text: str | None
) -> None:
    meta = backend.root / "meta.yaml"
    meta.write_text(text) if text is not None else meta.unlink()
    backend.mend()
    assert meta.read_text() == "version: 1\n"


def test_a_half_written_lock_is_cleared_and_a_whole_one_is_not(backend: Backend) -> None:
    locks = backend.root / "locks" / "organization" / "pxl" / "dev"
    locks.mkdir(parents=True)
    (locks / "half.json").write_text('{"pid": 1')
    (locks / "just-begun.json.18eb9933d461752e.tmp").touch()
    (locks / "whole.json").write_text('{"pid": 1}')
    backend.mend()
    assert [path.name for path in locks.iterdir()] == ["whole.json"], "who holds it is asked when the engine says so"


def test_a_damaged_description_beside_a_file_is_dropped(backend: Backend) -> None:
    described = backend.checkpoint.with_name("dev.json.attrs")
    described.write_text("")
    backend.mend()
    assert not described.exists(), "the engine has defaults for it, but does not start with half of one"


@pytest.mark.parametrize("url", ["https://api.example.com", "s3://bucket", ""])
def test_other_backends_are_their_own_business(backend: Backend, tmp_path: Path, url: str) -> None:
    env = {"PULUMI_BACKEND_URL": url, "HOME": str(tmp_path)}
    backend.damage(backend.checkpoint)
    damage.mend(env, backend.project, "dev")
    assert backend.checkpoint.stat().st_size == 0


def test_the_backend_of_the_login_is_found_when_nothing_else_names_one(backend: Backend, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "credentials.json").write_text(json.dumps({"current": backend.env["PULUMI_BACKEND_URL"]}))
    assert damage.folder({"PULUMI_HOME": str(home)}, backend.project) == backend.root
