"""What AWS refuses, in words: what was tried, why not, what next."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ParamValidationError

from local.standins.serve import Failed

_THROTTLED = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
    "PriorRequestNotComplete", "SlowDown", "EC2ThrottledException", "ProvisionedThroughputExceededException",
})  # fmt: skip
_DENIED = frozenset({
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "AuthFailure",
    "NotAuthorized", "InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException",
})  # fmt: skip
_GONE_ENDINGS = ("NotFound", "NotFoundFault", "NotFoundException", "NoSuchEntity")
_GONE = frozenset({"NoSuchHostedZone", "InvalidSecurityGroupRuleId.NotFound", "NoSuchEntityException"})


def code_of(error: ClientError) -> str:
    """The error's code, such as ``AccessDenied``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_gone(error: ClientError) -> bool:
    """Whether the error says that the thing asked for does not exist."""
    code = code_of(error)
    return code in _GONE or code.endswith(_GONE_ENDINGS)


def explain(error: Exception, what: str) -> Failed:
    """An error of boto3 as the failure of a resource.

    Args:
        error: What a call raised.
        what: What was being done, such as ``create aws:kms/key:Key pxl``.
    """
    if isinstance(error, ClientError):
        return Failed(f"could not {what}: {_refusal(error)}")
    if isinstance(error, EndpointConnectionError):
        return Failed(f"could not {what}: {error}; next: is the local AWS running (python -m local.aws.serve)?")
    if isinstance(error, ParamValidationError):
        return Failed(f"could not {what}: AWS would not take these values: {error}")
    if isinstance(error, BotoCoreError):
        return Failed(f"could not {what}: {error}")
    raise error


def _refusal(error: ClientError) -> str:
    code, call = code_of(error), error.operation_name
    said = str(error.response.get("Error", {}).get("Message", "")).strip() or "without a word"
    if code in _THROTTLED:
        tried = int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1
        times = f", {tried} times" if tried > 1 else ""
        return (
            f"AWS throttles {call} ({code}{times}: {said}); next: run it again in a minute, with fewer "
            "resources at a time (--parallel 4), or have the account's limit raised"
        )
    if code in _DENIED:
        return (
            f"AWS denies {call} ({code}: {said}); next: allow this action to the role or user that the "
            "deployment runs as, or use credentials that have it"
        )
    return f"{call} was refused ({code}: {said})"


def absent_is_none(call: Any) -> Any:
    """The result of a call, or None when what it asks for does not exist."""
    try:
        return call()
    except ClientError as error:
        if is_gone(error):
            return None
        raise
