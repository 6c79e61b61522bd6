"""Every stack on the real engine, without a cluster: previews, refusals, secrets."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.environments import ENVIRONMENTS
from local import engine, stackfile, stacks
from local.aws import server
from local.aws.seed import seed
from local.paths import CHECKOUT, State

pytestmark = pytest.mark.engine

DIGEST = "sha256:" + "c" * 64
CANARY = "canary-7f3a9e51c2d84b60-of-at-least-thirty-two"
ADDITIONS: dict[str, Any] = {
    "pxl:images": {name: f"localhost:5000/pxl/{name}@{DIGEST}" for name in ("postgres", "redis", "registry")},
    # Nothing proves it: prod asks for a reason.
    "pxl:release": {"digest": DIGEST, "reason": "a test"},
}
ACCOUNTS = {"staging": "111111111111", "prod": "222222222222"}
REGION = "eu-central-1"
API_SERVER = "https://127.0.0.1:1"
# Nothing listens there: a preview must work all the same.
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": API_SERVER}}],
    "users": [{"name": "none", "user": {"token": "none"}}],
    "contexts": [
        {"name": name, "context": {"cluster": "none", "user": "none"}} for name in ("none", "staging", "prod")
    ],
    "current-context": "none",
}


@dataclass
class Workbench:
    """A stack file that tests may write, and the engine that reads it."""

    folder: Path
    env: dict[str, str]
    places: dict[str, dict[str, Any]]
    endpoints: dict[str, dict[str, str]]
    stack: str = "dev"
    made: set[str] = field(default_factory=set)

    @property
    def file(self) -> Path:
        return self.folder / f"Pulumi.{self.stack}.yaml"

    def select(self, stack: str, **settings: Any) -> None:
        """Makes a stack from the committed file and some changes."""
        self.stack = stack
        kubeconfig = {"kubeconfig": str(self.folder / "kubeconfig")}
        changes = {f"pxl:{key}": to for key, to in settings.items()}
        additions = {**ADDITIONS, "pxl:kubernetes": kubeconfig, **self.places.get(stack, {}), **changes}
        stackfile.write_copy(CHECKOUT / self.file.name, self.file, additions)
        if stack in self.made:
            stackfile.take_over_keys(self.folder / "project" / self.file.name, self.file)
        else:
            stacks.ensure(State(self.folder), stack, self.env, self.file)
            self.made.add(stack)

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The engine's own command line, non-interactively."""
        argv = ["pulumi", *arguments, "--non-interactive"]
        if arguments[0] in ("up", "preview", "config"):
            argv += ["--stack", self.stack, "--config-file", str(self.file)]
        env = {**self.env, **self.endpoints.get(self.stack, {})}
        return subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    state = State(tmp_path_factory.mktemp("engine"))
    used = engine.ensure()
    used.plugins(state, engine.WITH_AWS)
    (state.folder / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    own = {stack: State(tmp_path_factory.mktemp(stack)) for stack in ACCOUNTS}
    found = {stack: server.start(own[stack], account=account) for stack, account in ACCOUNTS.items()}
    places = {stack: place(stack, each.endpoint) for stack, each in found.items()}
    endpoints = {
        stack: {k: v for k, v in each.env(REGION).items() if k.startswith("AWS_")} for stack, each in found.items()
    }
    yield Workbench(state.folder, used.env(state), places, endpoints)
    for each in own.values():
        server.stop(each)


def place(stack: str, endpoint: str) -> dict[str, Any]:
    """What of a stack file says where on AWS it lies."""
    made = seed(
        endpoint,
        REGION,
        vpc_cidr="10.40.0.0/16",
        subnet_cidrs=["10.40.0.0/20", "10.40.16.0/20"],
        cluster_name=stack,
        cluster_endpoint=API_SERVER,
        zone_name="example.com",
    )
    where = {"vpcId": made.vpc_id, "subnetIds": [*made.subnet_ids], "nodeSecurityGroupId": made.node_security_group_id}
    return {"pxl:aws": where, "pxl:ingress": {"hostedZoneId": made.zone_id}}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_stack_previews_without_a_cluster(workbench, stack):
    workbench.select(stack)
    done = workbench.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    steps = json.loads(done.stdout)["steps"]
    kinds = {step["urn"].split("::")[2].split("$")[-1] for step in steps}
    for wanted in ("kubernetes:core/v1:Namespace", "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"):
        assert wanted in kinds, f"{stack} must hold a {wanted}; it has {sorted(kinds)}"
    stores = "kubernetes:apps/v1:StatefulSet" in kinds
    assert stores is (stack == "dev"), "only dev runs its own stores"


def test_a_stack_without_a_release_makes_what_it_stands_on(workbench):
    workbench.select("dev")
    _without_release(workbench)
    done = workbench.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    kinds = [step["urn"].split("::")[2] for step in json.loads(done.stdout)["steps"]]
    assert any(kind.endswith("pxl:index:ContainerRegistry") for kind in kinds), "the registry must come before a digest"
    assert not any("pxl:index:Api" in kind for kind in kinds), "there is nothing to run yet"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api": {"drainSecond": 5}}, ["Pulumi.dev.yaml", "pxl:api.drainSecond", "pxl:api.drainSeconds"]),
        (
            {"postgres": {"tls": True}, "release": {"digest": "latest"}, "colour": "red"},
            ["pxl:postgres.tls", "pxl:release.digest", "latest", "pxl:colour"],
        ),
    ],
    ids=["a misspelled key", "a contradiction, a tag and an unknown key together"],
)
def test_a_bare_pulumi_up_refuses_before_any_resource(workbench, settings, words):
    workbench.select("dev", **settings)
    done = workbench.pulumi("up", "--yes", "--skip-preview")
    said = done.stdout + done.stderr
    assert done.returncode != 0, "a bad setting must stop the engine"
    for word in words:
        assert word in said, f"the message must name {word}:\n{said[-3000:]}"
    assert "Traceback" not in said, "a user's mistake is no crash"
    state = json.loads(workbench.pulumi("stack", "export", "--stack", "dev").stdout)
    made = [item["type"] for item in state["deployment"].get("resources", [])]
    assert [kind for kind in made if not kind.startswith("pulumi:pulumi:Stack")] == [], "nothing may have been made"


def test_a_canary_secret_shows_neither_in_a_preview_nor_in_a_file(workbench):
    workbench.select("dev")
    secrets = [f"--secret=pxl:{key}={CANARY}" for key in ("databasePassword", "redisPassword", "jwtSecret")]
    done = workbench.pulumi("config", "set-all", *secrets)
    assert done.returncode == 0, done.stderr
    for arguments in (["preview", "--diff", "--logtostderr", "-v=3"], ["preview", "--json"]):
        done = workbench.pulumi(*arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "secrets" in done.stdout, "the preview must show the Secret, or nothing could leak"
        assert CANARY not in done.stdout + done.stderr, f"pulumi {' '.join(arguments)} shows a secret"
    for path in workbench.folder.rglob("*"):
        if path.is_file() and path.name != "passphrase":
            assert CANARY not in path.read_text(errors="replace"), f"{path} holds a secret in plain text"


def test_a_generated_secret_is_encrypted_in_the_state(workbench):
    workbench.select("dev")
    done = workbench.pulumi(
        "up", "--yes", "--skip-preview", "--target", "**AppSecrets::secrets", "--target", "**RandomPassword**"
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    plain = json.loads(workbench.pulumi("stack", "export", "--stack", "dev", "--show-secrets").stdout)
    drawn = [
        json.loads(item["outputs"]["result"]["plaintext"])
        for item in plain["deployment"]["resources"]
        if item["type"].endswith("RandomPassword")
    ]
    assert len(drawn) == 3, "database, Redis and token secrets are drawn"
    assert len(set(drawn)) == 3, "each its own"
    stored = workbench.pulumi("stack", "export", "--stack", "dev").stdout
    stored += "".join(
        path.read_text(errors="replace") for path in (workbench.folder / "pulumi").rglob("*") if path.is_file()
    )
    assert not any(value in stored for value in drawn), "the state must hold them encrypted only"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"account": "333333333333"}, ["pxl:aws.account = 333333333333", "111111111111", "AWS_PROFILE"]),
        ({"region": "us-east-1"}, ["pxl:aws.region = us-east-1", "AWS_REGION = eu-central-1", "unset AWS_REGION"]),
        ({"cluster": "another"}, ["pxl:aws.cluster = another", "not to be found"]),
    ],
    ids=["another account", "another region", "a cluster that the account has not"],
)
def test_credentials_that_lead_elsewhere_are_refused_at_the_preview(workbench, wrong, words):
    workbench.select("staging")
    file = yaml.safe_load(workbench.file.read_text())
    file["config"]["pxl:aws"].update(wrong)
    workbench.file.write_text(yaml.safe_dump(file))
    done = workbench.pulumi("preview")
    said = done.stdout + done.stderr
    assert done.returncode != 0, "nothing may be planned for another account, region or cluster"
    for word in words:
        assert word in said, f"the message must name {word}:\n{said[-3000:]}"
    assert "Traceback" not in said, said[-3000:]


def test_a_kubeconfig_that_leads_to_another_cluster_is_refused_by_name(workbench):
    workbench.select("staging")
    other = json.loads(json.dumps(KUBECONFIG))
    other["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:2"
    (workbench.folder / "other").write_text(yaml.safe_dump(other))
    file = yaml.safe_load(workbench.file.read_text())
    file["config"]["pxl:kubernetes"]["kubeconfig"] = str(workbench.folder / "other")
    workbench.file.write_text(yaml.safe_dump(file))
    done = workbench.pulumi("preview")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for word in ("pxl:aws.cluster = staging", API_SERVER, "https://127.0.0.1:2", "aws eks update-kubeconfig"):
        assert word in said, f"the message must name {word}:\n{said[-3000:]}"


def test_what_holds_data_in_prod_is_neither_replaced_nor_destroyed(workbench):
    workbench.select("prod")
    _without_release(workbench)
    managed = ["--exclude", "**kubernetes:**"]
    done = workbench.pulumi("up", "--yes", "--skip-preview", *managed)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    kept = workbench.pulumi(
        "destroy", "--yes", "--skip-preview", "--stack", "prod", "--config-file", str(workbench.file)
    )
    assert kept.returncode != 0, "the engine itself refuses"
    assert "protected" in kept.stdout + kept.stderr
    state = json.loads(workbench.pulumi("stack", "export", "--stack", "prod").stdout)["deployment"]["resources"]
    protected = {item["type"] for item in state if item.get("protect")}
    assert protected >= {
        "aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup", "aws:kms/key:Key",
        "aws:ecr/repository:Repository", "aws:backup/vault:Vault",
    }, f"these hold what nobody can make again: {protected}"  # fmt: skip

    workbench.select("prod", postgres={"database": "another"})
    _without_release(workbench)
    replaced = workbench.pulumi("preview", *managed)
    assert replaced.returncode != 0, "another name of the database is another database"
    assert "protect" in replaced.stdout + replaced.stderr


def _without_release(workbench: Workbench) -> None:
    file = yaml.safe_load(workbench.file.read_text())
    del file["config"]["pxl:release"]
    workbench.file.write_text(yaml.safe_dump(file))
