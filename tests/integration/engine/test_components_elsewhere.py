"""Components in a program that is not of this project, and that knows them as a plugin only."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from pxl_components.plugin import VERSION

from local import engine
from local.paths import CHECKOUT, State

pytestmark = pytest.mark.engine

PLUGIN = CHECKOUT / "components" / "pulumi-resource-pxl"
PROGRAM = """
import pulumi, pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, ResourceOptions

class Remote(ComponentResource):
    def __init__(self, kind, name, inputs, opts):
        super().__init__(f"pxl:index:{kind}", name, inputs, opts, remote=True)

settings = pulumi.Config()
cluster = kubernetes.Provider("cluster", kubeconfig=settings.require("kubeconfig"), cluster_identifier="test")
opts = ResourceOptions(providers=[cluster], version="0.1.0")
image = "registry.example.com/pxl/app@sha256:" + "c" * 64
common = {"namespace": "apps", "image": image}
password = pulumi.Output.secret("canary-in-the-state")
database = Remote(
    "Postgres", "db",
    {"namespace": "apps", "password": password, "ephemeral": {"image": image}, "endpoint": None, "secretName": None},
    opts,
)
api = Remote("Api", "web", {**common, "drainSeconds": settings.get_int("drain"), "connectsTo": [database.endpoint],
    "environment": {"secrets": {"DB": {"name": database.secretName, "key": "password"}}}, "url": None}, opts)
pulumi.export("url", api.url)
"""


@dataclass(frozen=True)
class Elsewhere:
    """A program that is not of this project, and that knows the components as a plugin only."""

    folder: Path
    env: dict[str, str]

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    folder = tmp_path_factory.mktemp("elsewhere")
    state, used = State(tmp_path_factory.mktemp("engine")), engine.ensure()
    used.plugins(state)
    plugin = used.pulumi_home(state) / "plugins" / f"resource-pxl-v{VERSION}"
    plugin.mkdir(parents=True)
    (plugin / PLUGIN.name).symlink_to(PLUGIN)
    (folder / "Pulumi.yaml").write_text("name: elsewhere\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    made = Elsewhere(folder, used.env(state))
    assert made.pulumi("stack", "init", "test").returncode == 0
    nowhere = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "none", "user": {"token": "none"}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
        "current-context": "none",
    }
    made.pulumi("config", "set", "kubeconfig", json.dumps(nowhere))
    return made


def test_another_program_builds_components_through_the_plugin(elsewhere: Elsewhere):
    elsewhere.pulumi("config", "set", "drain", "20")
    done = elsewhere.pulumi("preview", "--json", "--non-interactive")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    steps = {step["urn"].rpartition("::")[2]: step["newState"] for step in json.loads(done.stdout)["steps"]}
    assert "db-server" in steps, "the children of a component belong to the stack of whoever uses it"
    into = steps["web-to-link-0-ingress"]["inputs"]["spec"]
    assert into["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "db", "one component knows the other"
    pod = steps["web-deployment"]["inputs"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 40, "20 s to close, 10 s to leave the rotation, 10 s of margin"
    assert "canary-in-the-state" not in done.stdout, "a secret stays one on its way through the plugin"


def test_a_refusal_reaches_the_other_program_in_words(elsewhere: Elsewhere):
    elsewhere.pulumi("config", "set", "drain", "2")
    done = elsewhere.pulumi("preview", "--non-interactive")
    said = done.stdout + done.stderr
    assert done.returncode != 0, "a drain of 2 s cannot hold"
    assert 'Api "web": argument drain_seconds = 2' in said, said[-3000:]
    assert "from 5 to 3600" in said
