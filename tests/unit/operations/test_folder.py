"""The folder of manifests is replaced as a whole or not at all."""

from pathlib import Path

import pytest

from operations.errors import Problem
from operations.rendering import folder


def names(where: Path) -> list[str]:
    return sorted(one.name for one in where.iterdir())


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    folder.replace(out, {"1.yaml": "x"})
    assert names(out) == [folder.MARKER, "1.yaml"]
    assert names(tmp_path / "a") == ["b"], "nothing temporary may be left beside it"


def test_files_of_the_run_before_are_gone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder.replace(out, {"old.yaml": "x"})
    folder.replace(out, {"new.yaml": "y"})
    assert names(out) == [folder.MARKER, "new.yaml"], "an object that no longer exists must not be applied"
    assert names(tmp_path) == ["out"]


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Problem, match="holds files that pxlctl render did not write"):
        folder.replace(tmp_path, {"1.yaml": "x"})
    assert names(tmp_path) == ["thesis.txt"], "what is not ours is not touched"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    folder.replace(tmp_path / "out", {})
    assert names(tmp_path / "out") == [folder.MARKER]


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Problem, match="is not a folder"):
        folder.replace(tmp_path / "link", {"1.yaml": "x"})


def test_a_failure_while_writing_keeps_the_old_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder.replace(out, {"old.yaml": "x"})
    with pytest.raises(Problem, match="cannot be written"):
        folder.replace(out, {"new.yaml": "y", "missing-folder/other.yaml": "z"})
    assert names(out) == [folder.MARKER, "old.yaml"], "half a set of manifests is worse than an old one"
    assert names(tmp_path) == ["out"]
