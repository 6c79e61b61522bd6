"""A raw request to the API server, for paths that the official client has no call for: a pod's proxy, any kind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

_CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Response:
    """An answer of the API server: its status below 400, and the body as it came."""

    status: int
    data: bytes


def send(
    api: client.ApiClient,
    method: str,
    path: str,
    *,
    seconds: float,
    query: Mapping[str, Any] | None = None,
    body: object = None,
    content_type: str = "application/json",
) -> Response:
    """One request with the client's credentials, connections and trust.

    Args:
        api: The client, see ``rollout.connect``.
        method: ``GET``, ``PATCH`` or ``DELETE``.
        path: Path of the URL.
        seconds: How long an answer may take.
        query: Parameters of the URL.
        body: What is sent as JSON; None for nothing.
        content_type: What kind of JSON it is, such as ``application/apply-patch+yaml``.

    Raises:
        ApiException: For an answer of 400 and more; ``body`` holds its text.
        urllib3 HTTPError: The server does not answer.
    """
    headers = {"Accept": "application/json, */*", **api.default_headers}
    if body is not None:
        headers["Content-Type"] = content_type
    parameters = list((query or {}).items())
    api.update_params_for_auth(headers, parameters, ["BearerToken"])
    url = f"{api.configuration.host}{path}{'?' + urlencode(parameters) if parameters else ''}"
    response = api.rest_client.pool_manager.request(
        method,
        url,
        headers=headers,
        body=None if body is None else json.dumps(body),
        timeout=urllib3.Timeout(connect=min(seconds, _CONNECT_SECONDS), read=seconds),
    )
    if response.status >= 400:
        error = ApiException(status=response.status, reason=response.reason)
        error.body = response.data.decode("utf-8", "replace")
        raise error
    return Response(response.status, response.data)


def gone(api: client.ApiClient, path: str, *, seconds: float) -> None:
    """Deletes an object; one that is not there is fine.

    Args:
        api: The client.
        path: Path of the object.
        seconds: How long an answer may take.

    Raises:
        ApiException, urllib3 HTTPError: For everything else that goes wrong.
    """
    try:
        send(api, "DELETE", path, seconds=seconds)
    except ApiException as error:
        if error.status != 404:
            raise
