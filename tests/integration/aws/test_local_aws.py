"""The local AWS: started, found, refused and ended; and what is answered in moto's place."""

import hashlib
import importlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import server
from local.aws.boto import client
from local.aws.seed import Landing, seed
from local.node import record
from local.paths import CHECKOUT, State
from local.standins.aws.catalogue import FUNCTIONS, TYPES
from operations.errors import Problem
from tests.integration.aws.aws_engine import ACCOUNT, REGION

MANIFEST = json.dumps({"schemaVersion": 2, "config": {"size": 3}, "layers": [{"size": 39}]})
DIGEST = f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"
OCI = "application/vnd.oci.image.manifest.v1+json"


# --- the process --------------------------------------------------------------------------------------------------


def test_a_running_server_is_found_and_not_started_twice(aws: server.Server, aws_state: State) -> None:
    assert server.find(aws_state) == aws
    assert server.start(aws_state, account=ACCOUNT) == aws, "what was made in it goes on"
    with pytest.raises(Problem, match="runs already, with other options") as refused:
        server.start(aws_state, account="333333333333")
    assert str(aws.pid) in str(refused.value), "the way out is named"


def test_it_listens_on_this_machine_only(aws: server.Server) -> None:
    assert aws.endpoint.startswith("http://127.0.0.1:")
    port = int(aws.endpoint.rpartition(":")[2])
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_a_program_gets_its_address_and_none_of_the_users_own_account(
    aws: server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_KMS", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "of-the-user")
    env = aws.env(REGION)
    assert env["AWS_ENDPOINT_URL"] == aws.endpoint
    assert env["PATH"] == os.environ["PATH"], "the rest is as it was"
    assert "of-the-user" not in env.values()


def test_the_users_own_account_is_not_looked_for(aws: server.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    assert client("sts", aws.endpoint, REGION).get_caller_identity()["Account"] == ACCOUNT


def test_a_taken_port_is_told_with_the_servers_own_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Problem, match="did not come up") as refused:
            server.start(State(tmp_path), port=taken.getsockname()[1])
    assert "in use" in str(refused.value)
    assert server.find(State(tmp_path)) is None


def test_a_record_of_somebody_elses_process_finds_nothing_and_ends_nobody(tmp_path: Path) -> None:
    state = State(tmp_path)
    now = record.process_state(os.getpid())
    assert now is not None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    mine = record.Record(os.getpid(), now[1], boot)
    known = {"endpoint": "http://127.0.0.1:1", "account": ACCOUNT}
    state.path("aws", "server.json").write_text(json.dumps({**vars(replace(mine, start=1)), **known}))
    assert server.find(state) is None, "a process id alone names anybody"
    server.stop(state)
    assert mine.alive, "this very process would have been ended"


def test_ending_what_never_ran_leaves_nothing_behind(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    server.stop(state)
    assert server.find(state) is None
    assert not state.folder.exists(), "make down of a checkout that never ran anything"


# --- what moto lacks ----------------------------------------------------------------------------------------------


def _operations() -> list[tuple[str, str]]:
    from local.aws.additions import ADDITIONS  # noqa: PLC0415 - loads moto

    found: list[tuple[str, str]] = []
    for calls, why in ADDITIONS.items():
        service, _, names = calls.partition(" ")
        if re.match(r"moto has (none|neither)", why):
            found += [(service, name.strip()) for name in names.split(",")]
    return found


def test_moto_still_lacks_what_is_said_to_be_lacking() -> None:
    operations = _operations()
    assert len(operations) > 20, "an empty list would prove nothing"
    grown: list[str] = []
    for service, name in operations:
        module = importlib.import_module(f"moto.{service}.responses")
        method = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
        classes = [
            kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__
        ]
        if any(hasattr(kind, method) for kind in classes):
            grown.append(f"{service} {name}")
    assert not grown, f"moto has learnt {grown}: ours can go"


def test_the_page_lists_every_addition_and_every_type() -> None:
    from local.aws.additions import ADDITIONS  # noqa: PLC0415 - loads moto

    page = (CHECKOUT / "local" / "standins" / "README.md").read_text(encoding="utf-8")
    calls = {name for entry in ADDITIONS for name in re.findall(r"\b[A-Z]\w+", entry.partition(" with ")[0])}
    missing = {name for name in calls if f"`{name}`" not in page}
    assert not missing, f"whoever rehearses has to know that {sorted(missing)} are not moto's"
    known = [token.removeprefix("aws:").rpartition(":")[0] for token in (*TYPES, *FUNCTIONS)]
    missing = {name for name in known if f"`{name}`" not in page}
    assert not missing, f"{sorted(missing)} are there, and not on the page"


def test_pods_get_roles(aws: server.Server, landing: Landing) -> None:
    eks = client("eks", aws.endpoint, REGION)
    given = {"clusterName": landing.cluster_name, "namespace": "pxl", "serviceAccount": "api"}
    role = f"arn:aws:iam::{ACCOUNT}:role/api"
    made = eks.create_pod_identity_association(**given, roleArn=role)["association"]
    with pytest.raises(ClientError, match="ResourceInUseException"):
        eks.create_pod_identity_association(**given, roleArn=role)
    listed = eks.list_pod_identity_associations(clusterName=landing.cluster_name, namespace="pxl")["associations"]
    assert [entry["associationId"] for entry in listed] == [made["associationId"]]
    one = {"clusterName": landing.cluster_name, "associationId": made["associationId"]}
    eks.update_pod_identity_association(**one, roleArn=f"{role}-2")
    assert eks.describe_pod_identity_association(**one)["association"]["roleArn"] == f"{role}-2"
    eks.delete_pod_identity_association(**one)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        eks.describe_pod_identity_association(**one)


def test_a_plan_that_covers_something_is_not_deleted(aws: server.Server) -> None:
    backup = client("backup", aws.endpoint, REGION)
    backup.create_backup_vault(BackupVaultName="of-plan")
    rules = [{"RuleName": "r", "TargetBackupVaultName": "of-plan"}]
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "covers", "Rules": rules})["BackupPlanId"]
    selection = {"SelectionName": "s", "IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/b", "Resources": ["*"]}
    made = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)["SelectionId"]
    with pytest.raises(ClientError, match="selections must be deleted prior"):
        backup.delete_backup_plan(BackupPlanId=plan)
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=made)
    backup.delete_backup_plan(BackupPlanId=plan)
    again = backup.create_backup_plan(BackupPlan={"BackupPlanName": "covers", "Rules": rules})
    assert again["BackupPlanId"] != plan, "the name is free again"


def test_a_landing_is_made_once(aws: server.Server, landing: Landing) -> None:
    asked: dict[str, Any] = {"vpc_cidr": "10.41.0.0/16", "cluster_endpoint": "https://127.0.0.1:6443"}
    with pytest.raises(Problem, match="is there already"):
        seed(aws.endpoint, REGION, subnet_cidrs=["10.41.0.0/20"] * 2, cluster_name=landing.cluster_name, **asked)
    with pytest.raises(Problem, match="two or three subnets, not 1"):
        seed(aws.endpoint, REGION, subnet_cidrs=["10.41.0.0/20"], cluster_name="other", **asked)


# --- images -------------------------------------------------------------------------------------------------------


class _Registry(BaseHTTPRequestHandler):
    """As much of a registry as ECR is answered from: tags and manifests."""

    stored: dict[str, bytes]

    def do_GET(self) -> None:
        name, _, rest = self.path.removeprefix("/v2/").rpartition("/tags/")
        if name and rest == "list":
            prefix = f"{name}/manifests/"
            tags = [key.removeprefix(prefix) for key in self.stored if key.startswith(prefix) and "sha256" not in key]
            return self._answer(200, json.dumps({"tags": tags}).encode())
        body = self.stored.get(self.path.removeprefix("/v2/"))
        return self._answer(200, body) if body else self._answer(404, b"{}")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.removeprefix("/v2/").rpartition("/")[0]
        self.stored[self.path.removeprefix("/v2/")] = body
        self.stored[f"{name}/sha256:{hashlib.sha256(body).hexdigest()}"] = body
        self._answer(201, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", OCI)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    handler = type("Registry", (_Registry,), {"stored": {}})
    found = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


@pytest.fixture(scope="module")
def ecr(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    state = State(tmp_path_factory.mktemp("ecr"))
    running = server.start(state, registry=registry)
    made = client("ecr", running.endpoint, REGION)
    made.create_repository(repositoryName="pxl/app", imageTagMutability="IMMUTABLE")
    yield made
    server.stop(state)


def test_an_images_digest_is_that_of_the_registry(ecr: Any, registry: str) -> None:
    pushed = ecr.put_image(repositoryName="pxl/app", imageManifest=MANIFEST, imageTag="v1", imageManifestMediaType=OCI)[
        "image"
    ]
    assert pushed["imageId"] == {"imageDigest": DIGEST, "imageTag": "v1"}, "what a stack file names can be pulled"
    shown = ecr.describe_images(repositoryName="pxl/app", imageIds=[{"imageTag": "v1"}])["imageDetails"][0]
    assert (shown["imageDigest"], shown["imageTags"], shown["imageSizeInBytes"]) == (DIGEST, ["v1"], 42)
    assert [image["imageDigest"] for image in ecr.describe_images(repositoryName="pxl/app")["imageDetails"]] == [DIGEST]
    by_digest = ecr.batch_get_image(
        repositoryName="pxl/app", imageIds=[{"imageDigest": DIGEST}, {"imageTag": "nothing"}]
    )
    assert by_digest["images"][0]["imageManifest"] == MANIFEST, "byte by byte, or a copy has another digest"
    assert by_digest["failures"][0]["failureCode"] == "ImageNotFound"
    assert ecr.list_images(repositoryName="pxl/app")["imageIds"] == [{"imageDigest": DIGEST, "imageTag": "v1"}]
    token = ecr.get_authorization_token()["authorizationData"][0]
    assert token["proxyEndpoint"] == registry, "where the images really are"


def test_an_immutable_tag_stays_where_it_is(ecr: Any) -> None:
    put = {"repositoryName": "pxl/app", "imageTag": "v2", "imageManifestMediaType": OCI}
    ecr.put_image(**put, imageManifest=MANIFEST)
    with pytest.raises(ClientError, match="ImageAlreadyExistsException"):
        ecr.put_image(**put, imageManifest=MANIFEST)
    with pytest.raises(ClientError, match="ImageTagAlreadyExistsException"):
        ecr.put_image(**put, imageManifest=MANIFEST + " ")


def test_what_is_not_there_is_said_not_to_be(ecr: Any) -> None:
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName="pxl/app", imageIds=[{"imageDigest": f"sha256:{'0' * 64}"}])
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        ecr.describe_images(repositoryName="pxl/none")
