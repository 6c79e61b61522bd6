"""Does what the load balancer controller does: makes a way in for every Ingress of class ``alb``."""

from typing import Any

from local.rehearsal.servers import MANAGER
from local.standins.kubernetes.client import Cluster

_CLASS = "alb"


class FrontDoors:
    """The way into one stack.

    Args:
        cluster: The embedded node.
        namespace: The stack's namespace.
        node_port: The port of the node that leads to the app's pods.
    """

    def __init__(self, cluster: Cluster, namespace: str, node_port: int) -> None:
        self._cluster, self._namespace, self._node_port = cluster, namespace, node_port

    def reconcile(self) -> None:
        """Opens the port for the Service behind an Ingress, and says so in the Ingress' status."""
        for one in self._cluster.list("networking.k8s.io/v1", "Ingress", self._namespace):
            if one["spec"].get("ingressClassName") != _CLASS:
                continue
            backend = one["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
            served = self._cluster.get("v1", "Service", self._namespace, backend["name"])
            self._cluster.apply(self._door(one, served), MANAGER, force=True, dry_run=False)
            self._say(one)

    def _door(self, one: dict[str, Any], served: dict[str, Any]) -> dict[str, Any]:
        owner = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "name": one["metadata"]["name"],
            "uid": one["metadata"]["uid"],
        }
        port = served["spec"]["ports"][0]
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": f"{served['metadata']['name']}-front-door",
                "namespace": self._namespace,
                "ownerReferences": [owner],
            },
            "spec": {
                "type": "NodePort",
                "selector": served["spec"]["selector"],
                "ports": [{"port": port["port"], "targetPort": port["targetPort"], "nodePort": self._node_port}],
            },
        }

    def _say(self, one: dict[str, Any]) -> None:
        wanted = {"loadBalancer": {"ingress": [{"hostname": "localhost"}]}}
        if (one.get("status") or {}) == wanted:
            return
        name = one["metadata"]["name"]
        path = f"/apis/networking.k8s.io/v1/namespaces/{self._namespace}/ingresses/{name}/status"
        self._cluster.request("PATCH", path, body={"status": wanted}, content_type="application/merge-patch+json")
