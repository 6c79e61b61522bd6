"""Objects that a run made and no record holds: a run that is killed between making and recording leaves them.

``find`` only looks. ``sweep`` deletes what is certainly this state's and holds nothing but what a run can make again;
everything else is told, and left to people.
"""

import time
from collections.abc import Container

import urllib3
from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.console import say, warn
from operations.engine import state
from operations.engine.deployment import Deployment
from operations.errors import Problem
from operations.orphans.cluster import Cluster
from operations.orphans.judging import judge
from operations.orphans.kinds import KINDS
from operations.orphans.model import Findings, Orphan

__all__ = ["Findings", "Orphan", "find", "remove", "sweep"]

_ALL = frozenset(kind.name for kind in KINDS)
# A pod that runs may take its grace period.
_GONE_SECONDS = 120.0
_SILENCE = (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError)


def find(deployment: Deployment, identity: str | None = None) -> Findings:
    """What the stack left in its cluster; changes nothing.

    Args:
        deployment: The stack, with the cluster and the namespace to look at.
        identity: The id of the state that made it, where the state no longer has it (after a destroy).

    Raises:
        Problem: The cluster or the engine's state cannot be asked.
    """
    cluster = Cluster(rollout.connect(deployment.kubeconfig, deployment.context), deployment.namespace)
    try:
        # In this order: what another run makes after the look is not seen, and what it made before is in its state,
        # as a record or as an operation that is under way.
        objects, unseen = cluster.objects(deployment.stack)
    except _SILENCE as error:
        raise Problem(
            "the cluster cannot be asked for orphans",
            where=f"context {deployment.context or '(current)'}, namespace {deployment.namespace}",
            why=rollout.api_words(error),
        ) from error
    return judge(objects, state.read(deployment), identity, unseen)


def remove(deployment: Deployment, findings: Findings) -> list[Orphan]:
    """Deletes what may be deleted of what was found, with its pods, and waits until all of it is gone.

    Returns:
        What is gone now; one that has changed hands since the look is left alone.

    Raises:
        Problem: The API server refuses, or something holds the object.
    """
    cluster = Cluster(rollout.connect(deployment.kubeconfig, deployment.context), deployment.namespace)
    until = time.monotonic() + _GONE_SECONDS
    gone: list[Orphan] = []
    for orphan in findings.removable:
        try:
            if cluster.delete(orphan):
                gone.append(orphan)
        except _SILENCE as error:
            raise Problem(f"{orphan.title} cannot be deleted", why=rollout.api_words(error)) from error
    while going := [orphan for orphan in gone if cluster.has(orphan)]:
        if time.monotonic() > until:
            why = f"something in the cluster holds it: {', '.join(orphan.title for orphan in going)}"
            raise Problem(f"{going[0].title} is deleted, but not gone", why=why)
        time.sleep(0.2)
    return gone


def sweep(deployment: Deployment, identity: str | None = None, kinds: Container[str] = _ALL) -> None:
    """Deletes what an interrupted run left, with a word about each, and tells what it leaves alone.

    Never fails: what was to be deployed is deployed.

    Args:
        deployment: The stack that has just been deployed or destroyed.
        identity: As for ``find``.
        kinds: The kinds to look at.
    """
    if not deployment.watches:
        return
    try:
        findings = find(deployment, identity).of(kinds)
        for orphan in remove(deployment, findings):
            say(f"left by an interrupted run, and deleted: {orphan.title}")
    except Problem as problem:
        warn(f"what interrupted runs may have left was not cleared away: {problem.what}: {problem.why}")
        return
    for orphan in findings.kept:
        warn(f"in no record, and left alone: {orphan.title}: {orphan.why}")
