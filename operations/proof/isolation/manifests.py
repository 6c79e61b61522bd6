"""The temporary pods of a proof and their namespaces, as manifests."""

from collections.abc import Mapping, Sequence

from operations.proof.isolation import owned
from operations.proof.isolation.cluster import Object

LIFETIME_SECONDS = 900
"""How long a temporary pod, or an agent in a pod of the stack, lives at most: a proof that is killed ends nothing."""

_USER = 10001
# The main process only waits, and ends when it is told to: as process 1 it has to say so itself.
_WAIT = f"process.on('SIGTERM', () => process.exit(0)); setTimeout(() => {{}}, {LIFETIME_SECONDS * 1000})"
_SECURITY = "pod-security.kubernetes.io"
_CONFINED = {
    "runAsNonRoot": True,
    "runAsUser": _USER,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "privileged": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace_of(name: str, stack_namespace: str, labels: Mapping[str, str], level: str) -> Object:
    """A temporary namespace: owned by the stack, and with a level of Pod Security.

    Args:
        name: Its name.
        stack_namespace: The namespace whose isolation is being proved.
        labels: The labels of that namespace; its owner labels are taken over.
        level: ``restricted``, or ``privileged`` for pods in their node's network.
    """
    owners = {key: value for key, value in labels.items() if key.startswith("pxl.dev/")}
    modes = {f"{_SECURITY}/{mode}": level for mode in ("enforce", "audit", "warn")}
    own = {owned.MARK: owned.VALUE, owned.OF: stack_namespace}
    return {"metadata": {"name": name, "labels": {**owners, **own, **modes}}}


def pod_of(
    name: str,
    namespace: str,
    image: str,
    *,
    labels: Mapping[str, str] | None = None,
    pull_secrets: Sequence[str] = (),
    node: str = "",
) -> Object:
    """A temporary pod that Pod Security ``restricted`` admits, unless it is in its node's network.

    Args:
        name: Its name.
        namespace: Where.
        image: The app's image, which has node.
        labels: Its labels; without any it is known by an annotation.
        pull_secrets: Secrets of that namespace that the image is pulled with.
        node: The node whose network it is to have; "" for a network of its own.
    """
    marks = {"annotations": {owned.MARK: owned.VALUE}} if labels is None else {"labels": dict(labels)}
    spec: Object = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIFETIME_SECONDS,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": [{"name": secret} for secret in pull_secrets],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{**waiting_container("proof", image), "resources": _RESOURCES}],
    }
    if node:
        # By its name: the scheduler would respect taints, and the stack's pods are there already.
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet", "nodeName": node}
    return {"metadata": {"name": name, "namespace": namespace, **marks}, "spec": spec}


_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "48Mi", "ephemeral-storage": "8Mi"},
    "limits": {"memory": "160Mi", "ephemeral-storage": "64Mi"},
}


def waiting_container(name: str, image: str) -> Object:
    """A container that waits for an agent to be started in it; also as an ephemeral one, which takes no resources."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["node", "-e", _WAIT],
        "securityContext": _CONFINED,
    }


def pull_secret_of(secret: Object, namespace: str) -> Object:
    """A copy of a Secret that images are pulled with, for a temporary namespace."""
    metadata = {"name": secret["metadata"]["name"], "namespace": namespace, "labels": {owned.MARK: owned.VALUE}}
    return {"metadata": metadata, "type": secret["type"], "data": secret.get("data") or {}}
