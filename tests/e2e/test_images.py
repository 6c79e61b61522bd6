"""The platform's images on a real node: they start without root, on a read-only root file system, and stop quickly."""

import json
import os
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import images, node
from local.images import store
from local.images.archive import OciArchive
from local.images.recipes import NODE22, PLATFORM
from local.node import Node
from local.paths import CHECKOUT, State

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and mounts need root"),
]

NAMESPACE = "images"
PASSWORD = "a password with ' and $"


@dataclass(frozen=True)
class Cluster:
    """A node of this module's own, with its images pushed."""

    node: Node
    state: State
    images: dict[str, str]

    def kubectl(self, *arguments: str, data: dict[str, Any] | None = None) -> tuple[int, str]:
        sent = json.dumps(data).encode() if data else None
        done = self.node.run(["kubectl", *arguments], data=sent, check=False, timeout=120)
        return done.returncode, (done.stdout + done.stderr).decode()

    def inside(self, pod: str, *argv: str) -> tuple[int, str]:
        return self.kubectl("-n", NAMESPACE, "exec", pod, "--", *argv)

    def start(self, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        code, said = self.kubectl("apply", "-f", "-", data=pod)
        assert code == 0, f"restricted Pod Security must admit {name}: {said}"
        code, said = self.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        log = self.kubectl("-n", NAMESPACE, "logs", name)[1]
        assert code == 0, f"{name} does not become ready: {said}\n{log}"

    def stop(self, name: str) -> float:
        started = time.monotonic()
        assert self.kubectl("-n", NAMESPACE, "delete", "pod", name, "--wait")[0] == 0
        return time.monotonic() - started


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    state = State(tmp_path_factory.mktemp("images") / "state")
    running = node.up(state, app_port=None)
    try:
        made = Cluster(running, state, images.ensure(running, state))
        label = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": label}}
        assert made.kubectl("apply", "-f", "-", data=namespace)[0] == 0
        account = ["wait", "--for=create", "serviceaccount/default", "--timeout=30s"]
        assert made.kubectl("-n", NAMESPACE, *account)[0] == 0, "a namespace without one admits no pod"
        yield made
    finally:
        node.down(state)


def pod(
    name: str, image: str, user: int, folders: dict[str, str], check: list[str], **container: Any
) -> dict[str, Any]:
    confined = {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": volume, "emptyDir": {}} for volume in folders],
        "containers": [
            {
                "name": name,
                "image": image,
                "securityContext": confined,
                "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in folders.items()],
                "readinessProbe": {"exec": {"command": check}, "periodSeconds": 1, "timeoutSeconds": 3},
                **container,
            }
        ],
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def test_postgres_is_set_up_from_the_official_images_variables(cluster: Cluster) -> None:
    folders = {"data": "/var/lib/postgresql/data", "run": "/var/run/postgresql", "tmp": "/tmp"}
    variables = env(
        PGDATA="/var/lib/postgresql/data/pgdata", POSTGRES_USER="pxl", POSTGRES_DB="shop", POSTGRES_PASSWORD=PASSWORD
    )
    check = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "pxl", "-d", "shop"]
    cluster.start(
        pod(
            "postgres",
            cluster.images["postgres"],
            999,
            folders,
            check,
            env=variables,
            args=["-c", "max_connections=17"],
        )
    )
    query = ["psql", "-h", "127.0.0.1", "-U", "pxl", "-d", "shop", "-tAc", "show max_connections"]
    # From another address than this pod's own loopback, the password counts.
    address = cluster.inside("postgres", "hostname", "-i")[1].split()[0]
    query[2] = address
    assert cluster.inside("postgres", "env", f"PGPASSWORD={PASSWORD}", *query) == (0, "17\n")
    code, said = cluster.inside("postgres", "env", "PGPASSWORD=wrong", *query)
    assert code != 0
    assert "password authentication failed" in said
    assert cluster.stop("postgres") < 10, "SIGINT is a fast shutdown"


def test_redis_wants_its_password(cluster: Cluster) -> None:
    command = ["redis-server", "--requirepass", PASSWORD]
    cluster.start(pod("redis", cluster.images["redis"], 999, {"data": "/data"}, ["redis-cli", "ping"], args=command))
    assert "NOAUTH" in cluster.inside("redis", "redis-cli", "get", "x")[1]
    assert cluster.inside("redis", "env", f"REDISCLI_AUTH={PASSWORD}", "redis-cli", "set", "x", "1") == (0, "OK\n")
    assert cluster.stop("redis") < 10


def test_a_registry_in_the_cluster_takes_an_image_and_gives_it_the_same_digest(cluster: Cluster) -> None:
    folders = {"data": "/var/lib/registry", "tmp": "/tmp"}
    made = pod("registry", cluster.images["registry"], 1000, folders, ["registry", "--version"])
    made["metadata"]["labels"] = {"app": "registry"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "registry", "namespace": NAMESPACE},
        "spec": {"type": "NodePort", "selector": {"app": "registry"}, "ports": [{"port": 5000, "nodePort": 30500}]},
    }
    assert not images.answers(cluster.node, "localhost:30500/pxl/x")
    assert cluster.kubectl("apply", "-f", "-", data=service)[0] == 0
    cluster.start(made)
    archive = store.archive("redis", PLATFORM["redis"].fingerprint())
    assert cluster.images["redis"].endswith(images.push(cluster.node, archive, "localhost:30500/pxl/x"))
    assert cluster.stop("registry") < 10


def test_nothing_of_this_machine_is_in_the_base_of_apps(cluster: Cluster) -> None:
    del cluster  # only so that the image exists
    with OciArchive(store.archive("node22", NODE22.fingerprint())) as image:
        files: dict[str, bytes] = {}
        for blob in image.blobs[:-1]:
            with tarfile.open(fileobj=image.open(blob), mode="r|gz") as layer:
                for entry in layer:
                    if entry.isfile() and entry.name in _BORROWED:
                        content = layer.extractfile(entry)
                        files[entry.name] = content.read() if content else b""
        config = json.loads(image.open(image.blobs[-1]).read())["config"]
    assert not files.get("root/.npmrc"), "npm's settings may hold a token"
    assert not files.get("etc/apt/apt.conf.d/90build-host"), "a proxy's address may hold a password"
    assert "etc/hostname" not in files or not files["etc/hostname"]
    own = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()
    assert files["etc/ssl/certs/ca-certificates.crt"] != own or not list(
        Path("/usr/local/share/ca-certificates").glob("*")
    )
    assert {name.partition("=")[0] for name in config["Env"]} <= {"PATH", "LANG"}


_BORROWED = {
    "root/.npmrc",
    "etc/hostname",
    "etc/apt/apt.conf.d/90build-host",
    "etc/ssl/certs/ca-certificates.crt",
}


def test_the_app_is_found_again_by_its_source(cluster: Cluster) -> None:
    app = CHECKOUT / "examples" / "app"
    first = images.build_app(cluster.node, cluster.state, app)
    started = time.monotonic()
    assert images.build_app(cluster.node, cluster.state, app) == first
    assert time.monotonic() - started < 1
