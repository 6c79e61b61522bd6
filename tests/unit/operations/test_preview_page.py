"""The page of a preview: risks on top, never a value, never longer than a comment may be."""

import json

from operations.errors import Problem
from operations.preview import changes, page
from operations.preview.changes import Change, Changes


def event(op: str, kind: str, name: str = "one", **more) -> str:
    urn = f"urn:pulumi:staging::pxl::pxl:index:Postgres${kind}::{name}"
    return json.dumps({"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": kind, **more}}})


def test_replacements_and_lost_data_come_first():
    read = changes.of(
        [
            event("create", "kubernetes:core/v1:ConfigMap", "new"),
            event("delete", "aws:rds/instance:Instance", "database"),
            event("delete", "kubernetes:core/v1:ConfigMap", "old"),
            event("replace", "aws:elasticache/replicationGroup:ReplicationGroup", "queues", keys=["engine"]),
            event("create-replacement", "aws:elasticache/replicationGroup:ReplicationGroup", "queues"),
            event("delete-replaced", "aws:elasticache/replicationGroup:ReplicationGroup", "queues"),
            event("same", "kubernetes:core/v1:Service"),
        ]
    )
    text = page.markdown("staging", read)
    risky, _, rest = text.partition("<details>")
    assert "Look twice at 2" in risky, "a replacement counts once, not as its halves"
    for name in ("database", "queues"):
        assert f"`{name}`" in risky and f"`{name}`" not in rest, f"{name} may lose data"
    assert "holds data" in risky and "`engine`" in risky, "what forces it is what has to be taken back"
    for name in ("new", "old"):
        assert f"`{name}`" in rest and f"`{name}`" not in risky, f"{name} can be made again at any time"
    assert "1 to replace, 2 to delete, 1 to create; 1 stay as they are." in text


def test_a_preview_without_changes_says_so():
    text = page.markdown("staging", changes.of([event("same", "kubernetes:core/v1:Service")]))
    assert "Nothing changes; 1 stay" in text and "Look twice" not in text


def test_no_value_of_any_resource_gets_onto_the_page():
    old = {"inputs": {"password": "hunter2"}}
    read = changes.of([event("update", "kubernetes:core/v1:Secret", diffs=["data"], old=old, new=old)])
    text = page.markdown("staging", read)
    assert "`data`" in text and "hunter2" not in text, "comments are read by everybody and kept for ever"


def test_a_failed_preview_says_why_and_that_it_is_not_all():
    text = page.markdown("staging", Changes(), Problem("the engine fails", why="```\nno such thing"))
    assert "It failed" in text and "no such thing" in text and "Nothing changes" not in text
    assert text.count("```") == 2, "what an error says must not end the block that it stands in"


def test_the_first_line_is_what_the_comment_is_found_again_by():
    for read in (Changes(), Changes((Change("replace", "k", "n"),))):
        assert page.markdown("prod", read).startswith(page.marker("prod") + "\n")
    assert page.marker("prod") != page.marker("staging"), "each stack has a comment of its own"
    assert not page.marker("prod-2").startswith(page.marker("prod")), "nor may one be taken for another"


def test_what_is_too_long_for_a_comment_is_cut_with_the_risks_kept():
    many = [Change("create", "kubernetes:core/v1:ConfigMap", f"n{number}" * 20) for number in range(2000)]
    text = page.markdown("staging", Changes((*many, Change("replace", "aws:rds/instance:Instance", "database"))))
    assert len(text) < 65_536, "GitHub would refuse it"
    assert "`database`" in text and "too long" in text


def test_a_name_cannot_break_out_of_its_cell():
    text = page.markdown("staging", Changes((Change("create", "kind", "a`|b\n| forged |"),)))
    assert "| create | `kind` | `a'/b / forged /` |" in text


def test_a_log_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path):
    log = tmp_path / "events"
    log.write_text(event("create", "kubernetes:core/v1:Secret") + '\n{"resourcePreEvent": {"meta')
    assert [one.verb for one in changes.read(log).changes] == ["create"]
    assert changes.read(tmp_path / "none") == Changes(), "a preview that fails early writes none"
