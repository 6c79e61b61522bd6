"""Recorded resources become files: complete, in apply order, without secrets, the same every time."""

import base64
import random
from typing import Any

import yaml

from operations.rendering.manifests import Resource, manifests
from operations.rendering.recorder import blank

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def resource(kind: str, name: str, *needs: str, **inputs: Any) -> Resource:
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "pxl-dev"}, **inputs}
    return Resource(f"urn:{name}", f"kubernetes:core/v1:{kind}", name, True, body, tuple(f"urn:{one}" for one in needs))


def test_what_others_depend_on_comes_first_whatever_its_kind() -> None:
    resources = [
        resource("Namespace", "ns"),
        resource("Deployment", "api", "ns", "migrations"),
        resource("Job", "migrations", "ns", "db"),
        resource("StatefulSet", "db", "ns"),
        resource("Secret", "app", "ns"),
    ]
    files = [one.file for one in manifests(resources)]
    assert files == [
        "01-namespace-ns.yaml",
        "02-secret-app.yaml",
        "03-statefulset-db.yaml",
        "04-job-migrations.yaml",
        "05-deployment-api.yaml",
    ], "applied one after the other, every file must find what it needs"


def test_the_order_of_arrival_makes_no_difference() -> None:
    resources = [
        resource(kind, f"{kind.lower()}-{number}", "ns", spec={"b": 1, "a": [2, 1]})
        for kind in ("Service", "NetworkPolicy", "ConfigMap")
        for number in range(5)
    ] + [resource("Namespace", "ns")]
    first = manifests(resources)
    for seed in range(5):
        shuffled = random.Random(seed).sample(resources, len(resources))
        assert manifests(shuffled) == first, "registrations arrive in parallel; the files must not show it"


def test_an_object_without_a_name_gets_its_logical_one() -> None:
    nameless = Resource(
        "urn:x", "kubernetes:core/v1:Secret", "app-secrets", True, {"apiVersion": "v1", "kind": "Secret"}, ()
    )
    (one,) = manifests([nameless])
    assert one.name == "app-secrets", "the engine's random suffix would differ at every run"


def test_every_value_of_a_secret_is_blanked_and_stays_valid() -> None:
    secret = resource("Secret", "app", data={"a": "cGxhaW4="}, stringData={"b": "plain"}, immutable=True)
    (one,) = manifests([secret])
    body = yaml.safe_load(one.text)
    assert base64.b64decode(body["data"]["a"], validate=True) == b"<secret>", "the API server must still accept it"
    assert body["stringData"] == {"b": "<secret>"}
    assert "plain" not in one.text


def test_components_and_other_providers_resources_are_no_manifests() -> None:
    component = Resource("urn:c", "pxl:index:Api", "api", False, {}, ())
    password = Resource("urn:p", "random:index/randomPassword:RandomPassword", "pw", True, {"length": 20}, ())
    assert manifests([component, password]) == []


def test_what_only_the_engine_reads_is_left_out() -> None:
    annotations = {"pulumi.com/skipAwait": "true", "team": "platform"}
    one = resource("Service", "api", metadata={"name": "api", "annotations": annotations}, status={"x": 1})
    body = yaml.safe_load(manifests([one])[0].text)
    assert body["metadata"]["annotations"] == {"team": "platform"}
    assert "status" not in body


def test_a_file_name_is_safe_whatever_the_object_is_called() -> None:
    (one,) = manifests([resource("ClusterRole", "system:pxl/../x")])
    assert one.file == "01-clusterrole-system-pxl-..-x.yaml".replace("/", "-")
    assert "/" not in one.file


def test_a_cycle_of_dependencies_loses_no_other_file() -> None:
    assert [one.name for one in manifests([resource("Service", "a"), resource("Job", "b", "b")])] == ["a", "b"]


def test_a_secret_is_blanked_at_any_depth() -> None:
    env = [{"name": "A", "value": {**SECRET, "value": "hunter2"}}, {"name": "B", "value": "plain"}]
    assert blank({"spec": {"env": env}}) == {
        "spec": {"env": [{"name": "A", "value": "<secret>"}, {"name": "B", "value": "plain"}]}
    }


def test_a_secret_map_keeps_its_keys() -> None:
    assert blank({"data": {**SECRET, "value": {"password": "hunter2"}}}) == {"data": {"password": "<secret>"}}, (
        "which keys a Secret has is what a reviewer looks for"
    )


def test_an_unknown_value_is_readable() -> None:
    assert blank({"a": UNKNOWN, "b": f"prefix-{UNKNOWN}"}) == dict.fromkeys("ab", "<known after deployment>")


def test_whole_numbers_are_written_as_such() -> None:
    assert blank({"replicas": 2.0, "ratio": 0.5}) == {"replicas": 2, "ratio": 0.5}, "the protocol knows only floats"
