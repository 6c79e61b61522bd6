"""The release block in a stack file: what is written, and that nothing else changes."""

import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from infra.settings import reading
from operations.errors import Problem
from operations.promotion import release
from operations.promotion.release import Block

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BLOCK = Block(NEW, "staging", "2030-01-31T12:00:00Z", "ada@example.com")
FILE = f"""\
# Hardened.
config:
  pxl:environment: prod    # the column
  pxl:aws:
    account: "222222222222"
    subnetIds: [subnet-02a,   subnet-02b]

  pxl:release:
    # what was proven
    digest: {OLD}   # never a tag
    provenIn: staging
    healthySince: "2030-01-01T00:00:00Z"
    promotedBy: bob
    reason: it was urgent

  # behind it
  pxl:owner:   'platform'
encryptionsalt: v1:abc
"""


def test_only_the_values_of_the_block_change() -> None:
    text = release.written(FILE, BLOCK)
    assert release.read_text(text) == BLOCK
    before, after = FILE.splitlines(), text.splitlines()
    assert before[:8] == after[:8] and before[-4:] == after[-4:], "whoever reviews it must see the release alone"
    assert "    # what was proven" in after and "# never a tag" in text, "what is said beside the values is kept"
    assert "urgent" not in text, "the reason was the old release's"


def test_a_stack_without_a_release_gets_one_at_the_end_of_its_settings() -> None:
    text = "config:\n  pxl:environment: dev\n  pxl:api: {nodePort: 30080}\n\n# the end\nencryptionsalt: x\n"
    written = release.written(text, BLOCK)
    assert release.read_text(written) == BLOCK
    assert [line for line in written.splitlines() if line in text.splitlines()] == text.splitlines()
    assert written.index("pxl:release") < written.index("# the end")


@pytest.mark.parametrize(
    "text",
    [
        f"config:\n  pxl:release: {{digest: {OLD}, provenIn: dev}}\n  pxl:owner: a\n",
        f'config:\n    "pxl:release":\n        digest: {OLD}\n    pxl:owner: a',
        f"config:\n  pxl:owner: a\n  pxl:release: {{digest: {OLD},\n    provenIn: dev}}",
        "config:\n  pxl:owner: a\n  pxl:release:\n",
        "config: # settings\n  pxl:owner: a",
    ],
    ids=["in braces", "in quotes, four spaces", "braces over two lines", "empty", "no release, no last line end"],
)
def test_every_form_of_the_block_can_be_replaced(text: str) -> None:
    written = release.written(text, BLOCK)
    assert release.read_text(written) == BLOCK
    assert reading.read(written)["config"]["pxl:owner"] == "a"
    assert '        healthySince: "' in written or "    pxl:release" not in written, "indented as the rest is"
    assert release.written(written, BLOCK) == written, "the same again changes nothing"


def test_line_ends_stay_as_they_are() -> None:
    text = release.written(FILE.replace("\n", "\r\n"), BLOCK)
    assert text == release.written(FILE, BLOCK).replace("\n", "\r\n"), "else every line of the file would change"


def test_a_block_can_be_taken_out() -> None:
    text = release.written(FILE, None)
    assert release.read_text(text) is None
    assert "# behind it" in text and "pxl:owner:   'platform'" in text


@pytest.mark.parametrize("text", ["", "config: {pxl:owner: a}\n", "a: 1\n"], ids=["empty", "in braces", "no config"])
def test_a_file_that_the_block_cannot_be_put_into_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="cannot be written") as caught:
        release.written(text, BLOCK)
    assert "config:" in (caught.value.remedy or ""), "it says what to write by hand"


@pytest.mark.parametrize("reason", ["a: b # no comment", 'he said "now"', "yes", "2030-01-01", "ü — {x}", "'", "\\n"])
def test_a_reason_may_hold_anything(reason: str) -> None:
    block = Block(NEW, "staging", None, "ada", reason)
    assert release.read_text(release.written(FILE, block)) == block


def test_a_moment_is_a_text_so_that_the_engine_hands_it_on_as_it_stands() -> None:
    assert 'healthySince: "2030-01-31T12:00:00Z"' in release.written(FILE, BLOCK)
    there = datetime(2030, 1, 31, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert release.moment(there) == "2030-01-31T12:00:00Z", "in UTC, to the second"


def test_the_file_keeps_its_rights_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(FILE)
    path.chmod(0o640)
    release.replace(path, "config: {}\n")
    assert path.read_text() == "config: {}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "config:\n", "- a\n", "config: {pxl:release: latest}\n", "a: [\n", "config: 1\n"])
def test_what_is_no_release_is_none(text: str) -> None:
    assert release.read_text(text) is None, "an old commit may hold anything"
