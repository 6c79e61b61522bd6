"""Gives every managed store that exists in the local AWS a server that answers under its endpoint."""

import json
from dataclasses import dataclass
from typing import Any

from local.aws.boto import client
from local.rehearsal import servers
from local.rehearsal.authority import Authority
from local.standins.kubernetes.client import Cluster

_DEFAULT_CONNECTIONS = 200


@dataclass(frozen=True)
class Account:
    """A local AWS.

    Args:
        endpoint: Its address.
        region: The region of the stack.
    """

    endpoint: str
    region: str

    def client(self, service: str) -> Any:
        """A boto3 client of one service."""
        return client(service, self.endpoint, self.region)


class Stores:
    """The servers of one account; what was made once is left alone, as its data is in it.

    Args:
        cluster: The embedded node.
        account: The local AWS.
        authority: Signs the servers' certificates.
        images: The platform's images.
    """

    def __init__(self, cluster: Cluster, account: Account, authority: Authority, images: dict[str, str]) -> None:
        self._cluster, self._account, self._authority, self._images = cluster, account, authority, images
        self._made: set[str] = set()

    def reconcile(self) -> None:
        """Makes the servers that are missing, and takes away those whose store is gone."""
        found = {**self._databases(), **self._caches()}
        # One whose password is not known yet is looked at again.
        wanted = {name: objects for name, objects in found.items() if objects or name in self._made}
        for name, objects in wanted.items():
            if name not in self._made:
                for each in objects:
                    self._cluster.apply(each, servers.MANAGER, force=True, dry_run=False)
                self._made.add(name)
        for name in self._made - set(wanted):
            for api_version, kind in (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "Secret")):
                self._cluster.delete(api_version, kind, servers.NAMESPACE, name)
            self._made.discard(name)

    def _databases(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self._account.client("rds").describe_db_instances()["DBInstances"]:
            name = one["DBInstanceIdentifier"]
            secret = (one.get("MasterUserSecret") or {}).get("SecretArn")
            if name in self._made or not secret:
                found[name] = []
                continue
            kept = self._account.client("secretsmanager").get_secret_value(SecretId=secret)
            known = json.loads(kept["SecretString"])
            found[name] = servers.postgres(
                name,
                self._images["postgres"],
                certificate=self._authority.sign(one["Endpoint"]["Address"]),
                database=one["DBName"],
                master=(known["username"], known["password"]),
                connections=_DEFAULT_CONNECTIONS,
            )
        return found

    def _caches(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self._account.client("elasticache").describe_replication_groups()["ReplicationGroups"]:
            name = one["ReplicationGroupId"]
            host = one["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
            token = None if name in self._made else self._token()
            if token is None:
                found[name] = []
                continue
            certificate = self._authority.sign(host)
            found[name] = servers.redis(name, self._images["redis"], certificate=certificate, token=token)
        return found

    def _token(self) -> str | None:
        """AWS tells nobody an AUTH token; the stack has kept it where the app's pods get it from."""
        manager = self._account.client("secretsmanager")
        for one in manager.list_secrets()["SecretList"]:
            if one["Name"].endswith("/redis-password"):
                return str(manager.get_secret_value(SecretId=one["ARN"])["SecretString"])
        return None
