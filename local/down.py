"""``make down``: what ``make up`` made goes; what it did not make is not looked at."""

import shutil

from local import engine, node, platform, up
from local.paths import State
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
        _leave_cluster(state, context)
        return
    if not state.folder.exists():
        say("nothing to take away")
    with step("ending the node"):
        node.down(state)
    shutil.rmtree(state.folder, ignore_errors=True)


def _leave_cluster(state: State, context: str) -> None:
    target = platform.named(context)
    used = engine.ensure()
    used.plugins(state)
    with step(f"removing stack {up.STACK} from context {context}"):
        deploy.destroy(up.deployment(state, used, target))
