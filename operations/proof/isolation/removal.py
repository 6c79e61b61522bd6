"""Takes away what a proof made: when it ends, and what one that was killed has left before the next begins."""

import time
from collections.abc import Callable

import urllib3
from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.console import warn
from operations.proof.isolation import owned
from operations.proof.isolation.cluster import Cluster

_SECONDS = 120.0
_EVERY_SECONDS = 0.5
_SILENCE = (ApiException, urllib3.exceptions.HTTPError, OSError)


def remove(cluster: Cluster, namespace: str, say: Callable[[str], None]) -> None:
    """Removes everything that proofs of a namespace made, and waits until it is gone.

    What cannot be removed is said and no error: whoever calls this may be reporting another one. The next proof tries
    again, and pods end by themselves after some minutes.

    Args:
        cluster: Where.
        namespace: The namespace whose isolation was, or is to be, proved.
        say: Takes what it waits for.
    """
    end = time.monotonic() + _SECONDS
    asked: set[str] = set()
    why = ""
    left = [namespace]
    while left and time.monotonic() < end:
        try:
            left = _ask(cluster, namespace, asked)
        except _SILENCE as error:
            why = rollout.api_words(error)
        say(", ".join(left))
        if left:
            time.sleep(_EVERY_SECONDS)
    if left:
        warn(
            f"still there: {', '.join(left)}{f' ({why})' if why else ''}; the next proof removes them, or: "
            f"kubectl delete namespace -l {owned.OF}={namespace}"
        )


def _ask(cluster: Cluster, namespace: str, asked: set[str]) -> list[str]:
    """Asks everything that is still there to go, each once; what is there comes back."""
    selector = f"{owned.MARK}={owned.VALUE},{owned.OF}={namespace}"
    spaces = [one["metadata"]["name"] for one in cluster.items("/api/v1/namespaces", selector)]
    pods = [one["metadata"]["name"] for one in cluster.pods(namespace) if owned.is_ours(one)]
    for name in pods:
        if name not in asked:
            cluster.remove_pod(namespace, name)
            asked.add(name)
    for space in spaces:
        if space not in asked:
            # Its pods first: else a namespace waits for each of them in turn.
            for pod in cluster.pods(space):
                cluster.remove_pod(space, pod["metadata"]["name"])
            cluster.remove_namespace(space)
            asked.add(space)
    return [*(f"pod {namespace}/{name}" for name in pods), *(f"namespace {space}" for space in spaces)]
