"""What an image consists of: its manifest's blobs, and for an index the manifests in it."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

_OCI = "application/vnd.oci.image"
_DOCKER = "application/vnd.docker.distribution.manifest"
INDEXES = (f"{_OCI}.index.v1+json", f"{_DOCKER}.list.v2+json")
IMAGES = (f"{_OCI}.manifest.v1+json", f"{_DOCKER}.v2+json")
ACCEPT = ", ".join((*INDEXES, *IMAGES))
# Layers that a registry must not hold; whoever pulls fetches them from the address in the manifest.
_ELSEWHERE = re.compile(r"\.foreign\.|\.nondistributable\.")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class UnfitManifestError(ValueError):
    """A manifest that is no image of today, or does not say what it consists of."""


@dataclass(frozen=True)
class Blob:
    """Something that a registry holds under its digest."""

    digest: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """A manifest as it lies in a registry: its bytes are what the digest is of.

    Attributes:
        data: The bytes. They are never written anew: the same JSON in other bytes is another image.
        media_type: What the registry calls it.
        blobs: Configuration and layers; none for an index.
        children: Digests of the manifests in an index, attestations among them.
    """

    data: bytes
    media_type: str
    blobs: tuple[Blob, ...]
    children: tuple[str, ...]

    @property
    def digest(self) -> str:
        """``sha256:…`` of the bytes."""
        return digest_of(self.data)

    @staticmethod
    def read(data: bytes, media_type: str) -> "Manifest":
        """Reads one.

        Args:
            data: The bytes.
            media_type: The registry's ``Content-Type``; what the manifest says itself counts more.

        Raises:
            UnfitManifestError: It is of no kind that is known here.
        """
        try:
            document: Any = json.loads(data)
        except ValueError as error:
            raise UnfitManifestError("it is not JSON") from error
        if not isinstance(document, dict):
            raise UnfitManifestError("it is not a JSON object")
        said = str(document.get("mediaType") or media_type.partition(";")[0].strip())
        if said in INDEXES:
            return Manifest(data, said, (), tuple(_blob(one).digest for one in _list(document, "manifests")))
        if said in IMAGES:
            parts = [document.get("config"), *_list(document, "layers")]
            kept = [one for one in parts if not _ELSEWHERE.search(str(_object(one).get("mediaType")))]
            # The same layer may be there twice.
            return Manifest(data, said, tuple(dict.fromkeys(map(_blob, kept))), ())
        raise UnfitManifestError(f"its type is {said or 'not said'}, which is neither an image nor an index")


def digest_of(data: bytes) -> str:
    """``sha256:`` and the hash of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _list(document: dict[str, Any], key: str) -> list[Any]:
    found = document.get(key)
    if not isinstance(found, list):
        raise UnfitManifestError(f"it has no list of {key}")
    return found


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnfitManifestError("a part of it is not described")
    return value


def _blob(value: Any) -> Blob:
    found = _object(value)
    digest, size = found.get("digest"), found.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UnfitManifestError(f"a part of it is named {digest!r}, which is no sha256 digest")
    if not isinstance(size, int) or size < 0:
        raise UnfitManifestError(f"it does not say how large {digest} is")
    return Blob(digest, size)
