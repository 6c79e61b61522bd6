"""Groups of pods: a group each, given to exactly those pods; what cannot work is refused."""

import pulumi
import pytest
from pulumi_recording import Recording, deploy
from pxl_components import PodSecurityGroups

NODES = "sg-0200000000000000"
ARGS = {
    "namespace": "pxl",
    "vpc_id": "vpc-1",
    "pods": [
        {"name": "api", "pod_labels": {"app.kubernetes.io/component": "api"}},
        {"name": "worker", "pod_labels": {"app.kubernetes.io/component": "worker"}},
    ],
    "shared_group_ids": [NODES],
    "tags": {"stack": "prod"},
    "labels": {"pxl.dev/stack": "prod"},
}


@pytest.fixture(scope="module")
def guarded() -> Recording:
    return deploy(lambda: pulumi.export("ids", PodSecurityGroups("web", ARGS).group_ids))  # pyright: ignore


def test_each_kind_of_pod_gets_a_group_of_its_own_and_the_nodes(guarded: Recording):
    for role in ("api", "worker"):
        policy = guarded.named(f"web-{role}-policy")
        assert policy.spec["podSelector"] == {"matchLabels": {"app.kubernetes.io/component": role}}
        own, *shared = policy.spec["securityGroups"]["groupIds"]
        assert shared == [NODES], "or neither probes nor DNS would reach the pods"
        assert f"web-{role}" in policy.dependencies, f"the group {own} is the one that was made for it"
        assert policy.metadata["labels"]["pxl.dev/stack"] == "prod", "an orphan must be found by its owner"


def test_a_group_of_pods_allows_nothing_by_itself(guarded: Recording):
    for role in ("api", "worker"):
        group = guarded.named(f"web-{role}").inputs
        assert not {"ingress", "egress"} & group.keys(), "it says who the pods are, and opens nothing"
        assert group["tags"] == {"stack": "prod"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pods": []}, ["pods", "is empty"]),
        ({"pods": [{"name": "api", "pod_labels": {}}]}, ["pods[0].pod_labels", "every pod"]),
        ({"pods": [{"name": "A B", "pod_labels": {"a": "b"}}]}, ["pods[0].name", "DNS label"]),
        ({"pods": [ARGS["pods"][0], ARGS["pods"][0]]}, ["pods[1].name", "twice"]),
        ({"shared_group_ids": []}, ["shared_group_ids", "nodes"]),
        ({"shared_group_ids": [f"sg-{number}" for number in range(5)]}, ["shared_group_ids", "five"]),
        ({"shared_group_ids": ["nodes"]}, ["shared_group_ids.0", "sg-..."]),
        ({"vpc_id": ""}, ["vpc_id"]),
    ],
)
def test_what_cannot_work_is_refused(refuses, change, words):
    refuses(PodSecurityGroups, {**ARGS, **change}, *words)
