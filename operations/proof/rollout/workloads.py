"""The Deployments of a stack, and how far a rollout of them is."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from operations import apiserver
from operations.errors import Problem

Object = dict[str, Any]
ROLES = ("api", "worker")
APP = "pxl-app"
_ROLE = "app.kubernetes.io/component"
_INSTANCE = "app.kubernetes.io/instance"
_SECONDS = 10.0
_POLL_SECONDS = 0.25
_CLUSTERED = "PXL_CLUSTER_ENABLED"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True)
class Workload:
    """One Deployment.

    Attributes:
        role: ``api`` or ``worker``.
        name: Its name.
        grace_seconds: What its pods have for their end.
        pre_stop_seconds: How much of that they keep serving.
        selector: The labels of its pods.
        clustered: Whether its process 1 is the primary of a Node cluster, which hands SIGTERM on.
        instance: Its name in the stack, such as ``worker-reports``.
    """

    role: str
    name: str
    grace_seconds: int
    pre_stop_seconds: int
    selector: dict[str, str]
    clustered: bool = False
    instance: str = ""

    @property
    def settings(self) -> str:
        """The key of its settings: ``workers.reports`` for the component ``worker-reports``."""
        group = self.instance.removeprefix(f"{self.role}-")
        return self.role if group == self.instance else f"{self.role}s.{group}"

    @property
    def closing_seconds(self) -> int:
        """What a pod has from SIGTERM until it is killed."""
        return self.grace_seconds - self.pre_stop_seconds


class Workloads:
    """The app's Deployments in a namespace.

    Args:
        api: A connected client.
        namespace: Where they are.
        name: Their label ``app.kubernetes.io/name``.
    """

    def __init__(self, api: client.ApiClient, namespace: str, name: str = APP) -> None:
        self.api, self.namespace, self.name = api, namespace, name
        self._apps, self._core, self._policy = client.AppsV1Api(api), client.CoreV1Api(api), client.PolicyV1Api(api)

    def find(self) -> dict[str, Workload]:
        """By role; further ones of the same role by their name in the stack, such as ``worker-reports``.

        Raises:
            Problem: There is no API.
            ApiException, urllib3 HTTPError: The cluster does not answer or refuses; so in the methods below.
        """
        found: dict[str, Workload] = {}
        for role in ROLES:
            for one in sorted(self._of_role(role), key=_instance):
                found[_instance(one) if role in found else role] = _workload(role, one)
        if "api" not in found:
            raise Problem(
                f"there is no API to prove in namespace {self.namespace}",
                why="no Deployment there has the label app.kubernetes.io/component: api",
                remedy="deploy the stack first: pxlctl up STACK",
            )
        return found

    def complete(self, role: str) -> bool:
        """Whether every pod of a role is of its newest revision and available, and no old one is left."""
        there = self._of_role(role)
        return bool(there) and all(
            _available(one) and not self._leaving(one["spec"]["selector"]["matchLabels"]) for one in there
        )

    def generation(self, role: str) -> int:
        """Which generation of its spec a role has come to with all of its pods; 0 while it has not."""
        there = self._of_role(role)
        return sum(int(one["metadata"]["generation"]) for one in there) if all(map(_available, there)) else 0

    def jobs(self) -> dict[str, Object]:
        """The app's Jobs, by name."""
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        found = json.loads(self._get(path, {"labelSelector": f"app.kubernetes.io/name={self.name}"}))["items"]
        return {job["metadata"]["name"]: job for job in found}

    def wait(self, roles: list[str], seconds: float, stopped: Callable[[], bool]) -> bool:
        """Waits until all of them are complete; False if the time was up, or nobody waits any longer."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not stopped():
            if all(self.complete(role) for role in roles):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def restart(self, workload: Workload) -> None:
        """Replaces every pod by one of the same template, as ``kubectl rollout restart`` does."""
        note = {_RESTARTED: datetime.now(UTC).isoformat(timespec="milliseconds")}
        body: Any = {"spec": {"template": {"metadata": {"annotations": note}}}}
        self._apps.patch_namespaced_deployment(workload.name, self.namespace, body, _request_timeout=_SECONDS)

    def pods(self, workload: Workload) -> list[str]:
        """The names of its pods that nobody has told to go."""
        return [
            pod["metadata"]["name"]
            for pod in self._pods(workload.selector)
            if not pod["metadata"].get("deletionTimestamp")
        ]

    def delete(self, pod: str, grace_seconds: int | None = None) -> None:
        """Deletes a pod; it gets its own grace, or another: 0 kills it at once."""
        options: Any = {"gracePeriodSeconds": grace_seconds} if grace_seconds is not None else None
        self._core.delete_namespaced_pod(pod, self.namespace, body=options, _request_timeout=_SECONDS)

    def evict(self, pod: str) -> bool:
        """Asks for a pod to go as a drain of its node does; False if its disruption budget does not allow it yet."""
        body: Any = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        try:
            self._core.create_namespaced_pod_eviction(pod, self.namespace, body, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status == 429:
                return False
            raise
        return True

    def container(self, pod: str) -> str:
        """The name of a pod's first container."""
        found = json.loads(self._get(f"/api/v1/namespaces/{self.namespace}/pods/{pod}", {}))
        return str(found["spec"]["containers"][0]["name"])

    def _leaving(self, selector: dict[str, str]) -> bool:
        return any(pod["metadata"].get("deletionTimestamp") for pod in self._pods(selector))

    def _pods(self, selector: dict[str, str]) -> list[Object]:
        query = {"labelSelector": labels(selector)}
        return json.loads(self._get(f"/api/v1/namespaces/{self.namespace}/pods", query))["items"]

    def _of_role(self, role: str) -> list[Object]:
        return [each for each in self._deployments() if each["metadata"]["labels"].get(_ROLE) == role]

    def _deployments(self) -> list[Object]:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        return json.loads(self._get(path, {"labelSelector": f"app.kubernetes.io/name={self.name}"}))["items"]

    def _get(self, path: str, query: dict[str, str]) -> bytes:
        return apiserver.send(self.api, "GET", path, query=query, seconds=_SECONDS).data


def labels(selector: dict[str, str]) -> str:
    """A selector as the API takes it."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def _instance(deployment: Object) -> str:
    return deployment["metadata"]["labels"].get(_INSTANCE, "")


def _available(deployment: Object) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")}
    return status.get("observedGeneration", 0) >= deployment["metadata"]["generation"] and counts == {wanted}


def _workload(role: str, deployment: Object) -> Workload:
    pod = deployment["spec"]["template"]["spec"]
    sleep = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    return Workload(
        role=role,
        name=deployment["metadata"]["name"],
        grace_seconds=int(pod.get("terminationGracePeriodSeconds", 30)),
        pre_stop_seconds=int(sleep.get("seconds", 0)),
        selector=deployment["spec"]["selector"]["matchLabels"],
        instance=_instance(deployment),
        clustered={"name": _CLUSTERED, "value": "true"} in pod["containers"][0].get("env", []),
    )
