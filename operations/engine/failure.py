"""A run of the engine that failed, as a problem that says what to do."""

from operations.engine import damage, words
from operations.engine.deployment import Deployment
from operations.errors import Problem

AGAIN = "run the same command again: it goes on where this one stopped"


def problem(deployment: Deployment, verb: str, said: str, cluster: str = "") -> Problem:
    """What failed, where, why, and what next.

    Args:
        deployment: What was run.
        verb: The engine's command, such as ``up``.
        said: The engine's errors.
        cluster: Why the rollout stalls, as the cluster has it; "" if nothing is known.
    """
    where = str(deployment.settings_file)
    if words.names_missing_stack(said):
        remedy = f"pulumi stack init {deployment.stack}"
        return Problem(f"the backend knows no stack {deployment.stack}", where=where, why=said, remedy=remedy)
    if words.names_missing_passphrase(said):
        remedy = "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to this stack's passphrase"
        return Problem("the key to the stack's secrets is missing or wrong", where=where, why=said, remedy=remedy)
    why = "\n\n".join(filter(None, [cluster, f"the engine says:\n{said}" if cluster else said]))
    if words.names_broken_order(said):
        remedy = f"pulumi state repair --stack {deployment.stack}, then {AGAIN}"
        what = f"the engine refuses the state of stack {deployment.stack}, which it has written itself"
        return Problem(what, where=where, why=why, remedy=remedy)
    if words.names_full_disk(said):
        backend = damage.folder(deployment.env, deployment.project_dir)
        remedy = f"free space there, then {AGAIN}"
        what = f"{verb} of stack {deployment.stack} failed: a disk is full"
        return Problem(what, where=str(backend or "the engine's state"), why=why, remedy=remedy)
    remedy = f"mend the cause above, then {AGAIN}"
    return Problem(f"{verb} of stack {deployment.stack} failed", where=where, why=why, remedy=remedy)


def away(deployment: Deployment, verb: str, said: str, answer: str) -> Problem:
    """The cluster stopped answering while the engine was at work.

    Args:
        deployment: What was run.
        verb: The engine's command.
        said: The engine's errors.
        answer: What the cluster's API server answered when it was asked afterwards.
    """
    context = deployment.context or "(current)"
    look = deployment.cluster_check or f"kubectl --context {context} get --raw /readyz"
    return Problem(
        f"{verb} of stack {deployment.stack} stopped: the cluster does not answer",
        where=f"context {context}" + (f" of {deployment.kubeconfig}" if deployment.kubeconfig else ""),
        why=f"{answer}\n\nthe engine says:\n{said}",
        remedy=f"see how the cluster is: {look}\nthen {AGAIN}",
    )
