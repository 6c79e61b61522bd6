"""Which release a stack goes back to, from the versions of its file."""

import pytest

from operations.promotion import history
from operations.promotion.git import Version
from operations.promotion.history import Candidate, Entry
from operations.promotion.release import Block, short, written

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
EMPTY = "config:\n  pxl:environment: prod\n"
SINCE = "2030-01-01T00:00:00Z"


def proven(digest: str, reason: str | None = None) -> Block:
    return Block(digest, "staging", SINCE, "ada", reason)


def entries(*blocks: Block | None) -> list[Entry]:
    """Of one commit a block, oldest first."""
    made = [
        Version(f"commit-{number}", f"2030-01-0{number + 1}T00:00:00Z", "Ada", written(EMPTY, block))
        for number, block in enumerate(blocks)
    ]
    return history.changes(reversed(made))


def candidates(*blocks: Block | None) -> list[Candidate]:
    found = entries(*blocks)
    return history.candidates("prod", found, {}, found[0].block.digest)


def chosen(*blocks: Block | None) -> str | None:
    return next((one.entry.block.digest for one in candidates(*blocks) if one.eligible), None)


def test_a_release_is_the_commit_that_brought_it_and_not_those_that_kept_it() -> None:
    found = entries(None, proven(A), proven(A), proven(B), proven(B))
    assert [(one.block.digest, one.commit) for one in found] == [(B, "commit-3"), (A, "commit-1")]


def test_versions_that_cannot_be_read_are_passed_over() -> None:
    broken = Version("x", "2030", "Ada", "config: [\n")
    good = Version("y", "2030", "Ada", written(EMPTY, proven(A)))
    assert [one.commit for one in history.changes([broken, good])] == ["y"]


@pytest.mark.parametrize(
    ("blocks", "digest", "why"),
    [
        ([proven(A), proven(B)], A, "the one before"),
        ([proven(A), proven(B), proven(C)], B, "the last one, not the first"),
        ([proven(A), proven(B), proven(B, "again")], A, "the same digest twice is one release"),
        ([proven(A), Block(B, "staging", None, "ada", "urgent"), proven(C)], A, "B was forced and never shown healthy"),
        ([proven(A), proven(B), proven(A, f"rollback from {short(B)}: orders fail"), proven(C)], A, "B was given up"),
        ([proven(A), proven(B), proven(C), proven(B, f"rollback from {short(C)}")], A, "C was given up, B is current"),
        ([proven(A), proven(B), proven(A, f"rollback from {short(B)}"), proven(B), proven(C)], B,
         "B came back after it had been given up"),
        ([proven(A)], None, "there is no other one"),
        ([Block(A), Block(B)], None, "nothing shows that A was healthy"),
    ],
)  # fmt: skip
def test_goes_back_to_the_last_digest_that_was_healthy(blocks: list[Block], digest: str | None, why: str) -> None:
    assert chosen(*blocks) == digest, why


def test_what_was_promoted_from_here_was_healthy_here() -> None:
    elsewhere = history.proven("staging", entries(proven(A), Block(B, "other", SINCE)))
    assert elsewhere == {A: SINCE}
    found = history.candidates("staging", entries(Block(A), Block(B)), elsewhere, B)
    assert [one.note for one in found] == ["current", f"healthy in staging since {SINCE}"]
    assert found[1].eligible


def test_the_migrations_of_every_release_since_then_stay() -> None:
    found = entries(proven(A), proven(B), proven(C))
    assert history.since(found, found[2]) == [C, B]
    again = entries(proven(A), proven(B), proven(A, f"rollback from {short(B)}"), proven(C))
    assert history.since(again, again[1]) == [C], "those of B were there when A ran last"
