"""The deployment guide's own snippet beside the stack, for as long as a proof takes: what it drops, in the same run."""

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from operations import apiserver
from operations.errors import Problem
from operations.proof.rollout.workloads import Workloads

Object = dict[str, Any]
NAME = "pxl-baseline"
_LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "api"}
_MANAGER = "pxl-proof"
_SECONDS = 15.0
_READY_SECONDS = 180
# What the guide leaves to Kubernetes, and the stack does not.
_LEFT_OUT = ("lifecycle", "livenessProbe", "startupProbe", "readinessProbe", "resources")


@dataclass(frozen=True)
class Baseline:
    """The snippet as it runs.

    Attributes:
        workloads: Its Deployment.
        node_port: The port of every node at which it answers.
    """

    workloads: Workloads
    node_port: int


@contextmanager
def beside(stack: Workloads) -> Iterator[Baseline]:
    """Runs the snippet in the stack's namespace, with the API's image, command and environment.

    What Pod Security demands of a pod there is the stack's; everything that decides about a rollout is the guide's:
    three replicas, one more at a time, a readiness probe after five seconds, and nothing else.

    Args:
        stack: The stack's Deployments.

    Raises:
        Problem: It does not become ready.
        ApiException, urllib3 HTTPError: The cluster does not answer or refuses.
    """
    api, namespace = stack.api, stack.namespace
    deployed = _get(api, _path(namespace, "apps/v1", "deployments", stack.find()["api"].name))
    try:
        for api_version, plural, obj in _objects(namespace, deployed):
            _apply(api, _path(namespace, api_version, plural, obj["metadata"]["name"]), obj)
        own = Workloads(api, namespace, NAME)
        _wait(own)
        service = _get(api, _path(namespace, "v1", "services", NAME))
        yield Baseline(own, int(service["spec"]["ports"][0]["nodePort"]))
    finally:
        _remove(api, namespace)


def _wait(own: Workloads) -> None:
    # Its own minReadySeconds are 0: what is ready serves.
    if not own.wait(["api"], _READY_SECONDS, lambda: False):
        raise Problem(
            "the guide's snippet does not become ready beside the stack",
            where=f"namespace {own.namespace}, deployment {NAME}",
            why="its three pods ask for 750m of CPU together",
            remedy="make room on the nodes, or leave --baseline out",
        )
    # The endpoints reach every node a moment later.
    time.sleep(2)


def _objects(namespace: str, deployed: Object) -> list[tuple[str, str, Object]]:
    pod = copy.deepcopy(deployed["spec"]["template"]["spec"])
    port = pod["containers"][0]["ports"][0]["containerPort"]
    for key in ("terminationGracePeriodSeconds", "topologySpreadConstraints"):
        pod.pop(key, None)
    app = pod["containers"][0]
    for key in _LEFT_OUT:
        app.pop(key, None)
    app["readinessProbe"] = {
        "httpGet": {"path": "/healthz", "port": port},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
    }
    app["resources"] = {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    metadata = {"name": NAME, "namespace": namespace, "labels": _LABELS}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 3,
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "NodePort", "selector": _LABELS, "ports": [{"port": port, "targetPort": port}]},
    }
    # The namespace denies everything that is not declared; the guide knows no policies.
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": _LABELS},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{}],
            "egress": [{}],
        },
    }
    stores = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {**metadata, "name": f"{NAME}-stores"},
        "spec": {
            "podSelector": {"matchExpressions": [_STORES]},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": _LABELS}}]}],
        },
    }
    return [
        ("networking.k8s.io/v1", "networkpolicies", policy),
        ("networking.k8s.io/v1", "networkpolicies", stores),
        ("v1", "services", service),
        ("apps/v1", "deployments", deployment),
    ]


_STORES: Object = {"key": "app.kubernetes.io/name", "operator": "In", "values": ["postgres", "redis"]}


def _path(namespace: str, api_version: str, plural: str, name: str) -> str:
    prefix = "/api" if api_version == "v1" else "/apis"
    return f"{prefix}/{api_version}/namespaces/{namespace}/{plural}/{name}"


def _get(api: client.ApiClient, path: str) -> Object:
    return json.loads(apiserver.send(api, "GET", path, seconds=_SECONDS).data)


def _apply(api: client.ApiClient, path: str, obj: Object) -> None:
    apiserver.send(
        api,
        "PATCH",
        path,
        query={"fieldManager": _MANAGER, "force": "true"},
        body=obj,
        content_type="application/apply-patch+yaml",
        seconds=_SECONDS,
    )


def _remove(api: client.ApiClient, namespace: str) -> None:
    """Takes away what is there of it; also what a killed proof has left."""
    for api_version, plural, name in (
        ("apps/v1", "deployments", NAME),
        ("v1", "services", NAME),
        ("networking.k8s.io/v1", "networkpolicies", f"{NAME}-stores"),
        ("networking.k8s.io/v1", "networkpolicies", NAME),
    ):
        apiserver.gone(api, _path(namespace, api_version, plural, name), seconds=_SECONDS)
