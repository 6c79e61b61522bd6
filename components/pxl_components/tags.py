"""Tags of AWS resources: whose they are, and what for."""

import re

from pxl_components.validation import Arguments

_KEY = re.compile(r"(?!aws:)[\w.:/=+\-@]{1,128}")
_VALUE = re.compile(r"[\w\s.:/=+\-@]{0,256}")


def read_tags(args: Arguments) -> dict[str, str]:
    """The ``tags`` of a component.

    Raises:
        ArgumentError: a key or a value that AWS would refuse.
    """
    tags: dict[str, str] = {}
    for key, value in args.mapping("tags").items():
        if not _KEY.fullmatch(key):
            raise args.error("tags", key, "is no key of a tag", "use letters, digits, . : / = + - @ _, at most 128")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise args.error(f"tags.{key}", value, "is no value of a tag", "give a text of at most 256 characters")
        tags[key] = value
    return tags
