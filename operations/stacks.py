"""The project and its stacks, as files: which stacks exist, where their settings stand, what they hold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.settings import reading
from operations.errors import Problem

PROJECT_FILE = "Pulumi.yaml"
_NAME_A_FILE = "name an existing settings file: --file F"


@dataclass(frozen=True)
class Project:
    """A Pulumi project on disk.

    Attributes:
        folder: The folder that holds ``Pulumi.yaml``.
    """

    folder: Path

    @classmethod
    def find(cls, start: Path) -> "Project":
        """The project that a folder lies in; the folder itself counts.

        Raises:
            Problem: If neither it nor any folder above holds a ``Pulumi.yaml``.
        """
        for folder in (start.resolve(), *start.resolve().parents):
            if (folder / PROJECT_FILE).is_file():
                return cls(folder)
        raise Problem(
            f"there is no {PROJECT_FILE} here",
            where=f"{start.resolve()} and the folders above it",
            remedy="change to the project's folder, or name it: pxlctl --cwd DIR …",
        )

    def definition(self) -> dict[str, Any]:
        """``Pulumi.yaml`` as it stands.

        Raises:
            Problem: If it is not YAML.
        """
        return read_yaml(self.folder / PROJECT_FILE)

    def stacks(self) -> list[str]:
        """The names of the stacks that have a settings file, in alphabetical order."""
        names = (path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in self.folder.glob("Pulumi.*.yaml"))
        return sorted(name for name in names if name)

    def stack_file(self, stack: str) -> Path:
        """The settings file of a stack.

        Raises:
            Problem: If the stack has none; it says which stacks exist.
        """
        path = self.folder / f"Pulumi.{stack}.yaml"
        if "/" not in stack and path.is_file():
            return path
        known = self.stacks()
        raise Problem(
            f"there is no stack {stack!r}",
            where=str(self.folder),
            why=f"these stacks exist: {', '.join(known)}" if known else "no stack has a settings file yet",
            remedy=f"name one of them, or create Pulumi.{stack}.yaml"
            if "/" not in stack
            else "name a stack, not a path",
        )

    def settings_file(self, stack: str, file: Path | None) -> Path:
        """The settings file of a stack, or the one that was named instead.

        Raises:
            Problem: If it does not exist, or is no file.
        """
        if file is None:
            return self.stack_file(stack)
        if file.is_dir():
            raise Problem(f"{file} is a folder, not a settings file", remedy=_NAME_A_FILE)
        if not file.exists():
            raise Problem(f"the file {file} does not exist", remedy=_NAME_A_FILE)
        return file


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping, read as the engine reads it.

    Raises:
        Problem: If it cannot be read or parsed, or holds something else.
    """
    try:
        document: Any = reading.read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(f"{path.name} cannot be read", where=str(path), why=error.strerror or str(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Problem(f"{path.name} is not YAML", where=str(path), why=str(error), remedy="mend it there") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Problem(f"{path.name} does not hold a mapping", where=str(path), remedy="write KEY: VALUE lines")
    return document


def setting(config: dict[str, Any], key: str, default: Any = None) -> Any:
    """One value of a stack file's ``config``, by its path such as ``pxl:kubernetes.context``.

    The engine writes nested keys as objects, and accepts the dotted form too.
    """
    if key in config:
        return config[key]
    head, *rest = key.split(".")
    value: Any = config.get(head)
    for part in rest:
        value = value.get(part) if isinstance(value, dict) else None
    return default if value is None else value
