"""An account of AWS in this process, a project that wants to begin in it, and ways to let it fail."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import EmptyResult
from moto.eks.models import Cluster
from moto.iam import models as iam_models
from moto.iam.responses import IamResponse

from operations.init import command
from operations.stacks import Project

ACCOUNT = DEFAULT_ACCOUNT_ID
REGION = "eu-central-1"
REPOSITORY = "example/app"
STACK_FILE = """\
# Like prod, smaller.
config:
  pxl:environment: staging   # the column
  pxl:owner: platform
  pxl:postgres:
    # the app's own
    username: shop
  pxl:network:
    allowedIngress:
      - cidr: 10.0.0.0/8
"""
# moto has all 1,400 policies that AWS publishes, and takes seconds to load them.
_PUBLISHED = json.loads(iam_models.aws_managed_policies_data)
PUBLISHED = json.dumps({name: _PUBLISHED[name] for name in ("ReadOnlyAccess", "AdministratorAccess")})
# It keeps what it has read: a model of EC2 takes a third of a second.
_LOADER = botocore.session.Session().get_component("data_loader")
PEM = "-----BEGIN CERTIFICATE-----\nMIIBtjCCAVugAwIBAgITBmyf1XSXNmY\n-----END CERTIFICATE-----\n" * 3


class World:
    """One account with a cluster, and a project on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        session = botocore.session.Session()
        session.register_component("data_loader", _LOADER)
        self.session = boto3.Session("a", "b", region_name=REGION, botocore_session=session)
        (folder / "Pulumi.yaml").write_text("name: pxl\nruntime: python\nmain: infra/\n")
        self.file.write_text(STACK_FILE)
        self.vpc = ""
        self.private: list[str] = []
        self.public: list[str] = []

    @property
    def file(self) -> Path:
        return self.folder / "Pulumi.staging.yaml"

    def client(self, service: str) -> Any:
        return self.session.client(service, region_name=REGION)

    def run(self, **options: Any) -> command.Report:
        """``pxlctl init staging`` with an account, a region, a cluster and a repository, unless said otherwise."""
        given = {"account": ACCOUNT, "region": REGION, "cluster": "staging", "repository": REPOSITORY, "skip_ca": True}
        return command.run(
            Project(self.folder), "staging", command.Options(**{**given, **options}), session=self.session
        )

    def network(self, zones: str = "ab", public: str = "a") -> None:
        """A VPC with a private subnet in each zone, and a public one in others."""
        ec2 = self.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for number, zone in enumerate(zones + public):
            subnet = ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
            )["Subnet"]["SubnetId"]
            if number < len(zones):
                self.private.append(subnet)
            else:
                self.public.append(subnet)
                ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)

    def cluster(self, name: str = "staging") -> None:
        self.client("eks").create_cluster(
            name=name,
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
            resourcesVpcConfig={"subnetIds": [*self.private, *self.public]},
        )

    def everything(self) -> dict[str, Any]:
        """All that init makes, as AWS gives it back: two of these are equal if nothing changed between them."""
        kms, s3, iam = self.client("kms"), self.client("s3"), self.client("iam")
        keys = [entry["KeyId"] for entry in kms.list_keys()["Keys"]]
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
        return {
            "keys": {
                key: (kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
                      kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])
                for key in keys
            },
            "aliases": [alias["AliasName"] for alias in kms.list_aliases()["Aliases"] if "TargetKeyId" in alias],
            "buckets": {
                name: {
                    "versioning": s3.get_bucket_versioning(Bucket=name).get("Status"),
                    "encryption": s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"],
                    "public": s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
                    "policy": s3.get_bucket_policy(Bucket=name)["Policy"],
                    "ownership": s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"],
                    "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
                }
                for name in buckets
            },
            "providers": [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]],
            "roles": {
                name: (
                    iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
                    {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                     for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]},
                    [p["PolicyName"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]],
                )
                for name in roles
            },
        }  # fmt: skip


@contextmanager
def world(folder: Path, monkeypatch: Any) -> Iterator[World]:
    """An account as it is before anybody has begun in it, except for the cluster."""
    # moto leaves out where a cluster's network is.
    original = Cluster.__init__

    def with_network(cluster: Any, *args: Any, **more: Any) -> None:
        original(cluster, *args, **more)
        there.describe(cluster)

    monkeypatch.setattr(Cluster, "__init__", with_network)
    monkeypatch.setattr(IamResponse, "add_client_id_to_open_id_connect_provider", _add_client_id, raising=False)
    monkeypatch.setattr(iam_models, "aws_managed_policies_data", PUBLISHED)
    # Nor are the 2,600 images that it knows wanted here.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        there = World(folder)
        there.describe = lambda cluster: cluster.resources_vpc_config.update(
            vpcId=there.vpc, clusterSecurityGroupId="sg-0aa11bb22cc33dd44"
        )
        there.network()
        there.cluster()
        yield there


def _add_client_id(response: Any) -> Any:
    """What moto leaves out."""
    provider = response.backend.open_id_providers[response._get_param("OpenIDConnectProviderArn")]
    provider.client_id_list.append(response._get_param("ClientID"))
    return EmptyResult()


class Interference:
    """Answers requests in place of AWS, or ends the run at one: counts what changes something."""

    READS = ("Get", "List", "Describe", "Head")

    def __init__(self, session: Any) -> None:
        self.requests: list[str] = []
        self._stop_at: int | None = None
        self._answers: dict[str, tuple[int, str, str]] = {}
        self.asked: dict[str, int] = {}
        session.events.register_first("before-call.*.*", self._before)
        session.events.register_first("before-send.*.*", self._send)

    @property
    def changes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith(self.READS)]

    def stop_at(self, number: int) -> None:
        """Ends the run, as Ctrl-C would, before the change of this number (from 0)."""
        self.requests.clear()
        self._stop_at = number

    def go_on(self) -> None:
        self._stop_at = None
        self.requests.clear()

    def answer(self, request: str, status: int, code: str, message: str = "no") -> None:
        """Lets AWS refuse a request, each time."""
        self._answers[request] = (status, code, message)

    def _before(self, model: Any, **_: Any) -> None:
        if not model.name.startswith(self.READS) and len(self.changes) == self._stop_at:
            raise KeyboardInterrupt
        self.requests.append(model.name)
        self._now = model

    def _send(self, request: Any, **_: Any) -> Any:
        model = self._now
        if model.name not in self._answers:
            return None
        self.asked[model.name] = self.asked.get(model.name, 0) + 1
        status, code, message = self._answers[model.name]
        protocol = model.service_model.resolved_protocol
        if protocol == "json":
            body, kind = f'{{"__type": "{code}", "message": "{message}"}}', "application/x-amz-json-1.1"
        elif protocol == "rest-json":
            body, kind = f'{{"message": "{message}"}}', "application/json"
        else:
            inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            body = inner if protocol == "rest-xml" else f"<ErrorResponse>{inner}</ErrorResponse>"
            body = f"<Response><Errors>{inner}</Errors></Response>" if protocol == "ec2" else body
            kind = "text/xml"
        headers = {"content-type": kind, "x-amzn-errortype": code}
        raw: Callable[[], bytes] = body.encode
        return AWSResponse(request.url, status, headers, _Raw(raw()))


class _Raw:
    """A body that was received."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body
