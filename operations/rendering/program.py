"""Runs a stack's program in the recorder, in a process of its own, and reads what that recorded."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from operations.errors import Problem
from operations.redact import redact
from operations.rendering import whereabouts
from operations.rendering.config import RenderConfig
from operations.rendering.manifests import Resource

# Credentials and contexts have no business in a rendering; a program that reads them fails here, not later.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT")


def record(program: Path, project: str, stack: str, config: RenderConfig, timeout: float = 120.0) -> list[Resource]:
    """What a program registers, without a cluster, a cloud or a key.

    Args:
        program: The program's folder or its main file.
        project: The project's name.
        stack: The stack's name.
        config: What the program gets.
        timeout: Seconds after which it has failed.

    Raises:
        Problem: If the program fails, ends itself, or takes too long.
    """
    main = program / "__main__.py" if program.is_dir() else program
    if not main.is_file():
        raise Problem("the program does not exist", where=str(main), remedy="name it with --program")
    with tempfile.TemporaryDirectory(prefix="pxlctl-render-") as folder:
        result = Path(folder, "result.json")
        job = {
            "program": str(main.resolve()),
            "project": project,
            "stack": stack,
            "config": whereabouts.kubeconfig(Path(folder, "kubeconfig"), config.values),
            "secrets": config.secrets,
            "result": str(result),
        }
        output = _run(job, main, timeout)
        answer = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else {}
    if "resources" not in answer:
        raise failure(main, answer.get("error"), output)
    return [Resource.from_record(one) for one in answer["resources"]]


def _run(job: dict[str, Any], main: Path, timeout: float) -> str:
    """Runs the recorder; what the program wrote, for the case that it fails."""
    root = str(Path(__file__).resolve().parents[2])
    environment = {key: value for key, value in os.environ.items() if key in _KEPT}
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])
    environment["PYTHONHASHSEED"] = "0"  # the order of sets must not differ between two runs
    process = subprocess.Popen(
        [sys.executable, "-m", "operations.rendering.recorder"],
        cwd=main.resolve().parent.parent,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(json.dumps(job), timeout=timeout)[0]
    except subprocess.TimeoutExpired as error:
        raise Problem(
            f"the program did not end within {timeout:.0f} s",
            where=str(main),
            remedy="a program must not wait for anything outside; look for network calls in it",
        ) from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def failure(main: Path, error: dict[str, Any] | None, output: str) -> Problem:
    """Why a program could not be rendered.

    Args:
        main: Its main file.
        error: What the recorder caught; None if it could not even say that.
        output: What the program wrote.
    """
    said = redact(output).strip().splitlines()[-15:]
    if error is None:
        return Problem(
            "the program ended without a result",
            where=str(main),
            why="\n".join(said) or None,
            remedy="run it again",
        )
    why = "\n".join(filter(None, [redact(error["message"]), *(said if not error["message"] else [])]))
    if error["type"] == "SystemExit":
        return Problem("the program ended by itself", where=error["at"] or str(main), why=why or None)
    if error["expected"]:
        return Problem("the program refuses to run with these settings", where=str(main), why=why or None)
    return Problem(
        f"the program fails: {error['type']}",
        where=error["at"] or str(main),
        why="\n".join(filter(None, [why, *said])),
        remedy="mend the program, or the setting that it trips over",
    )
