"""Images that hold one static program, pushed into the node's registry over its HTTP API.

The pause image is one: without it the kubelet can start no pod, so it must be there before any other.
"""

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from local import build
from local.node.layout import PAUSE_IMAGE, REGISTRY
from local.node.netns import InsideConnection
from operations.errors import Problem

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def ensure_pause(pid: int) -> None:
    """Pushes the pause image into the registry of the sandbox that a process belongs to, if it is not there."""
    push_program(pid, PAUSE_IMAGE, (build.tool("init") / "pause").read_bytes())


def push_program(pid: int, image: str, program: bytes) -> str:
    """Pushes an image that holds one statically linked program, which is also its entry point.

    Args:
        pid: A process of the sandbox, as the host sees it.
        image: ``localhost:5000/<repository>:<tag>``; the program is ``/<last part of the repository>``.
        program: The program's bytes. The same bytes yield the same digest.

    Returns:
        The reference by digest, ``localhost:5000/<repository>@sha256:…``.

    Raises:
        Problem: The registry refused it.
    """
    repository, _, tag = image.removeprefix(f"{REGISTRY}/").rpartition(":")
    registry = _Registry(pid, repository)
    layer, config = _image(repository.rpartition("/")[2], program)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        }
    ).encode()
    if not registry.has_manifest(tag, manifest):
        registry.push_blob(layer)
        registry.push_blob(config)
        registry.push_manifest(tag, manifest)
    return f"{REGISTRY}/{repository}@{_digest(manifest)}"


def _image(name: str, program: bytes) -> tuple[bytes, bytes]:
    """Layer and configuration of an image that holds one program."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
    digest = hashlib.sha256(plain.getvalue()).hexdigest()
    config = {
        "architecture": _architecture(program),
        "os": "linux",
        "config": {"Entrypoint": [f"/{name}"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    return gzip.compress(plain.getvalue(), compresslevel=1, mtime=0), json.dumps(config).encode()


def _architecture(program: bytes) -> str:
    """The name that image configurations use for the machine in an ELF header."""
    return {0x3E: "amd64", 0xB7: "arm64"}.get(int.from_bytes(program[18:20], "little"), "amd64")


def _descriptor(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(content), "digest": _digest(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Registry:
    """The part of the registry's HTTP API that a push needs."""

    def __init__(self, pid: int, repository: str) -> None:
        self._pid = pid
        self._base = f"/v2/{repository}"

    def has_manifest(self, tag: str, manifest: bytes) -> bool:
        status, headers = self._request("HEAD", f"{self._base}/manifests/{tag}", headers={"Accept": _MANIFEST})
        return status == 200 and headers.get("Docker-Content-Digest") == _digest(manifest)

    def push_blob(self, content: bytes) -> None:
        status, _ = self._request("HEAD", f"{self._base}/blobs/{_digest(content)}")
        if status == 200:
            return
        status, headers = self._request("POST", f"{self._base}/blobs/uploads/")
        self._require(status, 202)
        place = headers["Location"]
        place = place[place.index("/v2/") :]
        joint = "&" if "?" in place else "?"
        kind = {"Content-Type": "application/octet-stream"}
        status, _ = self._request("PUT", f"{place}{joint}digest={_digest(content)}", content, kind)
        self._require(status, 201)

    def push_manifest(self, tag: str, manifest: bytes) -> None:
        status, _ = self._request("PUT", f"{self._base}/manifests/{tag}", manifest, {"Content-Type": _MANIFEST})
        self._require(status, 201)

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        host, _, port = REGISTRY.partition(":")
        connection = InsideConnection(self._pid, "127.0.0.1" if host == "localhost" else host, int(port))
        try:
            connection.request(method, path, body, {"Host": REGISTRY, **(headers or {})})
            response = connection.getresponse()
            response.read()
            return response.status, dict(response.getheaders())
        finally:
            connection.close()

    def _require(self, status: int, expected: int) -> None:
        if status != expected:
            raise Problem(
                "An image could not be pushed.",
                where=f"the node's registry, {REGISTRY}",
                why=f"it answered {status} where {expected} was expected",
                remedy="see the registry's log in the state folder, then run make up again",
            )
