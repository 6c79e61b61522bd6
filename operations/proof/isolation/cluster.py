"""The few requests that a proof makes of the API server, in the form of its JSON."""

import json
from collections.abc import Mapping
from typing import Any, cast

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from operations import rollout

Object = dict[str, Any]
_SECONDS = 15.0


class Cluster:
    """One cluster, asked through its API server.

    Args:
        api: A connected client.
    """

    def __init__(self, api: client.ApiClient) -> None:
        """Keeps the client; nothing is asked yet."""
        self._api = api
        self._core = client.CoreV1Api(api)
        self._reader = rollout.Reader(api, "default", timeout=_SECONDS)

    @property
    def configuration(self) -> Any:
        """What a client of one's own is made with: an exec needs one for each thread."""
        return self._api.configuration

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Object | None:
        """An object; None if it does not exist.

        Raises:
            ApiException, urllib3 HTTPError: For everything else that goes wrong; also in the methods below.
        """
        try:
            return json.loads(self._reader.get(path, query).data)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, selector: str = "") -> list[Object]:
        """Every item of a list, page by page."""
        found: list[Object] = []
        query: dict[str, Any] = {"limit": 500, **({"labelSelector": selector} if selector else {})}
        while True:
            page = self.get(path, query) or {}
            found += page.get("items", [])
            query["continue"] = (page.get("metadata") or {}).get("continue", "")
            if not query["continue"]:
                return found

    def pods(self, namespace: str, selector: str = "") -> list[Object]:
        """The pods of a namespace."""
        return self.items(f"/api/v1/namespaces/{namespace}/pods", selector)

    def pod(self, namespace: str, name: str) -> Object | None:
        """One pod; None if it is not there."""
        return self.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def make_namespace(self, namespace: Object) -> None:
        """Makes a namespace."""
        self._core.create_namespace(cast(Any, namespace), _request_timeout=_SECONDS)

    def make_pod(self, pod: Object) -> None:
        """Makes a pod in the namespace of its metadata."""
        where = pod["metadata"]["namespace"]
        self._core.create_namespaced_pod(where, cast(Any, pod), _request_timeout=_SECONDS)

    def make_secret(self, secret: Object) -> None:
        """Makes a Secret in the namespace of its metadata."""
        where = secret["metadata"]["namespace"]
        self._core.create_namespaced_secret(where, cast(Any, secret), _request_timeout=_SECONDS)

    def add_ephemeral_container(self, namespace: str, pod: str, container: Object) -> None:
        """Adds an ephemeral container to a running pod; nothing can take it away again."""
        body = {"spec": {"ephemeralContainers": [container]}}
        self._core.patch_namespaced_pod_ephemeralcontainers(pod, namespace, cast(Any, body), _request_timeout=_SECONDS)

    def remove_namespace(self, name: str) -> None:
        """Asks for a namespace to go; one that is gone is fine."""
        try:
            self._core.delete_namespace(name, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status not in (404, 409):  # gone, or going already
                raise

    def remove_pod(self, namespace: str, name: str) -> None:
        """Asks for a pod to go at once; one that is gone is fine."""
        try:
            self._core.delete_namespaced_pod(name, namespace, grace_period_seconds=1, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status != 404:
                raise
