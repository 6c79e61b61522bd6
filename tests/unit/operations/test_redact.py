"""Text that people read holds no secrets, and keeps everything else."""

import base64
import json
import urllib.parse

import pytest

from operations.redact import HIDDEN, concealer, redact

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


SECRET = """hunter "2" \\ & % + / $x = 'ü' of twenty"""


@pytest.mark.parametrize(
    "form",
    [
        lambda value: value,
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps({"a": value}),
        urllib.parse.quote,
        urllib.parse.quote_plus,
        lambda value: urllib.parse.quote(value, safe="!'()*"),
        lambda value: value.encode().hex(),
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(b"user:" + value.encode()).decode(),
        lambda value: base64.urlsafe_b64encode(b"a" + value.encode() + b"b").decode(),
        lambda value: "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'",
    ],
)
def test_a_known_value_is_hidden_in_every_form_in_which_programs_print_it(form) -> None:
    shown = concealer([SECRET, "another"])(f"connecting with {form(SECRET)} now")
    assert HIDDEN in shown, f"{form(SECRET)} stays"
    rest = shown.replace(HIDDEN, "")
    assert len(rest) < 45, f"of the value itself nothing is left but what its last bits share: {shown}"
    assert rest.startswith("connecting with ") and rest.endswith(" now"), "and what is around it stays"


def test_a_known_value_that_begins_another_hides_both() -> None:
    assert concealer(["hunter", "hunter22"])("a hunter22 b hunter c") == f"a {HIDDEN} b {HIDDEN} c"


def test_a_value_that_is_as_likely_a_word_is_left_alone() -> None:
    assert concealer(["pxl", ""])("user pxl, database pxl") == "user pxl, database pxl"
