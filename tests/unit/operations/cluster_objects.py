"""API objects as a cluster gives them, cut down to what is read; and evidence that answers from a table."""

from typing import Any

from operations.rollout import Answer, Snapshot

DIGEST = "sha256:" + "ab" * 32
IMAGE = f"localhost:30500/pxl/app@{DIGEST}"


class Recorded:
    """Evidence with prepared answers; it keeps what it was asked."""

    def __init__(
        self, answer: Answer | None = None, log: list[str] | None = None, previous_log: list[str] | None = None
    ) -> None:
        self._answer = answer or Answer(503, '{"redis":true,"db":false}')
        self._log = log or []
        self._previous_log = previous_log or []
        self.asked: list[tuple[str, int, str, str]] = []

    def ask(self, pod: str, port: int, path: str, scheme: str) -> Answer:
        self.asked.append((pod, port, path, scheme))
        return self._answer

    def log(self, pod: str, container: str, previous: bool) -> list[str]:
        return self._previous_log if previous else self._log


def deployment(name: str = "pxl-api", wanted: int = 3, available: int = 1, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 2},
        "spec": {"replicas": wanted},
        "status": {
            "observedGeneration": 2,
            "replicas": wanted,
            "updatedReplicas": wanted,
            "availableReplicas": available,
            **status,
        },
    }


def replica_set(name: str, owner: dict[str, Any], revision: int) -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"kind": owner["kind"], "uid": owner["metadata"]["uid"]}],
        },
    }


def pod(name: str, owner_uid: str, status: dict[str, Any], container: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": [{"uid": owner_uid}]},
        "spec": {
            "nodeName": "node1",
            "terminationGracePeriodSeconds": 35,
            "containers": [container or api_container()],
        },
        "status": status,
    }


def api_container(**more: Any) -> dict[str, Any]:
    return {
        "name": "api",
        "image": IMAGE,
        "ports": [{"name": "http", "containerPort": 3000}],
        "resources": {"limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}},
        "livenessProbe": {"tcpSocket": {"port": 3000}},
        **more,
    }


def container_status(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "api", "ready": False, "started": True, "restartCount": 0, "state": state, "lastState": {}, **more}


def running(**more: Any) -> dict[str, Any]:
    status = container_status({"running": {"startedAt": "2026-01-01T00:00:00Z"}}, **more)
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True" if status["ready"] else "False"}],
        "containerStatuses": [status],
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    status = container_status({"waiting": {"reason": reason, "message": message}}, **more)
    return {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [status]}


def event(about: dict[str, Any], reason: str, message: str, **more: Any) -> dict[str, Any]:
    meta = about["metadata"]
    return {
        "kind": "Event",
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 1,
        "lastTimestamp": "2026-01-01T00:01:00Z",
        "involvedObject": {
            "kind": about["kind"],
            "name": meta["name"],
            "uid": meta["uid"],
            "fieldPath": "spec.containers{api}" if about["kind"] == "Pod" else "",
        },
        **more,
    }


def rollout_of(status: dict[str, Any], *, pods: int = 1, container: dict[str, Any] | None = None) -> Snapshot:
    """A Deployment in its second revision, with pods of that revision in one state and a healthy one of the first."""
    owner = deployment()
    old, new = replica_set("pxl-api-1", owner, 1), replica_set("pxl-api-2", owner, 2)
    old_pod = pod("pxl-api-1-old", old["metadata"]["uid"], running(ready=True))
    new_pods = [pod(f"pxl-api-2-{number}", new["metadata"]["uid"], status, container) for number in range(pods)]
    return Snapshot("pxl-dev", [owner], [old, new], [old_pod, *new_pods], [])
