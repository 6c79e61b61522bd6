"""A line of a log as it is shown: what an error says is never cut off by what surrounds it."""

import json

from operations.rollout.containers import readable


def test_an_error_in_a_structured_line_is_told_by_what_it_says():
    record = {
        "level": "fatal", "time": "2026-11-26T21:01:04.029Z", "role": "script", "pod": "migrations-" + "0" * 40,
        "err": {"type": "DatabaseError", "message": "refused: " + "x" * 400, "stack": "y" * 5000},
        "msg": "process failed",
    }  # fmt: skip
    assert readable(json.dumps(record)) == "fatal process failed: DatabaseError: refused: " + "x" * 400


def test_every_other_line_is_shown_as_it_is_up_to_a_length():
    for line in ("plain text", '{"level":"info","msg":"hello"}', '{"err":{"code":1}}', "[1, 2]", '{"broken'):
        assert readable(line) == line
    assert readable("z" * 400) == "z" * 300
