"""Short runs of the engine on a stack, and questions that it answers by printing."""

import subprocess
from collections.abc import Sequence

from operations.engine import failure, words
from operations.engine.deployment import Deployment
from operations.engine.process import find_engine
from operations.errors import Problem

_SECONDS = 120


def run(deployment: Deployment, arguments: Sequence[str], failed: str) -> "subprocess.CompletedProcess[str]":
    """A short run of the engine on a stack, whose output nobody watches.

    Args:
        deployment: The stack.
        arguments: The command and its arguments, without the stack.
        failed: What it means when the engine cannot be run, for the message.

    Raises:
        Problem: It cannot be run, or does not end in time.
    """
    engine = find_engine(deployment.env)
    try:
        return subprocess.run(
            [engine, *arguments, "--stack", deployment.stack, "--non-interactive"],
            cwd=deployment.project_dir,
            env=dict(deployment.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(failed, why=str(error)) from error


def ask(deployment: Deployment, question: Sequence[str]) -> str:
    """What the engine prints for a sub-command of ``pulumi stack``.

    Args:
        deployment: The stack.
        question: The sub-command and its arguments, such as ``["output", "--json"]``.

    Raises:
        Problem: There is no such stack, or the engine cannot answer.
    """
    verb = question[0]
    done = run(deployment, ["stack", *question], f"{verb} of stack {deployment.stack} cannot be read")
    if done.returncode != 0:
        raise failure.problem(deployment, verb, words.failure(done.stderr.splitlines()))
    return done.stdout
