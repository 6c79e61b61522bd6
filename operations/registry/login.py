"""Where a registry answers, and who we are there: ECR through AWS, any other through Docker's configuration."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operations.errors import Problem

_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HUB, _HUB_ADDRESS, _HUB_KEY = "docker.io", "registry-1.docker.io", "https://index.docker.io/v1/"
_HELPER_SECONDS = 15.0
# The SDK waits with growing pauses: throttling is an answer that passes.
_PATIENT = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})


@dataclass(frozen=True)
class Credentials:
    """A user's name and password at one registry; never printed."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password: a traceback shows it."""
        return f"Credentials({self.user!r})"


@dataclass(frozen=True)
class Place:
    """A repository, and how to get there.

    Attributes:
        repository: Host and name, as an image reference has them.
        url: Where its registry answers, without a path.
        name: The repository's name in the registry.
        credentials: None for anonymous.
    """

    repository: str
    url: str
    name: str
    credentials: Credentials | None = None


def find(
    repository: str,
    *,
    profile: str | None = None,
    client: Callable[[str, str | None], Any] | None = None,
    docker: Path | None = None,
) -> Place:
    """The place of a repository, logged in.

    Args:
        repository: ``registry/name``.
        profile: Profile of AWS's configuration that ECR is asked with; None for the SDK's own choice.
        client: Makes ECR's client for a region and a profile; tests give their own.
        docker: Docker's configuration file; by default that of the user.

    Raises:
        Problem: AWS does not let us in, or answers for another account.
    """
    host, _, name = repository.partition("/")
    ecr = _ECR.fullmatch(host)
    if ecr:
        make = client or _client
        return _ecr(repository, name, ecr["account"], lambda: make(ecr["region"], profile))
    credentials = _from_docker(host, docker or _docker_file())
    if host == _HUB:
        return Place(repository, f"https://{_HUB_ADDRESS}", name if "/" in name else f"library/{name}", credentials)
    # What container runtimes do: without TLS on this machine, and nowhere else.
    scheme = "http" if host.rpartition(":")[0] in _LOOPBACK or host in _LOOPBACK else "https"
    return Place(repository, f"{scheme}://{host}", name, credentials)


def _client(region: str, profile: str | None) -> Any:
    # boto3 has no types.
    session: Any = boto3.Session(profile_name=profile)
    return session.client("ecr", region_name=region, config=_PATIENT)


def _ecr(repository: str, name: str, account: str, client: Callable[[], Any]) -> Place:
    try:
        answer = client().get_authorization_token(registryIds=[account])
        data = answer["authorizationData"][0]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        endpoint = str(data["proxyEndpoint"]).rstrip("/")
    except ClientError as error:
        raise _refused(repository, error) from error
    except BotoCoreError as error:
        raise Problem(
            "AWS cannot be asked for a login to the registry",
            where=repository,
            why=str(error),
            remedy="log in (aws sso login, or AWS_PROFILE), and check the network; nothing was changed",
        ) from error
    except (LookupError, ValueError) as error:
        raise Problem("AWS's login to the registry cannot be read", where=repository, why=repr(error)) from error
    answered = _ECR.fullmatch(urlsplit(endpoint).netloc)
    if answered and answered["account"] != account:
        raise Problem(
            f"AWS logs us in to account {answered['account']}, and the image lies in {account}",
            where=repository,
            remedy="name a profile of that account: --from-profile or --to-profile",
        )
    return Place(repository, endpoint, name, Credentials(user, password))


def _refused(repository: str, error: ClientError) -> Problem:
    details: Any = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    if "Throttl" in code or code == "TooManyRequestsException":
        remedy = "wait a minute and run the command again; nothing was changed"
    elif "Expired" in code:
        remedy = "log in to AWS again: aws sso login"
    else:
        remedy = "allow ecr:GetAuthorizationToken, or name another profile: --from-profile, --to-profile"
    return Problem(
        "AWS gives no login to the registry",
        where=repository,
        why=f"{code}: {details.get('Message', '')}",
        remedy=remedy,
    )


def _docker_file() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def _from_docker(host: str, file: Path) -> Credentials | None:
    """What ``docker login`` left there; None where it left nothing."""
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Problem("Docker's configuration cannot be read", where=str(file), why=str(error)) from error
    if not isinstance(document, dict):
        return None
    keys = [_HUB_KEY] if host == _HUB else [host, f"https://{host}", f"http://{host}"]
    helpers = document.get("credHelpers") or {}
    helper = next((helpers[key] for key in keys if key in helpers), None) or document.get("credsStore")
    entries = document.get("auths") or {}
    entry = next((entries[key] for key in keys if key in entries), None)
    if isinstance(entry, dict) and entry.get("auth"):
        try:
            user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except ValueError as error:
            raise Problem(
                f"the login for {host} cannot be read", where=str(file), remedy=f"docker login {host}"
            ) from error
        return Credentials(user, password)
    return _from_helper(str(helper), keys[0]) if helper else None


def _from_helper(helper: str, key: str) -> Credentials | None:
    """What a credential helper of Docker's knows; if it fails, the registry will say what is lacking."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", helper):
        return None
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=key, capture_output=True, text=True, timeout=_HELPER_SECONDS, check=False,
        )  # fmt: skip
        document: Any = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if not document.get("Username") or not document.get("Secret"):
        return None
    return Credentials(str(document["Username"]), str(document["Secret"]))
