"""Who may connect to what a store's security group guards: the way in on AWS that a declared link opens.

Here and beside it, types of pulumi_aws stand in quotes: it loads a service when it is first named, and takes its time.
"""

import re
from collections.abc import Sequence
from typing import cast

import pulumi
import pulumi_aws as aws
from pulumi import Input

from pxl_components.validation import Arguments

_GROUP = re.compile(r"sg-[0-9a-f]+")


def read_clients(args: Arguments, key: str = "client_security_group_ids") -> dict[str, Input[str]]:
    """The security groups that may connect, by the name that their rule gets.

    Raises:
        ArgumentError: none at all, or one that is no security group.
    """
    groups: dict[str, Input[str]] = {}
    for name, value in args.mapping(key).items():
        groups[name] = args.checked(f"{key}.{name}", value)
        if isinstance(value, str) and not _GROUP.fullmatch(value):
            raise args.error(f"{key}.{name}", value, "is no security group", "give its id, sg-...")
    if not groups:
        raise args.error(key, None, "is empty, so nobody could connect", "name the group of the nodes or of the pods")
    return groups


def security_group(
    parent: pulumi.Resource,
    name: str,
    *,
    vpc_id: Input[str],
    port: int,
    clients: dict[str, Input[str]],
    tags: dict[str, str],
) -> "aws.ec2.SecurityGroup":
    """A group that lets the clients' groups in on one TCP port, nothing else in, and nothing out.

    Args:
        parent: The component.
        name: Its name.
        vpc_id: The VPC of server and clients.
        port: The server's TCP port.
        clients: Name to security group of who may connect.
        tags: Tags of group and rules.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    # The rules are resources of their own: an empty list here would take them away again.
    group = aws.ec2.SecurityGroup(
        f"{name}-access", description=f"who may connect to {name}", vpc_id=vpc_id, tags=tags, opts=opts
    )
    for client, client_group in clients.items():
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-{client}",
            security_group_id=group.id,
            description=f"from {client}",
            referenced_security_group_id=client_group,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=tags,
            opts=opts,
        )
    return group


def subnets(args: Arguments, key: str = "subnet_ids") -> Input[Sequence[str]]:
    """The subnets of a store, at least two: plain ones are checked at once."""
    value = args.values[key]
    if isinstance(value, pulumi.Output):
        return cast("pulumi.Output[Sequence[str]]", value)
    ids = args.strings(key, [])
    if len(set(ids)) < 2:
        raise args.error(key, ids, "is fewer than two subnets", "give two or more, in different zones")
    return ids
