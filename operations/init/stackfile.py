"""Writes what ``init`` found out into the stack file: comments stay, nothing that stands there is overwritten."""

import io
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from operations.errors import Problem

PROVIDER = "secretsprovider"


def merged(path: Path, additions: Mapping[str, Any], *, top: Mapping[str, str]) -> tuple[str, list[str]]:
    """The file with what it lacks, and which keys these are.

    Args:
        path: The stack file.
        additions: Groups of settings by key with ``pxl:``.
        top: Keys beside ``config``.

    Returns:
        Its new text, the same bytes where nothing is added; the keys that were added.

    Raises:
        Problem: It says something else for one of the keys, or cannot be read.
    """
    before = path.read_text(encoding="utf-8")
    yaml = _yaml()
    try:
        loaded: Any = yaml.load(before)
    except YAMLError as error:
        raise Problem(f"{path.name} is not YAML", where=str(path), why=str(error), remedy="mend it there") from error
    # A file of comments alone is none for YAML; the comments stay.
    document = CommentedMap() if loaded is None else loaded
    comments = f"{before.rstrip()}\n" if loaded is None and before.strip() else ""
    changes = _Changes()
    for key, value in top.items():
        if key not in document:
            document.insert(0, key, value)
            changes.added.append(key)
        else:
            changes.put(document, key, value, key)
    if document.get("config") is None:
        document["config"] = CommentedMap()
    config = document["config"]
    for group, settings in additions.items():
        if config.get(group) is None:
            config[group] = CommentedMap()
        for key, value in settings.items():
            # A setting may stand in the dotted form, too.
            dotted = f"{group}.{key}"
            holder, name = (config, dotted) if dotted in config else (config[group], key)
            changes.put(holder, name, value, dotted)
        if not config[group]:
            del config[group]
    if changes.other:
        raise Problem(
            f"{path.name} says something else",
            where=str(path),
            why="\n".join(changes.other),
            remedy="nothing is overwritten. Remove these lines if they are the example's or out of date, and run it "
            "again; if they are right, this is the wrong account, region or cluster",
        )
    if not changes.added:
        return before, []
    text = io.StringIO()
    yaml.dump(document, text)
    return comments + text.getvalue(), changes.added


def replace(path: Path, text: str) -> None:
    """Writes a file in one step: whoever reads it sees the old or the new one, and a kill leaves one of them.

    Raises:
        Problem: It cannot be written.
    """
    handle, temporary = -1, ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(path.stat().st_mode & 0o777)
        Path(temporary).replace(path)
    except OSError as error:
        raise Problem(f"{path.name} cannot be written", where=str(path), why=error.strerror or str(error)) from error
    finally:
        Path(temporary).unlink(missing_ok=True) if temporary else None


@dataclass
class _Changes:
    """What a file lacked, and what it says differently."""

    added: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def put(self, holder: Any, key: str, value: Any, title: str) -> None:
        """Sets a value that is not there; notes one that is another."""
        given = holder.get(key)
        if given is None:
            holder[key] = _styled(value)
            self.added.append(title)
        elif not _same(given, value):
            self.other.append(f"{title} is {_shown(given)}, but it would be {_shown(value)}")


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(wanted, list) and isinstance(given, list):
        return sorted(map(str, given)) == sorted(map(str, wanted))
    return given == wanted or (isinstance(wanted, str) and str(given).strip() == wanted.strip())


def _shown(value: Any) -> str:
    text = str(list(value) if isinstance(value, list) else value)
    return text if len(text) <= 100 else f"{text[:60]}…"


def _styled(value: Any) -> Any:
    if isinstance(value, str) and "\n" in value:
        return LiteralScalarString(value)
    # 12 digits without quotes would be a number.
    if isinstance(value, str) and value.isdigit():
        return DoubleQuotedScalarString(value)
    return value


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
