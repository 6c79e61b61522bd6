"""What a stack expects to find in an account: network, cluster, zone. For rehearsals, where nobody has made them."""

import json
from dataclasses import dataclass
from typing import Any

from local.aws.boto import client
from local.aws.tags import AUTHORITY_TAG, ENDPOINT_TAG
from operations.errors import Problem

_ZONES = "abc"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Landing:
    """What was made.

    Args:
        vpc_id: The network.
        subnet_ids: Its private subnets, one a zone.
        zones: The subnets' zones, in the same order.
        node_security_group_id: The security group of the cluster's nodes.
        cluster_name: The cluster.
        cluster_arn: Its ARN.
        zone_id: The Route 53 zone.
        zone_name: The zone's domain.
    """

    vpc_id: str
    subnet_ids: tuple[str, ...]
    zones: tuple[str, ...]
    node_security_group_id: str
    cluster_name: str
    cluster_arn: str
    zone_id: str
    zone_name: str


def seed(
    endpoint: str,
    region: str,
    *,
    vpc_cidr: str,
    subnet_cidrs: list[str],
    cluster_name: str,
    cluster_endpoint: str,
    cluster_authority: str = "",
    zone_name: str = "rehearsal.example.com",
) -> Landing:
    """Makes a network with private subnets, a cluster and a zone; to be called once a server.

    Args:
        endpoint: The local AWS.
        region: Where.
        vpc_cidr: The network's range.
        subnet_cidrs: A range for each of two or three subnets.
        cluster_name: The cluster's name.
        cluster_endpoint: The API server that the cluster stands for.
        cluster_authority: That API server's authority, PEM in base64, as EKS shows it.
        zone_name: The zone's domain.

    Raises:
        Problem: When there are not two or three subnets, or the cluster is there already.
    """
    if not 2 <= len(subnet_cidrs) <= len(_ZONES):
        raise Problem(
            f"A landing has two or three subnets, not {len(subnet_cidrs)}.",
            where="subnet_cidrs",
            why="databases and caches want two zones at least, and regions have three",
            remedy="give two or three ranges inside the network's",
        )
    ec2 = client("ec2", endpoint, region)
    eks = client("eks", endpoint, region)
    if cluster_name in eks.list_clusters()["clusters"]:
        raise Problem(
            f"The cluster {cluster_name} is there already.",
            where=endpoint,
            why="a second landing would be of no use to a stack that knows the first",
            remedy="use the first one's ids, or start the local AWS again",
        )
    vpc = ec2.create_vpc(CidrBlock=vpc_cidr, **_named("vpc", cluster_name))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    zones = tuple(f"{region}{letter}" for letter in _ZONES[: len(subnet_cidrs)])
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone, **_named("subnet", f"{cluster_name}-private-{zone}")
        )["Subnet"]["SubnetId"]
        for cidr, zone in zip(subnet_cidrs, zones, strict=True)
    )
    nodes = ec2.create_security_group(
        GroupName=f"{cluster_name}-node", Description="Nodes of the cluster", VpcId=vpc,
        **_named("security-group", f"{cluster_name}-node"),
    )["GroupId"]  # fmt: skip
    cluster = eks.create_cluster(
        name=cluster_name,
        roleArn=_cluster_role(endpoint, region, cluster_name),
        resourcesVpcConfig={"subnetIds": list(subnets), "securityGroupIds": [nodes]},
        tags={ENDPOINT_TAG: cluster_endpoint, **({AUTHORITY_TAG: cluster_authority} if cluster_authority else {})},
    )["cluster"]
    zone = client("route53", endpoint, region).create_hosted_zone(Name=zone_name, CallerReference=cluster_name)
    return Landing(
        vpc_id=vpc,
        subnet_ids=subnets,
        zones=zones,
        node_security_group_id=nodes,
        cluster_name=cluster_name,
        cluster_arn=cluster["arn"],
        zone_id=zone["HostedZone"]["Id"].rpartition("/")[2],
        zone_name=zone_name,
    )


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]}


def _cluster_role(endpoint: str, region: str, cluster_name: str) -> str:
    made = client("iam", endpoint, region).create_role(
        RoleName=f"{cluster_name}-cluster", AssumeRolePolicyDocument=json.dumps(_TRUST)
    )
    return made["Role"]["Arn"]
