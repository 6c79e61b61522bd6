"""A cluster of the user's own, by the name of a context: here the embedded node plays that cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness import NAMESPACE, Platform, copy_of_checkout

OWN_NAMESPACE = "pxl-own"


@pytest.fixture
def kubeconfig(platform: Platform, tmp_path: Path) -> Path:
    """A user's kubeconfig: the current context is another cluster, which must not be touched."""
    document = yaml.safe_load((platform.state / "kubeconfig").read_text())
    document["contexts"][0]["name"] = "mine"
    document["clusters"].append({"name": "other", "cluster": {"server": "https://127.0.0.1:1"}})
    document["contexts"].append(
        {"name": "other", "context": {"cluster": "other", "user": document["users"][0]["name"]}}
    )
    document["current-context"] = "other"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def user(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """A user with a checkout of their own, whose stack file names images that the cluster can pull."""
    user = Platform(copy_of_checkout(tmp_path / "checkout"), tmp_path / "state", 0)
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE)["items"]
    images = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: image_of(pod) for pod in pods}
    repository, _, digest = images["api"].partition("@")
    settings = {
        "pxl:environment": "dev",
        "pxl:namespace": OWN_NAMESPACE,
        "pxl:images": {"postgres": images["database"], "redis": images["redis"]},
        "pxl:registry": {"kind": "none"},
        "pxl:image": {"repository": repository},
        "pxl:release": {"digest": digest},
        "pxl:api": {"replicas": 1},
    }
    (user.checkout / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": settings}))
    yield user
    platform.command("kubectl", "delete", "namespace", OWN_NAMESPACE, "--ignore-not-found", timeout=120)


def image_of(pod: dict) -> str:
    return pod["spec"]["containers"][0]["image"]


def test_up_uses_the_named_context_and_nothing_else(platform: Platform, user: Platform, kubeconfig: Path):
    before, stack_file = kubeconfig.read_text(), (user.checkout / "Pulumi.dev.yaml").read_text()
    done = user.command("up", "--kube-context", "mine", KUBECONFIG=str(kubeconfig))
    assert done.returncode == 0, done.stderr[-4000:]
    deployments = platform.kubectl("get", "deployments", "-n", OWN_NAMESPACE)["items"]
    assert len(deployments) == 2, "API and worker must be there"
    assert all(item["status"].get("readyReplicas") == 1 for item in deployments), "and ready"
    assert kubeconfig.read_text() == before, "the user's kubeconfig must not be written"
    assert not (user.state / "node").exists(), "no node may have been started"
    assert (user.checkout / "Pulumi.dev.yaml").read_text() == stack_file, "nor the stack file"

    gone = user.command("down", "--kube-context", "mine", KUBECONFIG=str(kubeconfig))
    assert gone.returncode == 0, gone.stderr[-4000:]
    namespaces = platform.kubectl("get", "namespaces")["items"]
    assert OWN_NAMESPACE not in {item["metadata"]["name"] for item in namespaces}, "down must take everything away"
    assert NAMESPACE in {item["metadata"]["name"] for item in namespaces}, "and nothing else"
