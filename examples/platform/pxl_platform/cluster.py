"""An EKS cluster whose network policies are enforced, whose secrets are encrypted, and whom nobody enters unnamed."""

import json

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from pxl_platform.network import Network
from pxl_platform.settings import Settings

_LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
_NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly")


class Cluster(pulumi.ComponentResource):
    """The cluster and its nodes."""

    name: pulumi.Output[str]
    """Its name."""
    node_security_group_id: pulumi.Output[str]
    """The security group of every node: that of the cluster itself."""

    def __init__(self, name: str, settings: Settings, network: Network, opts: ResourceOptions | None = None) -> None:
        """Declares everything."""
        super().__init__("pxl:platform:Cluster", name, {}, opts)
        self._name, self._settings, self._own = name, settings, ResourceOptions(parent=self)
        self._cluster = self._control_plane(network)
        self._administrators()
        # Nodes are not ready without their network, and DNS has no place without nodes.
        before = [
            self._addon("vpc-cni", configuration_values=json.dumps({"enableNetworkPolicy": "true"})),
            self._addon("kube-proxy"),
            self._addon("eks-pod-identity-agent"),
        ]
        nodes = self._nodes(network, before)
        for addon in ("coredns", "metrics-server"):
            self._addon(addon, after=[nodes])
        self.name = self._cluster.name
        self.node_security_group_id = self._cluster.vpc_config.cluster_security_group_id
        self.register_outputs({"clusterName": self.name, "nodeSecurityGroupId": self.node_security_group_id})

    def _control_plane(self, network: Network) -> aws.eks.Cluster:
        name, settings = self._name, self._settings
        role = self._role("control-plane", "eks.amazonaws.com", ("AmazonEKSClusterPolicy",))
        # The name that EKS writes to; made first, or EKS makes one that keeps everything for ever.
        logs = aws.cloudwatch.LogGroup(
            f"{name}-control-plane",
            name=f"/aws/eks/{name}/cluster",
            retention_in_days=settings.log_days,
            opts=self._own,
        )
        return aws.eks.Cluster(
            name,
            name=name,
            version=settings.version,
            role_arn=role,
            vpc_config={
                "subnet_ids": network.private_subnet_ids,
                "endpoint_private_access": True,
                "endpoint_public_access": bool(settings.public_cidrs),
                **({"public_access_cidrs": list(settings.public_cidrs)} if settings.public_cidrs else {}),
            },
            encryption_config={"provider": {"key_arn": self._key().arn}, "resources": ["secrets"]},
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            bootstrap_self_managed_addons=False,
            enabled_cluster_log_types=_LOGS,
            opts=ResourceOptions(parent=self, depends_on=[logs], protect=True),
        )

    def _key(self) -> aws.kms.Key:
        policy = aws.get_caller_identity_output().account_id.apply(
            lambda account: json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "ByPoliciesOfThisAccount",
                            "Effect": "Allow",
                            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                            "Action": "kms:*",
                            "Resource": "*",
                        }
                    ],
                }
            )
        )
        return aws.kms.Key(
            f"{self._name}-secrets",
            description=f"secrets in the cluster {self._name}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy,
            opts=self._own,
        )

    def _administrators(self) -> None:
        for number, arn in enumerate(self._settings.administrators):
            name = f"{self._name}-administrator-{number}"
            entry = aws.eks.AccessEntry(name, cluster_name=self._cluster.name, principal_arn=arn, opts=self._own)
            aws.eks.AccessPolicyAssociation(
                name,
                cluster_name=self._cluster.name,
                principal_arn=entry.principal_arn,
                policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                access_scope={"type": "cluster"},
                opts=self._own,
            )

    def _addon(self, addon: str, after: list[pulumi.Resource] | None = None, **more: str) -> aws.eks.Addon:
        return aws.eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=self._cluster.name,
            addon_name=addon,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=ResourceOptions(parent=self, depends_on=after or []),
            **more,
        )

    def _nodes(self, network: Network, before: list[aws.eks.Addon]) -> aws.eks.NodeGroup:
        name, settings = self._name, self._settings
        role = self._role("nodes", "ec2.amazonaws.com", _NODE_POLICIES)
        template = aws.ec2.LaunchTemplate(
            f"{name}-nodes",
            # One hop: a pod does not reach the node's credentials.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_size": 50,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            opts=self._own,
        )
        return aws.eks.NodeGroup(
            f"{name}-nodes",
            cluster_name=self._cluster.name,
            node_role_arn=role,
            subnet_ids=network.private_subnet_ids,
            ami_type="AL2023_x86_64_STANDARD",
            instance_types=[settings.instance_type],
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            scaling_config={
                "min_size": settings.min_nodes,
                "max_size": settings.max_nodes,
                "desired_size": settings.min_nodes,
            },
            update_config={"max_unavailable": 1},
            # An autoscaler moves it.
            opts=ResourceOptions(parent=self, depends_on=before, ignore_changes=["scalingConfig.desiredSize"]),
        )

    def _role(self, name: str, service: str, policies: tuple[str, ...]) -> pulumi.Output[str]:
        """The ARN of a role, which waits for its rights: who takes it has them from its first to its last day."""
        actions = ["sts:AssumeRole", "sts:TagSession"] if service.startswith("eks") else ["sts:AssumeRole"]
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}
        role = aws.iam.Role(
            f"{self._name}-{name}",
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            opts=self._own,
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{self._name}-{name}-{policy}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=self._own,
            )
            for policy in policies
        ]
        return pulumi.Output.all(role.arn, *(each.id for each in attached)).apply(lambda known: str(known[0]))
