"""What a container's exit code means, in words."""

import re
from typing import Any

_CODES = {
    0: "ended by itself although it is meant to keep running",
    1: "the program failed",
    78: "the program refused its configuration (EX_CONFIG)",
    125: "the container could not be started",
    126: "the command exists but may not be executed",
    127: "the command does not exist in the image",
    128: "the container runtime could not start the command",
    134: "the program aborted (SIGABRT)",
    139: "the program crashed (SIGSEGV)",
    143: "ended by SIGTERM without a clean exit: asked to stop and has no handler of its own",
}


def exit_words(terminated: dict[str, Any], memory_limit: str | None = None, grace_seconds: int | None = None) -> str:
    """One sentence on how a container ended.

    Args:
        terminated: ``state.terminated`` of a container status, as the API gives it.
        memory_limit: The container's memory limit, to be named when it ran out of memory.
        grace_seconds: The pod's ``terminationGracePeriodSeconds``, to be named when it may have outlived it.
    """
    code = int(terminated.get("exitCode", 0))
    reason = str(terminated.get("reason") or "")
    if reason == "OOMKilled":
        limit = f" of {memory_limit}" if memory_limit else ""
        return f"exit code {code}: killed because it needed more memory than its limit{limit}"
    if reason == "Completed":
        return "exit code 0: completed"
    if code == 137:
        grace = f" of {grace_seconds} s" if grace_seconds is not None else ""
        return (
            f"exit code 137: killed (SIGKILL); it outlived its grace period{grace} after being asked to stop "
            "(a failed liveness probe or a rollout asks; process 1 without a SIGTERM handler ignores it), "
            "or the machine ran out of memory"
        )
    words = _CODES.get(code)
    if words is None:
        words = f"ended by signal {code - 128}" if 128 < code < 160 else "the program failed"
    elif code == 0 and reason and reason != "Completed":
        words = f"{words} ({reason})"
    return f"exit code {code}: {words}"


_REASONS = {
    "ImagePullBackOff": "the image cannot be pulled",
    "ErrImagePull": "the image cannot be pulled",
    "InvalidImageName": "the image reference is malformed",
    "ErrImageNeverPull": "the image is not on the node and the pull policy is Never",
    "CrashLoopBackOff": "the container starts and ends again and again",
    "CreateContainerConfigError": "the container's configuration names something that does not exist",
    "CreateContainerError": "the container cannot be created",
    "RunContainerError": "the container cannot be started",
    "StartError": "the container cannot be started",
    "Unschedulable": "no node takes the pod",
    "FailedCreate": "the API server refuses the pod",
}


def reason_words(reason: str) -> str:
    """What a waiting reason means; "" when there is nothing to add to its name."""
    return _REASONS.get(reason, "")


def advice(reason: str, message: str, probes_limited: bool) -> str:  # noqa: PLR0911, PLR0912 (a table of cases)
    """The next step for one kind of trouble; "" where the evidence itself says it."""
    text = message.lower()
    if probes_limited:
        return (
            "a rate limit counts the probes: exempt the probe paths in the app or raise its limit; keep "
            "client addresses apart (externalTrafficPolicy: Local) and use a TCP liveness probe"
        )
    if reason in {"ImagePullBackOff", "ErrImagePull"}:
        if re.search(r"unauthorized|denied|forbidden|no basic auth|\b401\b|\b403\b", text):
            return "the registry asks for credentials: give the service account an image pull secret"
        if re.search(r"not found|manifest unknown|\b404\b", text):
            return "the registry has no such image: push it first, or correct the digest"
        if re.search(r"no such host|connection refused|timeout|dial tcp", text):
            return "the node does not reach the registry: check its name, port and network"
    if reason == "CreateContainerConfigError" and "not found" in text:
        return "create the Secret or ConfigMap (or key) it names, in the same namespace"
    if reason == "CreateContainerConfigError" and "runasnonroot" in text:
        return "give the image a numeric USER, or set runAsUser"
    if "violates podsecurity" in text:
        return "bring the pod within the Pod Security level of its namespace"
    if "exceeded quota" in text:
        return "raise the namespace's ResourceQuota, or ask for less"
    if reason == "Unschedulable" and "no nodes available" in text:
        return "no node is ready: kubectl get nodes"
    if reason == "Unschedulable" and "untolerated taint" in text:
        return "no node takes pods now, often because its disk or memory is full: kubectl describe nodes"
    if reason == "Unschedulable" and "insufficient" in text:
        return "lower the requests or replicas, or give the cluster more room"
    if reason == "Unschedulable" and "persistentvolumeclaim" in text:
        return "check the storage class and the volume claim: kubectl describe pvc"
    return ""
