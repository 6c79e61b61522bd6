"""A VPC: private subnets for nodes, pods and stores, public ones for load balancers and the way out."""

import ipaddress
import json
from collections.abc import Iterator

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from pxl_platform.settings import Settings


class Network(pulumi.ComponentResource):
    """The VPC."""

    vpc_id: pulumi.Output[str]
    """The VPC."""
    private_subnet_ids: list[pulumi.Output[str]]
    """Its private subnets, by zone."""

    def __init__(self, name: str, settings: Settings, opts: ResourceOptions | None = None) -> None:
        """Declares everything."""
        super().__init__("pxl:platform:Network", name, {}, opts)
        self._name, self._settings, self._own = name, settings, ResourceOptions(parent=self)
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=settings.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=self._own,
        )
        # Without rules: what lands in it by mistake reaches nothing.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self._vpc.id, ingress=[], egress=[], opts=self._own)
        blocks = self._blocks()
        public = [self._subnet(zone, "public", next(blocks)) for zone in settings.zones]
        private = [self._subnet(zone, "private", next(blocks)) for zone in settings.zones]
        self._ways_out(public, private)
        self._flow_logs()
        self.vpc_id = self._vpc.id
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.register_outputs({"vpcId": self.vpc_id, "subnetIds": self.private_subnet_ids})

    def _blocks(self) -> Iterator[str]:
        """The subnets' addresses: small ones for load balancers, then large ones for pods."""
        whole = ipaddress.ip_network(self._settings.cidr)
        quarters = list(whole.subnets(prefixlen_diff=2))
        small = quarters[0].subnets(prefixlen_diff=2)
        yield from (str(next(small)) for _ in self._settings.zones)
        yield from (str(quarters[1 + number]) for number, _ in enumerate(self._settings.zones))

    def _subnet(self, zone: str, kind: str, block: str) -> aws.ec2.Subnet:
        role = "elb" if kind == "public" else "internal-elb"
        return aws.ec2.Subnet(
            f"{self._name}-{kind}-{zone}",
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=block,
            map_public_ip_on_launch=False,
            # By these the load balancer controller finds where to put what.
            tags={"Name": f"{self._name}-{kind}-{zone}", f"kubernetes.io/role/{role}": "1"},
            opts=self._own,
        )

    def _ways_out(self, public: list[aws.ec2.Subnet], private: list[aws.ec2.Subnet]) -> None:
        name = self._name
        gateway = aws.ec2.InternetGateway(f"{name}-gateway", vpc_id=self._vpc.id, opts=self._own)
        outside = self._table("public", gateway_id=gateway.id)
        for zone, subnet in zip(self._settings.zones, public, strict=True):
            self._associate(f"{name}-public-{zone}", subnet, outside)
        nats = public if self._settings.nat_per_zone else public[:1]
        tables = [self._table(f"private-{number}", nat_gateway_id=self._nat(number, subnet, gateway).id)
                  for number, subnet in enumerate(nats)]  # fmt: skip
        for number, (zone, subnet) in enumerate(zip(self._settings.zones, private, strict=True)):
            self._associate(f"{name}-private-{zone}", subnet, tables[number if self._settings.nat_per_zone else 0])
        # Layers of images come from S3: this way they cost nothing, and no NAT is in between.
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self._vpc.id,
            service_name=aws.get_region_output().region.apply(lambda region: f"com.amazonaws.{region}.s3"),
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            opts=self._own,
        )

    def _nat(self, number: int, subnet: aws.ec2.Subnet, gateway: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        opts = ResourceOptions(parent=self, depends_on=[gateway])
        address = aws.ec2.Eip(f"{self._name}-nat-{number}", domain="vpc", opts=opts)
        return aws.ec2.NatGateway(
            f"{self._name}-nat-{number}", allocation_id=address.allocation_id, subnet_id=subnet.id, opts=opts
        )

    def _table(self, kind: str, **target: pulumi.Input[str]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(f"{self._name}-{kind}", vpc_id=self._vpc.id, opts=self._own)
        aws.ec2.Route(
            f"{self._name}-{kind}",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            opts=self._own,
            **target,
        )
        return table

    def _associate(self, name: str, subnet: aws.ec2.Subnet, table: aws.ec2.RouteTable) -> None:
        aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._own)

    def _flow_logs(self) -> None:
        name = f"{self._name}-flows"
        group = aws.cloudwatch.LogGroup(name, retention_in_days=self._settings.log_days, opts=self._own)
        account = aws.get_caller_identity_output().account_id
        role = aws.iam.Role(
            name,
            assume_role_policy=account.apply(
                lambda number: json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                                "Action": "sts:AssumeRole",
                                "Condition": {"StringEquals": {"aws:SourceAccount": number}},
                            }
                        ],
                    }
                )
            ),
            opts=self._own,
        )
        actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        aws.iam.RolePolicy(
            name,
            role=role.id,
            policy=group.arn.apply(
                lambda arn: json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": [arn, f"{arn}:*"]}],
                    }
                )
            ),
            opts=self._own,
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=self._own,
        )
