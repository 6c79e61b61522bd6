"""The AWS stand-in under the real engine, on the local AWS: what is made, kept, changed, replaced and deleted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws import server
from local.aws.boto import client
from local.aws.seed import Landing, seed
from local.paths import State
from tests.integration.engine.small_stack import Stack, stack_of

pytestmark = pytest.mark.engine

REGION = "eu-central-1"
CANARY = "canary-of-a-redis-token-41"
PROGRAM = """
import json
import pulumi, pulumi_aws as aws
settings = pulumi.Config()
options = pulumi.ResourceOptions(provider=aws.Provider(
    "aws", region="eu-central-1", default_tags={"tags": {"stack": "test"}},
    allowed_account_ids=["111111111111"],
))
invoked = pulumi.InvokeOptions(provider=options.provider)
vpc = aws.ec2.get_vpc_output(id=settings.require("vpc"), opts=invoked)
key = aws.kms.Key("key", description=settings.get("description") or "data", enable_key_rotation=True, opts=options)
group = aws.ec2.SecurityGroup("database", vpc_id=vpc.id, opts=options)
aws.vpc.SecurityGroupIngressRule("in", security_group_id=group.id, ip_protocol="tcp", from_port=5432, to_port=5432,
    cidr_ipv4=vpc.cidr_block, opts=options)
subnets = aws.rds.SubnetGroup("database", subnet_ids=settings.require_object("subnets"), opts=options)
database = aws.rds.Instance("database", engine="postgres", instance_class="db.t4g.small",
    allocated_storage=int(settings.get("storage") or 20), db_name=settings.get("database") or "app", username="app",
    manage_master_user_password=True, storage_encrypted=True, kms_key_id=key.arn, skip_final_snapshot=True,
    db_subnet_group_name=subnets.name, vpc_security_group_ids=[group.id], opts=options)
token = aws.secretsmanager.Secret("token", recovery_window_in_days=0, opts=options)
aws.secretsmanager.SecretVersion("token", secret_id=token.id, secret_string=settings.require_secret("token"),
    opts=options)
images = aws.ecr.Repository("images", name="pxl/app", opts=options)
pulumi.export("address", database.address)
pulumi.export("identifier", database.identifier)
pulumi.export("secret", database.master_user_secrets[0].secret_arn)
pulumi.export("images", images.repository_url)
"""
ALONE = """
import pulumi, pulumi_aws as aws
aws.kms.Key("key")
cidr = aws.ec2.get_vpc_output(id="vpc-1").cidr_block
group = aws.ec2.SecurityGroup("group", vpc_id="vpc-1")
aws.vpc.SecurityGroupIngressRule("in", security_group_id=group.id, ip_protocol="-1", cidr_ipv4=cidr)
pulumi.export("cidr", cidr)
"""


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Server]:
    state = State(tmp_path_factory.mktemp("aws"))
    yield server.start(state)
    server.stop(state)


@pytest.fixture(scope="module")
def landing(local_aws: server.Server) -> Landing:
    return seed(
        local_aws.endpoint,
        REGION,
        vpc_cidr="10.40.0.0/16",
        subnet_cidrs=["10.40.0.0/20", "10.40.16.0/20"],
        cluster_name="rehearsal",
        cluster_endpoint="https://127.0.0.1:6443",
    )


def _stack(folder: Path, program: str, endpoint: str | None) -> Stack:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PXL_STANDINS", "always")
        patch.setenv("AWS_REGION", REGION)
        # Whose it would be on a developer's machine; the stand-in must not look for it.
        patch.setenv("AWS_PROFILE", "somebody")
        if endpoint:
            patch.setenv("AWS_ENDPOINT_URL", endpoint)
        else:
            patch.delenv("AWS_ENDPOINT_URL", raising=False)
        return stack_of(folder, program)


@pytest.fixture(scope="module")
def deployed(local_aws: server.Server, landing: Landing, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    stack = _stack(tmp_path_factory.mktemp("stack"), PROGRAM, local_aws.endpoint)
    subnets = [f"subnets[{index}]={subnet}" for index, subnet in enumerate(landing.subnet_ids)]
    plain = [f"--plaintext={setting}" for setting in (f"vpc={landing.vpc_id}", *subnets)]
    stack.pulumi("config", "set-all", "--path", *plain, f"--secret=token={CANARY}")
    said = stack.pulumi("up", "--yes", "--skip-preview")
    assert "local stand-in for the AWS provider" in said, "a stand-in says so on every run"
    return stack


def _steps(stack: Stack, *arguments: str) -> dict[str, dict[str, Any]]:
    """The steps of a preview that change something, by type."""
    shown = json.loads(stack.pulumi("preview", "--json", *arguments))["steps"]
    return {step["urn"].split("::")[2].rpartition("$")[2]: step for step in shown if step["op"] != "same"}


def test_what_was_made_is_there_and_a_second_run_changes_nothing(deployed: Stack, local_aws: server.Server) -> None:
    outputs = deployed.outputs()
    assert outputs["identifier"].startswith("database-"), "a name is drawn where the program gives none"
    assert outputs["address"].startswith(outputs["identifier"])
    assert outputs["images"].endswith("/pxl/app")
    found = client("rds", local_aws.endpoint, REGION).describe_db_instances()["DBInstances"]
    assert [entry["DBInstanceIdentifier"] for entry in found] == [outputs["identifier"]]
    assert {tag["Key"]: tag["Value"] for tag in found[0]["TagList"]} == {"stack": "test"}
    deployed.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    deployed.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_secret_is_in_the_state_only_encrypted(deployed: Stack) -> None:
    files = [path for path in (deployed.folder / "state").rglob("*") if path.is_file()]
    leaks = [path.name for path in files if CANARY.encode() in path.read_bytes()]
    assert files
    assert not leaks, f"the state, its backups and history must hold no plain secret; {leaks} do"
    assert CANARY not in deployed.pulumi("preview", "--diff", "--refresh")


def test_a_change_in_place_and_one_that_replaces_are_told_apart(deployed: Stack, local_aws: server.Server) -> None:
    grown = _steps(deployed, "--config", "storage=40")
    assert {kind: step["op"] for kind, step in grown.items()} == {"aws:rds/instance:Instance": "update"}
    renamed = _steps(deployed, "--config", "database=other")["aws:rds/instance:Instance"]
    assert renamed["op"] in ("replace", "create-replacement", "delete-replaced"), "AWS renames no database"
    assert renamed["replaceReasons"] == ["dbName"], "the preview names the reason"
    before = deployed.outputs()
    # A setting on the command line stays.
    deployed.pulumi("up", "--yes", "--skip-preview", "--config", "database=app")
    assert deployed.outputs() == before, "what was changed in place is the same as before"
    found = client("rds", local_aws.endpoint, REGION).describe_db_instances()["DBInstances"]
    assert found[0]["AllocatedStorage"] == 40


def test_what_somebody_deleted_is_found_missing_and_made_again(deployed: Stack, local_aws: server.Server) -> None:
    ecr = client("ecr", local_aws.endpoint, REGION)
    ecr.delete_repository(repositoryName="pxl/app")
    refreshed = deployed.pulumi("refresh", "--yes", "--skip-preview")
    assert "deleted" in refreshed
    deployed.pulumi("up", "--yes", "--skip-preview")
    assert ecr.describe_repositories(repositoryNames=["pxl/app"])["repositories"]


def test_all_of_it_is_deleted(deployed: Stack, local_aws: server.Server) -> None:
    deployed.pulumi("destroy", "--yes", "--skip-preview")
    assert not client("rds", local_aws.endpoint, REGION).describe_db_instances()["DBInstances"]
    left = client("secretsmanager", local_aws.endpoint, REGION).list_secrets()["SecretList"]
    assert not left, "the database's own secret goes with it"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return _stack(tmp_path_factory.mktemp("alone"), ALONE, None)


def test_a_preview_needs_no_endpoint_and_an_update_does(alone: Stack) -> None:
    said = alone.pulumi("preview")
    assert "no AWS has checked" in said, "whoever reads the preview has to know"
    refused = alone.pulumi("up", "--yes", "--skip-preview", code=1)
    assert "this machine only" in refused
    assert "python -m local.aws.serve" in refused, "the way out is named"


def test_an_endpoint_elsewhere_is_never_spoken_to(alone: Stack) -> None:
    # An address that is reserved for documentation, which nothing answers at: an attempt would take its time.
    elsewhere = Stack(alone.folder, {**alone.env, "AWS_ENDPOINT_URL": "https://192.0.2.1:443"})
    said = elsewhere.pulumi("preview", code=1)
    assert "this machine only" in said
    assert "192.0.2.1" in said
