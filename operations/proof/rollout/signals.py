"""Whether a container's first process hears SIGTERM: for process 1 the kernel ignores a signal without a handler."""

from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from operations.proof.isolation.session import BROKEN

_SIGTERM_BIT = 1 << 14
_SECONDS = 10
# Not every image has cat; every PXL app has node.
_READERS = (
    ["cat", "/proc/1/status"],
    ["node", "-e", "process.stdout.write(require('fs').readFileSync('/proc/1/status', 'utf8'))"],
)


def hears_sigterm(configuration: Any, namespace: str, pod: str, container: str) -> bool | None:
    """Whether the container's process 1 has a handler for SIGTERM; None if it cannot be seen.

    Args:
        configuration: That of a connected client; an exec takes a connection of its own.
        namespace: The pod's namespace.
        pod: The pod.
        container: The container.
    """
    for command in _READERS:
        try:
            core = client.CoreV1Api(client.ApiClient(configuration))
            text = stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                namespace,
                container=container,
                command=command,
                stdin=False,
                stdout=True,
                stderr=False,
                tty=False,
                _request_timeout=_SECONDS,
            )
        except (ApiException, *BROKEN):
            continue
        caught = handlers(str(text))
        if caught is not None:
            return bool(caught & _SIGTERM_BIT)
    return None


def handlers(status: str) -> int | None:
    """The mask of the signals that have a handler, from ``/proc/PID/status``; None if it is not in there."""
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == "SigCgt":
            return int(value.strip(), 16)
    return None
