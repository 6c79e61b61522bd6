"""Images are digests: a reference that could point at something else tomorrow is refused."""

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
_REMEDY = "give it as repository@sha256:<64 hex digits>; a registry prints the digest when an image is pushed"


@dataclass(frozen=True)
class ImageReference:
    """An image that exists under exactly one content: ``repository@sha256:<64 hex digits>``."""

    repository: str
    """Registry, port and path, without tag or digest: ``localhost:30500/pxl/app``."""
    digest: str
    """``sha256:`` and 64 lower-case hex digits."""

    @staticmethod
    def parse(text: object) -> "ImageReference":
        """Reads ``repository@sha256:…``.

        Raises:
            ValueError: for a tag, ``latest``, a missing digest or anything malformed; the message has the remedy.
        """
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{text!r} is not an image reference; {_REMEDY}")
        repository, at, digest = text.partition("@")
        name = repository.rpartition("/")[2]
        if not at:
            why = f"the tag {name.partition(':')[2]!r} can move to another build" if ":" in name else "it has no digest"
            raise ValueError(f"{text!r} is not pinned: {why}; {_REMEDY}")
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{text!r} has the malformed digest {digest!r}; {_REMEDY}")
        if ":" in name:
            raise ValueError(f"{text!r} carries a tag beside its digest, and only one of them is true; {_REMEDY}")
        if not _REPOSITORY.fullmatch(repository):
            raise ValueError(f"{text!r} has the malformed repository {repository!r}; {_REMEDY}")
        return ImageReference(repository, digest)

    @property
    def short(self) -> str:
        """The first 12 hex digits of the digest, for logical names and for people."""
        return self.digest.removeprefix("sha256:")[:12]

    def __str__(self) -> str:
        """As Kubernetes takes it."""
        return f"{self.repository}@{self.digest}"
