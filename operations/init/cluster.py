"""Where a stack lands: the cluster's VPC, its private subnets in several zones, the security group of its nodes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operations.errors import Problem
from operations.init.aws import Aws
from operations.stacks import setting

_READY = ("ACTIVE", "UPDATING")
_ZONES = 2


@dataclass(frozen=True)
class Place:
    """What goes into ``pxl:aws`` of the stack file.

    Attributes:
        vpc_id: The VPC.
        subnet_ids: Private subnets, by zone.
        node_security_group_id: What the stores let in.
    """

    vpc_id: str
    subnet_ids: tuple[str, ...]
    node_security_group_id: str

    def settings(self) -> dict[str, Any]:
        """The same under the names of the settings."""
        return {
            "vpcId": self.vpc_id,
            "subnetIds": list(self.subnet_ids),
            "nodeSecurityGroupId": self.node_security_group_id,
        }


def find(aws: Aws, name: str) -> Place:
    """Looks the cluster up.

    Raises:
        Problem: There is no such cluster, it is not ready, or its VPC has private subnets in one zone only.
    """
    answer = aws.ask("eks", "describe_cluster", missing=("ResourceNotFoundException",), name=name)
    if answer is None:
        raise _unknown(aws, name)
    cluster = answer["cluster"]
    if cluster.get("status") not in _READY:
        raise Problem(
            f"the cluster {name} is {cluster.get('status')}", where=str(cluster["arn"]),
            remedy=f"wait for it: aws eks wait cluster-active --name {name} --region {aws.region}",
        )  # fmt: skip
    network = cluster["resourcesVpcConfig"]
    return Place(network["vpcId"], _subnets(aws, name, network), network["clusterSecurityGroupId"])


def unsaid(aws: Aws, place: Place, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a place without what the stack file has chosen itself within the cluster's VPC.

    Subnets for databases alone, and nodes whose groups a launch template names, are as right as what is found here.

    Args:
        aws: The account.
        place: What was found.
        config: The ``config`` of the stack file.
    """
    found = place.settings()
    in_vpc = {"Name": "vpc-id", "Values": [place.vpc_id]}
    subnets, group = setting(config, "pxl:aws.subnetIds"), setting(config, "pxl:aws.nodeSecurityGroupId")
    if isinstance(subnets, list) and subnets:
        there = aws.pages("ec2", "describe_subnets", "Subnets", Filters=[in_vpc])
        if {*map(str, subnets)} <= {one["SubnetId"] for one in there}:
            del found["subnetIds"]
    if group:
        there = aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=[in_vpc])
        if str(group) in {one["GroupId"] for one in there}:
            del found["nodeSecurityGroupId"]
    return found


def _unknown(aws: Aws, name: str) -> Problem:
    known = aws.pages("eks", "list_clusters", "clusters")
    return Problem(
        f"there is no cluster {name!r} in {aws.region}",
        why=f"these are there: {', '.join(known)}" if known else "there is none at all",
        remedy="name one with --cluster, or make one first: examples/platform",
    )


def _subnets(aws: Aws, name: str, network: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the cluster if they are in zones enough, else all of its VPC; private ones only."""
    in_vpc = [{"Name": "vpc-id", "Values": [network["vpcId"]]}]
    private = _Routes(aws.pages("ec2", "describe_route_tables", "RouteTables", Filters=in_vpc))
    subnets = [
        subnet
        for subnet in aws.pages("ec2", "describe_subnets", "Subnets", Filters=in_vpc)
        # A local zone (eu-central-1-ham-1a) has no RDS.
        if re.fullmatch(r"[a-z]", str(subnet["AvailabilityZone"]).removeprefix(aws.region))
        and not private.lead_outside(subnet["SubnetId"])
    ]
    own = [subnet for subnet in subnets if subnet["SubnetId"] in network["subnetIds"]]
    for chosen in (own, subnets):
        if len({subnet["AvailabilityZone"] for subnet in chosen}) >= _ZONES:
            return tuple(
                subnet["SubnetId"]
                for subnet in sorted(chosen, key=lambda one: (one["AvailabilityZone"], one["SubnetId"]))
            )
    zones = sorted({subnet["AvailabilityZone"] for subnet in subnets})
    raise Problem(
        f"the VPC of cluster {name} has private subnets in fewer than {_ZONES} zones",
        where=str(network["vpcId"]),
        why=f"found in: {', '.join(zones)}" if zones else "every subnet has a way to an internet gateway",
        remedy="RDS wants two zones: add a private subnet in another one; examples/platform shows how",
    )


class _Routes:
    """Which subnets have a way to the internet that works in both directions."""

    def __init__(self, tables: list[dict[str, Any]]) -> None:
        self._by_subnet: dict[str, bool] = {}
        self._main = False
        for table in tables:
            outside = any(str(route.get("GatewayId", "")).startswith("igw-") for route in table.get("Routes") or [])
            for association in table.get("Associations") or []:
                if association.get("Main"):
                    self._main = outside
                if "SubnetId" in association:
                    self._by_subnet[association["SubnetId"]] = outside

    def lead_outside(self, subnet: str) -> bool:
        """Whether it is a public one; a subnet without a table of its own has that of the VPC."""
        return self._by_subnet.get(subnet, self._main)
