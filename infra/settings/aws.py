"""The settings of what lies on AWS: where a stack lands, and its front door."""

from enum import Enum

from pydantic import Field

from infra.settings.section import Section
from infra.settings.values import (
    AccountId,
    CertificateArn,
    ClusterName,
    HostedZoneId,
    PublicName,
    Region,
    SecurityGroupId,
    StackName,
    SubnetId,
    TagText,
    VpcId,
)


class Aws(Section):
    """Where the managed parts land. The program refuses to run against another account, region or cluster."""

    account: AccountId = Field(description="the account, in quotes; every other is refused")
    region: Region = Field(description="the region; every other is refused")
    cluster: ClusterName = Field(description="name of the EKS cluster that the stack runs on; every other is refused")
    platform: StackName | None = Field(
        None, description="a stack whose outputs vpcId, subnetIds and nodeSecurityGroupId say where it lands"
    )
    vpc_id: VpcId | None = Field(None, description="without platform: the VPC of the cluster")
    subnet_ids: list[SubnetId] = Field(
        default_factory=list, description="without platform: private subnets in at least two zones"
    )
    node_security_group_id: SecurityGroupId | None = Field(
        None, description="without platform: the security group of the nodes, which the stores let in"
    )
    pod_security_groups: bool = Field(
        False, description="whether the stores let in the pods that connect and not all of the nodes; needs pod ENIs"
    )
    repository_url: TagText | None = Field(None, description="where the code is, for the tag repository")


class FrontDoor(Enum):
    """How the world reaches the API: not through the stack, or through an ALB of AWS."""

    NONE = "none"
    ALB = "alb"


class Ingress(Section):
    """The front door."""

    kind: FrontDoor = Field(FrontDoor.NONE, description="alb: HTTPS at an ALB, made by its controller in the cluster")
    hostname: PublicName | None = Field(None, description="alb only: the name that clients use")
    certificate_arn: CertificateArn | None = Field(None, description="alb only: a certificate that exists already")
    hosted_zone_id: HostedZoneId | None = Field(
        None,
        description="alb only: zone of Route 53 that proves the name to ACM; others write the name",
    )
    internal: bool = Field(False, description="alb only: reachable from the VPC only")
    idle_timeout_seconds: int = Field(
        60, ge=1, le=4000, description="alb only: after which it closes a silent connection; the app keeps its longer"
    )
