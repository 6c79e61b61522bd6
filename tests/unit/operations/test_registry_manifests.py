"""What an image consists of, in every form in which registries hold one."""

import json
from typing import Any

import pytest

from operations.registry.manifests import Blob, Manifest, UnfitManifestError

CONFIG, LAYER, OTHER = ("sha256:" + letter * 64 for letter in "abc")
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def part(digest: str, size: int = 3, media_type: str = "x") -> dict[str, Any]:
    return {"digest": digest, "size": size, "mediaType": media_type}


def read(document: Any, media_type: str = "") -> Manifest:
    return Manifest.read(json.dumps(document).encode(), media_type)


@pytest.mark.parametrize("media_type", [OCI, DOCKER])
def test_an_image_is_its_configuration_and_its_layers(media_type: str) -> None:
    found = read({"mediaType": media_type, "config": part(CONFIG), "layers": [part(LAYER, 9), part(LAYER, 9)]})
    assert found.blobs == (Blob(CONFIG, 3), Blob(LAYER, 9)), "a layer that is there twice is sent once"
    assert found.children == ()
    assert found.media_type == media_type


def test_the_registry_says_what_it_is_when_the_manifest_does_not() -> None:
    found = read({"config": part(CONFIG), "layers": []}, f"{OCI}; charset=utf-8")
    assert found.media_type == OCI


def test_an_index_is_its_manifests_attestations_among_them() -> None:
    attestation = {**part(OTHER), "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    found = read({"mediaType": INDEX, "manifests": [part(CONFIG), attestation]})
    assert found.children == (CONFIG, OTHER)
    assert found.blobs == ()


def test_the_bytes_stay_as_they_are() -> None:
    data = b'{ "mediaType":"%s",\n"config":%s, "layers":[] }\n' % (OCI.encode(), json.dumps(part(CONFIG)).encode())
    assert Manifest.read(data, "").data == data, "the digest is of these bytes and of no other ones"


def test_layers_that_no_registry_may_hold_are_left_where_they_are() -> None:
    foreign = part(LAYER, media_type="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    assert read({"mediaType": DOCKER, "config": part(CONFIG), "layers": [foreign]}).blobs == (Blob(CONFIG, 3),)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws", "fsLayers": []},
        {"mediaType": OCI, "layers": []},
        {"mediaType": OCI, "config": part(CONFIG)},
        {"mediaType": OCI, "config": part("sha512:" + "a" * 128), "layers": []},
        {"mediaType": OCI, "config": {"digest": CONFIG}, "layers": []},
        {"mediaType": OCI, "config": part(CONFIG, -1), "layers": []},
        {"mediaType": INDEX},
    ],
)
def test_what_is_no_image_of_today_is_refused(document: Any) -> None:
    with pytest.raises(UnfitManifestError):
        read(document)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UnfitManifestError, match="JSON"):
        Manifest.read(b"<html>", OCI)
