"""The Docker registry protocol (v2): one repository's manifests and blobs, with login, time-outs and patience."""

import hashlib
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import HTTPBasicAuth

from operations.errors import Problem
from operations.registry.login import Place
from operations.registry.manifests import ACCEPT, Blob, Manifest, UnfitManifestError, digest_of

CHUNK_BYTES = 2**20
# What registries take at most as a manifest.
_MANIFEST_BYTES = 4 * 2**20
# To connect, and between two pieces of an answer.
_SECONDS = (5.0, 60.0)
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0
_AGAIN = (429, 500, 502, 503, 504)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class DamagedError(Exception):
    """What came is not what its digest says."""


@dataclass(frozen=True)
class Upload:
    """A blob that a registry waits for: where its bytes go."""

    url: str


class Repository:
    """One repository of a registry.

    Args:
        place: Where it is, and who we are there.
        push: Whether something is to be put there: a login asks for no more than is needed.
        sleep: Waits between two attempts.
    """

    def __init__(self, place: Place, *, push: bool = False, sleep: Callable[[float], None] = time.sleep) -> None:
        """Asks nothing yet."""
        self.place = place
        self._push = push
        self._sleep = sleep
        self._session = requests.Session()
        # Compressed on the way, a blob would not be what its digest is of.
        self._session.headers["Accept-Encoding"] = "identity"
        # Otherwise the user's ~/.netrc would win over what we were told.
        self._session.auth = _as_it_is
        self._authorization: dict[str, str] = {}

    def has_manifest(self, reference: str) -> str | None:
        """The digest behind a digest or a tag; None when the registry lacks it."""
        response = self._ask("HEAD", f"manifests/{reference}", accept=(200, 404), headers={"Accept": ACCEPT})
        if response.status_code == 404:
            return None
        return response.headers.get("Docker-Content-Digest") or reference

    def manifest(self, digest: str) -> Manifest | None:
        """A manifest by its digest, its bytes compared with it; None when the registry lacks it.

        Raises:
            Problem: The registry sends other bytes, or something that is no image.
        """
        response = self._ask("GET", f"manifests/{digest}", accept=(200, 404), headers={"Accept": ACCEPT}, stream=True)
        with response:
            if response.status_code == 404:
                return None
            data = b""
            for piece in response.iter_content(64 * 1024):
                data += piece
                if len(data) > _MANIFEST_BYTES:
                    raise self.problem(f"the manifest {digest} is larger than {_MANIFEST_BYTES} bytes")
            if digest_of(data) != digest:
                raise self.problem(f"asked for the manifest {digest}, it sent one that is {digest_of(data)}")
            try:
                return Manifest.read(data, response.headers.get("Content-Type", ""))
            except UnfitManifestError as error:
                raise self.problem(f"the manifest {digest} cannot be used: {error}") from error

    def publish(self, manifest: Manifest, reference: str) -> None:
        """Puts a manifest's bytes under its digest, or under a tag."""
        self._ask(
            "PUT", f"manifests/{reference}", accept=(200, 201, 202), data=manifest.data,
            headers={"Content-Type": manifest.media_type},
        )  # fmt: skip

    def has_blob(self, blob: Blob) -> bool:
        """Whether the registry holds a blob in this repository."""
        return self._ask("HEAD", f"blobs/{blob.digest}", accept=(200, 404)).status_code == 200

    def begin(self, blob: Blob, source: str | None = None) -> Upload | None:
        """Asks for a blob to be put here.

        Args:
            blob: The blob.
            source: Name of a repository in the same registry that has it.

        Returns:
            Where its bytes go; None when the registry took it from the other repository.
        """
        query = {"mount": blob.digest, "from": source} if source else {}
        response = self._ask("POST", "blobs/uploads/", accept=(201, 202), query=query, source=source)
        if response.status_code == 201:
            return None
        # Relative in some registries.
        return Upload(urljoin(response.url, response.headers["Location"]))

    def send(self, upload: Upload, blob: Blob, pieces: Iterator[bytes]) -> None:
        """Sends a blob's bytes; the last of them only once all of them are known to be its own.

        Raises:
            DamagedError: They are not; the registry has not got it then.
            requests.RequestException: The connection broke: its bytes are gone, so whoever has them tries again.
        """
        body = Body(blob, pieces)
        joint = "&" if "?" in upload.url else "?"
        # A registry may have bytes put elsewhere, with an address that is the permission itself.
        same = urlsplit(upload.url).netloc == urlsplit(self.place.url).netloc
        response = self._session.put(
            f"{upload.url}{joint}digest={blob.digest}", data=body, timeout=_SECONDS, allow_redirects=False,
            headers={"Content-Type": "application/octet-stream", **(self._authorization if same else {})},
        )  # fmt: skip
        if response.status_code in _AGAIN:
            raise requests.ConnectionError(f"it answered {response.status_code}")
        if response.status_code not in (201, 204):
            raise self.problem(f"blob {blob.digest}: {_words(response)}")

    def open(self, blob: Blob) -> requests.Response:
        """A blob's bytes, as they come; the caller closes it.

        Raises:
            Problem: The registry lacks it.
        """
        return self._ask("GET", f"blobs/{blob.digest}", accept=(200,), stream=True)

    def problem(self, why: str, remedy: str | None = None) -> Problem:
        """What to say when this registry does not do what it should."""
        return Problem(
            "the registry does not do what it is asked for",
            where=f"{self.place.repository} at {self.place.url}",
            why=why,
            remedy=remedy or "run the command again; what it has copied is not copied twice",
        )

    def _ask(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...],
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        stream: bool = False,
        source: str | None = None,
    ) -> requests.Response:
        """One request; again with growing pauses while the registry is busy, and logged in if it asks for it."""
        url = f"{self.place.url}/v2/{self.place.name}/{path}"
        pauses = iter(_PAUSES)
        asked = 0
        while True:
            said = ""
            try:
                response = self._session.request(
                    method, url, params=query, data=data, stream=stream, timeout=_SECONDS,
                    headers={**(headers or {}), **self._authorization}, allow_redirects=method in ("GET", "HEAD"),
                )  # fmt: skip
            except requests.RequestException as error:
                said, pause = _broken(error), next(pauses, None)
            else:
                if response.status_code in accept:
                    return response
                response.close()
                if response.status_code == 401 and asked < 2:
                    # A token may have run out meanwhile, or does not reach as far as this request.
                    asked += 1
                    self._log_in(response, source)
                    continue
                if response.status_code not in _AGAIN:
                    raise self._refused(response)
                said, pause = _words(response), _pause(response, next(pauses, None))
            if pause is None:
                raise self.problem(said)
            self._sleep(pause)

    def _log_in(self, response: requests.Response, source: str | None) -> None:
        scheme, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        known = self.place.credentials
        if scheme.lower() == "basic" and known is not None:
            made = b64encode(f"{known.user}:{known.password}".encode()).decode()
            self._authorization = {"Authorization": f"Basic {made}"}
            return
        if scheme.lower() != "bearer":
            raise self._refused(response)
        challenge = dict(_PARAMETER.findall(rest))
        scopes = [f"repository:{self.place.name}:{'pull,push' if self._push else 'pull'}"]
        scopes += [f"repository:{source}:pull"] if source else []
        query: list[tuple[str, str]] = [("scope", scope) for scope in scopes]
        query += [("service", challenge["service"])] if "service" in challenge else []
        try:
            answer = self._session.get(
                challenge.get("realm", ""), params=query, timeout=_SECONDS,
                auth=HTTPBasicAuth(known.user, known.password) if known else None,
            )  # fmt: skip
            document: Any = answer.json() if answer.status_code == 200 else {}
        except (requests.RequestException, ValueError) as error:
            raise self.problem(f"its login service does not answer: {_broken(error)}") from error
        token = document.get("token") or document.get("access_token")
        if not token:
            raise self._refused(answer)
        self._authorization = {"Authorization": f"Bearer {token}"}

    def _refused(self, response: requests.Response) -> Problem:
        host = self.place.repository.partition("/")[0]
        if response.status_code in (401, 403):
            who = "anonymously" if self.place.credentials is None else f"as {self.place.credentials.user}"
            what = f"{_words(response)}, {who}"
            return self.problem(what, f"log in (docker login {host}), or ask for the right to pull from and push to it")
        if response.status_code == 404:
            remedy = "the repository does not exist yet: 'pulumi up' of its stack makes it, before any release"
            return self.problem(_words(response), remedy)
        return self.problem(_words(response))


class Body:
    """A blob on its way, to be read once: hashed as it passes, its end held back until the hash is right."""

    def __init__(self, blob: Blob, pieces: Iterator[bytes]) -> None:
        """Reads nothing yet."""
        self._blob = blob
        self._checked = self._check(pieces)
        self._rest = b""

    def __len__(self) -> int:
        """The length that the registry is told beforehand."""
        return self._blob.size

    def __iter__(self) -> Iterator[bytes]:
        """The pieces."""
        return self._checked

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most so many; none at the end."""
        if not self._rest:
            self._rest = next(self._checked, b"")
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _check(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        seen, length, held = hashlib.sha256(), 0, b""
        for piece in pieces:
            seen.update(piece)
            length += len(piece)
            if length > self._blob.size:
                raise DamagedError(f"more than {self._blob.size} bytes came")
            if held:
                yield held
            held = piece
        if length != self._blob.size or f"sha256:{seen.hexdigest()}" != self._blob.digest:
            raise DamagedError(f"{length} of {self._blob.size} bytes came, which are sha256:{seen.hexdigest()}")
        if held:
            yield held


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _pause(response: requests.Response, usual: float | None) -> float | None:
    wanted = response.headers.get("Retry-After", "")
    if usual is None or not wanted.isdigit():
        return usual
    return min(max(float(wanted), usual), _LONGEST_PAUSE)


def _broken(error: Exception) -> str:
    text = re.sub(r"<[^>]*>:?\s*|HTTPS?Connection(?:Pool)?\([^)]*\):?\s*", "", str(error))
    return text.strip() or type(error).__name__


def _words(response: requests.Response) -> str:
    """What a registry said, in one line."""
    try:
        document: Any = response.json()
        said = "; ".join(f"{one.get('code')}: {one.get('message')}" for one in document["errors"])
    except (ValueError, LookupError, TypeError, AttributeError, requests.RequestException):
        said = response.reason or ""
    return f"it answered {response.status_code} {said}".strip()
