"""A namespace that runs one digest, as the API server gives it: API, worker, and the Job that migrated."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.rollout import Snapshot

DIGEST, OTHER = "sha256:" + "a1" * 32, "sha256:" + "b2" * 32
START = datetime(2030, 1, 10, 12, 0, tzinfo=UTC)
ROLES = ("api", "worker", "migrations")
NAMESPACE = "pxl-staging"


def at(minutes: float) -> str:
    """So many minutes after the rollout began, as Kubernetes writes it."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def container(digest: str) -> dict[str, Any]:
    return {
        "name": "app",
        "image": f"localhost:30500/pxl/app@{digest}",
        "startupProbe": {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 2, "failureThreshold": 30},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 5},
    }


def labels(role: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "pxl-app", "app.kubernetes.io/component": role}


def deployment(role: str, digest: str = DIGEST, *, pods: int = 2, done: float = 2) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": role, "uid": f"uid-{role}", "generation": 3, "labels": labels(role)},
        "spec": {
            "replicas": pods,
            "progressDeadlineSeconds": 300,
            "template": {"spec": {"containers": [container(digest)]}},
        },
        "status": {
            "observedGeneration": 3,
            "replicas": pods,
            "updatedReplicas": pods,
            "availableReplicas": pods,
            "conditions": [
                {
                    "type": "Progressing",
                    "status": "True",
                    "reason": "NewReplicaSetAvailable",
                    "lastUpdateTime": at(done),
                    "lastTransitionTime": at(-5000),
                },
                {"type": "Available", "status": "True", "lastTransitionTime": at(-5000)},
            ],
        },
    }


def replica_set(role: str, digest: str = DIGEST, *, made: float = 0, name: str = "new") -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{role}-{name}",
            "uid": f"uid-{role}-{name}",
            "creationTimestamp": at(made),
            "ownerReferences": [{"uid": f"uid-{role}"}],
        },
        "spec": {"template": {"spec": {"containers": [container(digest)]}}},
    }


def pod(
    name: str,
    role: str,
    digest: str = DIGEST,
    *,
    made: float = 0.5,
    ready: float | None = 1,
    restarts: int = 0,
    started: float | None = None,
    owner: str = "new",
) -> dict[str, Any]:
    state = {"running": {"startedAt": at(made + 0.1 if started is None else started)}}
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": at(made),
            "ownerReferences": [{"uid": f"uid-{role}-{owner}"}],
        },
        "spec": {"containers": [container(digest)]},
        "status": {
            "phase": "Running",
            "conditions": [
                {
                    "type": "Ready",
                    "status": "False" if ready is None else "True",
                    "lastTransitionTime": at(made if ready is None else ready),
                }
            ],
            "containerStatuses": [
                {"name": "app", "restartCount": restarts, "state": state, "ready": ready is not None, "lastState": {}}
            ],
        },
    }


def job(digest: str = DIGEST, *, ended: float | None = -1, name: str = "migrations") -> dict[str, Any]:
    return {
        "kind": "Job",
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels("migrations")},
        "spec": {"completions": 1, "template": {"spec": {"containers": [container(digest)]}}},
        "status": {} if ended is None else {"succeeded": 1, "completionTime": at(ended)},
    }


def world(**changes: Any) -> Snapshot:
    """Everything rolled out at minute 2 (API) and minute 1.5 (worker), and quiet since."""
    parts: dict[str, Any] = {
        "workloads": [deployment("api"), deployment("worker", done=1.5), job()],
        "replica_sets": [replica_set("api"), replica_set("worker")],
        "pods": [pod("api-1", "api"), pod("api-2", "api"), pod("worker-1", "worker"), pod("worker-2", "worker")],
    }
    return Snapshot(NAMESPACE, **copy.deepcopy({**parts, **changes}))
