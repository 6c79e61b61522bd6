"""A stack file is read as the engine reads it; tests/integration/engine compares with the engine itself."""

import pytest
import yaml

from infra.settings import reading


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, None) for text in ("~", "null", "Null", "NULL")],
        *[(text, True) for text in ("true", "True", "TRUE")],
        *[(text, text) for text in ("yes", "on", "no", "off", "y", "N", "tRUE", "=", "1:30", "_1", "0b", "1e", "0x")],
        *[("017", 15), ("0o17", 15), ("-0o7", -7), ("0b11", 3), ("0x1F", 31), ("0x_1F", 31), ("1_000", 1000)],
        *[("08", 8), ("+5", 5), ("-0", 0), ("00", 0), ("1e3", 1000), ("1.5e3", 1500), ("1.0", 1), (".5", 0.5)],
        *[("9223372036854775807", 2**63 - 1), ("1e400", "1e400"), ("0xffffffffffffffffff", "0xffffffffffffffffff")],
        *[("2030-01-31", "2030-01-31 00:00:00 +0000 UTC"), ("2030-1-5", "2030-01-05 00:00:00 +0000 UTC")],
        *[("2030-01-31T12:00:00.50Z", "2030-01-31 12:00:00.5 +0000 UTC"), ("2030-13-01", "2030-13-01")],
        *[("2030-01-31t12:00:00+02:00", "2030-01-31 12:00:00 +0200 +0200")],
        *[("2030-01-31 12:00:00", "2030-01-31 12:00:00 +0000 UTC")],
        *[("2030-01-31 12:00:00 +01:00", "2030-01-31 12:00:00 +01:00")],
    ],
)
def test_what_stands_without_quotes(text, value):
    read = reading.read(f"key: {text}")["key"]
    assert (read, type(read)) == (value, type(value)), "the program gets it from the engine, which reads it so"


def test_what_stands_in_quotes_is_a_text():
    assert reading.read('["yes", \'5\', "2030-01-31", "~"]') == ["yes", "5", "2030-01-31", "~"]


def test_keys_are_texts():
    assert reading.read("{5: a, true: b, ~: c, 1.5: d, yes: e}") == {
        "5": "a", "true": "b", "<nil>": "c", "1.5": "d", "yes": "e"
    }  # fmt: skip


def test_what_is_said_once_may_be_used_again():
    assert reading.read("{a: &one {x: 1}, b: *one, c: {<<: *one, y: 2}}")["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "text",
    [".nan", "-.inf", "!!int '5'", "!own x", "{a: 1, a: 2}", "{a: 1, 'a': 2}", "{[1]: 2}", "{<<: 5}", '"\\ud800"'],
)
def test_what_the_engine_cannot_read_is_an_error(text):
    with pytest.raises(yaml.YAMLError):
        reading.read(f"key: {text}")


def test_a_single_value_at_the_top_is_handed_on_as_its_text():
    assert [reading.as_text(value) for value in (True, None, 5, 0.5, "x")] == ["true", "", "5", "0.5", "x"]
