"""The commands behind make, where they end badly: one message, no crash, nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

from local.paths import CHECKOUT


def local(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run(state, "-m", "local", *arguments)


def run(state: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PXL_STATE": str(state), "COLUMNS": "200"}
    return subprocess.run([sys.executable, *argv], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)


def test_a_state_folder_that_cannot_be_made_is_one_message() -> None:
    done = local(Path("/dev/null/state"), "down")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, f"a wrong folder is no crash:\n{done.stderr}"
    for word in ("Not a directory", "/dev/null/state", "next:", "PXL_STATE"):
        assert word in done.stderr, f"the message must name {word!r}:\n{done.stderr}"


def test_down_empties_no_folder_that_is_not_a_platforms(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = local(tmp_path, "down")
    assert done.returncode == 1, done.stderr
    assert "thesis.txt" in done.stderr
    assert (tmp_path / "thesis.txt").exists(), "PXL_STATE may name a home folder by mistake"


def test_whoever_stops_a_command_is_told_how_it_goes_on(tmp_path: Path) -> None:
    program = """
import sys
from local import __main__ as command, up
def stop(*_, **__): raise KeyboardInterrupt
up.up = stop
sys.argv = ["local", "up"]
command.main()
"""
    done = run(tmp_path / "state", "-c", program)
    assert done.returncode == 130, done.stderr
    assert "run the same command again" in done.stderr


def test_a_stack_that_is_not_there_cannot_be_previewed(tmp_path: Path) -> None:
    done = local(tmp_path / "state", "preview", "production")
    assert done.returncode == 1, done.stderr
    for word in ("production", "Pulumi.production.yaml", "prod"):
        assert word in done.stderr
