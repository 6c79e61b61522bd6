"""What gives an ``up`` something to do."""

import base64
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from tests.e2e.harness import Platform


@dataclass
class Changes:
    """Makes an ``up`` have something to do; all of it is undone by ``restore``."""

    platform: Platform
    original: str = ""

    def __post_init__(self) -> None:
        self.original = self._file.read_text()

    @property
    def _file(self) -> Path:
        return self.platform.checkout / "Pulumi.dev.yaml"

    @property
    def _marker(self) -> Path:
        return self.platform.checkout / "examples" / "app" / "src" / "kill-marker.ts"

    def build(self, number: int) -> None:
        """A new build of the app."""
        self._marker.write_text(f"export const marker = 'build {number}-{time.time_ns()}';\n")

    def setting(self, number: int) -> None:
        """A changed setting of the workers."""
        self._set("pxl:worker", {"concurrency": 3 + number % 40})

    def secret(self, number: int) -> None:
        """Another signing key, encrypted by the engine as a user would have it."""
        key = base64.b64encode(Random(number).randbytes(33)).decode() + str(time.time_ns())
        copy = self.platform.state / "Pulumi.dev.yaml"
        where = ["--stack", "dev", "--config-file", str(copy), "--non-interactive"]
        done = self.platform.command("pulumi", "config", "set", "--secret", "pxl:jwtSecret", key, *where, timeout=60)
        assert done.returncode == 0, done.stderr
        self._set("pxl:jwtSecret", {"secure": YAML().load(copy.read_text())["config"]["pxl:jwtSecret"]["secure"]})

    def first(self, number: int) -> None:
        """Everything of the stack goes, and so does the engine's state: the node is as if no stack ever was on it."""
        del number
        self.restore()
        copy = self.platform.state / "Pulumi.dev.yaml"
        where = ["--stack", "dev", "--yes", "--skip-preview", "--config-file", str(copy), "--non-interactive"]
        done = self.platform.command("pulumi", "destroy", *where, timeout=300)
        assert done.returncode == 0, (
            f"the stack must go before it can be made anew:\n{done.stdout[-3000:]}{done.stderr}"
        )
        copy.unlink()
        for name in ("pulumi", "project"):
            subprocess.run(["rm", "-r", str(self.platform.state / name)], check=True)

    def restore(self) -> None:
        """The checkout as it was."""
        self._marker.unlink(missing_ok=True)
        self._file.write_text(self.original)

    def _set(self, key: str, value: dict[str, Any]) -> None:
        document = YAML().load(self._file.read_text())
        document["config"][key] = value
        with self._file.open("w") as file:
            YAML().dump(document, file)
