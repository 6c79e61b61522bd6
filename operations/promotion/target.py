"""The stack that gets another release: its file as it is committed, its settings, its registry."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.repositories import NoRepositoryError, repository
from infra.settings import Mistake, Settings, SettingsError, check_stack_file, from_stack_file
from operations.errors import Problem
from operations.promotion import git, release
from operations.promotion.release import Block
from operations.stacks import Project


@dataclass(frozen=True)
class Target:
    """A stack that gets a release.

    Attributes:
        stack: Its name.
        path: Its file.
        text: What the file held when it was looked at.
        settings: What the file says besides the release.
        repository: Where its image lies.
        before: The release that it has.
    """

    stack: str
    path: Path
    text: str
    settings: Settings
    repository: str
    before: Block | None

    @staticmethod
    def of(project: Project, stack: str) -> "Target":
        """Looks at a stack; its file must stand as it was committed.

        Raises:
            Problem: It does not, holds a mistake besides its release, or names no registry.
        """
        path = project.stack_file(stack)
        git.require_committed(path)
        text = _content(path)
        # An old release that no longer holds must not stand in the way of a new one.
        settings = _settings(path, release.written(text, None))
        return Target(stack, path, text, settings, repository_of(settings, stack, path), release.read(path))

    def with_release(self, block: Block) -> str:
        """The file's text with another release, once it holds no mistake.

        Raises:
            Problem: It would.
        """
        text = release.written(self.text, block)
        if mistakes := _checked(self.path.name, text):
            raise _unusable(self.path, mistakes)
        return text

    def write(self, text: str) -> None:
        """Puts the text into the file.

        Raises:
            Problem: Somebody has changed the file meanwhile.
        """
        if _content(self.path) != self.text:
            raise Problem(
                f"{self.path.name} was changed while this ran",
                where=str(self.path),
                remedy="commit or undo that, and run the command again",
            )
        release.replace(self.path, text)


def repository_of(settings: Settings, stack: str, path: Path) -> str:
    """Where a stack's image lies.

    Raises:
        Problem: Its settings do not say.
    """
    try:
        return repository(settings, stack)
    except NoRepositoryError as error:
        raise Problem(
            f"stack {stack} has no registry",
            where=str(path),
            why=str(error),
            remedy="pulumi config set --path 'pxl:image.repository' registry.example.com/pxl/app, or registry.kind ecr",
        ) from error


def promoter(folder: Path) -> str:
    """Who promotes: as git knows them, else as the machine does."""
    return git.user(folder) or os.environ.get("USER") or os.environ.get("LOGNAME") or "unknown"


def _content(path: Path) -> str:
    """What a file holds, its line ends as they are."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path.name} cannot be read", where=str(path), why=str(error)) from error


def _settings(path: Path, text: str) -> Settings:
    with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
        # Under its own name: it says which stack is meant, and messages name it.
        copy = Path(folder) / path.name
        copy.write_text(text, encoding="utf-8")
        try:
            return from_stack_file(copy)
        except SettingsError as error:
            raise _unusable(path, error.mistakes) from error


def _checked(name: str, text: str) -> list[Mistake]:
    with tempfile.TemporaryDirectory(prefix="pxl-") as folder:
        copy = Path(folder) / name
        copy.write_text(text, encoding="utf-8")
        return check_stack_file(copy)


def _unusable(path: Path, mistakes: list[Mistake]) -> Problem:
    stack = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
    return Problem(
        f"the settings of stack {stack} cannot be used",
        where=str(path),
        why="\n\n".join(map(str, mistakes)),
        remedy=f"mend the file, then: pxlctl check {stack}",
    )
