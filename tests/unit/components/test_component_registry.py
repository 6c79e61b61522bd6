"""A registry in the cluster."""

import json
from typing import Any

import pytest
from pulumi_recording import AUTO_NAME_SUFFIX, IMAGE, Recording, deploy
from pxl_components import ContainerRegistry

ARGS = {"namespace": "apps", "cluster": {"image": IMAGE}}


@pytest.fixture(scope="module")
def registry() -> Recording:
    return deploy(lambda: ContainerRegistry("web", ARGS).repository_prefix)


def test_every_node_finds_it_at_the_same_address(registry: Recording):
    service = registry.one("Service")
    assert registry.outputs == "localhost:30500"
    assert service.spec["type"] == "NodePort"
    assert service.spec["ports"][0]["nodePort"] == 30500, "the kubelet pulls through this port"
    assert service.spec["ports"][0]["targetPort"] == 5000


def test_the_prefix_is_known_in_a_preview():
    assert deploy(lambda: ContainerRegistry("web", ARGS).repository_prefix, preview=True).outputs == "localhost:30500"


def test_its_configuration_is_its_own_and_not_the_images(registry: Recording):
    config = json.loads(registry.one("ConfigMap").inputs["data"]["config.yml"])
    server = registry.one("StatefulSet")
    assert config["http"]["addr"] == ":5000"
    (data,) = [m for m in server.container["volumeMounts"] if m["name"] == "data"]
    assert config["storage"]["filesystem"]["rootdirectory"] == data["mountPath"], "images go where it may write"
    (mount,) = [m for m in server.container["volumeMounts"] if m["name"] == "config"]
    assert server.container["args"] == ["serve", mount["mountPath"]]
    assert {"name": f"web-config{AUTO_NAME_SUFFIX}"} in [v.get("configMap") for v in server.pod["volumes"]]


def test_nobody_but_its_node_reaches_it_unless_declared(registry: Recording):
    assert registry.of("NetworkPolicy") == []
    args = {**ARGS, "cluster": {"image": IMAGE, "ingress_from": [{"name": "nodes", "cidrs": ["10.1.0.0/16"]}]}}
    policy = deploy(lambda: ContainerRegistry("web", args) and None).named("web-from-nodes-ingress")
    assert policy.spec["ingress"] == [
        {"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 5000}]}
    ]


def test_its_images_have_room_and_an_end(registry: Recording):
    limits = registry.one("StatefulSet").container["resources"]["limits"]
    assert limits["ephemeral-storage"] == "5376Mi", "5 GiB of images and room for logs"


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({}, ["cluster.image is missing"]),
        ({"image": "registry:2"}, ["cluster.image", "repository@sha256"]),
        ({"image": IMAGE, "node_port": 5000}, ["cluster.node_port = 5000", "30000 to 32767"]),
        ({"image": IMAGE, "storage_limit": "-1Gi"}, ["cluster.storage_limit = '-1Gi'"]),
    ],
)
def test_what_could_not_run_is_refused(refuses: Any, cluster: Any, words: list[str]):
    refuses(ContainerRegistry, {**ARGS, "cluster": cluster}, *words)
