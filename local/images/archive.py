"""OCI archives: what buildah exports, what the cache keeps and what a push sends."""

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from operations.errors import Problem


@dataclass(frozen=True)
class Blob:
    """A part of an image.

    Args:
        digest: ``sha256:`` and 64 hex digits.
        size: Bytes.
    """

    digest: str
    size: int


class OciArchive:
    """One image in a tar file with the OCI layout. Use it as a context manager.

    Raises:
        Problem: The file is damaged, or does not hold exactly one image.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._tar = tarfile.open(path)  # noqa: SIM115  # closed by __exit__
            index = json.loads(self._read("index.json"))
            (descriptor,) = index["manifests"]
            self.digest: str = descriptor["digest"]
            self.manifest = self._read(_member(self.digest))
            self._parsed: dict[str, Any] = json.loads(self.manifest)
        except (tarfile.TarError, KeyError, ValueError) as error:
            raise _damaged(path, str(error)) from error
        if f"sha256:{hashlib.sha256(self.manifest).hexdigest()}" != self.digest:
            raise _damaged(path, "the manifest does not match its digest")

    def __enter__(self) -> "OciArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    @property
    def media_type(self) -> str:
        """The kind of the manifest."""
        return self._parsed.get("mediaType", "application/vnd.oci.image.manifest.v1+json")

    @property
    def blobs(self) -> list[Blob]:
        """The layers, lowest first, then the configuration."""
        return [Blob(each["digest"], each["size"]) for each in [*self._parsed["layers"], self._parsed["config"]]]

    def open(self, blob: Blob) -> IO[bytes]:
        """The content of a blob, to be read once."""
        content = self._tar.extractfile(_member(blob.digest))
        if content is None:
            raise _damaged(self._path, f"{blob.digest} is not a file")
        return content

    def _read(self, name: str) -> bytes:
        content = self._tar.extractfile(name)
        return content.read() if content else b""


def digest_of(path: Path) -> str:
    """The digest of the image in an archive."""
    with OciArchive(path) as archive:
        return archive.digest


def _member(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _damaged(path: Path, why: str) -> Problem:
    return Problem("An image in the cache is damaged.", where=str(path), why=why, remedy=f"rm -r {path.parent}")
