"""Pushing OCI archives to a registry inside the node, byte by byte: the digest is the archive's own."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from local.images.archive import Blob, OciArchive
from local.node import Node
from local.node.netns import InsideConnection
from operations.errors import Problem

_ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
_PATIENCE_SECONDS = 30.0


def push(node: Node, archive: Path, repository: str, tag: str | None = None) -> str:
    """Pushes an image, unless the registry has it already.

    Args:
        node: The node in whose network the registry answers.
        archive: An OCI archive.
        repository: Host, port and name as seen in the node, such as ``localhost:30500/pxl/app``.
        tag: A name for the image besides its digest; none by default.

    Returns:
        The digest, ``sha256:…``.

    Raises:
        Problem: The registry does not answer within 30 s, or refuses the image.
    """
    registry = Registry(node, repository)
    with OciArchive(archive) as image:
        registry.wait()
        if not registry.has(image.digest, tag):
            for blob in image.blobs:
                registry.send(blob, image)
            registry.publish(image, tag)
        return image.digest


def answers(node: Node, repository: str) -> bool:
    """Whether the registry of a repository answers right now."""
    return Registry(node, repository).answers()


class Registry:
    """One repository of a registry in the node.

    Args:
        node: The node.
        repository: Host, port and name.

    Raises:
        Problem: The repository is not of the form ``host:port/name``.
    """

    def __init__(self, node: Node, repository: str) -> None:
        address, _, self._name = repository.partition("/")
        host, _, port = address.partition(":")
        if not self._name or not port.isdigit():
            raise Problem("That is no repository.", where=repository, remedy="write it as localhost:30500/pxl/app")
        self._node = node
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = int(port)
        self._address = address

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> None:
        """Returns when the registry answers; a fresh one may need a moment."""
        end = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > end:
                raise self._problem("nothing answers there")
            time.sleep(0.5)

    def answers(self) -> bool:
        """Whether it speaks the registry's protocol."""
        try:
            return self._request("GET", "/v2/")[0] == 200
        except Problem:
            return False

    def digest(self, reference: str) -> str | None:
        """The digest behind a tag or digest; None when the registry lacks it."""
        status, headers = self._request("HEAD", f"/v2/{self._name}/manifests/{reference}", headers={"Accept": _ACCEPT})
        return headers.get("Docker-Content-Digest") if status == 200 else None

    def has(self, digest: str, tag: str | None = None) -> bool:
        """Whether the registry has a manifest, under its tag too if one is given."""
        return self.digest(tag or digest) == digest

    def send(self, blob: Blob, image: OciArchive) -> None:
        """Sends one blob, unless the registry has it from another image of the repository."""
        if self._request("HEAD", f"/v2/{self._name}/blobs/{blob.digest}")[0] == 200:
            return
        status, headers = self._request("POST", f"/v2/{self._name}/blobs/uploads/")
        self._expect(status, 202, "an upload")
        place = headers["Location"]
        place = place[place.index("/v2/") :]
        kind = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        target = f"{place}{'&' if '?' in place else '?'}digest={blob.digest}"
        status, _ = self._request("PUT", target, image.open(blob), kind)
        self._expect(status, 201, f"blob {blob.digest}")

    def publish(self, image: OciArchive, tag: str | None) -> None:
        """Sends the manifest, under its digest or under a tag as well."""
        target = f"/v2/{self._name}/manifests/{tag or image.digest}"
        status, _ = self._request("PUT", target, image.manifest, {"Content-Type": image.media_type})
        self._expect(status, 201, f"manifest {image.digest}")

    def _request(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        with self._connection() as connection:
            connection.request(method, path, body, {"Host": self._address, **(headers or {})})
            response = connection.getresponse()
            response.read()
            return response.status, dict(response.getheaders())

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = InsideConnection(self._node.pid, self._host, self._port, timeout=60.0)
        try:
            yield connection
        except (OSError, http.client.HTTPException) as error:
            raise self._problem(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _expect(self, status: int, wanted: int, what: str) -> None:
        if status != wanted:
            raise self._problem(f"it answered {status} to {what}, where {wanted} was expected")

    def _problem(self, why: str) -> Problem:
        return Problem(
            "The registry in the node did not take an image.",
            where=f"{self._address}/{self._name}, inside the node",
            why=why,
            remedy="run make up again: it looks after the registry first. If that does not help: make explain",
        )
