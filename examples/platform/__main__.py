"""A VPC and an EKS cluster, and what stacks on them have to know."""

import pulumi
from pxl_platform.cluster import Cluster
from pxl_platform.network import Network
from pxl_platform.settings import Settings

settings = Settings.read(pulumi.Config())
network = Network(settings.name, settings)
cluster = Cluster(settings.name, settings, network)

pulumi.export("vpcId", network.vpc_id)
pulumi.export("subnetIds", network.private_subnet_ids)
pulumi.export("nodeSecurityGroupId", cluster.node_security_group_id)
pulumi.export("clusterName", cluster.name)
