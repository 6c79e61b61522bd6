"""The component package as other programs see it: the schema that its plugin hands out."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = ["pulumi", "package", "get-schema", str(PLUGIN)]
    env = engine.ensure().env(State(tmp_path_factory.mktemp("engine")))
    told = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
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
