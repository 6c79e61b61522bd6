"""The project's git repository: whether a file is committed as it stands, and what it held before."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from operations.errors import Problem

_SECONDS = 60.0


@dataclass(frozen=True)
class Version:
    """A file as a commit left it.

    Attributes:
        commit: The commit.
        when: When it was committed, as git writes it (RFC 3339).
        author: Who wrote it.
        text: What the file held; "" where the commit removed it.
    """

    commit: str
    when: str
    author: str
    text: str


def require_committed(path: Path) -> None:
    """Returns if a file stands as it was committed last.

    Raises:
        Problem: It was changed since, was never committed, or lies in no repository.
    """
    remedy = f"commit or undo the change first, so that the next one is the release alone: git diff {path.name}"
    tracked = _git(path.parent, "ls-files", "--", path.name)
    if not tracked.strip():
        raise Problem(f"{path.name} was never committed", where=str(path), remedy=f"git add {path.name}; git commit")
    changed = _git(path.parent, "status", "--porcelain", "--", path.name)
    if changed.strip():
        raise Problem(f"{path.name} holds a change that is not committed", where=str(path), remedy=remedy)


def versions(path: Path) -> list[Version]:
    """What a file held, newest first, along the line of the branch itself: what a merge brought counts as the merge.

    Raises:
        Problem: It lies in no repository.
    """
    folder, separator = path.parent, "\x1f"
    # Merges are compared with the branch that they went into: what that branch held is what ran.
    log = _git(
        folder, "log", "--first-parent", "-m", f"--format=%H{separator}%cI{separator}%an", "--no-patch", "--", path.name
    )
    rows = [line.split(separator) for line in log.splitlines() if line]
    prefix = _git(folder, "rev-parse", "--show-prefix").strip()
    texts = _texts(folder, [f"{row[0]}:{prefix}{path.name}" for row in rows])
    return [Version(*row, text=text) for row, text in zip(rows, texts, strict=True)]


def is_shallow(folder: Path) -> bool:
    """Whether the clone lacks a part of the history."""
    return _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"


def user(folder: Path) -> str:
    """The e-mail address that git knows; "" if it knows none."""
    try:
        return _git(folder, "config", "user.email").strip()
    except Problem:
        return ""


def _texts(folder: Path, objects: list[str]) -> list[str]:
    """What each object holds, by one process; "" for one that does not exist."""
    if not objects:
        return []
    data = _run(folder, ["cat-file", "--batch"], "\n".join(objects).encode() + b"\n")
    found: list[str] = []
    at = 0
    for _ in objects:
        end = data.index(b"\n", at)
        head = data[at:end].split(b" ")
        at = end + 1
        if head[-1] == b"missing":
            found.append("")
            continue
        size = int(head[2])
        found.append(data[at : at + size].decode("utf-8", "replace"))
        at += size + 1
    return found


def _git(folder: Path, *arguments: str) -> str:
    return _run(folder, list(arguments)).decode("utf-8", "replace")


def _run(folder: Path, arguments: list[str], data: bytes = b"") -> bytes:
    command = ["git", "-C", str(folder), "--literal-pathspecs", *arguments]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError as error:
        raise Problem("git is not installed", where="PATH", remedy="apt-get install git") from error
    except subprocess.TimeoutExpired as error:
        raise Problem("git does not end", where=str(folder), why=f"after {_SECONDS:g} s: {arguments[0]}") from error
    if done.returncode != 0:
        raise Problem(
            "git cannot answer", where=str(folder), why=done.stderr.decode("utf-8", "replace").strip(),
            remedy="stack files belong into a git repository: its history is the list of releases",
        )  # fmt: skip
    return done.stdout
