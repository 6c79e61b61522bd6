"""The few requests that the node itself makes to its API server: no discovery, so each takes milliseconds."""

import http.client
import json
import ssl
from typing import Any

from local.node import ports
from local.node.layout import Layout

_PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


class RefusedError(Exception):
    """The API server answered with an error.

    Args:
        status: The HTTP status.
        message: What it said.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


def request(
    layout: Layout,
    method: str,
    path: str,
    body: Any = None,
    *,
    content_type: str = "application/json",
    timeout: float = 10.0,
) -> Any:
    """One request as the administrator, through the host's port.

    Returns:
        The decoded answer; plain text where it is not JSON.

    Raises:
        RefusedError: The server said no.
        OSError, http.client.HTTPException: The server cannot be reached.
    """
    found = ports.read(layout.ports)
    if found is None:
        raise ConnectionError("no port is recorded")
    context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
    context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", found.api, timeout=timeout, context=context)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": content_type, "Accept": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    if response.status >= 400:
        raise RefusedError(response.status, text[:1000])
    return json.loads(text) if text.startswith(("{", "[")) else text


def apply(layout: Layout, manifest: dict[str, Any]) -> Any:
    """Makes an object what the manifest says (server-side apply), whether or not it exists."""
    metadata = manifest["metadata"]
    path = _PATHS[manifest["kind"]].format(namespace=metadata.get("namespace", ""))
    query = "fieldManager=pxl-node&force=true"
    return request(
        layout, "PATCH", f"{path}/{metadata['name']}?{query}", manifest, content_type="application/apply-patch+yaml"
    )
