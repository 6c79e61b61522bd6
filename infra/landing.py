"""Where a stack lands on AWS: ids from its settings, or the outputs of a platform stack.

Every stack reference of the program is here.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Input

from infra.settings.aws import Aws

_OUTPUTS = ("vpcId", "subnetIds", "nodeSecurityGroupId")


@dataclass(frozen=True)
class Landing:
    """The place.

    Attributes:
        vpc_id: The VPC of the cluster.
        subnet_ids: Private subnets in at least two zones.
        subnet_cidrs: Their address ranges.
        node_security_group_id: The group of the cluster's nodes.
    """

    vpc_id: Input[str]
    subnet_ids: Input[list[str]]
    subnet_cidrs: pulumi.Output[list[str]]
    node_security_group_id: Input[str]


def landing(settings: Aws, provider: aws.Provider) -> Landing:
    """The place that the settings name.

    Args:
        settings: The section ``aws``.
        provider: The account and region that the subnets are looked up in.
    """
    if settings.platform is None:
        assert settings.vpc_id is not None and settings.node_security_group_id is not None, "settings check it"
        ids: Input[list[str]] = settings.subnet_ids
        vpc_id, nodes = settings.vpc_id, settings.node_security_group_id
    else:
        platform = pulumi.StackReference("platform", stack_name=settings.platform)
        vpc_id, ids, nodes = (platform.require_output(output) for output in _OUTPUTS)
    return Landing(vpc_id, ids, _cidrs(ids, provider), nodes)


def _cidrs(ids: Input[list[str]], provider: aws.Provider) -> pulumi.Output[list[str]]:
    opts = pulumi.InvokeOptions(provider=provider)

    def look_up(known: list[str]) -> pulumi.Output[list[str]]:
        found = [aws.ec2.get_subnet_output(id=each, opts=opts).cidr_block for each in known]
        return pulumi.Output.all(*found)

    return pulumi.Output.from_input(ids).apply(look_up)
