"""Lengths of time, as people write and read them."""

import re
from datetime import timedelta

from operations.errors import Problem

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def duration(length: timedelta) -> str:
    """``3 d 4 h``, ``23 h 05 min``, ``12 min``."""
    minutes = max(0, -(-int(length.total_seconds()) // 60))
    hours, minutes = divmod(minutes, 60)
    if hours >= 72:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def parse(text: str) -> timedelta:
    """From ``90m``, ``24h`` or ``2d``.

    Raises:
        Problem: It is none of these.
    """
    found = re.fullmatch(r"(\d{1,5})([mhd])", text.strip(), re.ASCII)
    if not found:
        raise Problem(f"{text!r} is no length of time", remedy="write 90m, 24h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
