"""examples/platform, as it declares itself: nothing of it was ever run against AWS here."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "platform"
sys.path.insert(0, str(FOLDER))

from pxl_platform.cluster import Cluster  # noqa: E402
from pxl_platform.network import Network  # noqa: E402
from pxl_platform.settings import Settings  # noqa: E402

GIVEN: dict[str, Any] = {
    "name": "staging",
    "cidr": "10.10.0.0/16",
    "zones": ("eu-central-1a", "eu-central-1b", "eu-central-1c"),
    "nat_per_zone": True,
    "public_cidrs": ("203.0.113.0/24",),
    "administrators": ("arn:aws:iam::111111111111:role/administrators",),
}


class Recorded(mocks.Mocks):
    def __init__(self) -> None:
        self.all: list[mocks.MockResourceArgs] = []
        self.dependencies: dict[str, set[str]] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.all.append(args)
        outputs = {"arn": f"arn:aws:x:::{args.name}", "name": args.inputs.get("name", args.name), **args.inputs}
        if args.typ == "aws:eks/cluster:Cluster":
            outputs["vpcConfig"] = {**args.inputs["vpcConfig"], "clusterSecurityGroupId": "sg-1"}
        return f"{args.name}-id", {"latestVersion": 3, "allocationId": "eip", **outputs}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        return {"accountId": "111111111111", "region": "eu-central-1", "name": "eu-central-1"}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The inputs of each resource of a type, as ``ec2/vpc:Vpc``."""
        return [one.inputs for one in self.all if one.typ == f"aws:{kind}"]

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = self.of(kind)
        return found


class _Monitor(mocks.MockMonitor):
    """Notes what each resource waits for, which the mocks are not told."""

    def RegisterResource(self, request: Any) -> Any:
        waits = {urn.rpartition("::")[2] for urn in request.dependencies}
        self.mocks.dependencies[f"{request.type.rpartition(':')[2]} {request.name}"] = waits
        return super().RegisterResource(request)


def declared(**changes: Any) -> tuple[Recorded, dict[str, Any]]:
    recorded, outputs = Recorded(), {}
    pulumi.runtime.set_mocks(recorded, preview=False, monitor=_Monitor(recorded))
    settings = Settings(**{**GIVEN, **changes})
    settings.check()

    @pulumi.runtime.test
    def run() -> Any:
        network = Network(settings.name, settings)
        cluster = Cluster(settings.name, settings, network)
        found = pulumi.Output.all(
            network.vpc_id, pulumi.Output.all(*network.private_subnet_ids), cluster.node_security_group_id, cluster.name
        )
        return found.apply(lambda values: outputs.update(zip(("vpc", "subnets", "group", "name"), values, strict=True)))

    run()
    return recorded, outputs


@pytest.fixture(scope="module")
def platform() -> Recorded:
    return declared()[0]


def test_its_outputs_are_what_a_stack_wants_to_know():
    _, outputs = declared()
    assert outputs["vpc"] == "staging-vpc-id" and outputs["group"] == "sg-1" and outputs["name"] == "staging"
    assert outputs["subnets"] == [f"staging-private-eu-central-1{zone}-id" for zone in "abc"], "the private ones"
    program = (FOLDER / "__main__.py").read_text()
    assert re.findall(r'export\("(\w+)"', program) == ["vpcId", "subnetIds", "nodeSecurityGroupId", "clusterName"]


def test_the_example_file_holds(monkeypatch):
    import yaml  # noqa: PLC0415

    config = yaml.safe_load((FOLDER / "Pulumi.staging.yaml").read_text())["config"]
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    pulumi.runtime.set_all_config(values)
    try:
        assert Settings.read(pulumi.Config("platform")).zones == ("eu-central-1a", "eu-central-1b")
    finally:
        pulumi.runtime.set_all_config({})


def test_subnets_do_not_overlap_and_private_ones_have_no_way_in(platform: Recorded):
    import ipaddress  # noqa: PLC0415

    subnets = platform.of("ec2/subnet:Subnet")
    blocks = [ipaddress.ip_network(one["cidrBlock"]) for one in subnets]
    assert len(blocks) == 6
    for number, block in enumerate(blocks):
        assert not any(block.overlaps(other) for other in blocks[number + 1 :]), f"{block} is there twice"
        assert block.subnet_of(ipaddress.ip_network("10.10.0.0/16"))
    assert not any(one["mapPublicIpOnLaunch"] for one in subnets), "an address of the internet is asked for, not given"
    gateways = [one for one in platform.of("ec2/route:Route") if "gatewayId" in one]
    assert [one["routeTableId"] for one in gateways] == ["staging-public-id"], "only the public ones lead outside"


@pytest.mark.parametrize(("per_zone", "nats"), [(True, 3), (False, 1)])
def test_the_number_of_nat_gateways_is_a_choice(per_zone, nats):
    recorded, _ = declared(nat_per_zone=per_zone)
    assert len(recorded.of("ec2/natGateway:NatGateway")) == nats
    private = [one for one in recorded.of("ec2/routeTableAssociation:RouteTableAssociation")
               if "private" in one["subnetId"]]  # fmt: skip
    assert len(private) == 3 and len({one["routeTableId"] for one in private}) == nats, "each zone has a way out"


def test_flow_logs_and_control_plane_logs_are_kept_and_not_for_ever(platform: Recorded):
    assert platform.one("ec2/flowLog:FlowLog")["trafficType"] == "ALL"
    assert [one["retentionInDays"] for one in platform.of("cloudwatch/logGroup:LogGroup")] == [90, 90]
    assert platform.one("eks/cluster:Cluster")["enabledClusterLogTypes"] == [
        "api", "audit", "authenticator", "controllerManager", "scheduler",
    ]  # fmt: skip


def test_the_api_server_is_reached_by_those_who_are_named_only():
    network = declared()[0].one("eks/cluster:Cluster")["vpcConfig"]
    assert network["endpointPrivateAccess"] and network["publicAccessCidrs"] == ["203.0.113.0/24"]
    network = declared(public_cidrs=())[0].one("eks/cluster:Cluster")["vpcConfig"]
    assert network["endpointPublicAccess"] is False, "without a list it would be open to everybody"


def test_only_access_entries_lead_into_the_cluster(platform: Recorded):
    access = platform.one("eks/cluster:Cluster")["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert platform.one("eks/accessEntry:AccessEntry")["principalArn"] == GIVEN["administrators"][0]


def test_what_is_stored_is_encrypted(platform: Recorded):
    encryption = platform.one("eks/cluster:Cluster")["encryptionConfig"]
    assert encryption["resources"] == ["secrets"] and encryption["provider"]["keyArn"] == "arn:aws:x:::staging-secrets"
    assert platform.one("kms/key:Key")["enableKeyRotation"] is True
    (disk,) = platform.one("ec2/launchTemplate:LaunchTemplate")["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] == "true"


def test_no_pod_reaches_the_credentials_of_its_node(platform: Recorded):
    options = platform.one("ec2/launchTemplate:LaunchTemplate")["metadataOptions"]
    assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_network_policies_are_enforced_and_pods_can_have_roles(platform: Recorded):
    addons = {one["addonName"]: one.get("configurationValues") for one in platform.of("eks/addon:Addon")}
    assert json.loads(addons["vpc-cni"]) == {"enableNetworkPolicy": "true"}, "without it every policy is only a wish"
    assert {"eks-pod-identity-agent", "coredns", "kube-proxy", "metrics-server"} <= set(addons)


def test_cluster_and_nodes_have_their_rights_from_their_first_to_their_last_day(platform: Recorded):
    attached = {one.name for one in platform.all if one.typ.endswith(":RolePolicyAttachment")}
    waited_for = {
        which: platform.dependencies[which] & attached for which in ("Cluster staging", "NodeGroup staging-nodes")
    }
    assert all(waited_for.values()), f"EKS could neither make nor delete what it has no right to: {waited_for}"
    assert set.union(*waited_for.values()) == {one for one in attached if "control-plane" in one or "nodes" in one}


def test_no_policy_is_for_everybody_or_everything(platform: Recorded):
    documents = [one["policy"] for one in [*platform.of("iam/rolePolicy:RolePolicy"), *platform.of("kms/key:Key")]]
    documents += [one["assumeRolePolicy"] for one in platform.of("iam/role:Role")]
    assert len(documents) == 5
    for statement in (one for text in documents for one in json.loads(text)["Statement"]):
        principal = statement.get("Principal", {})
        assert "*" not in json.dumps(principal), f"anybody: {statement}"
        if "Principal" not in statement:
            assert statement["Action"] != "*" and statement["Resource"] != "*", statement
    attached = [one["policyArn"] for one in platform.of("iam/rolePolicyAttachment:RolePolicyAttachment")]
    assert not [arn for arn in attached if arn.endswith(("AdministratorAccess", "FullAccess"))]


def test_the_default_group_of_the_vpc_lets_nothing_through(platform: Recorded):
    group = platform.one("ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert not group.get("ingress") and not group.get("egress"), "what lands in it by mistake reaches nothing"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"cidr": "10.0.0.0/8"}, "platform:cidr"),
        ({"zones": ("eu-central-1a",)}, "platform:zones"),
        ({"zones": ("eu-central-1a", "eu-central-1a")}, "platform:zones"),
        ({"public_cidrs": ("0.0.0.0/0",)}, "platform:publicCidrs"),
        ({"administrators": ()}, "platform:administrators"),
        ({"administrators": ("*",)}, "platform:administrators"),
        ({"min_nodes": 1}, "platform:minNodes"),
    ],
)
def test_what_cannot_hold_is_refused_with_its_key(changes, key):
    with pytest.raises(ValueError, match=key):
        Settings(**{**GIVEN, **changes}).check()
