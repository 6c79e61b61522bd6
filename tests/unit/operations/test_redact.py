"""Text that people read holds no secrets, and keeps everything else."""

import pytest

from operations.redact import redact

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("PXL_DB_PASSWORD: hunter2", "hunter2"),
        ("REDIS_PASSWORD='two words'", "two words"),
        ('{"password":"hunter2","user":"pxl"}', "hunter2"),
        ('{"password":12345678}', "12345678"),
        (r'msg="{\"jwtSecret\":\"hunter2\"}"', "hunter2"),
        ("Authorization: Bearer abcdefgh1234", "abcdefgh1234"),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("connecting to postgres://pxl:hunter2@db:5432/pxl", "hunter2"),
        ("connecting to redis://:hunter2@redis:6379", "hunter2"),
        (f"token {TOKEN}", TOKEN),
        ("AWS key AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key = wJalrXUtnFEMI", "wJalrXUtnFEMI"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEcut", "MIIEcut"),
    ],
)
def test_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret not in redact(text), "what is printed ends up in CI logs and chats"


@pytest.mark.parametrize(
    "text",
    [
        '{"redis":true,"db":false}',
        'secret "pxl-app" not found',
        'password authentication failed for user "pxl"',
        "GET http://127.0.0.1:3000/ready 503",
        '{"tokenExpired":true}',
        "image localhost:5000/pxl/app@sha256:abc",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text, "hiding the cause helps nobody"


def test_terminal_colours_are_taken_out() -> None:
    assert redact("\x1b[31mERROR\x1b[0m failed") == "ERROR failed"
