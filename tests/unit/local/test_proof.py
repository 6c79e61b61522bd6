"""What a proof is made of: variants of an app, and the page."""

from pathlib import Path

import pytest

from local.paths import CHECKOUT
from local.proof import apps, page
from local.proof.pace import Pace
from local.proof.scenarios import Row
from operations.errors import Problem

APP = CHECKOUT / "examples" / "app"


def test_a_new_build_differs_in_its_source_alone(tmp_path: Path):
    made = apps.build(APP, tmp_path / "build")
    ours = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    theirs = {path.relative_to(APP) for path in APP.rglob("*") if path.is_file()}
    assert ours - theirs == {Path("src/build-marker.ts")}
    assert not (made / "node_modules").exists(), "what npm puts there is not part of the build"


def test_a_migration_is_added_behind_all_others(tmp_path: Path):
    made = apps.with_migration(APP, tmp_path / "migrates", "9999-x", "select 1 / 0")
    text = (made / "src" / "migrations.ts").read_text()
    assert text.rstrip().endswith('{ id: "9999-x", sql: `select 1 / 0` },\n];'), text[-200:]
    assert text.count("id: ") == (APP / "src" / "migrations.ts").read_text().count("id: ") + 1


def test_an_app_without_that_list_is_told_so(tmp_path: Path):
    (tmp_path / "app").mkdir()
    with pytest.raises(Problem, match="a migration cannot be added"):
        apps.with_migration(tmp_path / "app", tmp_path / "other", "1", "select 1")


def test_the_page_says_what_does_not_hold():
    text = page.markdown(
        [Row("a kill", "0 failed", "0 of 5 failed", True), Row("a drain", "0 failed", "1 of 5", False)], None
    )
    assert "| ✓ | a kill | 0 failed | 0 of 5 failed |" in text
    assert "| ✗ | a drain | 0 failed | 1 of 5 |" in text
    assert "![" not in text
    assert "](proof.png)" in page.markdown([], "proof.png")


def test_rows_of_scenarios_that_were_not_run_stay():
    before = page.markdown(
        [Row("a kill", "0 failed", "9 of 9", False), Row("a drain", "0 failed", "0 of 5", True)], None
    )
    after = page.markdown([Row("a kill", "0 failed", "0 of 9", True), Row("pace", "1.15", "1.04", True)], None, before)
    rows = [line for line in after.splitlines() if line.startswith(("| ✓", "| ✗"))]
    assert [row.split(" | ")[1] for row in rows] == ["a kill", "a drain", "pace"], "where they stood"
    assert "| ✓ | a kill | 0 failed | 0 of 9 |" in rows, "the last run counts"


def test_what_must_come_first_is_not_held_against_up():
    assert Pace(up=44, rollout=34, jobs=6).ratio == pytest.approx(1.1)
