"""Requests to AWS: what is only asked, what changes something, and what a refusal means to whoever reads it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from operations.errors import Problem

_ATTEMPTS = 8
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TooManyRequestsException",
    "SlowDown",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AllAccessDisabled", "403"}
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidAccessKeyId",
}
_LOG_IN = "log in to the account: aws sso login, or export AWS_PROFILE=NAME; then: aws sts get-caller-identity"
# Where the name of a request is not the name of the right to make it.
_RIGHTS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
}


@dataclass
class Aws:
    """One account and region, as the machine's own credentials reach them.

    Attributes:
        region: Where regional things are asked for.
        dry: Whether nothing may be changed: ``change`` only notes what it would do.
        session: What makes the clients; the machine's own by default.
        changes: What was changed, or would be, in order.
    """

    region: str
    dry: bool = False
    session: Any = None
    changes: list[str] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """The client of a service; made once."""
        if service not in self._clients:
            session = self.session or boto3.Session()
            self._clients[service] = _translated(
                service,
                "CreateClient",
                lambda: session.client(
                    service,
                    region_name=self.region,
                    config=Config(
                        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                        connect_timeout=10,
                        read_timeout=30,
                    ),
                ),
            )
        return self._clients[service]

    def ask(self, service: str, operation: str, *, missing: Collection[str] = (), **arguments: Any) -> Any:
        """An answer that changes nothing; None if AWS answers with one of the codes that mean "there is none".

        Raises:
            Problem: AWS refuses, throttles or cannot be reached.
        """
        return self._call(service, operation, missing, arguments)

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All items of an answer that comes in pages.

        Raises:
            Problem: As for ``ask``.
        """
        paginator = self.client(service).get_paginator(operation)
        return _translated(
            service,
            _request(self.client(service), operation),
            lambda: [item for page in paginator.paginate(**arguments) for item in page.get(key) or []],
        )

    def change(self, words: str, service: str, operation: str, **arguments: Any) -> Any:
        """A request that changes something; in a dry run only its words are kept, and the answer is None.

        Raises:
            Problem: As for ``ask``.
        """
        if self.dry:
            self.changes.append(words)
            return None
        answer = self._call(service, operation, (), arguments)
        self.changes.append(words)
        return answer

    def _call(self, service: str, operation: str, missing: Collection[str], arguments: dict[str, Any]) -> Any:
        client = self.client(service)
        try:
            return _translated(
                service, _request(client, operation), lambda: getattr(client, operation)(**arguments), missing
            )
        except _MissingError:
            return None


class _MissingError(Exception):
    """AWS has no such thing."""


def _request(client: Any, operation: str) -> str:
    return client.meta.method_to_api_mapping.get(operation, operation)


def _translated(service: str, request: str, call: Callable[[], Any], missing: Collection[str] = ()) -> Any:
    try:
        return call()
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Problem("there are no credentials for AWS", why=str(error), remedy=_LOG_IN) from error
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in missing:
            raise _MissingError from error
        raise _problem(f"{service}:{request}", code, error) from error
    except BotoCoreError as error:
        raise Problem(
            "AWS cannot be asked",
            where=f"{service}:{request}",
            why=str(error),
            remedy="check the network, the region and the profile; then run it again: what is made is found again",
        ) from error


def _problem(request: str, code: str, error: ClientError) -> Problem:
    said = str(error.response.get("Error", {}).get("Message") or error)
    right = _RIGHTS.get(request, request)
    if code in _DENIED:
        return Problem(
            f"these credentials lack {right}",
            where=request,
            why=f"AWS answered {code}: {said}",
            remedy=f"have somebody who administers the account allow {right} to them "
            "(the whole list: docs/aws.md), or log in as another role; then run it again",
        )
    if code in _THROTTLED:
        return Problem(
            "AWS asks for fewer requests",
            where=request,
            why=f"{code} even after {_ATTEMPTS} attempts: {said}",
            remedy="wait some minutes and run it again: it goes on from there",
        )
    if code in _EXPIRED:
        return Problem("these credentials are not valid any more", where=request, why=f"{code}: {said}", remedy=_LOG_IN)
    return Problem(
        "AWS refuses a request",
        where=request,
        why=f"{code}: {said}",
        remedy="mend what it names; then run it again: what is made is found again",
    )
