"""Copies an image from one repository to another, byte for byte: what arrives has the digest that left."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from operations.console import Step
from operations.errors import Problem
from operations.registry.client import CHUNK_BYTES, DamagedError, Repository
from operations.registry.manifests import Blob, Manifest

_ATTEMPTS = 4
TAG_PREFIX = "release-"


@dataclass
class Copied:
    """What a copy moved.

    Attributes:
        blobs: How many blobs were sent.
        bytes: How many bytes these are.
        mounted: How many blobs the registry took from another of its repositories.
        present: How many blobs and manifests were there already.
        manifests: How many manifests were written.
        tag: The tag that the image carries there besides its digest.
    """

    blobs: int = 0
    bytes: int = 0
    mounted: int = 0
    present: int = 0
    manifests: int = 0
    tag: str = ""

    def words(self) -> str:
        """For people."""
        if not self.manifests:
            return "it was there already"
        sent = f"blobs sent {self.blobs} ({self.bytes / 1e6:.1f} MB)"
        return f"{sent}, mounted {self.mounted}, there already {self.present}"


def tag_of(digest: str) -> str:
    """The tag that marks a promoted image: what carries one of its kind, the lifecycle policy keeps."""
    return f"{TAG_PREFIX}{digest.removeprefix('sha256:')[:12]}"


def fetched(repository: Repository, digest: str) -> Manifest:
    """An image's manifest.

    Raises:
        Problem: The registry lacks it.
    """
    found = repository.manifest(digest)
    if found is None:
        raise Problem(
            "the registry does not have that image",
            where=f"{repository.place.repository}@{digest}",
            why="it was never pushed there, or was deleted",
            remedy="push it there again; a build anew is another image, with another digest",
        )
    return found


def copy(source: Repository, target: Repository, digest: str, current: Step) -> Copied:
    """Copies an image with all that belongs to it: layers, and for an index every platform and attestation.

    It may be interrupted at any moment and run again: the manifest, which makes an image of blobs, comes last.

    Args:
        source: Where it is.
        target: Where it is to be.
        digest: The image.
        current: Shows how far it is.

    Raises:
        Problem: A registry refuses, or sends something else than what the digest says.
    """
    done = Copied(tag=tag_of(digest))
    top = fetched(source, digest)
    _manifest(source, target, top, current, done)
    if target.has_manifest(done.tag) != digest:
        target.publish(top, done.tag)
    arrived = target.manifest(digest)
    if arrived is None or arrived.data != top.data:
        raise target.problem(f"it took the image, and does not give {digest} back")
    return done


def _manifest(source: Repository, target: Repository, manifest: Manifest, current: Step, done: Copied) -> None:
    if target.has_manifest(manifest.digest) == manifest.digest:
        done.present += 1
        return
    for child in manifest.children:
        _manifest(source, target, fetched(source, child), current, done)
    for number, blob in enumerate(manifest.blobs, 1):
        current.update(f"blob {number} of {len(manifest.blobs)}, {blob.size / 1e6:.1f} MB")
        _blob(source, target, blob, done)
    target.publish(manifest, manifest.digest)
    done.manifests += 1


def _blob(source: Repository, target: Repository, blob: Blob, done: Copied) -> None:
    if target.has_blob(blob):
        done.present += 1
        return
    same = urlsplit(source.place.url).netloc == urlsplit(target.place.url).netloc
    said = ""
    for _ in range(_ATTEMPTS):
        upload = target.begin(blob, source.place.name if same else None)
        if upload is None:
            done.mounted += 1
            return
        try:
            with source.open(blob) as answer:
                # Raw: a layer is compressed already, and must arrive as it is.
                pieces = iter(lambda stream=answer.raw: stream.read(CHUNK_BYTES, decode_content=False), b"")
                target.send(upload, blob, pieces)
        except DamagedError as error:
            said = f"blob {blob.digest} came damaged from {source.place.repository}: {error}"
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            said = f"blob {blob.digest}: the connection broke: {error or type(error).__name__}"
        else:
            done.blobs += 1
            done.bytes += blob.size
            return
    raise target.problem(f"{said} ({_ATTEMPTS} attempts)")
