"""ElastiCache: parameter groups, changes of subnet groups, and replication groups that change and go."""

import copy
import re
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.elasticache import urls
from moto.elasticache.exceptions import CacheSubnetGroupNotFound
from moto.elasticache.models import CacheSubnetGroup
from moto.elasticache.responses import ElastiCacheResponse

from local.aws.additions.common import kept, refuse, take_over

ADDITIONS = {
    "elasticache CreateCacheParameterGroup, DescribeCacheParameterGroups, DescribeCacheParameters, "
    "ModifyCacheParameterGroup, ResetCacheParameterGroup, DeleteCacheParameterGroup": "moto has none of them",
    "elasticache ModifyCacheSubnetGroup, DeleteCacheSubnetGroup": "moto can only create and describe them",
    "elasticache CreateReplicationGroup": "moto ignores NumCacheClusters, and names no reader endpoint",
    "elasticache ModifyReplicationGroup": "moto changes six of its arguments and ignores the others",
    "elasticache IncreaseReplicaCount, DecreaseReplicaCount": "moto has neither",
    "elasticache DeleteReplicationGroup": "moto keeps it forever, and its name with it",
}
"""What is added, and why."""

# What ModifyReplicationGroup takes and moto leaves alone, by moto's name.
_KEPT = {
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade", "CacheParameterGroupName": "cache_parameter_group_name",
    "EngineVersion": "engine_version", "IpDiscovery": "ip_discovery", "NotificationTopicArn": "notification_topic_arn",
    "PreferredMaintenanceWindow": "preferred_maintenance_window", "SecurityGroupIds": "security_group_ids",
    "SnapshotWindow": "snapshot_window", "TransitEncryptionEnabled": "transit_encryption_enabled",
    "TransitEncryptionMode": "transit_encryption_mode", "ClusterMode": "cluster_mode",
}  # fmt: skip
_TAGGED = re.compile(
    r"^arn:aws:elasticache:.*:[0-9]*:(cluster|snapshot|subnetgroup|replicationgroup|user|parametergroup):.*$"
)


class ParameterGroups(ElastiCacheResponse):
    """Parameter groups: a family, and the values that were set over it."""

    def _groups(self) -> dict[str, Any]:
        return kept(self.elasticache_backend, "parameter_groups")

    def _group(self) -> Any:
        name = self._get_param("CacheParameterGroupName")
        if name not in self._groups():
            raise refuse("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
        return self._groups()[name]

    def create_cache_parameter_group(self) -> ActionResult:
        """Makes one without values."""
        name, backend = self._get_param("CacheParameterGroupName"), self.elasticache_backend
        if name in self._groups():
            raise refuse("CacheParameterGroupAlreadyExists", f"CacheParameterGroup {name} already exists.")
        group = {
            "CacheParameterGroupName": name,
            "CacheParameterGroupFamily": self._get_param("CacheParameterGroupFamily"),
            "Description": self._get_param("Description"),
            "IsGlobal": False,
            "ARN": f"arn:aws:elasticache:{self.region}:{self.current_account}:parametergroup:{name}",
        }
        backend.arn_regex = _TAGGED
        backend.tagging_service.tag_resource(group["ARN"], self._get_param("Tags", []))
        self._groups()[name] = {"group": group, "values": {}}
        return ActionResult({"CacheParameterGroup": group})

    def describe_cache_parameter_groups(self) -> ActionResult:
        """One of them, or all."""
        named = self._get_param("CacheParameterGroupName")
        found = [self._group()] if named else list(self._groups().values())
        return ActionResult({"CacheParameterGroups": [entry["group"] for entry in found]})

    def describe_cache_parameters(self) -> ActionResult:
        """The values that were set; those of the family are not known here."""
        listed = [
            {"ParameterName": name, "ParameterValue": value, "Source": "user", "IsModifiable": True}
            for name, value in self._group()["values"].items()
        ]
        return ActionResult({"Parameters": listed})

    def modify_cache_parameter_group(self) -> ActionResult:
        """Sets values."""
        found = self._group()
        for entry in self._get_param("ParameterNameValues", []):
            found["values"][entry["ParameterName"]] = entry["ParameterValue"]
        return ActionResult({"CacheParameterGroupName": found["group"]["CacheParameterGroupName"]})

    def reset_cache_parameter_group(self) -> ActionResult:
        """Takes values back to the family's."""
        found = self._group()
        if self._get_bool_param("ResetAllParameters"):
            found["values"].clear()
        for entry in self._get_param("ParameterNameValues", []):
            found["values"].pop(entry["ParameterName"], None)
        return ActionResult({"CacheParameterGroupName": found["group"]["CacheParameterGroupName"]})

    def delete_cache_parameter_group(self) -> EmptyResult:
        """Removes one that nothing uses."""
        name = self._group()["group"]["CacheParameterGroupName"]
        users = [
            group.replication_group_id
            for group in self.elasticache_backend.replication_groups.values()
            if group.cache_parameter_group_name == name
        ]
        if users:
            raise refuse("InvalidCacheParameterGroupState", f"{name} is in use by {', '.join(users)}.")
        del self._groups()[name]
        return EmptyResult()


class SubnetGroups(ElastiCacheResponse):
    """Subnet groups that change and go."""

    def modify_cache_subnet_group(self) -> ActionResult:
        """Gives one other subnets or another description."""
        name, backend = self._get_param("CacheSubnetGroupName"), self.elasticache_backend
        old = backend.describe_cache_subnet_groups(name)[0]
        changed: Any = CacheSubnetGroup(
            account_id=self.current_account,
            region_name=self.region,
            cache_subnet_group_name=name,
            cache_subnet_group_description=self._get_param("CacheSubnetGroupDescription")
            or old.cache_subnet_group_description,
            subnet_ids=self._get_param("SubnetIds") or old.subnet_ids,
            tags=old.tags,
        )
        backend.cache_subnet_groups[name] = changed
        return ActionResult({"CacheSubnetGroup": changed})

    def delete_cache_subnet_group(self) -> EmptyResult:
        """Removes one that nothing uses."""
        name, backend = self._get_param("CacheSubnetGroupName"), self.elasticache_backend
        if name not in backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        users = [
            group.replication_group_id
            for group in backend.replication_groups.values()
            if group.cache_subnet_group_name == name
        ]
        if users:
            raise refuse("CacheSubnetGroupInUse", f"{name} is in use by {', '.join(users)}.")
        del backend.cache_subnet_groups[name]
        return EmptyResult()


class ReplicationGroups(ElastiCacheResponse):
    """Replication groups as AWS describes, changes and deletes them."""

    def create_replication_group(self) -> ActionResult:
        """With as many nodes as were asked for, and a reader endpoint."""
        nodes = self._get_int_param("NumCacheClusters")
        if nodes and not self._get_param("NumNodeGroups"):
            self.params["ReplicasPerNodeGroup"] = nodes - 1
        made = super().create_replication_group()
        group: Any = self.elasticache_backend.replication_groups[self._get_param("ReplicationGroupId")]
        for node_group in group.node_groups:
            if "reader_endpoint_address" in node_group:
                node_group["reader_endpoint"] = {
                    "address": node_group["reader_endpoint_address"],
                    "port": group.port,
                }
        return made

    def modify_replication_group(self) -> ActionResult:
        """With all that it takes."""
        changed = super().modify_replication_group()
        group = self._replication_group()
        for theirs, ours in _KEPT.items():
            if self._get_param(theirs) is not None:
                setattr(group, ours, self._get_param(theirs))
        if self._get_param("AuthToken"):
            group.auth_token_enabled = True
        return changed

    def increase_replica_count(self) -> ActionResult:
        """More replicas."""
        return self._resized()

    def decrease_replica_count(self) -> ActionResult:
        """Fewer replicas."""
        return self._resized()

    def delete_replication_group(self) -> ActionResult:
        """Removes it, so that its name is free again."""
        answer = super().delete_replication_group()
        self.elasticache_backend.replication_groups.pop(self._get_param("ReplicationGroupId"), None)
        return answer

    def _replication_group(self) -> Any:
        return self.elasticache_backend.describe_replication_groups(self._get_param("ReplicationGroupId"))[0]

    def _resized(self) -> ActionResult:
        group, replicas = self._replication_group(), self._get_int_param("NewReplicaCount") or 0
        members = group.node_groups[0]["node_group_members"][: replicas + 1]
        while len(members) < replicas + 1:
            one = copy.deepcopy(members[-1])
            one.update(cache_cluster_id=f"{group.replication_group_id}-{len(members) + 1:0>3}", current_role="replica")
            members.append(one)
        group.node_groups[0]["node_group_members"] = members
        group.member_clusters = [member["cache_cluster_id"] for member in members]
        return ActionResult({"ReplicationGroup": group})


class _Handler(ParameterGroups, SubnetGroups, ReplicationGroups):
    """All of them."""


def install() -> None:
    """Has this module answer for ElastiCache."""
    take_over(urls, _Handler)
