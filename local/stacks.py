"""Makes a stack in the backend without writing into the checkout.

``pulumi stack init`` puts a salt for the stack's secrets into ``Pulumi.<stack>.yaml`` beside the project file, and
takes no ``--config-file``. So it runs in a folder of the state that holds nothing but the project's name, and the salt
is taken over into the engine's copy of the stack file.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from local import stackfile
from local.paths import State
from operations.engine import damage
from operations.errors import Problem

STACK = "dev"
"""The stack of `make up`."""

_PROJECT = "name: pxl\nruntime: python\n"
_SECONDS = 60


def ensure(state: State, stack: str, env: Mapping[str, str], copy: Path) -> None:
    """Makes the stack unless it exists; its salt ends up in the copy of the stack file.

    Args:
        state: Where the scratch project lies.
        stack: The stack's name.
        env: The engine's environment, with its backend and passphrase.
        copy: The stack file that the engine reads, already written.

    Raises:
        Problem: The engine refuses.
    """
    project = state.path("project", "Pulumi.yaml")
    project.write_text(_PROJECT, encoding="utf-8")
    # Before the engine takes what it cannot read for what is not there, and makes it anew.
    damage.mend(env, project.parent, stack)
    done = subprocess.run(
        ["pulumi", "stack", "select", "--create", stack, "--non-interactive"],
        cwd=project.parent,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Problem(
            f"The stack {stack} cannot be made.",
            where=str(state.folder),
            why=done.stderr.strip(),
            remedy="make down, then make up: the state folder is damaged",
        )
    stackfile.take_over_keys(project.with_name(f"Pulumi.{stack}.yaml"), copy)
