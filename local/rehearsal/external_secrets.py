"""Does what the External Secrets operator does: reads what ExternalSecrets name, and writes the Secrets."""

import base64
import json
from typing import Any

from local.rehearsal.servers import MANAGER
from local.rehearsal.stores import Account
from local.standins.kubernetes.client import ApiError, Cluster

_API = "external-secrets.io/v1"


class ExternalSecrets:
    """The Secrets of one stack.

    Args:
        cluster: The embedded node.
        account: The local AWS.
        namespace: The stack's namespace.
    """

    def __init__(self, cluster: Cluster, account: Account, namespace: str) -> None:
        self._cluster, self._account, self._namespace = cluster, account, namespace

    def reconcile(self) -> None:
        """Writes every Secret whose values the store has; says of the others why not."""
        for one in self._cluster.list(_API, "ExternalSecret", self._namespace):
            try:
                values = {item["secretKey"]: self._value(item["remoteRef"]) for item in one["spec"]["data"]}
            except _Missing as missing:
                self._say(one, ready=False, reason="SecretSyncedError", message=str(missing))
                continue
            self._write(one, values)
            self._say(one, ready=True, reason="SecretSynced", message="secret synced")

    def _value(self, ref: dict[str, str]) -> str:
        manager = self._account.client("secretsmanager")
        try:
            text = str(manager.get_secret_value(SecretId=ref["key"])["SecretString"])
            return text if "property" not in ref else str(json.loads(text)[ref["property"]])
        except (manager.exceptions.ClientError, KeyError, ValueError) as error:
            raise _Missing(f"could not get secret data from provider: {ref['key']}: {type(error).__name__}") from error

    def _write(self, one: dict[str, Any], values: dict[str, str]) -> None:
        owner = {
            "apiVersion": _API,
            "kind": "ExternalSecret",
            "name": one["metadata"]["name"],
            "uid": one["metadata"]["uid"],
        }
        data = {key: base64.b64encode(value.encode()).decode() for key, value in sorted(values.items())}
        metadata = {
            "name": one["spec"]["target"]["name"],
            "namespace": self._namespace,
            "ownerReferences": [owner],
        }
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
        self._cluster.apply(secret, MANAGER, force=True, dry_run=False)

    def _say(self, one: dict[str, Any], *, ready: bool, reason: str, message: str) -> None:
        condition = {"type": "Ready", "status": str(ready), "reason": reason, "message": message}
        if (one.get("status") or {}).get("conditions") == [condition]:
            return
        name = one["metadata"]["name"]
        path = f"/apis/{_API}/namespaces/{self._namespace}/externalsecrets/{name}/status"
        body = {"status": {"conditions": [condition]}}
        try:
            self._cluster.request("PATCH", path, body=body, content_type="application/merge-patch+json")
        except ApiError as error:
            if error.status != 404:
                raise


class _Missing(Exception):  # noqa: N818
    """The store lacks what an ExternalSecret names."""
