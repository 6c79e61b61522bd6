"""ECR: the images of a real registry under the names of ECR's repositories."""

import base64
import datetime
import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ecr import urls
from moto.ecr.responses import ECRResponse

from local.aws.additions.common import refuse, take_over

ADDITIONS = {
    "ecr DescribeImages, ListImages, BatchGetImage, PutImage": (
        "answered from the real registry: moto makes digests of its own up, and nothing can pull from it"
    ),
    "ecr GetAuthorizationToken": "names the real registry, and a time to come",
}
"""What is added, and why."""

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_SECONDS = 10
_HOURS = 12
_NONE = 404


class Registry:
    """A registry that speaks the distribution protocol.

    Args:
        address: Such as ``http://127.0.0.1:5000``.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository; none when the registry does not know it."""
        found = self._call("GET", f"{repository}/tags/list")
        return sorted((json.loads(found[0]).get("tags") or []) if found else [])

    def manifest(self, repository: str, reference: str) -> tuple[str, str, str] | None:
        """The digest, text and media type of a manifest, by tag or digest; None when there is none."""
        found = self._call("GET", f"{repository}/manifests/{reference}", accept=_MANIFESTS)
        if found is None:
            return None
        body, headers = found
        # The bytes are what is signed for, not what a header says of them.
        return f"sha256:{hashlib.sha256(body).hexdigest()}", body.decode(), headers.get("Content-Type", "")

    def put(self, repository: str, reference: str, text: str, media_type: str) -> None:
        """Stores a manifest whose layers are there."""
        self._call("PUT", f"{repository}/manifests/{reference}", body=text.encode(), media_type=media_type)

    def _call(
        self, method: str, path: str, *, accept: str = "*/*", body: bytes | None = None, media_type: str = ""
    ) -> tuple[bytes, Any] | None:
        headers = {"Accept": accept, **({"Content-Type": media_type} if media_type else {})}
        url = f"{self.address}/v2/{urllib.parse.quote(path, safe='/:@')}"
        request = urllib.request.Request(url, method=method, headers=headers, data=body)
        # No proxy: the registry is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_SECONDS) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            if error.code == _NONE and method == "GET":
                return None
            raise refuse("ServerException", f"the registry {self.address} answers {error.code}") from error
        except OSError as error:
            raise refuse("ServerException", f"the registry {self.address} does not answer: {error}") from error


class _Handler(ECRResponse):
    registry: Registry

    def _repository(self) -> Any:
        name = self._get_param("repositoryName")
        return self.ecr_backend.describe_repositories(repository_names=[name])[0]

    def _head(self) -> dict[str, str]:
        return {"registryId": self.current_account, "repositoryName": self._get_param("repositoryName")}

    def _images(self) -> dict[str, tuple[str, str, list[str]]]:
        """Text, media type and tags of every tagged image, by digest."""
        name = self._get_param("repositoryName")
        found: dict[str, tuple[str, str, list[str]]] = {}
        for tag in self.registry.tags(name):
            manifest = self.registry.manifest(name, tag)
            if manifest:
                found.setdefault(manifest[0], (manifest[1], manifest[2], []))[2].append(tag)
        return found

    def _wanted(self, asked: list[dict[str, str]]) -> Iterator[tuple[dict[str, str], tuple[str, str, str] | None]]:
        name = self._get_param("repositoryName")
        for entry in asked:
            found = self.registry.manifest(name, entry.get("imageDigest") or entry.get("imageTag") or "")
            tag = entry.get("imageTag")
            if found and entry.get("imageDigest") and tag:
                there = self.registry.manifest(name, tag)
                found = found if there and there[0] == found[0] else None
            yield entry, found

    def describe_images(self) -> ActionResult:
        """The images as the registry has them."""
        self._repository()
        asked, tagged = self._get_param("imageIds"), self._images()
        if not asked:
            details = [self._detail(digest, *image) for digest, image in tagged.items()]
            return ActionResult({"imageDetails": details})
        details = []
        for entry, found in self._wanted(asked):
            if found is None:
                named = entry.get("imageDigest") or entry.get("imageTag")
                raise refuse("ImageNotFoundException", f"The image {named} does not exist within the repository")
            tags = tagged.get(found[0], ("", "", []))[2]
            details.append(self._detail(found[0], found[1], found[2], tags))
        return ActionResult({"imageDetails": details})

    def _detail(self, digest: str, text: str, media_type: str, tags: list[str]) -> dict[str, Any]:
        manifest = json.loads(text)
        parts = [*manifest.get("layers", []), *manifest.get("manifests", []), manifest.get("config", {})]
        return {
            **self._head(),
            "imageDigest": digest,
            **({"imageTags": tags} if tags else {}),
            "imageSizeInBytes": sum(part.get("size", 0) for part in parts),
            "imageManifestMediaType": media_type,
            "imagePushedAt": datetime.datetime.now(datetime.UTC),
        }

    def list_images(self) -> ActionResult:
        """The tagged images of the registry: it does not list others."""
        self._repository()
        images = self._images()
        listed = [{"imageDigest": digest, "imageTag": tag} for digest in images for tag in images[digest][2]]
        return ActionResult({"imageIds": listed})

    def batch_get_image(self) -> ActionResult:
        """The manifests, byte by byte."""
        self._repository()
        images: list[Any] = []
        failures: list[Any] = []
        for entry, found in self._wanted(self._get_param("imageIds") or []):
            if found is None:
                failures.append(
                    {"imageId": entry, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                )
            else:
                images.append(self._image(found, entry.get("imageTag")))
        return ActionResult({"images": images, "failures": failures})

    def _image(self, found: tuple[str, str, str], tag: str | None) -> dict[str, Any]:
        image_id = {"imageDigest": found[0], **({"imageTag": tag} if tag else {})}
        manifest = {"imageManifest": found[1], "imageManifestMediaType": found[2]}
        return {**self._head(), "imageId": image_id, **manifest}

    def put_image(self) -> ActionResult:
        """Stores a manifest under a tag; an immutable tag stays where it is."""
        repository, name = self._repository(), self._get_param("repositoryName")
        text, tag = self._get_param("imageManifest"), self._get_param("imageTag")
        digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        there = self.registry.manifest(name, tag) if tag else None
        if there and there[0] == digest:
            raise refuse("ImageAlreadyExistsException", f"Image with digest {digest} and tag {tag} already exists")
        if there and repository.image_tag_mutability == "IMMUTABLE":
            raise refuse(
                "ImageTagAlreadyExistsException",
                f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten "
                "because the tag is immutable.",
            )
        media_type = self._get_param("imageManifestMediaType") or json.loads(text).get("mediaType", "")
        self.registry.put(name, tag or digest, text, media_type)
        return ActionResult({"image": self._image((digest, text, media_type), tag)})

    def get_authorization_token(self) -> ActionResult:
        """A password that the registry does not ask for, and its address."""
        token = base64.b64encode(b"AWS:none").decode()
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=_HOURS)
        data = {"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": self.registry.address}
        return ActionResult({"authorizationData": [data]})


def install(address: str) -> None:
    """Has this module answer for ECR.

    Args:
        address: The registry's.
    """
    handler = type("EcrResponse", (_Handler,), {"registry": Registry(address)})
    take_over(urls, handler)
