"""The stand-ins under the real engine, without a cluster: what is recorded, what a preview needs, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engine.small_stack import Stack, stack_of

pytestmark = pytest.mark.engine

RANDOM = """
import pulumi, pulumi_random
keeper = pulumi.Config().get("keeper") or "a"
made = pulumi_random.RandomPassword("made", length=31, special=False, keepers={"keeper": keeper})
name = pulumi_random.RandomId("name", byte_length=4)
pulumi.export("password", made.result)
pulumi.export("hex", name.hex)
"""
KUBERNETES = """
import pulumi, pulumi_kubernetes as k
settings = pulumi.Config()
provider = k.Provider("k", kubeconfig=settings.require("kubeconfig"), cluster_identifier="test")
options = pulumi.ResourceOptions(provider=provider)
space = k.core.v1.Namespace("space", opts=options)
inside = k.meta.v1.ObjectMetaArgs(namespace=space.metadata.name)
k.core.v1.Secret("secret", metadata=inside, string_data={"key": "canary-in-the-state"}, opts=options)
k.rbac.v1.ClusterRole("role", rules=[], opts=options)
k.apiextensions.CustomResource("widget", api_version="pxl.test/v1", kind="Widget", metadata=inside, opts=options)
pulumi.export("namespace", space.metadata.name)
"""


@pytest.fixture(autouse=True, scope="module")
def _always_stand_ins() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PXL_STANDINS", "always")
        patch.delenv("PXL_STANDIN_CONTEXT", raising=False)
        yield


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    stack = stack_of(tmp_path_factory.mktemp("random"), RANDOM)
    stack.pulumi("up", "--yes", "--skip-preview")
    return stack


def test_a_drawn_password_is_encrypted_in_the_state(passwords: Stack) -> None:
    password = passwords.outputs()["password"]
    assert len(password) == 31
    assert password.isalnum()
    files = [path for path in (passwords.folder / "state").rglob("*") if path.is_file()]
    leaks = [path.name for path in files if password.encode() in path.read_bytes()]
    assert not leaks, f"the state, its backups and history must hold no plain password; {leaks} do"


def test_a_drawn_value_stays_until_its_keeper_changes(passwords: Stack) -> None:
    before = passwords.outputs()
    passwords.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    passwords.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    passwords.pulumi("up", "--yes", "--skip-preview", "--config", "keeper=b")
    after = passwords.outputs()
    assert after["password"] != before["password"], "a changed keeper draws a new one"
    assert after["hex"] == before["hex"], "a value without keepers stays"


def _kubeconfig(folder: Path, server: str) -> str:
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "current-context": "far",
                "contexts": [{"name": "far", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    return f"kubeconfig={path}"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return stack_of(tmp_path_factory.mktemp("kubernetes"), KUBERNETES)


def test_a_preview_needs_no_cluster_and_says_that_there_is_none(objects: Stack) -> None:
    kubeconfig = _kubeconfig(objects.folder, "https://127.0.0.1:1")
    said = json.loads(objects.pulumi("preview", "--json", "--config", kubeconfig))
    inputs = {step["newState"]["type"]: step["newState"].get("inputs", {}) for step in said["steps"]}
    space = inputs["kubernetes:core/v1:Namespace"]["metadata"]["name"]
    assert space.startswith("space-"), "the name is drawn before the object is made"
    assert inputs["kubernetes:core/v1:Secret"]["metadata"]["namespace"] == space, "and what goes into it knows it"
    assert "namespace" not in inputs["kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"]["metadata"]
    messages = " ".join(entry["message"] for entry in said.get("diagnostics", []))
    assert "unreachable" in messages, "whoever reads the preview has to know that no server has checked it"
    assert "local stand-in" in messages, "a stand-in says so on every run"
    assert "canary-in-the-state" not in json.dumps(said), "a secret is never shown"


def test_an_update_without_a_cluster_fails_and_records_nothing(objects: Stack) -> None:
    kubeconfig = _kubeconfig(objects.folder, "https://127.0.0.1:1")
    said = objects.pulumi("up", "--yes", "--skip-preview", "--config", kubeconfig, code=1)
    assert "unreachable" in said
    assert "Connection refused" in said, "the reason is the system's own"
    made = [entry["type"] for entry in objects.resources() if entry["type"].startswith("kubernetes:")]
    assert not made, f"nothing was made, so nothing is recorded; but there is {made}"


def test_a_server_elsewhere_is_never_spoken_to(objects: Stack) -> None:
    # An address that is reserved for documentation, which nothing answers at: an attempt would say so.
    kubeconfig = _kubeconfig(objects.folder, "https://192.0.2.1:6443")
    said = objects.pulumi("preview", "--config", kubeconfig)
    assert "this machine only" in said, "it is refused before anything is sent"
    assert "does not answer" not in said
    assert "PXL_STANDIN_CONTEXT" in said, "the way out is named"
