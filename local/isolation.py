"""``make isolation``: proves that the dev stack is isolated exactly as its program declares, on the running node."""

import sys
from pathlib import Path

from local import engine, node, platform, up
from local.paths import State
from local.platform import Platform
from local.stacks import STACK
from operations import deploy
from operations.errors import Problem
from operations.proof.isolation import command
from operations.proof.isolation.declared import from_outputs
from operations.proof.isolation.prove import Options


def isolation(
    state: State, *, context: str | None, page: Path | None, as_json: bool, ephemeral_containers: bool
) -> bool:
    """Proves the isolation of the dev stack; see ``operations.proof.isolation``.

    Args:
        state: The state folder.
        context: The context that ``make up`` was given, if it was.
        page: Where to write the tables as a page, too.
        as_json: Whether scripts read the result.
        ephemeral_containers: Whether to add one to pods in which nothing can be run.

    Returns:
        Whether it is exactly as declared.

    Raises:
        Problem: The node does not run, or the stack is not deployed.
    """
    used = engine.ensure()
    own, target = (state.for_context(context), platform.named(context)) if context else (state, _node(state))
    outputs = deploy.outputs(up.deployment(own, used, target))
    again = "make up" + (f" KUBE_CONTEXT={context}" if context else "")
    refresh = f"{sys.executable} -m local pulumi refresh --stack {STACK} --config-file {up.copy_of_stack_file(own)}"
    options = Options(
        kubeconfig=target.kubeconfig,
        context=target.context,
        ephemeral_containers=ephemeral_containers,
        restore=f"{refresh}; {again}",
    )
    shown = f"make isolation MARKDOWN={page}"
    return command.run(STACK, from_outputs(STACK, outputs), options, command=shown, page=page, as_json=as_json)


def _node(state: State) -> Platform:
    found = node.running(state)
    if found is None:
        raise Problem("The node does not run.", where=str(state.folder), remedy="make up")
    return Platform(found.kubeconfig, found.context, {}, found)
