"""``pxlctl proof rollout STACK``: from a stack's settings to a proof of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from operations import commands, deploy, rollout
from operations.errors import Problem
from operations.proof.rollout.changes import CHANGES, Change, deployment
from operations.proof.rollout.command import Options, holds, run
from operations.proof.rollout.workloads import Workloads
from operations.stacks import Project


@dataclass(frozen=True)
class Where:
    """Which stack file and cluster; what is None follows from the settings."""

    file: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None


def prove(project: Project, stack: str, changes: list[str], options: Options, where: Where) -> bool:
    """Proves a rollout of a running stack.

    Args:
        project: The project.
        stack: Name of the stack.
        changes: Names of the changes; ``up`` deploys what the stack file now says.
        options: How; its ``changes`` are replaced.
        where: Which stack file and cluster.

    Returns:
        Whether the stack came through within the budget.

    Raises:
        Problem: If the settings, the engine or the cluster do not allow it.
    """
    found = commands.of_stack(project, stack, where.file)
    context = where.context or (None if where.kubeconfig else found.context)
    kubeconfig = where.kubeconfig or found.kubeconfig
    if kubeconfig is None and context is None:
        raise Problem(
            "no cluster is named", remedy="name a context: --kube-context NAME, or set pxl:kubernetes.context"
        )
    wanted = [_change(name, found) for name in changes]
    workloads = Workloads(rollout.connect(kubeconfig, context), found.namespace)
    return holds(run(workloads, replace(options, changes=wanted)))


def _change(name: str, found: deploy.Deployment) -> Change:
    return CHANGES[name]() if name in CHANGES else deployment(lambda: deploy.up(found))
