"""RDS: database instances, and the groups of subnets and parameters that they use."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import changed, named, present, retag, tag_list, tags_of
from local.standins.aws.types import Change, Name, Obj, Type
from local.standins.serve import Failed

# What can be set at the creation and changed later, under AWS' name.
_CHANGEABLE = {
    "allocatedStorage": "AllocatedStorage", "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "backupRetentionPeriod": "BackupRetentionPeriod", "backupWindow": "PreferredBackupWindow",
    "caCertIdentifier": "CACertificateIdentifier", "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "databaseInsightsMode": "DatabaseInsightsMode", "dbSubnetGroupName": "DBSubnetGroupName",
    "deletionProtection": "DeletionProtection", "engineVersion": "EngineVersion",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication", "instanceClass": "DBInstanceClass",
    "iops": "Iops", "maintenanceWindow": "PreferredMaintenanceWindow",
    "manageMasterUserPassword": "ManageMasterUserPassword",
    "masterUserSecretKmsKeyId": "MasterUserSecretKmsKeyId", "maxAllocatedStorage": "MaxAllocatedStorage",
    "monitoringInterval": "MonitoringInterval", "monitoringRoleArn": "MonitoringRoleArn", "multiAz": "MultiAZ",
    "optionGroupName": "OptionGroupName", "parameterGroupName": "DBParameterGroupName",
    "password": "MasterUserPassword", "performanceInsightsEnabled": "EnablePerformanceInsights",
    "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    "performanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "publiclyAccessible": "PubliclyAccessible", "storageThroughput": "StorageThroughput",
    "storageType": "StorageType", "vpcSecurityGroupIds": "VpcSecurityGroupIds",
}  # fmt: skip
_CREATED_WITH = {
    **_CHANGEABLE, "identifier": "DBInstanceIdentifier", "engine": "Engine", "username": "MasterUsername",
    "dbName": "DBName", "kmsKeyId": "KmsKeyId", "storageEncrypted": "StorageEncrypted", "port": "Port",
    "availabilityZone": "AvailabilityZone", "networkType": "NetworkType", "licenseModel": "LicenseModel",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports", "characterSetName": "CharacterSetName",
}  # fmt: skip
_MODIFIED_WITH = {**_CHANGEABLE, "port": "DBPortNumber", "identifier": "NewDBInstanceIdentifier"}
_NOT_HERE = ("restoreToPointInTime", "replicateSourceDb", "s3Import", "snapshotIdentifier", "blueGreenUpdate")


def _create(aws: Aws, given: Obj) -> str:
    refused = [name for name in _NOT_HERE if given.get(name)]
    if refused:
        raise Failed(f"the local stand-in for aws does not support {', '.join(refused)} of aws:rds/instance:Instance")
    made = aws.client("rds").create_db_instance(**named(given, _CREATED_WITH), Tags=tag_list(given.get("tags")))
    return made["DBInstance"]["DbiResourceId"]


def _update(aws: Aws, resource_id: str, change: Change) -> None:
    rds, identifier = aws.client("rds"), _identifier(resource_id, change.state)
    wanted = changed(change, _MODIFIED_WITH)
    if wanted.get("NewDBInstanceIdentifier") == identifier:
        del wanted["NewDBInstanceIdentifier"]
    if change.of("enabledCloudwatchLogsExports") and change.old:
        before = set(change.old.get("enabledCloudwatchLogsExports") or [])
        after = set(change.new.get("enabledCloudwatchLogsExports") or [])
        wanted["CloudwatchLogsExportConfiguration"] = {
            "EnableLogTypes": sorted(after - before), "DisableLogTypes": sorted(before - after),
        }  # fmt: skip
    if change.of("manageMasterUserPassword") and not change.new.get("manageMasterUserPassword") and change.old:
        wanted["ManageMasterUserPassword"] = False
    if wanted:
        rds.modify_db_instance(DBInstanceIdentifier=identifier, ApplyImmediately=True, **wanted)
    arn = _described(aws, change.new.get("identifier") or identifier)["DBInstanceArn"]
    _retag(rds, arn, change)


def _retag(rds: Any, arn: str, change: Change) -> None:
    retag(
        change,
        lambda tags: rds.add_tags_to_resource(ResourceName=arn, Tags=tag_list(tags)),
        lambda names: rds.remove_tags_from_resource(ResourceName=arn, TagKeys=names),
    )


def _identifier(resource_id: str, known: Obj) -> str:
    # The id is AWS' own of the instance, which stays when it is renamed; an import gives the name.
    return known.get("identifier") or resource_id


def _described(aws: Aws, identifier: str) -> Any:
    return aws.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]


def _read(aws: Aws, resource_id: str, known: Obj) -> Obj | None:
    found = absent_is_none(lambda: _described(aws, _identifier(resource_id, known)))
    if found is None:
        return None
    endpoint, secret = found.get("Endpoint") or {}, found.get("MasterUserSecret")
    groups = found.get("DBParameterGroups") or []
    return present(
        identifier=found["DBInstanceIdentifier"],
        arn=found["DBInstanceArn"],
        address=endpoint.get("Address"),
        port=endpoint.get("Port"),
        endpoint=f"{endpoint['Address']}:{endpoint['Port']}" if endpoint else None,
        hostedZoneId=endpoint.get("HostedZoneId"),
        resourceId=found["DbiResourceId"],
        status=found["DBInstanceStatus"],
        engine=found["Engine"],
        engineVersion=known.get("engineVersion") or found["EngineVersion"],
        engineVersionActual=found["EngineVersion"],
        instanceClass=found["DBInstanceClass"],
        allocatedStorage=found.get("AllocatedStorage"),
        availabilityZone=found.get("AvailabilityZone"),
        backupRetentionPeriod=found.get("BackupRetentionPeriod"),
        backupWindow=found.get("PreferredBackupWindow"),
        maintenanceWindow=found.get("PreferredMaintenanceWindow"),
        caCertIdentifier=found.get("CACertificateIdentifier"),
        dbName=found.get("DBName"),
        dbSubnetGroupName=(found.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
        deletionProtection=found.get("DeletionProtection", False),
        kmsKeyId=found.get("KmsKeyId"),
        storageEncrypted=found.get("StorageEncrypted", False),
        storageType=found.get("StorageType"),
        multiAz=found.get("MultiAZ", False),
        publiclyAccessible=found.get("PubliclyAccessible", False),
        username=found.get("MasterUsername"),
        parameterGroupName=groups[0]["DBParameterGroupName"] if groups else None,
        vpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in found.get("VpcSecurityGroups") or []],
        masterUserSecrets=[_secret(secret)] if secret else [],
        replicas=found.get("ReadReplicaDBInstanceIdentifiers") or [],
        tags=tags_of(found.get("TagList")),
    )


def _secret(found: Any) -> Obj:
    return {"secretArn": found["SecretArn"], "secretStatus": found["SecretStatus"], "kmsKeyId": found.get("KmsKeyId")}


def _delete(aws: Aws, resource_id: str, known: Obj) -> None:
    skip = bool(known.get("skipFinalSnapshot"))
    final = None if skip else known.get("finalSnapshotIdentifier")
    if not skip and not final:
        raise Failed(
            "aws:rds/instance:Instance: finalSnapshotIdentifier is required when skipFinalSnapshot is false; next: "
            "set one of the two in the program, deploy it, and delete it then"
        )
    aws.client("rds").delete_db_instance(
        DBInstanceIdentifier=_identifier(resource_id, known),
        SkipFinalSnapshot=skip,
        DeleteAutomatedBackups=known.get("deleteAutomatedBackups", True),
        **present(FinalDBSnapshotIdentifier=final),
    )


def _create_subnets(aws: Aws, given: Obj) -> str:
    aws.client("rds").create_db_subnet_group(
        DBSubnetGroupName=given["name"],
        DBSubnetGroupDescription=given["description"],
        SubnetIds=given["subnetIds"],
        Tags=tag_list(given.get("tags")),
    )
    return given["name"]


def _update_subnets(aws: Aws, name: str, change: Change) -> None:
    rds = aws.client("rds")
    if change.of("subnetIds", "description"):
        rds.modify_db_subnet_group(
            DBSubnetGroupName=name,
            SubnetIds=change.new["subnetIds"],
            DBSubnetGroupDescription=change.new["description"],
        )
    _retag(rds, aws.arn("rds", f"subgrp:{name}"), change)


def _read_subnets(aws: Aws, name: str, known: Obj) -> Obj | None:
    rds = aws.client("rds")
    found: Any = absent_is_none(lambda: rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"])
    if not found:
        return None
    group, arn = found[0], found[0].get("DBSubnetGroupArn") or aws.arn("rds", f"subgrp:{name}")
    return {
        "name": name,
        "arn": arn,
        "description": group.get("DBSubnetGroupDescription"),
        "vpcId": group.get("VpcId"),
        "subnetIds": [subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
        "supportedNetworkTypes": group.get("SupportedNetworkTypes") or ["IPV4"],
        "tags": tags_of(rds.list_tags_for_resource(ResourceName=arn)["TagList"]),
    }


def _delete_subnets(aws: Aws, name: str, known: Obj) -> None:
    aws.client("rds").delete_db_subnet_group(DBSubnetGroupName=name)


def _create_parameters(aws: Aws, given: Obj) -> str:
    aws.client("rds").create_db_parameter_group(
        DBParameterGroupName=given["name"],
        DBParameterGroupFamily=given["family"],
        Description=given["description"],
        Tags=tag_list(given.get("tags")),
    )
    return given["name"]


def _update_parameters(aws: Aws, name: str, change: Change) -> None:
    rds = aws.client("rds")
    before = {entry["name"]: entry for entry in change.old.get("parameters") or []}
    after = {entry["name"]: entry for entry in change.new.get("parameters") or []}
    wanted = [entry for key, entry in after.items() if before.get(key) != entry]
    gone = [entry for key, entry in before.items() if key not in after]
    if wanted:
        rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[_parameter(entry) for entry in wanted])
    if gone:
        rds.reset_db_parameter_group(DBParameterGroupName=name, Parameters=[_parameter(entry) for entry in gone])
    _retag(rds, aws.arn("rds", f"pg:{name}"), change)


def _parameter(entry: Obj) -> Obj:
    return {
        "ParameterName": entry["name"],
        "ParameterValue": entry["value"],
        "ApplyMethod": entry.get("applyMethod") or "immediate",
    }


def _read_parameters(aws: Aws, name: str, known: Obj) -> Obj | None:
    rds = aws.client("rds")
    found: Any = absent_is_none(lambda: rds.describe_db_parameter_groups(DBParameterGroupName=name))
    if not found or not found["DBParameterGroups"]:
        return None
    group = found["DBParameterGroups"][0]
    arn = group.get("DBParameterGroupArn") or aws.arn("rds", f"pg:{name}")
    listed = rds.describe_db_parameters(DBParameterGroupName=name, Source="user")["Parameters"]
    return {
        "name": name,
        "arn": arn,
        "family": group["DBParameterGroupFamily"],
        "description": group.get("Description"),
        "parameters": [
            {
                "name": entry["ParameterName"],
                "value": entry["ParameterValue"],
                "applyMethod": entry.get("ApplyMethod", "immediate"),
            }
            for entry in listed
            if entry.get("ParameterValue") is not None
        ],
        "tags": tags_of(rds.list_tags_for_resource(ResourceName=arn)["TagList"]),
    }


def _delete_parameters(aws: Aws, name: str, known: Obj) -> None:
    aws.client("rds").delete_db_parameter_group(DBParameterGroupName=name)


_DESCRIBED = {"description": "Managed by Pulumi"}

TYPES = (
    Type(
        token="aws:rds/instance:Instance",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        # As the official provider has it: a new name or group of subnets is a change in place.
        replaces=frozenset(
            {
                "availabilityZone",
                "backupTarget",
                "characterSetName",
                "customIamInstanceProfile",
                "dbName",
                "engine",
                "kmsKeyId",
                "ncharCharacterSetName",
                "restoreToPointInTime",
                "s3Import",
                "snapshotIdentifier",
                "storageEncrypted",
                "timezone",
                "username",
            }
        ),
        secrets=frozenset({"password", "passwordWo"}),
        name=Name("identifier", limit=63, lower=True),
    ),
    Type(
        token="aws:rds/subnetGroup:SubnetGroup",
        create=_create_subnets,
        read=_read_subnets,
        update=_update_subnets,
        delete=_delete_subnets,
        replaces=frozenset({"name", "namePrefix"}),
        name=Name(lower=True),
        defaults=_DESCRIBED,
    ),
    Type(
        token="aws:rds/parameterGroup:ParameterGroup",
        create=_create_parameters,
        read=_read_parameters,
        update=_update_parameters,
        delete=_delete_parameters,
        completes=True,
        replaces=frozenset({"name", "namePrefix", "family", "description"}),
        name=Name(lower=True),
        defaults=_DESCRIBED,
    ),
)
