"""Lengths of time, as people write and read them."""

from datetime import timedelta

import pytest

from operations.errors import Problem
from operations.promotion.words import duration, parse


@pytest.mark.parametrize(
    ("text", "length"), [("90m", timedelta(minutes=90)), ("24h", timedelta(hours=24)), (" 2d ", timedelta(days=2))]
)
def test_reads(text: str, length: timedelta) -> None:
    assert parse(text) == length


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "24 h", "999999h", "1w"])
def test_refuses_what_is_no_length(text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(text)
    assert "24h" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=1), "1 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23, minutes=4, seconds=30), "23 h 05 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(seconds=-5), "0 min"),
    ],
)
def test_says(length: timedelta, text: str) -> None:
    assert duration(length) == text, "a time that is left is never rounded down to nothing"
