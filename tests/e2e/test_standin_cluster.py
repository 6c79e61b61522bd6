"""The Kubernetes stand-in against a real API server: every operation under the real engine.

``PXL_TEST_KUBECONFIG`` names an API server on this machine; without it the platform of the other tests is used.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import engine, node
from local.paths import State
from local.standins.kubernetes.client import ApiError, Cluster
from local.standins.kubernetes.kubeconfig import target

PROGRAM = """
import pulumi, pulumi_kubernetes as k
settings = pulumi.Config()
option = lambda name, default: settings.get(name) or default
provider = k.Provider("k", kubeconfig=settings.require("kubeconfig"), cluster_identifier="test")
on = pulumi.ResourceOptions(provider=provider)
space = k.core.v1.Namespace("space", opts=on)
skip = {"pulumi.com/skipAwait": "true"}
inside = lambda **more: k.meta.v1.ObjectMetaArgs(namespace=space.metadata.name, **more)
pod = lambda image, **more: {"containers": [{"name": "c", "image": image}], **more}

key = {"key": option("key", "canary-one")}
secret = k.core.v1.Secret("secret", metadata=inside(), string_data=key, immutable=True, opts=on)
k.core.v1.ConfigMap("settings", metadata=inside(labels={"a.b/c": option("label", "one")}), data={"k": "v"}, opts=on)
k.core.v1.ConfigMap("fixed", metadata=inside(name="fixed"), data={"k": option("fixed", "one")}, opts=on)
ports = [{"port": 80, "target_port": 8080}]
service = k.core.v1.Service("web", metadata=inside(name="web", annotations=skip),
    spec={"selector": {"app": "web"}, "ports": ports}, opts=on)
rules = {"pod_selector": {}, "policy_types": ["Ingress"]}
k.networking.v1.NetworkPolicy("deny", metadata=inside(), spec=rules, opts=on)
k.batch.v1.Job("job", metadata=inside(),
    spec={"suspend": True, "template": {"spec": pod(option("image", "none/a"), restart_policy="Never")}}, opts=on)

schema = {"type": "object", "properties": {"spec": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}}}
version = {"name": "v1", "served": True, "storage": True, "schema": {"open_apiv3_schema": schema}}
names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
crd = k.apiextensions.v1.CustomResourceDefinition("crd", metadata={"name": "widgets.standin.test"},
    spec={"group": "standin.test", "scope": "Namespaced", "names": names, "versions": [version]}, opts=on)
after = pulumi.ResourceOptions(provider=provider, depends_on=[crd])
k.apiextensions.CustomResource("widget", api_version="standin.test/v1", kind="Widget", metadata=inside(name="w"),
    spec={"size": 3, "ratio": 0.5}, opts=after)

if option("stalled", ""):
    labels = {"app": "stalled"}
    template = {"metadata": {"labels": labels}, "spec": pod("localhost:1/no-such-image:1")}
    bound = pulumi.CustomTimeouts(create="15s", update="15s")
    k.apps.v1.Deployment("stalled", metadata=inside(name="stalled"),
        spec={"replicas": 1, "selector": {"match_labels": labels}, "template": template},
        opts=pulumi.ResourceOptions(provider=provider, custom_timeouts=bound))
pulumi.export("space", space.metadata.name)
pulumi.export("address", service.spec.cluster_ip)
pulumi.export("secret", secret.metadata.name)
"""


@dataclass
class Stack:
    """The program on one API server, and that API server itself."""

    folder: Path
    env: dict[str, str]
    cluster: Cluster

    def pulumi(self, *arguments: str, code: int = 0) -> str:
        argv = ["pulumi", *arguments, "--non-interactive", "--stack", "test"]
        done = subprocess.run(
            argv, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{argv} ended with {done.returncode}:\n{said}"
        return done.stdout if code == 0 else said

    def up(self, *arguments: str, code: int = 0) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, code=code)

    @property
    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json"))

    def changes(self) -> dict[str, list[str]]:
        """What a preview would do: operation to the names of resources."""
        found: dict[str, list[str]] = {}
        for step in json.loads(self.pulumi("preview", "--json"))["steps"]:
            found.setdefault(step["op"], []).append(step["urn"].rpartition("::")[2])
        found.pop("same", None)
        return found

    def live(self, kind: str, name: str, api_version: str = "v1") -> dict[str, Any]:
        return self.cluster.get(api_version, kind, self.outputs["space"], name)

    def patch(self, kind: str, name: str, change: dict[str, Any]) -> None:
        path = self.cluster.resource("v1", kind).path(self.outputs["space"], name)
        content = "application/merge-patch+json"
        self.cluster.request("PATCH", path, {"fieldManager": "somebody"}, change, content_type=content)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    kubeconfig = os.environ.get("PXL_TEST_KUBECONFIG")
    if not kubeconfig:
        platform = request.getfixturevalue("platform")
        kubeconfig = str(node.up(State(platform.state)).kubeconfig)
    folder = tmp_path_factory.mktemp("standin")
    state = State(folder / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PXL_STANDINS", "always")
        used = engine.ensure()
        used.plugins(state)
        env = used.env(state)
    (folder / "Pulumi.yaml").write_text("name: standin\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    init = ["pulumi", "stack", "init", "test", "--non-interactive"]
    subprocess.run(init, cwd=folder, env=env, capture_output=True, timeout=60, check=True)
    made = Stack(folder, env, Cluster(target(kubeconfig), print))
    made.up("--config", f"kubeconfig={kubeconfig}")
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview")


def test_everything_is_made_and_recorded_as_the_server_has_it(stack: Stack) -> None:
    outputs = stack.outputs
    assert stack.live("Service", "web")["spec"]["clusterIP"] == outputs["address"], "outputs are the live object's"
    assert stack.live("Widget", "w", "standin.test/v1")["spec"] == {"size": 3, "ratio": 0.5}, (
        "a kind that was defined in the same run works, unknown fields included"
    )
    assert "canary-one" not in stack.pulumi("stack", "export"), "the state holds no plain secret"


def test_a_second_run_changes_nothing_and_is_quick(stack: Stack) -> None:
    started = time.monotonic()
    stack.up("--expect-no-changes")
    assert time.monotonic() - started < 20, "`make up` without a change has to be quick"


def test_a_change_is_previewed_by_the_server_and_made_in_place(stack: Stack) -> None:
    before = stack.outputs["secret"]
    stack.pulumi("config", "set", "label", "two")
    assert stack.changes() == {"update": ["settings"]}, "only what depends on the setting changes"
    stack.up()
    assert stack.changes() == {}
    assert stack.outputs["secret"] == before


def test_a_changed_secret_is_a_new_object_and_the_old_one_goes_last(stack: Stack) -> None:
    before = stack.outputs["secret"]
    said = stack.up("--config", "key=canary-two")
    after = stack.outputs["secret"]
    assert after != before, "pods that run keep the secret that they were started with"
    with pytest.raises(ApiError):
        stack.live("Secret", before)
    lines = [line for line in said.splitlines() if "core/v1:Secret" in line]
    created = next(index for index, line in enumerate(lines) if "created replacement" in line)
    deleted = next(index for index, line in enumerate(lines) if "deleting original" in line)
    assert created < deleted, "there is no moment without one"


def test_an_object_with_a_chosen_name_is_deleted_before_its_replacement(stack: Stack) -> None:
    uid = stack.live("ConfigMap", "fixed")["metadata"]["uid"]
    stack.up("--config", "fixed=two")
    live = stack.live("ConfigMap", "fixed")
    assert live["metadata"]["uid"] != uid, "ConfigMap data replaces, as with the official provider"
    assert live["data"] == {"k": "two"}


def test_what_a_killed_run_has_made_is_taken_up_by_the_next(stack: Stack) -> None:
    before = stack.live("ConfigMap", "fixed")["metadata"]["uid"]
    # What a kill between the creation and the record leaves: the object is there, the state does not know it.
    resources = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    urn = next(entry["urn"] for entry in resources if entry["urn"].endswith("::fixed"))
    stack.pulumi("state", "delete", urn, "--yes")
    assert stack.changes() == {"create": ["fixed"]}
    stack.up()
    assert stack.live("ConfigMap", "fixed")["metadata"]["uid"] == before, "no hand is needed to mend it"


def test_a_job_whose_template_changes_is_made_anew(stack: Stack) -> None:
    stack.pulumi("config", "set", "image", "none/b")
    assert stack.changes() == {"replace": ["job"]}, "the API lets nobody change a job's template"
    stack.up()
    assert stack.changes() == {}


def test_a_refresh_finds_drift_and_the_next_run_mends_it(stack: Stack) -> None:
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.patch("ConfigMap", "fixed", {"metadata": {"labels": {"somebody": "else"}}})
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    live = stack.live("Service", "web")
    stack.cluster.delete("v1", "Service", live["metadata"]["namespace"], "web")
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.changes() == {"create": ["web"]}, "what is gone is made again"
    stack.up()


def test_a_field_that_somebody_else_holds_is_a_conflict_in_words(stack: Stack) -> None:
    name = next(
        item["metadata"]["name"]
        for item in stack.cluster.list("v1", "ConfigMap", stack.outputs["space"])
        if item["metadata"]["name"].startswith("settings-")
    )
    stack.patch("ConfigMap", name, {"metadata": {"labels": {"a.b/c": "theirs"}}})
    said = stack.up("--config", "label=three", code=1)
    assert "field conflict" in said
    assert "somebody" in said, "who holds it"
    stack.patch("ConfigMap", name, {"metadata": {"labels": {"a.b/c": "three"}}})
    stack.up()


def test_a_rollout_that_stalls_is_recorded_and_tried_again(stack: Stack) -> None:
    said = stack.up("--config", "stalled=yes", code=1)
    assert "did not become ready" in said
    recorded = stack.pulumi("stack", "export")
    assert '"stalled"' in recorded, "what exists is in the state, so that nothing is orphaned"
    assert stack.changes() == {"update": ["stalled"]}, "the next run waits again instead of calling it done"
    stack.pulumi("config", "rm", "stalled")
    stack.up()
    assert stack.changes() == {}


def test_an_object_that_somebody_else_made_is_not_taken_over(stack: Stack) -> None:
    labels = {"a": "b"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "stalled", "namespace": stack.outputs["space"]},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
    stack.cluster.apply(theirs, "somebody", force=False, dry_run=False)
    said = stack.up("--config", "stalled=yes", code=1)
    assert "already exists" in said
    stack.pulumi("config", "rm", "stalled")
    stack.up()
    assert stack.live("Deployment", "stalled", "apps/v1")["spec"]["replicas"] == 0, "it was left alone"


def test_a_stack_of_the_same_name_with_another_state_takes_up_nothing(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two checkouts on one cluster: the same program, the same URNs, but each has made its own objects."""
    before = stack.outputs["space"]
    theirs = {(item["kind"], item["metadata"]["name"]): item["metadata"]["uid"] for item in made_in(stack, before)}
    monkeypatch.setenv("PXL_STANDINS", "always")
    other = Stack(stack.folder, engine.ensure().env(State(tmp_path / "state")), stack.cluster)
    engine.ensure().plugins(State(tmp_path / "state"))
    init = ["pulumi", "stack", "init", "test", "--non-interactive"]
    file = stack.folder / "Pulumi.test.yaml"
    kept = file.read_text()
    file.write_text("config:\n" + "".join(line for line in kept.splitlines(True) if "standin:kubeconfig" in line))
    subprocess.run(init, cwd=stack.folder, env=other.env, capture_output=True, timeout=60, check=True)
    try:
        said = other.up(code=1)
        assert "CustomResourceDefinition widgets.standin.test already exists" in said, "a chosen name is taken"
        recorded = json.loads(other.pulumi("stack", "export"))["deployment"]["resources"]
        spaces = [entry["id"] for entry in recorded if entry["urn"].endswith("::space")]
        assert spaces != [before], "a drawn name is another: what the other checkout made is not taken up"
    finally:
        other.pulumi("destroy", "--yes", "--skip-preview")
        file.write_text(kept)
    now = {(item["kind"], item["metadata"]["name"]): item["metadata"]["uid"] for item in made_in(stack, before)}
    assert now == theirs, "and what is theirs is as it was"


def made_in(stack: Stack, space: str) -> list[dict[str, Any]]:
    kinds = (("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"), ("batch/v1", "Job"))
    listed = [(kind, stack.cluster.list(version, kind, space)) for version, kind in kinds]
    return [{**item, "kind": kind} for kind, items in listed for item in items]
