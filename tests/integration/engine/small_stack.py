"""A small program on the real engine, with a state of its own."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import engine
from local.paths import State


@dataclass
class Stack:
    """A program in a folder, and the engine that runs it on a state of its own."""

    folder: Path
    env: dict[str, str]

    def pulumi(self, *arguments: str, code: int | None = 0) -> str:
        argv = ["pulumi", *arguments, "--non-interactive", "--stack", "test"]
        done = subprocess.run(
            argv, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120, check=False
        )
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{argv} ended with {done.returncode}:\n{said}"
        return done.stdout if code == 0 else said

    def resources(self) -> list[dict[str, Any]]:
        return json.loads(self.pulumi("stack", "export"))["deployment"].get("resources", [])

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))


def stack_of(folder: Path, program: str) -> Stack:
    state = State(folder / "state")
    used = engine.ensure()
    used.plugins(state, engine.WITH_AWS)
    (folder / "Pulumi.yaml").write_text("name: standin\nruntime: python\n")
    (folder / "__main__.py").write_text(program)
    stack = Stack(folder, used.env(state))
    init = ["pulumi", "stack", "init", "test", "--non-interactive"]
    subprocess.run(init, cwd=folder, env=stack.env, capture_output=True, timeout=60, check=True)
    return stack
