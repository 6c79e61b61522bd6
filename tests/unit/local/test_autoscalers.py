"""What the node gets to scale with: only what the settings ask for."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings import from_stack_file
from local.autoscalers import manifests, needed

BOUNDS = {"min": 1, "max": 3}
KEDA = {"autoscaling": {"engine": "keda"}}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ()),
        ({"api": {"replicas": BOUNDS}}, ("metrics-server",)),
        ({"worker": {"replicas": BOUNDS}}, ("metrics-server",)),
        ({"worker": {"queues": ["jobs"], "replicas": BOUNDS}, **KEDA}, ("keda",)),
        ({"api": {"replicas": BOUNDS}, "worker": {"queues": ["a"], "replicas": BOUNDS}, **KEDA},
         ("metrics-server", "keda")),
        ({"worker": {"queues": ["a"]}, **KEDA}, ()),
        ({"worker": {"queues": ["a"]}, "workers": {"b": {"queues": ["b"], "replicas": BOUNDS}}, **KEDA}, ("keda",)),
    ],
)  # fmt: skip
def test_only_what_scales_something_is_needed(tmp_path: Path, settings: dict[str, Any], names: tuple[str, ...]):
    file = tmp_path / "Pulumi.try.yaml"
    given = {"environment": "dev", **settings}
    file.write_text(yaml.safe_dump({"config": {f"pxl:{key}": value for key, value in given.items()}}))
    assert needed(from_stack_file(file)) == names


def test_every_container_of_an_addon_is_of_the_nodes_own_image():
    pod = {"spec": {"containers": [{"name": "a", "image": "ghcr.io/a:latest", "imagePullPolicy": "Always"}]}}
    deployment = {"kind": "Deployment", "metadata": {"name": "a", "namespace": "n"}, "spec": {"template": pod}}
    service = {"kind": "APIService", "metadata": {"name": "v1.metrics"}}
    given = manifests.with_image([deployment, service], "localhost:5000/a@sha256:1")
    (container,) = given[0]["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "a", "image": "localhost:5000/a@sha256:1", "imagePullPolicy": "IfNotPresent"}
    assert (manifests.deployments(given), manifests.api_services(given)) == ([("n", "a")], ["v1.metrics"])
