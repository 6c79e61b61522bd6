"""An ephemeral container, for a pod in whose own containers nothing can be run."""

import secrets
import time

from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.errors import Problem
from operations.proof.isolation import owned
from operations.proof.isolation.cluster import Cluster
from operations.proof.isolation.manifests import waiting_container
from operations.proof.isolation.model import Place

_SECONDS = 60.0
_EVERY_SECONDS = 0.5


def add_container(cluster: Cluster, place: Place, image: str) -> str:
    """Adds one to a pod and returns its name once it runs; it ends by itself, and stays in the pod's description.

    Raises:
        Problem: If the cluster refuses it, or it does not start.
    """
    name = f"{owned.PREFIX}{secrets.token_hex(3)}"
    try:
        cluster.add_ephemeral_container(place.namespace, place.pod, waiting_container(name, image))
    except ApiException as error:
        raise _problem(place, rollout.api_words(error)) from error
    end = time.monotonic() + _SECONDS
    state: dict[str, object] = {}
    while time.monotonic() < end:
        pod = cluster.pod(place.namespace, place.pod) or {"status": {}}
        states = {one["name"]: one["state"] for one in pod["status"].get("ephemeralContainerStatuses") or []}
        state = states.get(name, {})
        if "running" in state:
            return name
        if "terminated" in state:
            break
        time.sleep(_EVERY_SECONDS)
    raise _problem(place, str(state or "it is not started"))


def _problem(place: Place, why: str) -> Problem:
    return Problem(
        "an ephemeral container cannot be added",
        where=f"pod {place.name}",
        why=why,
        remedy="leave --ephemeral-containers out: the pod is then reported as not shown",
    )
