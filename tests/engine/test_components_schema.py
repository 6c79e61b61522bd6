"""The component package as other programs see it: its schema, and components built by the plugin."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pxl_components.plugin import VERSION

from local import engine
from local.paths import CHECKOUT, State

pytestmark = pytest.mark.engine

PLUGIN = CHECKOUT / "components" / "pulumi-resource-pxl"
COMPONENTS = {
    "Api": ({"image", "namespace"}, {"deploymentName", "endpoint", "podLabels", "serviceName", "url"}),
    "AppImage": ({"context", "repository", "tag"}, {"digest", "reference"}),
    "AppSecrets": ({"namespace"}, {"keys", "secretName", "version"}),
    "Backups": ({"kmsKeyArn", "resourceArn", "subnetGroupName"}, {"vaultName"}),
    "Certificate": ({"hostedZoneId", "hostname"}, {"arn"}),
    "ContainerRegistry": (set[str](), {"repositoryPrefix"}),
    "EncryptionKey": ({"account", "alias"}, {"arn"}),
    "IsolatedNamespace": ({"namespaceName"}, {"namespaceName"}),
    "Migrations": ({"image", "namespace"}, {"jobName", "podLabels"}),
    "PodSecurityGroups": ({"namespace", "pods", "sharedGroupIds", "vpcId"}, {"groupIds"}),
    "Postgres": (
        {"namespace"},
        {"connection", "database", "endpoint", "host", "maxConnections", "port", "secretName", "username"},
    ),
    "QueueMetrics": ({"image", "namespace", "queues", "redis"}, {"deploymentName", "endpoint", "podLabels", "url"}),
    "Redis": ({"namespace"}, {"connection", "endpoint", "host", "port", "secretName"}),
    "Worker": ({"image", "namespace"}, {"deploymentName", "podLabels"}),
}
# What is there in some variants only: a registry outside the cluster has no pods.
OPTIONAL_OUTPUTS = {
    "ContainerRegistry": {"endpoint", "podLabels"},
    "Postgres": {"instanceArn", "subnetGroupName", "userPodLabels"},
}


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


@pytest.fixture(scope="module")
def schema(elsewhere: Elsewhere) -> dict[str, Any]:
    told = elsewhere.pulumi("package", "get-schema", str(PLUGIN))
    assert told.returncode == 0, f"the engine could not read the plugin: {told.stderr}"
    return json.loads(told.stdout)


def described(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for token, resource in schema["resources"].items():
        yield token, resource
        for group in ("inputProperties", "properties"):
            for name, value in resource[group].items():
                yield f"{token}.{group}.{name}", value
    for token, kind in schema["types"].items():
        yield token, kind
        for name, value in kind.get("properties", {}).items():
            yield f"{token}.{name}", value
        for value in kind.get("enum", []):
            yield f"{token}.{value['name']}", value


def test_every_component_is_there(schema: dict[str, Any]):
    assert set(schema["resources"]) == {f"pxl:index:{name}" for name in COMPONENTS}


@pytest.mark.parametrize("name", COMPONENTS)
def test_what_is_required_and_what_comes_out(schema: dict[str, Any], name: str):
    required, outputs = COMPONENTS[name]
    resource = schema["resources"][f"pxl:index:{name}"]
    assert resource["isComponent"] is True
    assert set(resource.get("requiredInputs", [])) == required, "a new required argument breaks every caller"
    assert set(resource["required"]) == outputs, "an output that goes breaks callers, too"
    assert set(resource["properties"]) == outputs | OPTIONAL_OUTPUTS.get(name, set())


def test_everything_says_what_it_is(schema: dict[str, Any]):
    silent = [where for where, value in described(schema) if not (value.get("description") or "").strip()]
    assert not silent, f"no docstring stands under: {silent}"


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("Api", "replicas"),
        ("Api", "drainSeconds"),
        ("Api", "nodePort"),
        ("Worker", "concurrency"),
        ("Migrations", "deadlineSeconds"),
    ],
)
def test_whole_numbers_are_integers(schema: dict[str, Any], token: str, name: str):
    found = schema["resources"][f"pxl:index:{token}"]["inputProperties"][name]
    assert found["type"] == "integer", "number would let 2.5 replicas through"
    assert found["plain"] is True, "it must be known before anything is declared"


def test_what_other_resources_compute_may_be_given(schema: dict[str, Any]):
    api = schema["resources"]["pxl:index:Api"]["inputProperties"]
    assert not api["namespace"].get("plain"), "a namespace comes out of another component"
    assert not api["connectsTo"]["items"].get("plain"), "so does an endpoint"
    assert not schema["resources"]["pxl:index:Postgres"]["inputProperties"]["password"].get("plain")


def test_choices_are_enumerations(schema: dict[str, Any]):
    values = {
        token.rpartition(":")[2]: {value["value"] for value in kind["enum"]}
        for token, kind in schema["types"].items()
        if "enum" in kind
    }
    assert values == {
        "EnvironmentContract": {"guide", "framework", "both"},
        "ExternalTrafficPolicy": {"Cluster", "Local"},
        "PodSecurity": {"restricted", "baseline", "privileged"},
        "SecretDelivery": {"direct", "external_secrets"},
    }


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
