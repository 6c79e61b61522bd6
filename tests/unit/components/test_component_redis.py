"""Redis: ephemeral or external, with the same outputs."""

from typing import Any

import pytest
from pulumi_recording import IMAGE, Recording, deploy
from pxl_components import Redis

PASSWORD = "correct-horse-battery"
EPHEMERAL = {"namespace": "apps", "password": PASSWORD, "ephemeral": {"image": IMAGE}}
EXTERNAL = {
    "namespace": "apps",
    "password": PASSWORD,
    "external": {"host": "cache.example.com", "cidrs": ["10.0.0.0/16"], "tls": False},
}


@pytest.fixture(scope="module")
def server() -> Recording:
    return deploy(lambda: Redis("web", EPHEMERAL) and None)


def options(recording: Recording) -> dict[str, str]:
    words = recording.one("StatefulSet").container["args"]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_a_full_redis_refuses_writes_instead_of_forgetting_jobs(server: Recording):
    found = options(server)
    assert found["--maxmemory-policy"] == "noeviction", "BullMQ loses jobs under any other policy"
    assert found["--maxmemory"] == str(192 * 2**20), "3/4 of the pod's memory: a rewrite of the log needs the rest"
    assert found["--appendonly"] == "yes", "a restart of the process keeps the queues"


def test_the_password_is_on_no_command_line_of_the_pod_spec(server: Recording):
    container = server.one("StatefulSet").container
    assert options(server)["--requirepass"] == "$(REDIS_PASSWORD)", "the kubelet fills it in"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        command = container[probe]["exec"]["command"]
        assert not {"-a", PASSWORD} & set(command), f"{probe} would show the password in the process list"
    assert server.one("StatefulSet").env["REDISCLI_AUTH"]["secretKeyRef"]["key"] == "password"


def test_a_probe_fails_on_an_answer_that_is_an_error(server: Recording):
    assert "-e" in server.one("StatefulSet").container["readinessProbe"]["exec"]["command"], "redis-cli exits 0 else"


def test_the_memory_follows_the_data():
    args = {**EPHEMERAL, "ephemeral": {"image": IMAGE, "max_memory": "1Gi"}}
    recording = deploy(lambda: Redis("web", args) and None)
    assert options(recording)["--maxmemory"] == str(2**30)
    assert recording.one("StatefulSet").container["resources"]["limits"]["memory"] == "2048Mi"


def test_the_disk_follows_the_data():
    args = {**EPHEMERAL, "ephemeral": {"image": IMAGE, "max_memory": "1Gi"}}
    server = deploy(lambda: Redis("web", args) and None).one("StatefulSet")
    (data,) = [volume for volume in server.pod["volumes"] if volume["name"] == "data"]
    assert data["emptyDir"]["sizeLimit"] == "4096Mi", "a log of twice the data, two of them while it is rewritten"
    assert server.container["resources"]["limits"]["ephemeral-storage"] == "4352Mi", "or the pod would be evicted"


def outputs(args: dict[str, Any]) -> dict[str, Any]:
    def program() -> dict[str, Any]:
        made = Redis("web", args)
        return {name: getattr(made, name) for name in ("endpoint", "connection", "host", "port", "secret_name")}

    return deploy(program).outputs


def test_both_kinds_have_the_same_outputs():
    inside, outside = outputs(EPHEMERAL), outputs(EXTERNAL)
    assert inside.keys() == outside.keys()
    assert inside["host"] == inside["endpoint"]["host"] == "web.apps.svc"
    assert (outside["host"], outside["port"]) == ("cache.example.com", 6379)
    assert outside["connection"]["password_secret"]["name"] == outside["secret_name"]
    assert outside["endpoint"]["cidrs"] == ["10.0.0.0/16"]


@pytest.mark.parametrize("tls", [True, None])
def test_tls_without_a_proxy_is_refused_with_what_to_do(refuses: Any, tls: Any):
    args = {**EXTERNAL, "external": {**EXTERNAL["external"], "tls": tls}}
    refuses(Redis, args, "external.proxy_image is missing", "TLS only from its code", "set tls to false")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ephemeral": None}, ["give one of ephemeral, external, managed"]),
        ({"external": EXTERNAL["external"]}, ["external contradicts ephemeral"]),
        ({"password": None}, ["give password or password_secret"]),
        ({"ephemeral": {"image": "redis:7"}}, ["ephemeral.image", "repository@sha256"]),
        (
            {"ephemeral": {"image": IMAGE, "max_memory": "512Mi", "resources": {"memory_limit": "512Mi"}}},
            ["max_memory = '512Mi'", "the pod would be killed first"],
        ),
        ({"ephemeral": {"image": IMAGE, "max_memory": "0"}}, ["max_memory = '0'"]),
    ],
)
def test_what_could_not_run_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Redis, {**EPHEMERAL, **change}, *words)
