"""The block ``pxl:release`` of a stack file: read, and written without touching a byte of anything else."""

import io
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from infra.settings import reading
from operations.errors import Problem
from operations.stacks import read_yaml, setting

KEY = "pxl:release"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FIELDS = ("digest", "provenIn", "healthySince", "promotedBy", "reason")
_WIDE = 100_000


@dataclass(frozen=True)
class Block:
    """What a release block holds; see ``infra.settings.model.Release``."""

    digest: str
    proven_in: str | None = None
    healthy_since: str | None = None
    promoted_by: str | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, str]:
        """As it stands in the file, without what is not set."""
        values = (self.digest, self.proven_in, self.healthy_since, self.promoted_by, self.reason)
        return {key: value for key, value in zip(_FIELDS, values, strict=True) if value is not None}

    @staticmethod
    def of(config: Any) -> "Block | None":
        """The block in a stack file's ``config``; None where there is none with a digest."""
        found = setting(config, KEY) if isinstance(config, dict) else None
        if not isinstance(found, dict) or not isinstance(found.get("digest"), str):
            return None
        return Block(*(None if found.get(key) is None else str(found[key]) for key in _FIELDS))  # pyright: ignore[reportArgumentType]  # the digest is there


def short(digest: str) -> str:
    """The first 12 hex digits, for people."""
    return digest.removeprefix("sha256:")[:12]


def is_digest(text: str) -> bool:
    """Whether a text is a whole digest."""
    return _DIGEST.fullmatch(text) is not None


def moment(when: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(path: Path) -> Block | None:
    """The release block of a stack file.

    Raises:
        Problem: The file is no stack file.
    """
    return Block.of(read_yaml(path).get("config") or {})


def read_text(text: str) -> Block | None:
    """The release block in the text of a stack file; None also where it is none that can be read."""
    try:
        document: Any = reading.read(text)
    except (yaml.YAMLError, RecursionError):
        return None
    return Block.of(document.get("config") or {}) if isinstance(document, dict) else None


def written(text: str, block: Block | None) -> str:
    """A stack file's text with another release block; every line outside of the block stays as it is.

    Args:
        text: What the file holds.
        block: What it is to say; None to take the block out.

    Raises:
        Problem: The file is written in a form in which the block cannot be put.
    """
    if "\r\n" in text:
        return written(text.replace("\r\n", "\n"), block).replace("\n", "\r\n")
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    start = next((number for number, line in enumerate(lines) if re.match(rf"""\s+["']?{KEY}["']?\s*:""", line)), None)
    if block is None:
        start = len(lines) if start is None else start
        made, end = list[str](), _end(lines, start)
    elif start is not None:
        indent, end = _indent(lines[start]), _end(lines, start)
        made = _changed(lines[start:end], block, indent)
    else:
        config = next((number for number, line in enumerate(lines) if re.match(r"config:\s*(#.*)?$", line)), None)
        if config is None:
            raise _unfit("it has no 'config:' with the settings on lines of their own below")
        start = end = _end(lines, config)
        indent = next((_indent(line) for line in lines[config + 1 : end] if _counts(line)), 2)
        made = _changed([f"{' ' * indent}{KEY}: {{}}\n"], block, indent)
    result = "".join([*lines[:start], *made, *lines[end:]])
    _verify(text, result, block)
    return result


def replace(path: Path, text: str) -> None:
    """Puts a text into a file in one step, with the rights that the file has."""
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(path.stat().st_mode & 0o777)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def _counts(line: str) -> bool:
    """Whether a line is more than empty or a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _end(lines: list[str], start: int) -> int:
    """Behind the last line that belongs to the key on a line: those that are indented more."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        if _counts(lines[number]):
            if _indent(lines[number]) <= _indent(lines[start]):
                break
            end = number + 1
    return end


def _changed(lines: list[str], block: Block, indent: int) -> list[str]:
    """The lines of the block, with what is said beside its values."""
    # At the margin: comments keep the column that they had.
    text = "".join(line[min(indent, _indent(line)) :] for line in lines)
    round_trip = YAML()
    round_trip.indent(mapping=next((_indent(line) - indent for line in lines[1:] if _counts(line)), 2))
    round_trip.width = _WIDE
    round_trip.preserve_quotes = True
    try:
        document: Any = round_trip.load(text)
    except YAMLError as error:
        raise _unfit(str(error)) from error
    before = document[KEY]
    if not isinstance(before, CommentedMap) or not before or before.fa.flow_style():
        document[KEY] = before = CommentedMap()
    values = block.as_dict()
    for key in [key for key in before if key not in values]:
        del before[key]
    for key, value in values.items():
        # A moment without quotes is rewritten by the engine, and a reason may hold anything.
        plain = key == "digest" or (key == "provenIn" and re.fullmatch(r"[a-z][a-z-]*", value))
        before[key] = value if plain else DoubleQuotedScalarString(value)
    out = io.StringIO()
    round_trip.dump(document, out)
    return [f"{' ' * indent}{line}" if line.strip() else line for line in out.getvalue().splitlines(keepends=True)]


def _verify(before: str, after: str, block: Block | None) -> None:
    """What is written says what it should, and nothing else has changed: to whoever reads it as the engine does."""
    old, new = (_without_release(text) for text in (before, after))
    if old != new or read_text(after) != block:
        raise _unfit("the release block cannot be told from the rest")


def _without_release(text: str) -> Any:
    try:
        document: Any = reading.read(text)
    except yaml.YAMLError as error:
        raise _unfit(str(error)) from error
    if isinstance(document, dict) and isinstance(document.get("config"), dict):
        document["config"].pop(KEY, None)
    return document


def _unfit(why: str) -> Problem:
    return Problem(
        "the release block cannot be written",
        where="the stack file",
        why=why,
        remedy=f"write 'config:' and below it '  {KEY}:', each on a line of its own",
    )
