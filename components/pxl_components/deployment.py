"""The Deployment of a workload that never stops serving: rolling, spread, protected from disruption, scaled."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgsDict

from pxl_components.app import AppSpec, pod_notes
from pxl_components.labels import Identity
from pxl_components.links import Pods
from pxl_components.pods import Container, pod_spec, scanner_notes, spread
from pxl_components.scaling import Scale, autoscaler
from pxl_components.validation import Arguments

_HISTORY = 5
# An autoscaler that was switched off, or whoever scaled by hand, still owns the number: taking it back is no conflict.
_FIXED_REPLICAS = {"pulumi.com/patchForce": "true"}
_POD_START_SECONDS = 30


@dataclass(frozen=True)
class Rollout:
    """How one revision replaces another."""

    min_ready_seconds: int
    progress_deadline_seconds: int

    @staticmethod
    def read(args: Arguments, *, min_ready_seconds: int) -> "Rollout":
        """Reads both.

        Raises:
            ArgumentError: out of bounds, or a deadline that ends before a pod can count as ready.
        """
        ready = args.integer("min_ready_seconds", min_ready_seconds, 0, 600)
        deadline = args.integer("progress_deadline_seconds", 300, 30, 3600)
        if ready >= deadline:
            problem = f"is not above min_ready_seconds ({ready}): no pod could count before the rollout has failed"
            raise args.error("progress_deadline_seconds", deadline, problem, "raise it, or lower min_ready_seconds")
        return Rollout(ready, deadline)


def deploy(
    parent: pulumi.Resource,
    name: str,
    spec: AppSpec,
    container: Container,
    *,
    scale: Scale,
    rollout: Rollout,
    after: list[pulumi.Resource],
) -> kubernetes.apps.v1.Deployment:
    """Writes ServiceAccount, Deployment and, where they apply, autoscaler and disruption budget.

    Args:
        parent: The component.
        name: Its name.
        spec: What the app's processes share.
        container: What the pods run.
        scale: How many pods.
        rollout: How one revision replaces another.
        after: What must be there before the pods, such as the network policies.
    """
    account = service_account(parent, name, spec.identity, spec.namespace, spec.pull_secrets)
    notes = {**pod_notes(spec), **scanner_notes(container)}
    if scale.replicas is not None:
        notes |= _FIXED_REPLICAS
    deployment = kubernetes.apps.v1.Deployment(
        f"{name}-deployment",
        metadata=spec.identity.metadata(spec.namespace, notes=notes),
        spec=_deployment(spec, container, account, scale, rollout),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=after,
            custom_timeouts=_timeouts(rollout, scale),
            # Without it, a number that was fixed before would be taken back when an autoscaler takes over: to one pod.
            ignore_changes=["spec.replicas"] if scale.replicas is None else None,
        ),
    )
    if scale.replicas is None:
        autoscaler(parent, name, Pods(spec.identity, spec.namespace), deployment, scale)
    # A budget for a single pod would let no node be drained, ever.
    if scale.min_replicas > 1:
        _budget(parent, name, spec)
    return deployment


def service_account(
    parent: pulumi.Resource,
    name: str,
    identity: Identity,
    namespace: Input[str],
    pull_secrets: Sequence[str] = (),
) -> pulumi.Output[str]:
    """A ServiceAccount of the workload's own, without a token; its name comes back.

    Args:
        parent: The component.
        name: Its name.
        identity: Whose pods run as it.
        namespace: Where.
        pull_secrets: Names of the Secrets that its pods' images are pulled with.
    """
    made = kubernetes.core.v1.ServiceAccount(
        f"{name}-account",
        metadata=identity.metadata(namespace),
        automount_service_account_token=False,
        image_pull_secrets=[{"name": secret} for secret in pull_secrets] or None,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return made.metadata.apply(lambda metadata: str(metadata.name))


def _timeouts(rollout: Rollout, scale: Scale) -> pulumi.CustomTimeouts:
    # The Deployment itself reports a rollout that makes no progress; the engine waits a little longer to hear why. The
    # deadline starts anew with every pod that is ready, and they come one after the other.
    pods = scale.max_replicas * (rollout.min_ready_seconds + _POD_START_SECONDS)
    wait = f"{rollout.progress_deadline_seconds + pods + 60}s"
    return pulumi.CustomTimeouts(create=wait, update=wait)


def _deployment(
    spec: AppSpec, container: Container, account: Input[str], scale: Scale, rollout: Rollout
) -> DeploymentSpecArgsDict:
    pod = pod_spec(container, account)
    pod["topology_spread_constraints"] = spread(spec.identity.selector)
    if spec.priority_class is not None:
        pod["priority_class_name"] = spec.priority_class
    deployment: DeploymentSpecArgsDict = {
        "selector": {"match_labels": spec.identity.selector},
        "strategy": {"type": "RollingUpdate", "rolling_update": {"max_unavailable": 0, "max_surge": 1}},
        "min_ready_seconds": rollout.min_ready_seconds,
        "progress_deadline_seconds": rollout.progress_deadline_seconds,
        "revision_history_limit": _HISTORY,
        "template": {
            "metadata": {"labels": spec.identity.labels, "annotations": pod_notes(spec)},
            "spec": pod,
        },
    }
    if scale.replicas is not None:
        deployment["replicas"] = scale.replicas
    return deployment


def _budget(parent: pulumi.Resource, name: str, spec: AppSpec) -> None:
    kubernetes.policy.v1.PodDisruptionBudget(
        f"{name}-budget",
        metadata=spec.identity.metadata(spec.namespace),
        spec={
            "max_unavailable": 1,
            "selector": {"match_labels": spec.identity.selector},
            # A pod that is broken anyway must not keep a node from being drained.
            "unhealthy_pod_eviction_policy": "AlwaysAllow",
        },
        opts=pulumi.ResourceOptions(parent=parent),
    )
