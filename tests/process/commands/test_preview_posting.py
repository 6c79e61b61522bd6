"""The comment of a stack: written once, then written anew; with a ``gh`` that only notes what it is asked."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations import deploy
from operations.command_line import app
from operations.errors import Problem
from operations.preview import page, posting
from operations.preview.changes import Changes

GH = """#!/bin/sh
echo "$@" >> "{folder}/asked"
case "$*" in
  *--paginate*) cat "{folder}/found" ;;
  *PATCH*|*--field*) [ -e "{folder}/refuse" ] && {{ echo "HTTP 403: no" >&2; exit 1; }}; echo https://there ;;
  *user*) echo me ;;
esac
"""


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gh").write_text(GH.format(folder=tmp_path))
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "found").write_text("")
    (tmp_path / "page.md").write_text(page.markdown("staging", Changes()))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return tmp_path


def asked(gh: Path) -> list[str]:
    return (gh / "asked").read_text().splitlines()


def test_the_first_one_is_a_new_comment(gh: Path):
    assert posting.post(gh / "page.md", 12) == "https://there"
    assert asked(gh)[-1].startswith("api repos/{owner}/{repo}/issues/12/comments --field body=@")


def test_every_later_one_changes_the_comment_that_is_there(gh: Path):
    (gh / "found").write_text("77\n")
    posting.post(gh / "page.md", 12)
    assert "--method PATCH repos/{owner}/{repo}/issues/comments/77" in asked(gh)[-1], "one comment a stack, no more"
    assert json.dumps(page.marker("staging")) in asked(gh)[0], "found by its first line"


def test_only_a_comment_of_ones_own_is_changed(gh: Path, monkeypatch):
    posting.post(gh / "page.md", 12)
    assert '"github-actions[bot]"' in asked(gh)[0], "anybody may write a comment that begins the same way"
    monkeypatch.delenv("GITHUB_ACTIONS")
    posting.post(gh / "page.md", 12)
    assert '.user.login == "me"' in asked(gh)[-2], "on a laptop it is the user's own"


def test_a_refusal_says_which_right_it_takes(gh: Path):
    (gh / "refuse").touch()
    with pytest.raises(Problem, match="refuses the comment") as problem:
        posting.post(gh / "page.md", 12)
    assert "pull-requests: write" in str(problem.value) and "403" in str(problem.value)


def test_without_gh_or_a_page_it_says_so(gh: Path, monkeypatch):
    with pytest.raises(Problem, match="no page"):
        posting.post(gh / "none.md", 12)
    monkeypatch.setenv("PATH", str(gh / "nowhere"))
    with pytest.raises(Problem, match="gh is not there"):
        posting.post(gh / "page.md", 12)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: pxl\nruntime: python\nmain: infra/\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  pxl:environment: dev\n")
    return tmp_path


def preview(project: Path):
    page_file = project / "build" / "page.md"
    return CliRunner().invoke(app, ["--cwd", str(project), "preview", "dev", "--markdown", str(page_file)]), page_file


def test_a_preview_is_shown_and_written_as_a_page(project: Path, monkeypatch):
    def engine(_, extra, out):
        assert extra[0] == "--event-log", "the page comes from the engine's own record, not from its words"
        urn = "urn:pulumi:dev::pxl::aws:rds/instance:Instance::database"
        Path(extra[1]).write_text(json.dumps({"resourcePreEvent": {"metadata": {"op": "replace", "urn": urn}}}) + "\n")
        out("+- database")

    monkeypatch.setattr(deploy, "preview", engine)
    done, written = preview(project)
    assert done.exit_code == 0 and done.stdout == "+- database\n"
    assert "Look twice at 1" in written.read_text()


def test_a_preview_that_fails_is_written_too_and_still_fails(project: Path, monkeypatch):
    def engine(*_, **__):
        raise Problem("the engine refuses")

    monkeypatch.setattr(deploy, "preview", engine)
    done, written = preview(project)
    assert done.exit_code == 1, "the check of the pull request has to be red"
    assert "the engine refuses" in written.read_text()


def test_a_mistake_in_the_settings_gets_onto_the_page(project: Path):
    (project / "Pulumi.dev.yaml").write_text("config:\n  pxl:environment: dev\n  pxl:colour: red\n")
    done, written = preview(project)
    assert done.exit_code == 1 and "pxl:colour" in written.read_text()
