"""The API server as the stand-in reaches it: one kubeconfig context, any kind."""

import json
import re
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from local.standins.kubernetes.kubeconfig import Target, Unreachable
from local.standins.kubernetes.objects import Obj

_CONNECT_SECONDS = 4.0
_READ_SECONDS = 60.0
_DISCOVERY_SECONDS = 2.0
_OF_16_BITS = re.compile(r"[\x7f-\uffff]")


class ApiError(Exception):
    """An answer of the API server that is no success.

    Args:
        status: The HTTP status.
        body: The API's Status object, empty when the answer was none.
        text: What the answer said where it was no Status object.
    """

    def __init__(self, status: int, body: Obj, text: str) -> None:
        super().__init__(body.get("message") or text or f"HTTP status {status}")
        self.status = status
        self.reason = body.get("reason", "")
        self.details: Obj = body.get("details") or {}


class NoKind(Exception):  # noqa: N818
    """The API server does not know a kind (yet): its CustomResourceDefinition is missing or not established."""


@dataclass(frozen=True)
class Resource:
    """A kind as the API server's discovery describes it."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The URL path of one object, or of all of a namespace."""
        parts = [self.prefix]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace)]
        parts.append(self.plural)
        return "/".join([*parts, quote(name)] if name else parts)


class Cluster:
    """A client of one API server; safe to share between threads.

    Args:
        where: The kubeconfig's context.
        warn: Gets the server's warnings (deprecations, Pod Security), once each.
    """

    def __init__(self, where: Target, warn: Callable[[str], None]) -> None:
        self.where = where
        self._warn = warn
        self._warned: set[str] = set()
        self._lock = threading.RLock()
        self._discovered: dict[str, tuple[float, dict[str, Resource]]] = {}
        self._pool, self._headers = _connect(where)

    def probe(self) -> None:
        """Asks for the version.

        Raises:
            Unreachable: When nothing answers.
        """
        try:
            self.request("GET", "/version", read_seconds=_CONNECT_SECONDS)
        except ApiError as error:
            raise Unreachable(f"{self.where.server} answers {error}") from error

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Any = None,
        *,
        content_type: str = "application/json",
        read_seconds: float = _READ_SECONDS,
    ) -> Any:
        """One request; the answer is decoded where it is JSON, and text otherwise.

        Raises:
            ApiError: For every answer that is no success.
            Unreachable: When the connection fails.
        """
        import urllib3  # noqa: PLC0415 - a plugin's start has to be quick, and some are never asked anything

        url = f"{self.where.server.rstrip('/')}{path}{'?' + urlencode(query) if query else ''}"
        try:
            answer = self._pool.request(
                method,
                url,
                body=encoded(body) if body is not None else None,
                headers={**self._headers, "Content-Type": content_type},
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_seconds),
                # Every request here may be repeated: reads, applies and deletes. 429 and 503 say after which time.
                retries=urllib3.Retry(connect=1, read=1, other=1, redirect=0, status=3, allowed_methods=None),
            )
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            raise Unreachable(f"{self.where.server} does not answer: {cause}") from error
        self._pass_on_warnings(answer.headers)
        return _decoded(answer.status, answer.data)

    def _pass_on_warnings(self, headers: Any) -> None:
        for warning in headers.getlist("Warning"):
            text = warning.partition('"')[2].rstrip('"').replace('\\"', '"')
            with self._lock:
                known = text in self._warned
                self._warned.add(text)
            if text and not known:
                self._warn(text)

    def resource(self, api_version: str, kind: str) -> Resource:
        """A kind, as the server's discovery has it; a kind that is missing is asked for again after 2 s.

        Raises:
            NoKind: When the server does not have it.
        """
        with self._lock:
            when, kinds = self._discovered.get(api_version, (0.0, {}))
            if kind not in kinds and time.monotonic() - when > _DISCOVERY_SECONDS:
                kinds = self._discover(api_version)
                self._discovered[api_version] = (time.monotonic(), kinds)
        if kind not in kinds:
            raise NoKind(f"the API server has no {kind} in {api_version}")
        return kinds[kind]

    def _discover(self, api_version: str) -> dict[str, Resource]:
        prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = self.request("GET", prefix, read_seconds=10)
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return {
            entry["kind"]: Resource(prefix, entry["name"], entry["namespaced"])
            for entry in listed["resources"]
            if "/" not in entry["name"]
        }

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Obj:
        """One object."""
        return self.request("GET", self.resource(api_version, kind).path(namespace, name))

    def list(self, api_version: str, kind: str, namespace: str | None, **query: str) -> list[Obj]:
        """The objects of a kind; ``labelSelector`` and ``fieldSelector`` narrow them down."""
        answer = self.request("GET", self.resource(api_version, kind).path(namespace), query or None)
        return answer.get("items") or []

    def apply(self, obj: Obj, manager: str, *, force: bool, dry_run: bool) -> Obj:
        """Server-side apply."""
        metadata = obj["metadata"]
        path = self.resource(obj["apiVersion"], obj["kind"]).path(metadata.get("namespace"), metadata["name"])
        query = {"fieldManager": manager, "force": str(force).lower(), **({"dryRun": "All"} if dry_run else {})}
        return self.request("PATCH", path, query, obj, content_type="application/apply-patch+yaml")

    def delete(self, api_version: str, kind: str, namespace: str | None, name: str) -> None:
        """Asks for an object and what it owns to be deleted, the owned first."""
        path = self.resource(api_version, kind).path(namespace, name)
        self.request("DELETE", path, body={"propagationPolicy": "Foreground"})


def encoded(body: Any) -> bytes:
    """JSON that is YAML, too: an apply is read as such, and YAML knows no pair of escapes for one character."""
    text = json.dumps(body, ensure_ascii=False)
    return _OF_16_BITS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _decoded(status: int, data: bytes) -> Any:
    text = data.decode(errors="replace")
    try:
        body = json.loads(text) if text.startswith(("{", "[")) else text
    except ValueError:
        body = text
    if 200 <= status <= 299:
        return body
    raise ApiError(status, body if isinstance(body, dict) else {}, text.strip())


def _connect(where: Target) -> tuple[Any, dict[str, str]]:
    """Pool and headers from the official client's reading of the kubeconfig (certificates, tokens, exec)."""
    import urllib3  # noqa: PLC0415
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.config.kube_config import load_kube_config_from_dict  # noqa: PLC0415

    # The official loader leaves keys behind in files; here they live only until the TLS context has read them.
    with tempfile.TemporaryDirectory(prefix="pxl-kubeconfig-") as folder:
        settings = Configuration()
        try:
            load_kube_config_from_dict(where.config, where.context, settings, False, folder)
        except Exception as error:  # The loader raises whatever it comes across.
            raise Unreachable(f"the context {where.context} cannot be used: {error}") from error
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        if not settings.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    bearer = settings.auth_settings().get("BearerToken")
    headers = {"Authorization": str(bearer["value"])} if bearer else {}
    # A proxy of the environment is never used: the address was chosen because it is on this machine.
    return urllib3.PoolManager(ssl_context=context, maxsize=32), {"Accept": "application/json", **headers}
