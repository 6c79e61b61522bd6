"""The library as a plugin: what other languages hand over."""

import tomllib
from pathlib import Path

import pulumi
import pytest
from pulumi_recording import IMAGE, deploy
from pxl_components.plugin import COMPONENTS, NAME, VERSION, Provider

STORE = {"name": "db", "host": "db", "port": 5432.0, "namespace": "apps", "podLabels": {"app": "db"}}


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider(COMPONENTS, NAME, None, VERSION)


def test_a_component_is_built_from_the_schemas_names(provider: Provider):
    inputs = {"namespace": "apps", "image": IMAGE, "drainSeconds": 10.0, "connectsTo": [STORE]}
    recording = deploy(lambda: provider.construct("web", "pxl:index:Api", inputs) and None)
    assert recording.one("Deployment").env["GRACEFUL_TIMEOUT_MS"] == "10000"
    assert recording.named("web-to-db-ingress").spec["ingress"][0]["ports"][0]["port"] == 5432


def test_an_endpoint_that_another_component_put_out_is_understood(provider: Provider):
    later = pulumi.Output.from_input(STORE)
    inputs = {"namespace": "apps", "image": IMAGE, "connectsTo": [later]}
    recording = deploy(lambda: provider.construct("web", "pxl:index:Worker", inputs) and None)
    labels = recording.named("web-to-link-0-ingress").spec["podSelector"]["matchLabels"]
    assert labels == {"app": "db"}, "its camelCase names are translated when it is known"


def test_a_port_that_is_known_later_is_understood(provider: Provider):
    secret = {"name": "s", "key": "k"}
    database = {"host": "db", "port": pulumi.Output.from_input(5432.0), "database": "d", "username": "u"}
    environment = {"database": {**database, "passwordSecret": secret}}
    inputs = {"namespace": "apps", "image": IMAGE, "environment": environment}
    recording = deploy(lambda: provider.construct("web", "pxl:index:Worker", inputs) and None)
    assert recording.one("Deployment").env["DB_PORT"] == "5432", "5432.0 is no port"


def test_outputs_have_the_schemas_names(provider: Provider):
    inputs = {"namespace": "apps", "password": "correct-horse", "ephemeral": {"image": IMAGE}}
    state = deploy(lambda: dict(provider.construct("db", "pxl:index:Postgres", inputs).state)).outputs
    assert state["endpoint"]["podLabels"]["app.kubernetes.io/name"] == "postgres"
    assert state["connection"]["passwordSecret"]["key"] == "password"
    assert state["maxConnections"] == 100


def test_the_readme_lists_every_argument_and_output(provider: Provider):
    readme = (Path(__file__).parents[3] / "components" / "README.md").read_text()
    rows = {line.split("`")[1]: line for line in readme.splitlines() if line.startswith("| `")}
    for name, component in provider._component_defs.items():
        listed = set(rows[name].split("`")[3::2])
        known = {*component.inputs_mapping.values(), *component.outputs_mapping.values()}
        assert listed == known, f"components/README.md is wrong about {name}"


def test_the_versions_agree():
    written = tomllib.loads((Path(__file__).parents[3] / "components" / "pyproject.toml").read_text())
    assert written["project"]["version"] == VERSION, "the distribution and its plugin are one thing"
