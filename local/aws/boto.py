"""boto3 for an AWS on this machine: nothing of the user's own account is read, and nothing goes through a proxy."""

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

_KEY = "local"
# What boto3 would look up in the user's files and environment, and what it finds instead.
_NOTHING: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def client(service: str, endpoint: str, region: str, *, attempts: int = 5) -> Any:
    """A client of one service.

    Args:
        service: As boto3 calls it.
        endpoint: The address of the local AWS.
        region: The region.
        attempts: How often a call is tried that is throttled or finds no answer.
    """
    session = boto3.session.Session(
        aws_access_key_id=_KEY,
        aws_secret_access_key=_KEY,
        region_name=region,
        botocore_session=botocore.session.Session(session_vars=_NOTHING),
    )
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(retries=retries, proxies={}, connect_timeout=5, read_timeout=60)
    return session.client(service, endpoint_url=endpoint, config=config)
