"""The isolation of the dev stack, by real connections: proved as it is, refuted when a single policy is not right."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.proof.isolation import owned
from tests.e2e.harness import NAMESPACE, ROOT, Platform

PAGE = "docs/isolation.md"
MARK = f"{owned.MARK}={owned.VALUE}"


def proved(platform: Platform, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and result of ``make isolation``, with what scripts read."""
    done = platform.command("isolation", "--json", *arguments, timeout=300)
    assert done.stdout, f"the proof did not get to its end:\n{done.stderr[-3000:]}"
    return done.returncode, json.loads(done.stdout)


def pairs(result: dict[str, Any], verdict: str) -> set[str]:
    found = (one for one in result["differences"] if one["verdict"] == verdict)
    return {f"{one['source']} → {one['target']}:{one['port']}" for one in found}


def policies(platform: Platform) -> dict[str, dict[str, Any]]:
    items = platform.kubectl("get", "networkpolicies", "-n", NAMESPACE)["items"]
    return {item["metadata"]["name"]: item for item in items}


def apply(platform: Platform, manifest: dict[str, Any]) -> None:
    """Through a file of the state folder, which has the same path inside the node."""
    path = platform.state / "manifest.json"
    path.write_text(json.dumps(manifest))
    done = platform.command("kubectl", "apply", "-f", str(path), timeout=60)
    assert done.returncode == 0, done.stderr


def delete(platform: Platform, kind: str, name: str) -> None:
    done = platform.command("kubectl", "delete", kind, name, "-n", NAMESPACE, "--ignore-not-found", timeout=120)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def without_policy(platform: Platform, prefix: str) -> Iterator[None]:
    """Takes one policy away for a while; it comes back as it was, with the marks that the program put on it."""
    (name,) = (name for name in policies(platform) if name.startswith(prefix))
    lost = policies(platform)[name]
    delete(platform, "networkpolicy", name)
    try:
        yield
    finally:
        kept = {key: lost["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
        apply(
            platform, {"apiVersion": lost["apiVersion"], "kind": lost["kind"], "metadata": kept, "spec": lost["spec"]}
        )


@contextlib.contextmanager
def with_policy(platform: Platform, name: str, spec: dict[str, Any]) -> Iterator[None]:
    """Adds one for a while."""
    metadata = {"name": name, "namespace": NAMESPACE}
    apply(platform, {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    try:
        yield
    finally:
        delete(platform, "networkpolicy", name)


def leftovers(platform: Platform) -> list[str]:
    """What a proof made and has not taken away: namespaces, pods, agents in the stack's pods."""
    spaces = platform.kubectl("get", "namespaces", "-l", MARK)["items"]
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE)["items"]
    made = [item["metadata"]["name"] for item in (*spaces, *(pod for pod in pods if owned.is_ours(pod)))]
    for pod in pods:
        if pod["status"]["phase"] == "Running":
            command = [
                "sh",
                "-c",
                "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'Tries connections [f]rom' || true",
            ]
            name = pod["metadata"]["name"]
            done = platform.command("kubectl", "exec", "-n", NAMESPACE, name, "--", *command, timeout=60)
            made += [] if done.stdout.strip() in ("0", "") else [f"an agent in {name}"]
    return made


def test_the_dev_stack_is_isolated_exactly_as_it_declares_and_the_page_shows_it(platform: Platform) -> None:
    code, result = proved(platform, "--markdown", PAGE)
    assert (code, result["ok"]) == (0, True), f"{result['differences']} {result['unknown']} {result['gaps']}"
    verdicts = {one["verdict"] for one in result["cells"]}
    assert verdicts == {"reached", "blocked", "itself"}, f"every cell must be shown: {verdicts}"
    assert result["notes"] == [], "nothing may be left out, the metadata service and the outside included"
    assert result["connections"] >= len(result["cells"]) > 250
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE, "--field-selector=status.phase=Running")["items"]
    tried = {one["sourcePod"] for one in result["cells"]}
    assert {f"{NAMESPACE}/{pod['metadata']['name']}" for pod in pods} <= tried, "every single pod is a source"
    written = (platform.checkout / PAGE).read_text()
    assert written == (ROOT / PAGE).read_text(), f"write it again: make isolation MARKDOWN={PAGE}"
    assert leftovers(platform) == []


def test_a_person_sees_the_tables_and_the_count(platform: Platform) -> None:
    done = platform.command("isolation", timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    for text in ("to pods of the stack", "from", "postgres", "unlabelled", "isolated exactly as declared: "):
        assert text in done.stdout
    assert "trying connections" in done.stderr, "progress goes where results do not"


@pytest.mark.parametrize("side", ["egress", pytest.param("ingress", marks=pytest.mark.long)])
def test_one_side_of_a_link_that_is_gone_is_named(platform: Platform, side: str) -> None:
    with without_policy(platform, f"api-to-postgres-{side}"):
        code, result = proved(platform)
    assert code == 1
    assert pairs(result, "missing") == {"api → postgres:5432"}, "the pair, and no other"
    assert pairs(result, "undeclared") == set()
    assert {one["sourcePod"] for one in result["differences"]} == {
        one["sourcePod"] for one in result["cells"] if one["source"] == "api"
    }, "each of the API's pods is named"
    assert all("make up" in one["remedy"] for one in result["differences"])


def test_without_the_default_deny_what_no_other_policy_closes_is_open(platform: Platform) -> None:
    with without_policy(platform, "pxl-default-deny"):
        code, result = proved(platform)
    assert code == 1
    ports = (3000, 5000, 5432, 6379, 18080)
    unlabelled = {f"foreign pod → unlabelled pod:{port}" for port in ports}
    assert pairs(result, "undeclared") == unlabelled | {"foreign pod → worker:18080", "foreign pod → migrations:18080"}


def test_one_policy_too_many_is_named(platform: Platform) -> None:
    anybody = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "postgres"}},
        "policyTypes": ["Ingress"],
        "ingress": [{}],
    }
    with with_policy(platform, "allow-all", anybody):
        code, result = proved(platform)
    assert code == 1
    assert pairs(result, "undeclared") == {"foreign pod → postgres:5432", "foreign pod → postgres:18080"}
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}
    with with_policy(platform, "allow-all", everything):
        code, result = proved(platform)
    assert code == 1
    assert {"worker → api:3000", "unlabelled pod → postgres:5432", "redis → metadata:80"} <= pairs(result, "undeclared")
    assert "nothing was blocked" in result["gaps"]


def test_the_links_decide_and_not_the_policies(platform: Platform, tmp_path: Path) -> None:
    declared = outputs(platform)["links"]
    fewer = [link for link in declared["links"] if link["name"] != "worker-to-redis"]
    code, result = with_links(platform, tmp_path, {**declared, "links": fewer})
    assert code == 1, "the policies still let through what is no longer declared"
    assert pairs(result, "undeclared") == {"worker → redis:6379"}

    there = {"cidrs": ["203.0.113.0/24"], "except": ["203.0.113.64/26"]}
    (api,) = (link["from"] for link in declared["links"] if link["name"] == "api-to-postgres")
    mail = {"name": "api-to-mail", "opens": ["egress"], "from": api, "to": there, "ports": [443]}
    more = {**declared, "links": [*declared["links"], mail]}
    code, result = with_links(platform, tmp_path, more)
    assert code == 1, "a link that no policy opens is as wrong"
    assert pairs(result, "missing") == {"api → 203.0.113.10:443"}

    out = {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]}
    spec = {"podSelector": {"matchLabels": api["labels"]}, "policyTypes": ["Egress"], "egress": [out]}
    with with_policy(platform, "api-to-mail", spec):
        code, result = with_links(platform, tmp_path, more)
    assert code == 0, f"{result['differences']} {result['unknown']} {result['gaps']}"


def outputs(platform: Platform) -> dict[str, Any]:
    done = platform.command("pulumi", "stack", "output", "--json", "--stack", "dev", timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def with_links(platform: Platform, folder: Path, links: dict[str, Any], *more: str) -> tuple[int, dict[str, Any]]:
    """``pxlctl proof isolation`` with links from a file: any cluster, and no engine."""
    path = folder / "links.json"
    path.write_text(json.dumps(links))
    named = ["--links", str(path), "--kubeconfig", str(platform.state / "kubeconfig")]
    command = [sys.executable, "-m", "operations", "proof", "isolation", "dev", "--json", *named, *more]
    done = subprocess.run(
        command, cwd=platform.checkout, capture_output=True, text=True, timeout=300, check=False, env=platform.env
    )
    assert done.stdout, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout)


@pytest.mark.long
def test_a_pod_in_which_nothing_can_be_run_is_not_shown_and_can_be(platform: Platform, tmp_path: Path) -> None:
    dns = platform.kubectl("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")["items"][0]
    confined = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "c",
        "image": dns["spec"]["containers"][0]["image"],
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"containerPort": 1053}],
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/coredns"}],
        "securityContext": confined,
    }
    metadata = {"name": "bare-image", "namespace": NAMESPACE}
    corefile = {"Corefile": ".:1053 {\n    errors\n}\n"}
    volume = {"name": "settings", "configMap": {"name": "bare-image"}}
    apply(platform, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": corefile})
    spec = {"containers": [container], "volumes": [volume]}
    apply(platform, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    try:
        ready = ["wait", "--for=condition=Ready", "pod/bare-image", "-n", NAMESPACE, "--timeout=60s"]
        assert platform.command("kubectl", *ready, timeout=90).returncode == 0
        links = outputs(platform)["links"]
        code, result = with_links(platform, tmp_path, links)
        assert code == 1, "a pod that nobody looked into may reach anything"
        silent = {one["sourcePod"] for one in result["unknown"] if one["outcome"] is None}
        assert silent == {f"{NAMESPACE}/bare-image"}
        assert any("--ephemeral-containers" in one["remedy"] for one in result["unknown"])

        code, result = with_links(platform, tmp_path, links, "--ephemeral-containers")
        assert code == 0, f"{result['differences']} {result['unknown']} {result['gaps']}"
        own = {one["target"]: one["verdict"] for one in result["cells"] if one["source"] == "bare-image"}
        assert own["postgres"] == "blocked", "its own network is what was looked at"
        assert own["bare-image"] == "itself"
    finally:
        delete(platform, "pod", "bare-image")
        delete(platform, "configmap", "bare-image")


@pytest.mark.parametrize(
    "after",
    [
        "looking for what",
        pytest.param("starting temporary pods", marks=pytest.mark.long),
        pytest.param("starting to listen", marks=pytest.mark.long),
        "trying connections",
    ],
)
def test_an_interrupt_takes_everything_away(platform: Platform, after: str) -> None:
    started = begin(platform)
    assert started.stderr
    seen = next((line for line in started.stderr if after in line), None)
    assert seen, "it ended before it could be interrupted: that says nothing about an interrupt"
    time.sleep(0.5)  # into the midst of what comes next
    started.send_signal(signal.SIGINT)
    said = seen + started.communicate(timeout=180)[1]
    assert started.returncode == 130, said
    assert "Traceback" not in said, said
    assert leftovers(platform) == [], said


@pytest.mark.long
def test_what_a_killed_proof_left_is_taken_away_by_the_next(platform: Platform) -> None:
    started = begin(platform)
    deadline = time.monotonic() + 60
    while not platform.kubectl("get", "namespaces", "-l", MARK)["items"] and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    started.kill()
    started.communicate(timeout=30)
    assert leftovers(platform), "else there is nothing to take away"
    code, result = proved(platform)
    assert code == 0, f"what was left must not be taken for the stack's: {result['differences']}"
    assert leftovers(platform) == []


def begin(platform: Platform) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "isolation"],
        cwd=platform.checkout,
        env=platform.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_cluster_that_admits_no_pod_in_its_nodes_network_is_proved_without_that_row(platform: Platform) -> None:
    name = {"name": "no-host-network"}
    group = "admissionregistration.k8s.io/v1"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    rule = {"expression": "!has(object.spec.hostNetwork) || !object.spec.hostNetwork", "message": "not in here"}
    spec = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [pods]}, "validations": [rule]}
    binding = {"policyName": name["name"], "validationActions": ["Deny"]}
    kinds = {"ValidatingAdmissionPolicy": spec, "ValidatingAdmissionPolicyBinding": binding}
    for kind, content in kinds.items():
        apply(platform, {"apiVersion": group, "kind": kind, "metadata": name, "spec": content})
    try:
        time.sleep(2)  # the API server takes a moment to act on it
        code, result = proved(platform)
    finally:
        for kind in kinds:
            platform.command("kubectl", "delete", kind, name["name"], "--ignore-not-found", timeout=60)
    assert code == 0, f"{result['differences']} {result['unknown']} {result['gaps']}"
    assert "node" not in {one["source"] for one in result["cells"]}
    (note,) = result["notes"]
    assert "the node as a source is not shown" in note
    assert "not in here" in note, "with the cluster's own words"
    assert leftovers(platform) == []
