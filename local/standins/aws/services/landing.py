"""What a stack is set into and does not make: account, region, cluster, network."""

from typing import Any

from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import tags_of
from local.standins.aws.types import Function, Obj
from local.standins.serve import Failed


def _caller(aws: Aws, asked: Obj) -> Obj:
    found = aws.client("sts").get_caller_identity()
    return {"id": found["Account"], "accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"]}


def _region(aws: Aws, asked: Obj) -> Obj:
    # Known without asking anybody, as the official provider knows it from its SDK.
    name = asked.get("region") or asked.get("name") or aws.region
    return {
        "id": name,
        "region": name,
        "name": name,
        "description": name,
        "endpoint": f"ec2.{name}.amazonaws.com",
    }


def _cluster(aws: Aws, asked: Obj) -> Obj:
    found: Any = aws.client("eks").describe_cluster(name=asked["name"])["cluster"]
    network = found.get("resourcesVpcConfig") or {}
    service = found.get("kubernetesNetworkConfig") or {}
    issuer = ((found.get("identity") or {}).get("oidc") or {}).get("issuer")
    return {
        "id": found["name"],
        "name": found["name"],
        "arn": found["arn"],
        "endpoint": found["endpoint"],
        "certificateAuthorities": [found["certificateAuthority"]],
        "version": found["version"],
        "platformVersion": found.get("platformVersion"),
        "status": found["status"],
        "roleArn": found["roleArn"],
        "createdAt": str(found.get("createdAt", "")),
        "identities": [{"oidcs": [{"issuer": issuer}]}] if issuer else [],
        "kubernetesNetworkConfigs": [
            {
                "ipFamily": service.get("ipFamily", "ipv4"),
                "serviceIpv4Cidr": service.get("serviceIpv4Cidr"),
                "serviceIpv6Cidr": service.get("serviceIpv6Cidr"),
            }
        ],
        "tags": found.get("tags") or {},
        "vpcConfig": {
            "clusterSecurityGroupId": network.get("clusterSecurityGroupId"),
            "endpointPrivateAccess": network.get("endpointPrivateAccess", False),
            "endpointPublicAccess": network.get("endpointPublicAccess", True),
            "publicAccessCidrs": network.get("publicAccessCidrs") or [],
            "securityGroupIds": network.get("securityGroupIds") or [],
            "subnetIds": network.get("subnetIds") or [],
            "vpcId": network.get("vpcId"),
        },
    }


def _asked_for(asked: Obj, names: dict[str, str]) -> list[Obj]:
    filters = [{"Name": entry["name"], "Values": entry["values"]} for entry in asked.get("filters") or []]
    filters += [{"Name": theirs, "Values": [str(asked[ours])]} for ours, theirs in names.items() if asked.get(ours)]
    tags = [{"Name": f"tag:{key}", "Values": [value]} for key, value in (asked.get("tags") or {}).items()]
    return filters + tags


def _only(found: list[Any], what: str, asked: Obj) -> Any:
    if len(found) != 1:
        raise Failed(f"{len(found) or 'no'} {what} match {asked}; exactly one must")
    return found[0]


def _vpc(aws: Aws, asked: Obj) -> Obj:
    filters = _asked_for(asked, {"cidrBlock": "cidr", "default": "isDefault", "state": "state"})
    ids = {"VpcIds": [asked["id"]]} if asked.get("id") else {}
    found = _only(aws.client("ec2").describe_vpcs(Filters=filters, **ids)["Vpcs"], "VPCs", asked)
    return {
        "id": found["VpcId"],
        "arn": aws.arn("ec2", f"vpc/{found['VpcId']}"),
        "cidrBlock": found["CidrBlock"],
        "cidrBlockAssociations": [
            {"associationId": entry["AssociationId"], "cidrBlock": entry["CidrBlock"],
             "state": entry["CidrBlockState"]["State"]}
            for entry in found.get("CidrBlockAssociationSet") or []
        ],
        "default": found.get("IsDefault", False),
        "state": found["State"],
        "ownerId": found.get("OwnerId"),
        "instanceTenancy": found.get("InstanceTenancy"),
        "tags": tags_of(found.get("Tags")),
    }  # fmt: skip


def _subnet(aws: Aws, asked: Obj) -> Obj:
    names = {"vpcId": "vpc-id", "availabilityZone": "availability-zone", "cidrBlock": "cidr-block", "state": "state"}
    ids = {"SubnetIds": [asked["id"]]} if asked.get("id") else {}
    filters = _asked_for(asked, names)
    found = _only(aws.client("ec2").describe_subnets(Filters=filters, **ids)["Subnets"], "subnets", asked)
    return {
        "id": found["SubnetId"],
        "arn": found.get("SubnetArn") or aws.arn("ec2", f"subnet/{found['SubnetId']}"),
        "vpcId": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found.get("AvailabilityZoneId"),
        "availableIpAddressCount": found.get("AvailableIpAddressCount"),
        "mapPublicIpOnLaunch": found.get("MapPublicIpOnLaunch", False),
        "state": found["State"],
        "ownerId": found.get("OwnerId"),
        "tags": tags_of(found.get("Tags")),
    }


def _security_group(aws: Aws, asked: Obj) -> Obj:
    ids = {"GroupIds": [asked["id"]]} if asked.get("id") else {}
    filters = _asked_for(asked, {"vpcId": "vpc-id", "name": "group-name"})
    listed = aws.client("ec2").describe_security_groups(Filters=filters, **ids)["SecurityGroups"]
    found = _only(listed, "security groups", asked)
    return {
        "id": found["GroupId"],
        "arn": aws.arn("ec2", f"security-group/{found['GroupId']}"),
        "name": found["GroupName"],
        "description": found["Description"],
        "vpcId": found.get("VpcId"),
        "tags": tags_of(found.get("Tags")),
    }


FUNCTIONS = (
    Function("aws:index/getCallerIdentity:getCallerIdentity", _caller, ("id", "accountId", "arn", "userId")),
    Function("aws:index/getRegion:getRegion", _region, ("id",)),
    Function(
        "aws:eks/getCluster:getCluster",
        _cluster,
        ("id", "arn", "endpoint", "certificateAuthorities", "identities", "vpcConfig", "version", "status", "roleArn",
         "kubernetesNetworkConfigs"),
    ),
    Function("aws:ec2/getVpc:getVpc", _vpc, ("id", "arn", "cidrBlock", "cidrBlockAssociations")),
    Function("aws:ec2/getSubnet:getSubnet", _subnet, ("id", "arn", "vpcId", "cidrBlock", "availabilityZone")),
    Function("aws:ec2/getSecurityGroup:getSecurityGroup", _security_group, ("id", "arn", "name", "vpcId")),
)  # fmt: skip
