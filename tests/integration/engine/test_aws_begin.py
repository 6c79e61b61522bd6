"""What init makes, as the real engine uses it: state in the bucket, secrets under the key, the page of a preview.

AWS itself is played by moto, in a process of this machine.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from local import engine
from local.paths import State
from operations import commands
from operations.engine.deployment import Deployment
from operations.init import bucket, key, stackfile
from operations.init.aws import Aws
from operations.init.names import Names
from operations.stacks import Project

pytestmark = pytest.mark.engine

REGION = "eu-central-1"
CANARY = "canary-59b1c0de-of-the-state"
PROGRAM = """
import pulumi, pulumi_random as random
settings = pulumi.Config()
random.RandomPassword("drawn", length=settings.require_int("length"))
pulumi.export("given", settings.require_secret("given"))
"""


@dataclass
class Place:
    """A project whose state lies in the bucket."""

    folder: Path
    env: dict[str, str]
    names: Names

    def pulumi(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        argv = ["pulumi", *arguments, "--non-interactive"]
        env = {**self.env, **more}
        done = subprocess.run(argv, cwd=self.folder, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done

    @property
    def file(self) -> Path:
        return self.folder / "Pulumi.staging.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    state = State(tmp_path_factory.mktemp("state"))
    used = engine.ensure()
    used.plugins(state, engine.WITH_AWS)
    folder = tmp_path_factory.mktemp("project")
    (folder / "Pulumi.yaml").write_text("name: pxl\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.staging.yaml").write_text("# kept\nconfig:\n  pxl:length: 20\n")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        endpoint = f"http://127.0.0.1:{port}"
        given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": endpoint}
        patch = pytest.MonkeyPatch()
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        aws = Aws(REGION, session=boto3.Session("a", "b"))
        account = aws.ask("sts", "get_caller_identity")["Account"]
        names = Names("pxl", "staging", account, REGION)
        _, arn = key.ensure(aws, names)
        bucket.ensure(aws, names, arn)
        # moto refuses everybody what a policy refuses on a condition: here, those who come without TLS.
        aws.client("s3").delete_bucket_policy(Bucket=names.bucket)
        patch.undo()
        file = folder / "Pulumi.staging.yaml"
        text, _ = stackfile.merged(file, {}, top={"secretsprovider": names.secrets_provider})
        stackfile.replace(file, text)
        env = {**used.env(state), **given, "PULUMI_BACKEND_URL": f"{names.backend}&use_path_style=true"}
        env.pop("PULUMI_CONFIG_PASSPHRASE_FILE")
        made = Place(folder, env, names)
        made.pulumi("stack", "init", "staging", "--secrets-provider", names.secrets_provider)
        made.pulumi("config", "set", "--secret", "given", CANARY, "--stack", "staging")
        made.pulumi("up", "--yes", "--skip-preview", "--stack", "staging")
        yield made
    finally:
        server.stop()


def objects(place: Place) -> dict[str, str]:
    s3 = boto3.client(
        "s3", endpoint_url=place.env["AWS_ENDPOINT_URL"], region_name=REGION,
        aws_access_key_id="a", aws_secret_access_key="b",
    )  # fmt: skip
    found = s3.list_objects_v2(Bucket=place.names.bucket).get("Contents", [])
    return {
        one["Key"]: s3.get_object(Bucket=place.names.bucket, Key=one["Key"])["Body"].read().decode() for one in found
    }


def test_the_engine_keeps_its_state_in_the_bucket(place: Place):
    assert ".pulumi/stacks/pxl/staging.json" in objects(place), "the address that init prints must be one it takes"


def test_the_engine_puts_the_secrets_under_the_key_without_a_passphrase(place: Place):
    document = yaml.safe_load(place.file.read_text())
    assert document["secretsprovider"] == place.names.secrets_provider
    assert document["encryptedkey"], "the engine's own key, which only the key of KMS opens"
    assert "encryptionsalt" not in document
    assert "# kept" in place.file.read_text()
    for name, text in objects(place).items():
        assert CANARY not in text, f"{name} shows a secret"
    shown = place.pulumi("stack", "output", "given", "--show-secrets", "--stack", "staging")
    assert shown.stdout.strip() == CANARY, "and with it they can be read again"


def test_a_preview_writes_nothing_into_the_bucket(place: Place):
    before = objects(place)
    place.pulumi("preview", "--stack", "staging")
    assert objects(place) == before, "the role of pull requests may not write"


def test_the_page_is_made_of_what_the_real_engine_writes_down(place: Place, tmp_path: Path, monkeypatch):
    changed = tmp_path / "Pulumi.staging.yaml"
    changed.write_text(place.file.read_text().replace("length: 20", "length: 30").replace('length: "20"', "length: 30"))
    deployment = Deployment(place.folder, "staging", place.env, config_file=changed)
    written = tmp_path / "page.md"
    monkeypatch.setattr(commands, "_prepare", lambda *_: deployment)
    commands.preview(Project(place.folder), "staging", None, written)
    text = written.read_text()
    assert "Look twice at 1" in text and "`drawn`" in text and "`length`" in text, f"a drawn password changes:\n{text}"
    assert "1 to replace" in text
    assert CANARY not in text, "nor does it show a value"
