"""Who we are at a registry: ECR as AWS answers (moto, and its refusals), others by Docker's configuration."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from operations.errors import Problem
from operations.registry import login

ECR = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/pxl/staging/app"


def ecr_client(region: str = "eu-central-1", _: str | None = None, **more: Any) -> Any:
    return boto3.client(
        "ecr", region_name=region, aws_access_key_id="x", aws_secret_access_key="y", config=Config(**more)
    )


def stubbed(code: str | None, message: str = "", answer: dict[str, Any] | None = None) -> Any:
    client = ecr_client(retries={"total_max_attempts": 1})
    stub = Stubber(client)
    if code:
        stub.add_client_error(
            "get_authorization_token", code, message, expected_params={"registryIds": ["111111111111"]}
        )
    else:
        stub.add_response("get_authorization_token", answer or {})
    stub.activate()
    return lambda *_: client


def token(endpoint: str) -> dict[str, Any]:
    value = base64.b64encode(b"AWS:hunter2").decode()
    return {"authorizationData": [{"authorizationToken": value, "proxyEndpoint": endpoint}]}


@mock_aws
def test_ecr_is_asked_for_the_account_of_the_repository_and_answers_where_it_is() -> None:
    place = login.find(ECR, client=ecr_client)
    assert place.url == "https://111111111111.dkr.ecr.eu-central-1.amazonaws.com"
    assert place.name == "pxl/staging/app"
    assert place.credentials is not None and place.credentials.user == "AWS"


def test_the_region_is_that_of_the_repository() -> None:
    asked: list[tuple[str, str | None]] = []

    def client(region: str, profile: str | None) -> Any:
        asked.append((region, profile))
        return stubbed(None, answer=token("http://127.0.0.1:5000/"))()

    place = login.find(ECR, profile="prod", client=client)
    assert asked == [("eu-central-1", "prod")]
    assert place.url == "http://127.0.0.1:5000", "where AWS says that it is, whatever that may be"


def test_a_login_to_another_account_is_refused() -> None:
    other = token("https://222222222222.dkr.ecr.eu-central-1.amazonaws.com")
    with pytest.raises(Problem, match="account 222222222222, and the image lies in 111111111111") as caught:
        login.find(ECR, client=stubbed(None, answer=other))
    assert "--to-profile" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDeniedException", "ecr:GetAuthorizationToken"),
        ("ThrottlingException", "wait a minute"),
        ("ExpiredTokenException", "log in to AWS again"),
    ],
)
def test_a_refusal_of_aws_comes_with_its_remedy(code: str, remedy: str) -> None:
    with pytest.raises(Problem) as caught:
        login.find(ECR, client=stubbed(code, "User: arn:aws:iam::1:user/ada is not authorized"))
    assert code in (caught.value.why or ""), "AWS's own word is what can be looked up"
    assert remedy in (caught.value.remedy or "")


def test_throttling_is_waited_out_by_the_sdk() -> None:
    client = ecr_client(retries={"mode": "standard", "total_max_attempts": 3})
    sent: list[int] = []

    class Answer:
        def __init__(self, status: int, body: dict[str, Any]) -> None:
            self.status_code, self.content, self.headers = status, json.dumps(body).encode(), {}
            self.text = self.content.decode()

    def send(**_: Any) -> Answer:
        sent.append(1)
        if len(sent) == 1:
            return Answer(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
        return Answer(200, token("https://111111111111.dkr.ecr.eu-central-1.amazonaws.com"))

    client.meta.events.register("before-send.ecr.GetAuthorizationToken", send)
    assert login.find(ECR, client=lambda *_: client).credentials is not None
    assert len(sent) == 2
    assert login._PATIENT.retries["mode"] == "standard", "the client that is really used does the same"


def test_nobody_who_is_logged_in_to_aws_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(Problem, match="cannot be asked for a login") as caught:
        login.find(ECR)
    assert "aws sso login" in (caught.value.remedy or "")
    with pytest.raises(Problem, match="cannot be asked for a login"):
        login.find(ECR, profile="nobody")


def docker(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


AUTH = base64.b64encode(b"ada:hunter2:3").decode()


@pytest.mark.parametrize("key", ["r.example.com", "https://r.example.com"])
def test_what_docker_login_left_is_used(tmp_path: Path, key: str) -> None:
    place = login.find("r.example.com/a/b", docker=docker(tmp_path, {"auths": {key: {"auth": AUTH}}}))
    assert place.credentials == login.Credentials("ada", "hunter2:3"), "a password may hold a colon"
    assert (place.url, place.name) == ("https://r.example.com", "a/b")
    assert "hunter2" not in repr(place), "a traceback must not show it"


def test_the_login_of_another_registry_is_not_used(tmp_path: Path) -> None:
    config = docker(tmp_path, {"auths": {"other.example.com": {"auth": AUTH}, "r.example.com": {}}})
    assert login.find("r.example.com/a", docker=config).credentials is None


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-keys"
    helper.write_text('#!/bin/sh\nread host; echo "{\\"Username\\": \\"ada\\", \\"Secret\\": \\"for $host\\"}"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    config = docker(tmp_path, {"auths": {"r.example.com": {}}, "credsStore": "keys"})
    assert login.find("r.example.com/a", docker=config).credentials == login.Credentials("ada", "for r.example.com")
    config = docker(tmp_path, {"credsStore": "none-such"})
    assert login.find("r.example.com/a", docker=config).credentials is None, "the registry will say what it lacks"


def test_a_configuration_that_is_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read") as caught:
        login.find("r.example.com/a", docker=docker(tmp_path, "{"))
    assert caught.value.where == str(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("repository", "url", "name"),
    [
        ("localhost:30500/pxl/app", "http://localhost:30500", "pxl/app"),
        ("127.0.0.1:5000/app", "http://127.0.0.1:5000", "app"),
        ("localhost.example.com/app", "https://localhost.example.com", "app"),
        ("docker.io/redis", "https://registry-1.docker.io", "library/redis"),
        ("docker.io/pxl/app", "https://registry-1.docker.io", "pxl/app"),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(tmp_path: Path, repository: str, url: str, name: str) -> None:
    place = login.find(repository, docker=tmp_path / "none")
    assert (place.url, place.name) == (url, name)
