"""The thin layer over the official client: reads a namespace, asks a pod's path, fetches a log."""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from operations import apiserver
from operations.apiserver import Response
from operations.errors import Problem
from operations.redact import SHORTEST, concealer
from operations.rollout.diagnosis import Snapshot
from operations.rollout.model import Answer
from operations.rollout.probes import Object

BODY_BYTES = 500
# A rotated Secret is a new one; until it is read again, only its shape gives a new value away.
_SECRETS_SECONDS = 15.0
_WORKLOADS = (
    ("apps/v1", "deployments", "Deployment"),
    ("apps/v1", "statefulsets", "StatefulSet"),
    ("batch/v1", "jobs", "Job"),
)


def connect(kubeconfig: Path | None, context: str | None) -> client.ApiClient:
    """A client for one named context. It never falls back to the current context of the user.

    Args:
        kubeconfig: The file; None for the user's default (``KUBECONFIG`` or ``~/.kube/config``).
        context: The context's name. None is allowed only with a named kubeconfig: its current one.

    Raises:
        Problem: If the file or the context does not exist, or no context is named for the user's own file.
    """
    if kubeconfig is None and context is None:
        raise Problem("no cluster is named", remedy="name a context: --kube-context NAME (kubectl config get-contexts)")
    if kubeconfig is not None and not kubeconfig.is_file():
        raise Problem(
            f"there is no kubeconfig {kubeconfig}",
            remedy="name one with --kubeconfig; that of the embedded node is there as long as the node is: make up",
        )
    try:
        settings = client.Configuration()
        config.load_kube_config(
            config_file=str(kubeconfig) if kubeconfig else None,
            context=context,
            client_configuration=settings,
            persist_config=False,
        )
    except (config.ConfigException, OSError, ValueError) as error:
        raise Problem(
            f"the context {context or '(current)'} cannot be used",
            where=str(kubeconfig) if kubeconfig else "the default kubeconfig",
            why=str(error).strip(),
            remedy="see what exists with: kubectl config get-contexts",
        ) from error
    # Retries multiply every time-out; a watcher asks again anyway.
    settings.retries = False
    if not settings.verify_ssl:
        # The kubeconfig says so; a warning at every request would bury what we have to say.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return client.ApiClient(settings)


class Reader:
    """Reads one namespace of one cluster.

    Args:
        api: The client to use, see ``connect``.
        namespace: The namespace.
        labels: Label selector, as kubectl writes it, for the workloads; "" for all in the namespace.
        timeout: Seconds that one request may take.
    """

    def __init__(self, api: client.ApiClient, namespace: str, labels: str = "", timeout: float = 5.0) -> None:
        """Keeps the client; nothing is asked yet."""
        self._api = api
        self._namespace = namespace
        self._labels = labels
        self._timeout = timeout
        self._conceal: tuple[float, Callable[[str], str]] | None = None

    def snapshot(self, with_events: bool = True) -> Snapshot:
        """The workloads, their ReplicaSets and pods, and the namespace's events.

        Raises:
            ApiException, urllib3 HTTPError: When the cluster does not answer or refuses.
        """
        workloads = [
            one
            for group, plural, kind in _WORKLOADS
            for one in self._list(f"/apis/{group}", plural, kind, self._labels)
        ]
        events = self._list("/api/v1", "events", "Event") if with_events else []
        return Snapshot(
            namespace=self._namespace,
            workloads=self._without_secrets(workloads),
            replica_sets=self._list("/apis/apps/v1", "replicasets", "ReplicaSet"),
            pods=self._without_secrets(self._list("/api/v1", "pods", "Pod")),
            events=self._without_secrets(events),
        )

    def ask(self, pod: str, port: int, path: str, scheme: str = "http") -> Answer:
        """GET of a pod's path through the API server's proxy; what that server itself says is told apart."""
        target = f"{pod}:{port}" if scheme == "http" else f"{scheme}:{pod}:{port}"
        where = f"/api/v1/namespaces/{self._namespace}/pods/{target}/proxy/{path.lstrip('/')}"
        try:
            response = self.get(where)
            answer = Answer(response.status, _text(response.data))
        except ApiException as error:
            answer = _answer_of_error(error)
        except (urllib3.exceptions.HTTPError, OSError):
            return Answer(None, f"nothing within {self._timeout:g} s")
        return Answer(answer.status, self._hidden(answer.body))

    def log(self, pod: str, container: str, previous: bool) -> list[str]:
        """The last lines of a container's log, at most 16 KiB; empty when there are none to be had."""
        where = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        query = {
            "container": container,
            "tailLines": 40,
            "limitBytes": 16384,
            "previous": str(previous).lower(),
        }
        try:
            text = self.get(where, query).data.decode("utf-8", "replace")
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return []
        return self._hidden(text).splitlines()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Response:
        """A raw GET of the API server.

        Raises:
            ApiException: For an answer of 400 and more; ``body`` holds its text.
        """
        return apiserver.send(self._api, "GET", path, query=query, seconds=self._timeout)

    def _hidden(self, text: str) -> str:
        """A text without the values of the namespace's Secrets: an app may print what it was given."""
        if len(text) < SHORTEST:
            return text
        now = time.monotonic()
        if self._conceal is None or now - self._conceal[0] > _SECRETS_SECONDS:
            self._conceal = (now, concealer(self._secret_values()))
        return self._conceal[1](text)

    def _secret_values(self) -> list[str]:
        """None where we may not read them; then only their shape gives them away."""
        try:
            found = self._list("/api/v1", "secrets", "Secret")
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError):
            return []
        values = [value for secret in found for value in (secret.get("data") or {}).values()]
        return [base64.b64decode(value).decode("utf-8", "surrogateescape") for value in values]

    def _without_secrets(self, objects: list[Object]) -> list[Object]:
        """The objects with their messages free of secrets."""
        return [self._cleaned(one) for one in objects]

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self._hidden(item) if key == "message" and isinstance(item, str) else self._cleaned(item)
            for key, item in value.items()
        }

    def _list(self, group: str, plural: str, kind: str, labels: str = "") -> list[Object]:
        query = {"limit": 500} | ({"labelSelector": labels} if labels else {})
        body = json.loads(self.get(f"{group}/namespaces/{self._namespace}/{plural}", query).data)
        return [{**item, "kind": kind} for item in body.get("items", [])]


def api_words(error: Exception) -> str:
    """Why a request failed, in one line and without the client's dump of headers."""
    if isinstance(error, ApiException):
        refusal: Any = error  # the client has no types
        try:
            message = json.loads(refusal.body or "").get("message")
        except (ValueError, AttributeError):
            message = None
        return f"{refusal.status} {message or refusal.reason}"
    text = str(getattr(error, "reason", None) or error)
    text = re.sub(r"<[^>]*>:?\s*", "", text)
    text = re.sub(r"HTTPS?Connection(?:Pool)?\(host='([^']*)', port=(\d+)\)", r"\1:\2", text)
    return text.strip() or type(error).__name__


def _answer_of_error(error: ApiException) -> Answer:
    body = _text(error.body or "")
    try:
        status = json.loads(error.body or "")
    except ValueError:
        return Answer(error.status, body)
    # A Status object is the API server speaking: the pod was not reached, or we may not ask it.
    if isinstance(status, dict) and status.get("kind") == "Status" and status.get("apiVersion") == "v1":
        return Answer(None, str(status.get("message", error.reason)).replace("error trying to reach service: ", ""))
    return Answer(error.status, body)


def _text(data: bytes | str) -> str:
    if isinstance(data, str):
        data = data.encode()
    return " ".join(data[:BODY_BYTES].decode("utf-8", "replace").split())
