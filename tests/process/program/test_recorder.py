"""A program is rendered by running it: in a process of its own, without an engine, a cluster or a key."""

import textwrap
from pathlib import Path

import pytest

from operations.errors import Problem
from operations.rendering.config import RenderConfig
from operations.rendering.manifests import manifests
from operations.rendering.placeholders import SECRET_TEXT
from operations.rendering.program import failure, record

PROGRAM = """
    import os
    import pulumi

    config = pulumi.Config("pxl")
    mode = config.get("mode")
    if mode == "break":
        {}["missing"]

    class Secret(pulumi.CustomResource):
        metadata: pulumi.Output[dict]
        def __init__(self, name, props, opts=None):
            super().__init__("kubernetes:core/v1:Secret", name, {"metadata": None, **props}, opts)

    class Deployment(pulumi.CustomResource):
        def __init__(self, name, props, opts=None):
            super().__init__("kubernetes:apps/v1:Deployment", name, props, opts)

    print("programs may print")
    password = config.require_secret("password")
    secret = Secret("app", {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": password}})
    Deployment("api", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
        "spec": {
            "secret": secret.metadata.apply(lambda metadata: metadata["name"]),
            "url": pulumi.Output.concat("postgres://u:", password, "@db"),
            "later": secret.id.apply(lambda _: secret.metadata).apply(lambda metadata: metadata["uid"]),
            "token": os.environ.get("AWS_SECRET_ACCESS_KEY", "none"),
        },
    }, pulumi.ResourceOptions(depends_on=[secret]))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "infra"
    folder.mkdir()
    (folder / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    return folder


def settings(**values: str) -> RenderConfig:
    return RenderConfig(
        {"pxl:password": SECRET_TEXT, **{f"pxl:{key}": one for key, one in values.items()}}, ["pxl:password"]
    )


def test_what_a_program_asks_for_becomes_manifests(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    secret, deployment = manifests(record(program, "pxl", "dev", settings()))
    assert (secret.file, deployment.file) == ("01-secret-app.yaml", "02-deployment-api.yaml")
    assert "password: <secret>" in secret.text
    assert "secret: app" in deployment.text, "a name that the engine would draw is the logical one"
    assert "url: <secret>" in deployment.text, "what contains a secret is one"
    assert "later: <known after deployment>" in deployment.text
    assert "token: none" in deployment.text, "rendering needs no credentials, so it gets none"
    assert SECRET_TEXT not in secret.text + deployment.text


def test_a_defect_in_a_program_is_located(program: Path) -> None:
    with pytest.raises(Problem) as raised:
        record(program, "pxl", "dev", settings(mode="break"))
    assert raised.value.what == "the program fails: KeyError"
    assert raised.value.where == f"{program}/__main__.py:8", "where to look is what a traceback is read for"
    assert "Traceback" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "expected", "what"),
    [
        ("RunError", True, "the program refuses to run with these settings"),
        ("SystemExit", False, "the program ended by itself"),
        ("KeyError", False, "the program fails: KeyError"),
    ],
)
def test_a_refusal_is_told_apart_from_a_defect(kind: str, expected: bool, what: str) -> None:
    error = {"type": kind, "message": "token=abcdef", "at": "/x/infra.py:3", "expected": expected}
    problem = failure(Path("/x"), error, "printed before")
    assert problem.what == what
    assert "abcdef" not in str(problem)


def test_a_program_that_dies_shows_what_it_wrote_last() -> None:
    assert "out of memory" in str(failure(Path("/x"), None, "starting\nout of memory\n"))


def test_a_program_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="the program does not exist"):
        record(tmp_path / "infra", "pxl", "dev", settings())
