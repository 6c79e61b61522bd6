"""ElastiCache: replication groups, and the groups of subnets and parameters that they use."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import changed, named, present, retag, tag_list, tags_of, truth
from local.standins.aws.types import Change, Name, Obj, Type

_CHANGEABLE = {
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade", "automaticFailoverEnabled": "AutomaticFailoverEnabled",
    "clusterMode": "ClusterMode", "description": "ReplicationGroupDescription", "engine": "Engine",
    "engineVersion": "EngineVersion", "ipDiscovery": "IpDiscovery", "maintenanceWindow": "PreferredMaintenanceWindow",
    "multiAzEnabled": "MultiAZEnabled", "nodeType": "CacheNodeType", "notificationTopicArn": "NotificationTopicArn",
    "parameterGroupName": "CacheParameterGroupName", "securityGroupIds": "SecurityGroupIds",
    "snapshotRetentionLimit": "SnapshotRetentionLimit", "snapshotWindow": "SnapshotWindow",
    "transitEncryptionEnabled": "TransitEncryptionEnabled", "transitEncryptionMode": "TransitEncryptionMode",
}  # fmt: skip
_CREATED_WITH = {
    **_CHANGEABLE, "atRestEncryptionEnabled": "AtRestEncryptionEnabled", "authToken": "AuthToken",
    "dataTieringEnabled": "DataTieringEnabled", "kmsKeyId": "KmsKeyId", "networkType": "NetworkType",
    "numCacheClusters": "NumCacheClusters", "numNodeGroups": "NumNodeGroups", "port": "Port",
    "preferredCacheClusterAzs": "PreferredCacheClusterAZs", "replicasPerNodeGroup": "ReplicasPerNodeGroup",
    "replicationGroupId": "ReplicationGroupId", "snapshotArns": "SnapshotArns", "snapshotName": "SnapshotName",
    "subnetGroupName": "CacheSubnetGroupName", "userGroupIds": "UserGroupIds",
}  # fmt: skip
_FLAGS = ("atRestEncryptionEnabled", "autoMinorVersionUpgrade")


def _flags(given: Obj) -> Obj:
    return {**given, **{name: truth(given[name]) for name in _FLAGS if name in given}}


def _logs(given: Obj) -> list[Obj]:
    return [
        {
            "DestinationType": entry["destinationType"],
            "DestinationDetails": _destination(entry),
            "LogFormat": entry["logFormat"],
            "LogType": entry["logType"],
        }
        for entry in given.get("logDeliveryConfigurations") or []
    ]


def _destination(entry: Obj) -> Obj:
    if entry["destinationType"] == "cloudwatch-logs":
        return {"CloudWatchLogsDetails": {"LogGroup": entry["destination"]}}
    return {"KinesisFirehoseDetails": {"DeliveryStream": entry["destination"]}}


def _create(aws: Aws, given: Obj) -> str:
    aws.client("elasticache").create_replication_group(
        **named(_flags(given), _CREATED_WITH),
        **({"LogDeliveryConfigurations": _logs(given)} if given.get("logDeliveryConfigurations") else {}),
        Tags=tag_list(given.get("tags")),
    )
    return given["replicationGroupId"].lower()


def _update(aws: Aws, group_id: str, change: Change) -> None:
    caches = aws.client("elasticache")
    change = Change(_flags(change.old), _flags(change.new), change.state)
    wanted = changed(change, _CHANGEABLE)
    if change.of("authToken") and change.old:
        wanted["AuthTokenUpdateStrategy"] = change.new.get("authTokenUpdateStrategy") or "ROTATE"
        wanted.update(named(change.new, {"authToken": "AuthToken"}))
    if change.of("logDeliveryConfigurations") and change.old:
        wanted["LogDeliveryConfigurations"] = _logs(change.new)
    if wanted:
        caches.modify_replication_group(ReplicationGroupId=group_id, ApplyImmediately=True, **wanted)
    if change.of("numCacheClusters") and change.old:
        _resize(caches, group_id, change)
    _retag(caches, aws.arn("elasticache", f"replicationgroup:{group_id}"), change)


def _resize(caches: Any, group_id: str, change: Change) -> None:
    before, after = change.old.get("numCacheClusters") or 1, change.new.get("numCacheClusters") or 1
    call = caches.increase_replica_count if after > before else caches.decrease_replica_count
    call(ReplicationGroupId=group_id, NewReplicaCount=after - 1, ApplyImmediately=True)


def _retag(caches: Any, arn: str, change: Change) -> None:
    retag(
        change,
        lambda tags: caches.add_tags_to_resource(ResourceName=arn, Tags=tag_list(tags)),
        lambda names: caches.remove_tags_from_resource(ResourceName=arn, TagKeys=names),
    )


def _tags(caches: Any, arn: str) -> Obj:
    return tags_of(caches.list_tags_for_resource(ResourceName=arn)["TagList"])


def _read(aws: Aws, group_id: str, known: Obj) -> Obj | None:
    caches = aws.client("elasticache")
    found: Any = absent_is_none(
        lambda: caches.describe_replication_groups(ReplicationGroupId=group_id)["ReplicationGroups"]
    )
    if not found or found[0]["Status"] == "deleting":
        return None
    group = found[0]
    first = (group.get("NodeGroups") or [{}])[0]
    primary, whole = first.get("PrimaryEndpoint") or {}, group.get("ConfigurationEndpoint") or {}
    members = group.get("MemberClusters") or []
    return present(
        replicationGroupId=group["ReplicationGroupId"],
        arn=group["ARN"],
        description=group.get("Description"),
        port=primary.get("Port") or whole.get("Port") or known.get("port"),
        primaryEndpointAddress=primary.get("Address"),
        readerEndpointAddress=(first.get("ReaderEndpoint") or {}).get("Address"),
        configurationEndpointAddress=whole.get("Address"),
        clusterEnabled=group.get("ClusterEnabled", False),
        memberClusters=members,
        numCacheClusters=None if group.get("ClusterEnabled") else len(members),
        numNodeGroups=len(group.get("NodeGroups") or []),
        engine=group.get("Engine"),
        engineVersionActual=known.get("engineVersion"),
        nodeType=group.get("CacheNodeType"),
        automaticFailoverEnabled=group.get("AutomaticFailover") in ("enabled", "enabling"),
        multiAzEnabled=group.get("MultiAZ") == "enabled",
        snapshotRetentionLimit=group.get("SnapshotRetentionLimit"),
        snapshotWindow=group.get("SnapshotWindow"),
        atRestEncryptionEnabled=group.get("AtRestEncryptionEnabled"),
        transitEncryptionEnabled=group.get("TransitEncryptionEnabled"),
        transitEncryptionMode=group.get("TransitEncryptionMode"),
        kmsKeyId=group.get("KmsKeyId"),
        tags=_tags(caches, group["ARN"]),
    )


def _delete(aws: Aws, group_id: str, known: Obj) -> None:
    aws.client("elasticache").delete_replication_group(
        ReplicationGroupId=group_id, **named(known, {"finalSnapshotIdentifier": "FinalSnapshotIdentifier"})
    )


def _engine_is_another(change: Change) -> frozenset[str]:
    """From Redis to Valkey, AWS changes in place; not back, and not to an earlier version."""
    before, after = change.old.get("engine") or "redis", change.new.get("engine") or "redis"
    if before != after:
        return frozenset() if (before, after) == ("redis", "valkey") else frozenset({"engine"})
    return frozenset({"engineVersion"}) if _version(change.new) < _version(change.old) else frozenset()


def _version(given: Obj) -> tuple[int, ...]:
    parts = str(given.get("engineVersion") or "999").split(".")
    return tuple(int(part) if part.isdigit() else 999 for part in parts)


def _create_subnets(aws: Aws, given: Obj) -> str:
    aws.client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=given["name"],
        CacheSubnetGroupDescription=given["description"],
        SubnetIds=given["subnetIds"],
        Tags=tag_list(given.get("tags")),
    )
    return given["name"]


def _update_subnets(aws: Aws, name: str, change: Change) -> None:
    caches = aws.client("elasticache")
    if change.of("subnetIds", "description"):
        caches.modify_cache_subnet_group(
            CacheSubnetGroupName=name,
            SubnetIds=change.new["subnetIds"],
            CacheSubnetGroupDescription=change.new["description"],
        )
    _retag(caches, aws.arn("elasticache", f"subnetgroup:{name}"), change)


def _read_subnets(aws: Aws, name: str, known: Obj) -> Obj | None:
    caches = aws.client("elasticache")
    found: Any = absent_is_none(
        lambda: caches.describe_cache_subnet_groups(CacheSubnetGroupName=name)["CacheSubnetGroups"]
    )
    if not found:
        return None
    group = found[0]
    return {
        "name": name,
        "arn": group["ARN"],
        "description": group.get("CacheSubnetGroupDescription"),
        "vpcId": group.get("VpcId"),
        "subnetIds": [subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
        "tags": _tags(caches, group["ARN"]),
    }


def _delete_subnets(aws: Aws, name: str, known: Obj) -> None:
    aws.client("elasticache").delete_cache_subnet_group(CacheSubnetGroupName=name)


def _create_parameters(aws: Aws, given: Obj) -> str:
    aws.client("elasticache").create_cache_parameter_group(
        CacheParameterGroupName=given["name"],
        CacheParameterGroupFamily=given["family"],
        Description=given["description"],
        Tags=tag_list(given.get("tags")),
    )
    return given["name"]


def _update_parameters(aws: Aws, name: str, change: Change) -> None:
    caches = aws.client("elasticache")
    before = {entry["name"]: entry["value"] for entry in change.old.get("parameters") or []}
    after = {entry["name"]: entry["value"] for entry in change.new.get("parameters") or []}
    wanted = {key: value for key, value in after.items() if before.get(key) != value}
    gone = {key: value for key, value in before.items() if key not in after}
    if wanted:
        caches.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=_values(wanted))
    if gone:
        caches.reset_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=_values(gone))
    _retag(caches, aws.arn("elasticache", f"parametergroup:{name}"), change)


def _values(parameters: Obj) -> list[Obj]:
    return [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()]


def _read_parameters(aws: Aws, name: str, known: Obj) -> Obj | None:
    caches = aws.client("elasticache")
    found: Any = absent_is_none(
        lambda: caches.describe_cache_parameter_groups(CacheParameterGroupName=name)["CacheParameterGroups"]
    )
    if not found:
        return None
    group = found[0]
    listed = caches.describe_cache_parameters(CacheParameterGroupName=name, Source="user")["Parameters"]
    return {
        "name": name,
        "arn": group["ARN"],
        "family": group["CacheParameterGroupFamily"],
        "description": group["Description"],
        "parameters": [{"name": entry["ParameterName"], "value": entry["ParameterValue"]} for entry in listed],
        "tags": _tags(caches, group["ARN"]),
    }


def _delete_parameters(aws: Aws, name: str, known: Obj) -> None:
    aws.client("elasticache").delete_cache_parameter_group(CacheParameterGroupName=name)


_DESCRIBED = {"description": "Managed by Pulumi"}

TYPES = (
    Type(
        token="aws:elasticache/replicationGroup:ReplicationGroup",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        replaces=frozenset(
            {
                "atRestEncryptionEnabled",
                "dataTieringEnabled",
                "globalReplicationGroupId",
                "kmsKeyId",
                "networkType",
                "nodeGroupConfigurations",
                "port",
                "replicationGroupId",
                "securityGroupNames",
                "snapshotArns",
                "snapshotName",
                "subnetGroupName",
            }
        ),
        replaces_if=_engine_is_another,
        secrets=frozenset({"authToken", "authTokenWo"}),
        name=Name("replicationGroupId", limit=40, lower=True),
    ),
    Type(
        token="aws:elasticache/subnetGroup:SubnetGroup",
        create=_create_subnets,
        read=_read_subnets,
        update=_update_subnets,
        delete=_delete_subnets,
        replaces=frozenset({"name"}),
        name=Name(lower=True),
        defaults=_DESCRIBED,
    ),
    Type(
        token="aws:elasticache/parameterGroup:ParameterGroup",
        create=_create_parameters,
        read=_read_parameters,
        update=_update_parameters,
        delete=_delete_parameters,
        completes=True,
        replaces=frozenset({"name", "family", "description"}),
        name=Name(lower=True),
        defaults=_DESCRIBED,
    ),
)
