"""Real container registries on this machine: Docker Distribution from the distribution's own package, without root."""

import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from local import cache, debian
from operations.engine.process import mortal
from operations.errors import Problem

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_PACKAGE = "docker-registry"


def program() -> Path:
    """The registry: as it is installed, or unpacked from Debian's package into the cache, 5 MB, once."""
    installed = shutil.which(_PACKAGE)
    if installed:
        return Path(installed)
    try:
        return cache.folder("registry-deb", _key(), _unpack) / "usr" / "bin" / _PACKAGE
    except (Problem, OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no real registry to be had here: {error}")


def _key() -> str:
    return hashlib.sha256(debian.codename().encode()).hexdigest()[:12]


def _unpack(scratch: Path) -> None:
    # Not as root, and installed nowhere: fetched and unpacked.
    subprocess.run(["apt-get", "download", "-qq", _PACKAGE], cwd=scratch, check=True, capture_output=True, timeout=120)
    package = next(scratch.glob("*.deb"))
    subprocess.run(["dpkg", "-x", str(package), str(scratch)], check=True, capture_output=True, timeout=60)
    package.unlink()


@dataclass
class Registry:
    """One that runs."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def blob_file(self, digest: str) -> Path:
        """Where a blob lies on disk."""
        digits = digest.removeprefix("sha256:")
        return self.folder / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"

    def stored(self, name: str, reference: str, media_type: str = ", ".join((OCI, DOCKER, INDEX))) -> bytes | None:
        """A manifest's bytes, asked for without any code of ours."""
        answer = requests.get(f"{self.url}/v2/{name}/manifests/{reference}", headers={"Accept": media_type}, timeout=5)
        return answer.content if answer.status_code == 200 else None


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Registry]:
    """A registry on a free port, with its data in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "config.yml"
    settings.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    process = subprocess.Popen(
        mortal([str(program()), "serve", str(settings)]),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        _wait(port, process)
        yield Registry(port, folder, process)
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert process.poll() is None, "the registry has ended by itself"
        try:
            if requests.get(f"http://127.0.0.1:{port}/v2/", timeout=1).status_code in (200, 401):
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("the registry does not answer")


@dataclass
class Pushed:
    """An image that lies in a registry."""

    digest: str
    data: bytes
    blobs: list[str] = field(default_factory=list[str])


def push(registry: Registry, name: str, *, layers: list[bytes], media_type: str = OCI, **more: Any) -> Pushed:
    """An image of some layers, pushed without any code of ours; written so that no encoder would write it again."""
    config = json.dumps({"architecture": "amd64", "os": "linux", **more}).encode()
    parts = [_blob(registry, name, data) for data in (config, *layers)]
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": CONFIG_TYPE, **parts[0]},
        "layers": [{"mediaType": LAYER_TYPE, **part} for part in parts[1:]],
    }
    return Pushed(
        *_manifest(registry, name, document, media_type), blobs=[part["digest"] for part in parts]
    )  # fmt: skip


def push_index(registry: Registry, name: str, children: list[Pushed]) -> Pushed:
    """An index over images, the last of them an attestation of the first, as BuildKit writes it."""
    entries: list[dict[str, Any]] = [
        {
            "mediaType": OCI,
            "digest": one.digest,
            "size": len(one.data),
            "platform": {"os": "linux", "architecture": "a"},
        }
        for one in children
    ]
    entries[-1]["platform"] = {"os": "unknown", "architecture": "unknown"}
    entries[-1]["annotations"] = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": children[0].digest,
    }
    return Pushed(*_manifest(registry, name, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX))


def _blob(registry: Registry, name: str, data: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    begun = requests.post(f"{registry.url}/v2/{name}/blobs/uploads/", timeout=5)
    done = requests.put(f"{begun.headers['Location']}&digest={digest}", data=data, timeout=30)
    assert done.status_code == 201, done.text
    return {"digest": digest, "size": len(data)}


def _manifest(registry: Registry, name: str, document: Any, media_type: str) -> tuple[str, bytes]:
    data = json.dumps(document, indent=1).encode() + b"\n \n"
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    url = f"{registry.url}/v2/{name}/manifests/{digest}"
    done = requests.put(url, data=data, headers={"Content-Type": media_type}, timeout=5)
    assert done.status_code == 201, done.text
    return digest, data


@contextmanager
def troubled(registry: Registry, trouble: Callable[[http.server.BaseHTTPRequestHandler, int], bool]) -> Iterator[str]:
    """The registry behind a proxy that makes trouble: given a request's number it says whether it has answered."""
    count = [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            count[0] += 1
            if trouble(self, count[0]):
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            answer = requests.request(
                self.command, f"{registry.url}{self.path}", data=body, headers=headers, timeout=10, stream=True
            )
            data = b"" if self.command == "HEAD" else answer.raw.read()
            self.send_response(answer.status_code)
            for key, value in answer.headers.items():
                if key.lower() not in ("content-length", "connection", "transfer-encoding"):
                    own = f"127.0.0.1:{self.server.server_port}"
                    self.send_header(key, value.replace(registry.host, own) if key.lower() == "location" else value)
            self.send_header("Content-Length", answer.headers.get("Content-Length", str(len(data))))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
