"""Postgres: ephemeral or external, with the same outputs."""

import json
from typing import Any

import pulumi
import pytest
from pulumi_recording import AUTO_NAME_SUFFIX, IMAGE, Recording, deploy
from pxl_components import Api, Postgres

PASSWORD = "correct-horse-battery"
EPHEMERAL = {"namespace": "apps", "password": PASSWORD, "ephemeral": {"image": IMAGE}}
EXTERNAL = {"namespace": "apps", "password": PASSWORD, "external": {"host": "db.example.com", "cidrs": ["10.0.0.0/16"]}}


@pytest.fixture(scope="module")
def ephemeral() -> Recording:
    return deploy(lambda: _outputs(Postgres("web", EPHEMERAL)))


def _outputs(made: Postgres) -> dict[str, Any]:
    names = ("endpoint", "connection", "host", "port", "database", "username", "secret_name", "max_connections")
    return {name: getattr(made, name) for name in names}


def test_the_server_is_the_image_as_its_maintainers_document_it(ephemeral: Recording):
    server = ephemeral.one("StatefulSet")
    assert server.container["image"] == IMAGE
    assert server.container["args"] == ["-c", "max_connections=100"], "options go to the image's entry point"
    assert server.env["POSTGRES_USER"] == server.env["POSTGRES_DB"] == "pxl"
    assert server.env["PGDATA"].startswith("/var/lib/postgresql/data/"), "not the root of the volume: it is not empty"
    assert server.pod["securityContext"]["runAsUser"] == 999, "the image's own user"


def test_what_postgres_writes_is_writable(ephemeral: Recording):
    mounts = {mount["mountPath"] for mount in ephemeral.one("StatefulSet").container["volumeMounts"]}
    assert mounts == {"/var/lib/postgresql/data", "/var/run/postgresql", "/tmp"}, "the rest of the root is read-only"


def test_the_password_is_read_from_a_secret(ephemeral: Recording):
    made = ephemeral.one("Secret")
    assert made.inputs["stringData"] == {"password": PASSWORD}
    reference = {"secretKeyRef": {"name": f"web-password{AUTO_NAME_SUFFIX}", "key": "password"}}
    assert ephemeral.one("StatefulSet").env["POSTGRES_PASSWORD"] == reference
    for resource in ephemeral:
        rest = {key: value for key, value in resource.inputs.items() if key != "stringData"}
        assert PASSWORD not in json.dumps(rest), f"{resource.name} shows the password"


def test_a_password_that_is_there_is_not_copied():
    args = {**EPHEMERAL, "password": None, "password_secret": {"name": "mine", "key": "db"}}
    recording = deploy(lambda: Postgres("web", args).secret_name)
    assert recording.of("Secret") == []
    assert recording.one("StatefulSet").env["POSTGRES_PASSWORD"] == {"secretKeyRef": {"name": "mine", "key": "db"}}
    assert recording.outputs == "mine"


def test_readiness_asks_over_the_network_as_clients_do(ephemeral: Recording):
    command = ephemeral.one("StatefulSet").container["readinessProbe"]["exec"]["command"]
    assert command[0] == "pg_isready"
    assert "127.0.0.1" in command, "by socket it would be ready while the image still sets the database up"


def test_the_service_has_the_fixed_name_that_clients_know(ephemeral: Recording):
    service, server = ephemeral.one("Service"), ephemeral.one("StatefulSet")
    assert service.metadata["name"] == "web", "a Service's name is an API"
    assert "name" not in server.metadata, "a StatefulSet's name is not"
    assert service.spec["selector"] == server.spec["selector"]["matchLabels"]
    assert server.spec["serviceName"] == "web"
    assert "web-service" not in server.dependencies, "each waiting for the other would be a deadlock"


def test_without_a_storage_class_the_data_ends_with_the_pod(ephemeral: Recording):
    server = ephemeral.one("StatefulSet")
    (data,) = [volume for volume in server.pod["volumes"] if volume["name"] == "data"]
    assert data["emptyDir"] == {"sizeLimit": "1Gi"}, "a full database must not fill the node's disk"
    assert server.container["resources"]["limits"]["ephemeral-storage"] == "1280Mi", "the data and room for logs"


def test_a_storage_class_keeps_the_data():
    args = {**EPHEMERAL, "ephemeral": {"image": IMAGE, "storage_class": "fast", "storage": "20Gi"}}
    server = deploy(lambda: Postgres("web", args) and None).one("StatefulSet")
    (claim,) = server.spec["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert "data" not in [volume["name"] for volume in server.pod["volumes"]], "one volume of that name, not two"


def test_both_kinds_have_the_same_outputs(ephemeral: Recording):
    external = deploy(lambda: _outputs(Postgres("web", EXTERNAL))).outputs
    assert ephemeral.outputs.keys() == external.keys()
    assert (external["host"], external["port"], external["max_connections"]) == ("db.example.com", 5432, 100)
    assert ephemeral.outputs["host"] == "web.apps.svc"
    assert all(value is not None for value in external.values()), "no output is missing"


def test_an_external_server_makes_nothing_but_the_password():
    recording = deploy(lambda: Postgres("web", EXTERNAL) and None)
    assert sorted(resource.kind for resource in recording if resource.parent == "web") == ["Secret"]


def test_an_external_server_is_reached_at_its_addresses():
    def program() -> None:
        database = Postgres("db", EXTERNAL)
        Api("web", {"namespace": "apps", "image": IMAGE, "connects_to": [database.endpoint]})

    (policy,) = deploy(program).of("NetworkPolicy")
    assert policy.name == "web-to-db-egress", "the policy says what it allows"
    assert policy.spec["egress"][0]["to"] == [{"ipBlock": {"cidr": "10.0.0.0/16"}}]


def test_tls_is_on_unless_it_is_switched_off():
    secure = deploy(lambda: Postgres("web", EXTERNAL).connection).outputs
    plain = {**EXTERNAL, "external": {**EXTERNAL["external"], "tls": False}}
    assert secure["ssl_mode"] == "verify-full", "to libpq, require encrypts without verifying"
    assert "ssl_mode" not in deploy(lambda: Postgres("web", plain).connection).outputs


def test_the_authority_reaches_the_app():
    def program() -> None:
        database = Postgres("db", {**EXTERNAL, "external": {**EXTERNAL["external"], "ca_pem": "-----BEGIN"}})
        Api("web", {"namespace": "apps", "image": IMAGE, "environment": {"database": database.connection}})

    recording = deploy(program)
    assert recording.one("ConfigMap").inputs["data"] == {"ca.pem": "-----BEGIN"}
    volumes = recording.one("Deployment").pod["volumes"]
    assert {"name": f"db-ca{AUTO_NAME_SUFFIX}"} in [volume.get("configMap") for volume in volumes]


def test_a_host_may_be_known_later():
    args = {**EXTERNAL, "external": {**EXTERNAL["external"], "host": pulumi.Output.from_input("late.example.com")}}
    assert deploy(lambda: Postgres("web", args).connection).outputs["host"] == "late.example.com"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ephemeral": None}, ["give one of ephemeral, external, managed"]),
        ({"external": EXTERNAL["external"]}, ["external contradicts ephemeral"]),
        ({"password": None}, ["give password or password_secret"]),
        ({"password_secret": {"name": "a", "key": "b"}}, ["password_secret contradicts password"]),
        ({"password": ""}, ["password is empty"]),
        ({"namespace": None}, ["namespace is missing"]),
        ({"database": "My-Shop"}, ["database = 'My-Shop'", "SQL name"]),
        ({"username": "x; drop"}, ["username = 'x; drop'"]),
        ({"service_name": "db.internal"}, ["service_name = 'db.internal'", "DNS label"]),
        ({"ephemeral": {"image": "postgres:16"}}, ["ephemeral.image", "'16' can move", "repository@sha256"]),
        ({"ephemeral": {"image": IMAGE, "max_connections": 5}}, ["ephemeral.max_connections = 5", "10 to 10000"]),
        ({"ephemeral": {"image": IMAGE, "storage": "lots"}}, ["ephemeral.storage = 'lots'"]),
        (
            {"ephemeral": {"image": IMAGE, "resources": {"ephemeral_storage_limit": "100Mi"}}},
            ["ephemeral_storage_limit = '100Mi'", "below the storage (1Gi)"],
        ),
    ],
)
def test_what_could_not_run_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Postgres, {**EPHEMERAL, **change}, *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cidrs": []}, ["external.cidrs = [] is empty"]),
        ({"cidrs": None}, ["external.cidrs is missing"]),
        ({"port": 0}, ["external.port = 0"]),
        ({"tls": "yes"}, ["external.tls = 'yes'", "neither true nor false"]),
        ({"tls": False, "ca_pem": "x"}, ["ca_pem verifies nothing with tls false"]),
    ],
)
def test_what_could_not_connect_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Postgres, {**EXTERNAL, "external": {**EXTERNAL["external"], **change}}, *words)
