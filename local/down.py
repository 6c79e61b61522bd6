"""``make down``: what ``make up`` made goes; what it did not make is not looked at."""

import contextlib
import shutil

from local import engine, node, platform, up
from local.aws import server as aws
from local.paths import State
from local.rehearsal import rehearse
from local.stacks import STACK
from operations import deploy
from operations.console import say, step


def down(state: State, *, context: str | None) -> None:
    """Removes the platform of this checkout, or the stack from a cluster of the user's own.

    Args:
        state: The state folder.
        context: The context that ``make up`` was given, if it was.

    Raises:
        Problem: Something could not be removed.
    """
    if context:
        _leave_cluster(state.for_context(context), context)
        return
    with step("ending the node"):
        engine.end_leftovers(state)
        rehearse.end(state)
        node.down(state)
        aws.stop(state)
    for path in state.folder.iterdir() if state.folder.exists() else ():
        if path == state.contexts:
            say(f"left alone: stacks on clusters of your own ({', '.join(entry.name for entry in path.iterdir())})")
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    with contextlib.suppress(OSError):
        state.folder.rmdir()


def _leave_cluster(state: State, context: str) -> None:
    target = platform.named(context)
    if not up.copy_of_stack_file(state).exists():
        say(f"nothing of this checkout's is on context {context}")
        return
    used = engine.ensure()
    used.plugins(state)
    with step(f"removing stack {STACK} from context {context}"):
        deploy.destroy(up.deployment(state, used, target))
    shutil.rmtree(state.folder)
