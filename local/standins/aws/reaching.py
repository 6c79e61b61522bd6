"""Clients for an AWS endpoint on this machine, and for no other."""

import ipaddress
import threading
from typing import Any
from urllib.parse import urlsplit

from local.aws.boto import client
from local.standins.serve import Failed

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
_HERE = "the local stand-in for the AWS provider talks to this machine only"
_NEXT = (
    f"start the local AWS (python -m local.aws.serve) and set {ENDPOINT_VARIABLE} to its address; "
    "for a real account run on the official plugin (PXL_STANDINS=never)"
)


def local_endpoint(given: str | None) -> str | None:
    """The endpoint, or None when none is named.

    Args:
        given: What the environment names.

    Raises:
        Failed: For an address that is not of this machine.
    """
    if not given:
        return None
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not _is_loopback(parts.hostname or ""):
        raise Failed(f"{_HERE}, and {ENDPOINT_VARIABLE} is {given!r}; next: {_NEXT}")
    return given


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Aws:
    """Clients of one region, made when they are first asked for.

    Args:
        endpoint: The address of the local AWS; None for a run that only previews.
        region: The region; None when nothing names one.
    """

    def __init__(self, endpoint: str | None, region: str | None) -> None:
        self._endpoint = endpoint
        self._region = region
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._account = ""

    @property
    def reachable(self) -> bool:
        """Whether there is an endpoint to ask at all."""
        return self._endpoint is not None

    @property
    def region(self) -> str:
        """The region.

        Raises:
            Failed: When nothing names one.
        """
        if not self._region:
            raise Failed("no AWS region is set; next: pulumi config set aws:region, or AWS_REGION")
        return self._region

    @property
    def account(self) -> str:
        """The account that the endpoint answers for."""
        if not self._account:
            self._account = self.client("sts").get_caller_identity()["Account"]
        return self._account

    def arn(self, service: str, rest: str) -> str:
        """An ARN in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def client(self, service: str) -> Any:
        """A client of a service.

        Args:
            service: As boto3 calls it.

        Raises:
            Failed: When there is no endpoint.
        """
        if self._endpoint is None:
            raise Failed(f"{_HERE}, and {ENDPOINT_VARIABLE} is not set; next: {_NEXT}")
        # boto3 must not make two clients at a time.
        with self._lock:
            if service not in self._clients:
                self._clients[service] = client(service, self._endpoint, self.region)
            return self._clients[service]
