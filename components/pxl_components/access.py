"""Who may connect to what a store's security group guards: the way in on AWS that a declared link opens.

Here and beside it, types of pulumi_aws stand in quotes: it loads a service when it is first named, and takes its time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_aws as aws
from pulumi import Input

from pxl_components.endpoints import read_cidrs_input
from pxl_components.tags import read_tags
from pxl_components.validation import Arguments

_GROUP = re.compile(r"sg-[0-9a-f]+")


def read_clients(args: Arguments, key: str = "client_security_group_ids") -> dict[str, Input[str]]:
    """The security groups that may connect, by the name that their rule gets.

    Raises:
        ArgumentError: none at all, or one that is no security group.
    """
    groups = read_groups(args, key, args.mapping(key))
    if not groups:
        raise args.error(key, None, "is empty, so nobody could connect", "name the group of the nodes or of the pods")
    return groups


def read_groups(args: Arguments, key: str, given: Mapping[str, object]) -> dict[str, Input[str]]:
    """The ids of security groups, by name or number in the argument.

    Raises:
        ArgumentError: one that is no security group.
    """
    groups: dict[str, Input[str]] = {}
    for name, value in given.items():
        groups[name] = args.checked(f"{key}.{name}", value)
        if isinstance(value, str) and not _GROUP.fullmatch(value):
            raise args.error(f"{key}.{name}", value, "is no security group", "give its id, sg-...")
    return groups


@dataclass(frozen=True)
class Place:
    """Where a managed store lies, who may reach it, and what guards it; the same for every kind.

    Attributes:
        vpc_id: The VPC of server and clients.
        subnet_ids: Private subnets in at least two zones.
        subnet_cidrs: Their address ranges.
        clients: Name to security group of who may connect.
        kms_key_arn: The key that encrypts what it holds.
        protect: Whether it is not to be deleted.
        tags: Tags of everything that can have them.
    """

    vpc_id: Input[str]
    subnet_ids: Input[list[str]]
    subnet_cidrs: Input[list[str]]
    clients: dict[str, Input[str]]
    kms_key_arn: Input[str]
    protect: bool
    tags: dict[str, str]

    @staticmethod
    def read(given: Arguments) -> "Place":
        """Reads it from the arguments of a managed store.

        Raises:
            ArgumentError: fewer than two subnets, nobody who may connect, or something malformed.
        """
        return Place(
            vpc_id=given.text_input("vpc_id"),
            subnet_ids=_subnets(given),
            subnet_cidrs=read_cidrs_input(given, "subnet_cidrs"),
            clients=read_clients(given),
            kms_key_arn=given.text_input("kms_key_arn"),
            protect=given.boolean("deletion_protection", True),
            tags=read_tags(given),
        )


def _subnets(args: Arguments, key: str = "subnet_ids") -> Input[list[str]]:
    value = args.values[key]
    if isinstance(value, pulumi.Output):
        return cast("pulumi.Output[list[str]]", value)
    ids = args.strings(key, [])
    if len(set(ids)) < 2:
        raise args.error(key, ids, "is fewer than two subnets", "give two or more, in different zones")
    return ids


def security_group(
    parent: pulumi.Resource,
    name: str,
    place: Place,
    port: int,
) -> "aws.ec2.SecurityGroup":
    """A group that lets the clients' groups in on one TCP port, nothing else in, and nothing out.

    Args:
        parent: The component.
        name: Its name.
        place: Where the server is, and who may connect.
        port: The server's TCP port.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    # The rules are resources of their own: an empty list here would take them away again.
    group = aws.ec2.SecurityGroup(
        f"{name}-access", description=f"who may connect to {name}", vpc_id=place.vpc_id, tags=place.tags, opts=opts
    )
    for client, client_group in place.clients.items():
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-{client}",
            security_group_id=group.id,
            description=f"from {client}",
            referenced_security_group_id=client_group,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=place.tags,
            opts=opts,
        )
    return group
