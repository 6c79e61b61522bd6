"""What goes into a build: the files of a context that ``.dockerignore`` lets through, hashed and laid out anew.

Modes, owners and dates of a checkout differ from machine to machine, so they are neither hashed nor kept: only names,
contents, link targets and the executable bit count.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from operations.errors import Problem

_DOCKERFILES = ("Dockerfile", "Containerfile")


class IgnoreRules:
    """The rules of a ``.dockerignore`` file: the last one that matches a path, or a folder above it, decides.

    Args:
        text: The file's content. ``#`` starts a comment, ``!`` an exception, ``**`` stands for any number of folders.
    """

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines() if (rule := _rule(line))]
        self._has_exceptions = any(not ignored for _, ignored in self._rules)

    @property
    def has_exceptions(self) -> bool:
        """Whether a file may be wanted although its folder is not."""
        return self._has_exceptions

    def ignores(self, path: str) -> bool:
        """Whether a path (relative to the context, with ``/``) is left out."""
        parts = path.split("/")
        candidates = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        ignored = False
        for pattern, ignoring in self._rules:
            if any(pattern.fullmatch(candidate) for candidate in candidates):
                ignored = ignoring
        return ignored


def _rule(line: str) -> tuple[re.Pattern[str], bool] | None:
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    ignoring = not text.startswith("!")
    cleaned = os.path.normpath(text.lstrip("!").strip()).strip("/")
    return (re.compile(_translate(cleaned), re.DOTALL), ignoring) if cleaned not in ("", ".") else None


def _translate(pattern: str) -> str:
    """A Go ``filepath.Match`` pattern, with Docker's ``**``, as a regular expression."""
    pieces: list[str] = []
    tokens = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?[^]]+]|\\.|.", re.DOTALL)
    for token in tokens.findall(pattern):
        if token == "**/":
            pieces.append("(?:.*/)?")
        elif token == "**":
            pieces.append(".*")
        elif token == "*":
            pieces.append("[^/]*")
        elif token == "?":
            pieces.append("[^/]")
        elif len(token) > 1 and token.startswith("["):
            pieces.append(token)
        else:
            pieces.append(re.escape(token[-1]))
    return "".join(pieces)


@dataclass(frozen=True)
class Context:
    """A build context: a folder, its Dockerfile and the files that count.

    Args:
        folder: The folder.
        dockerfile: Its Dockerfile.
        files: Relative paths with ``/``, sorted.
    """

    folder: Path
    dockerfile: Path
    files: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "Context":
        """Lists a context.

        Raises:
            Problem: There is no such folder, or no Dockerfile in it.
        """
        if not folder.is_dir():
            raise Problem("There is no app to build.", where=str(folder), remedy="name a folder with a Dockerfile")
        dockerfile = next((folder / name for name in _DOCKERFILES if (folder / name).is_file()), None)
        if dockerfile is None:
            raise Problem(
                "The app has no Dockerfile.", where=str(folder), remedy="add one, such as that of examples/app"
            )
        ignore = folder / ".dockerignore"
        rules = IgnoreRules(ignore.read_text() if ignore.is_file() else "")
        return cls(folder, dockerfile, tuple(sorted(_walk(folder, rules))))

    def fingerprint(self) -> str:
        """64 hex digits over everything that decides what a build of this context sees."""
        digest = hashlib.sha256(_hash_file(self.dockerfile).encode())
        for name in self.files:
            path = self.folder / name
            digest.update(f"\0{name}\0{_kind(path)}\0".encode() + _content(path).encode())
        return digest.hexdigest()

    def lay_out(self, target: Path) -> None:
        """Copies the files that count into a fresh folder, with modes 0644 and 0755."""
        target.mkdir(mode=0o755)
        for name in self.files:
            source, copy = self.folder / name, target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                copy.symlink_to(source.readlink())
            else:
                shutil.copyfile(source, copy)
                copy.chmod(0o755 if _kind(source) == "executable" else 0o644)
        for folder in [target, *(path for path in target.rglob("*") if path.is_dir() and not path.is_symlink())]:
            folder.chmod(0o755)


def hash_folder(folder: Path, names: Iterable[str] | None = None) -> str:
    """64 hex digits over the files of a folder; all of them unless names are given."""
    wanted = sorted(names) if names is not None else sorted(_walk(folder, IgnoreRules("")))
    return Context(folder, folder / wanted[0], tuple(wanted)).fingerprint() if wanted else hashlib.sha256().hexdigest()


def _walk(folder: Path, rules: IgnoreRules, prefix: str = "") -> Iterator[str]:
    for entry in os.scandir(folder / prefix if prefix else folder):
        name = f"{prefix}{entry.name}"
        ignored = rules.ignores(name)
        if entry.is_dir(follow_symlinks=False):
            # An ignored folder is entered only where an exception may bring something of it back.
            if not ignored or rules.has_exceptions:
                yield from _walk(folder, rules, f"{name}/")
        elif not ignored and (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
            yield name


def _kind(path: Path) -> str:
    if path.is_symlink():
        return "link"
    return "executable" if path.stat().st_mode & 0o100 else "file"


def _content(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else _hash_file(path)


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
