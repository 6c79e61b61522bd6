"""A machine, a stack and a cluster with only what a test gives them, for the tests of the doctor."""

from pathlib import Path
from typing import Any

from operations.doctor.subjects import Cluster, Machine, Subject

GIB = 1024**3


class Bare(Machine):
    """A machine with only what a test gives it."""

    def __init__(
        self,
        programs: dict[str, tuple[int, str]] | None = None,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        **facts: Any,
    ) -> None:
        self.programs, self.files, self.variables, self.facts = programs or {}, files or {}, env or {}, facts

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self.programs else None

    def run(self, *command: str) -> tuple[int, str]:
        return self.programs.get(command[0], (127, "not found"))

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files

    def glob(self, folder: Path, pattern: str) -> list[Path]:
        return [
            folder / one for one in self.facts.get("built", []) if one.partition("-")[0] == pattern.partition("-")[0]
        ]

    def is_root(self) -> bool:
        return self.facts.get("root", True)

    def free_bytes(self, folder: Path) -> int:
        return int(self.facts.get("free", 50) * GIB)

    def has_module(self, name: str) -> bool:
        return name not in self.facts.get("missing_modules", [])

    def env(self, name: str) -> str | None:
        return self.variables.get(name)


class Answering(Cluster):
    """A cluster that answers from a table: an object, None for 404, or an error to raise."""

    def __init__(self, answers: dict[str, Any], name: str = "blue", refusal: str | None = None) -> None:
        self.name, self.answers, self.refusal = name, answers, refusal

    def get(self, path: str) -> dict[str, Any] | None:
        answer = self.answers.get(path)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dry_run_pod(self, namespace: str, pod: dict[str, Any]) -> str | None:
        return self.refusal


def on(bare: Bare) -> Subject:
    return Subject(machine=bare)


def of(found: Answering, **config: Any) -> Subject:
    settings = {f"pxl:{key}": value for key, value in {"environment": "staging", **config}.items()}
    return Subject(machine=Bare(), stack="staging", config=settings, cluster=found)
