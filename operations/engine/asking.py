"""Questions to the engine about a stack that change nothing and print their answer."""

import subprocess
from collections.abc import Sequence

from operations.engine import failure, words
from operations.engine.deployment import Deployment
from operations.engine.process import find_engine
from operations.errors import Problem

_SECONDS = 120


def ask(deployment: Deployment, question: Sequence[str]) -> str:
    """What the engine prints for a sub-command of ``pulumi stack``.

    Args:
        deployment: The stack.
        question: The sub-command and its arguments, such as ``["output", "--json"]``.

    Raises:
        Problem: There is no such stack, or the engine cannot answer.
    """
    engine = find_engine(deployment.env)
    verb = question[0]
    try:
        done = subprocess.run(
            [engine, "stack", *question, "--stack", deployment.stack, "--non-interactive"],
            cwd=deployment.project_dir,
            env=dict(deployment.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(f"{verb} of stack {deployment.stack} cannot be read", why=str(error)) from error
    if done.returncode != 0:
        raise failure.problem(deployment, verb, words.failure(done.stderr.splitlines()))
    return done.stdout
