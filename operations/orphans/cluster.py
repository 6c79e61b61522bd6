"""What the sweep asks of the API server: the objects of a stack, and to delete one of them."""

import json
from typing import Any

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from infra.marks import STACK_LABEL
from operations import apiserver, rollout
from operations.orphans.kinds import KINDS, Kind
from operations.orphans.model import Orphan

Object = dict[str, Any]
_SECONDS = 15.0
_MAY_BE_MISSING = (403, 404, 405)


class Cluster:
    """One namespace of one cluster, and the cluster-wide kinds of the program.

    Args:
        api: The client, see ``rollout.connect``.
        namespace: The stack's namespace.
    """

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._reader = rollout.Reader(api, namespace, timeout=_SECONDS)

    def objects(self, stack: str) -> tuple[list[tuple[Kind, Object]], list[str]]:
        """What carries the stack's labels, and which kinds could not be listed.

        Raises:
            ApiException, urllib3 HTTPError: The server fails, or does not answer.
        """
        selector = f"{STACK_LABEL}={stack},app.kubernetes.io/managed-by=pulumi"
        found: list[tuple[Kind, Object]] = []
        unseen: list[str] = []
        for kind in KINDS:
            try:
                found += [(kind, item) for item in self._list(kind, selector)]
            except ApiException as error:
                if error.status not in _MAY_BE_MISSING:
                    raise
                # A kind that the cluster does not have holds no objects.
                if error.status != 404:
                    unseen.append(f"{kind.name}: {rollout.api_words(error)}")
        return found, unseen

    def _list(self, kind: Kind, selector: str) -> list[Object]:
        items: list[Object] = []
        query = {"labelSelector": selector, "limit": 500}
        while True:
            page = json.loads(self._reader.get(kind.path(self._namespace), query).data)
            items += page.get("items") or []
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return items
            query["continue"] = following

    def delete(self, orphan: Orphan) -> bool:
        """Deletes exactly this object; False if it is gone, or another one has its name by now.

        Raises:
            ApiException, urllib3 HTTPError: The server refuses, or does not answer.
        """
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": orphan.uid}}
        try:
            apiserver.send(self._api, "DELETE", self._path(orphan), body=body, seconds=_SECONDS)
        except ApiException as error:
            if error.status in (404, 409):
                return False
            raise
        return True

    def has(self, orphan: Orphan) -> bool:
        """Whether it is there still; what cannot be asked counts as there."""
        try:
            live = json.loads(self._reader.get(self._path(orphan)).data)
        except ApiException as error:
            return error.status != 404
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return True
        return live["metadata"]["uid"] == orphan.uid

    def _path(self, orphan: Orphan) -> str:
        kind = next(kind for kind in KINDS if (kind.api_version, kind.name) == (orphan.api_version, orphan.kind))
        return f"{kind.path(self._namespace)}/{orphan.name}"
