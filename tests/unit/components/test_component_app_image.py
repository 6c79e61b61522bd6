"""An image that is built once, under a name that stays; never in a preview."""

import sys

import pulumi
import pytest
from pulumi_recording import DIGEST, Recording, deploy
from pxl_components import AppImage, ImageReference

ARGS = {"repository": "registry.example.com/shop/web", "context": "../web", "tag": "9f1c2ab"}
LOGIN = {"address": "registry.example.com", "username": "ci", "password": "canary-of-the-registry"}


@pytest.fixture(scope="module")
def built() -> Recording:
    return deploy(lambda: AppImage("web", {**ARGS, "login": LOGIN, "build_args": {"NODE": "22"}}) and None)  # pyright: ignore


def test_it_is_pushed_under_a_name_that_stays(built: Recording):
    image = built.one("Image")
    assert image.inputs["tags"] == ["registry.example.com/shop/web:9f1c2ab"]
    assert image.inputs["push"] is True
    assert image.inputs["platforms"] == ["linux/amd64"]
    assert image.inputs["context"] == {"location": "../web"}


def test_what_it_gives_out_is_what_a_workload_takes():
    given: list[str] = []
    deploy(lambda: AppImage("web", ARGS).reference.apply(given.append) and None)  # pyright: ignore
    (reference,) = given
    assert ImageReference.parse(reference).digest == DIGEST


def test_a_preview_runs_no_dockerfile(built: Recording):
    assert built.one("Image").inputs["buildOnPreview"] is False, "whoever opens a pull request writes the Dockerfile"


def test_the_password_of_the_registry_is_secret(built: Recording):
    assert any("password" in path for path in built.one("Image").secrets), (
        "it must not stand in the state in plain text"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tag": "latest"}, ["tag", "moves"]),
        ({"tag": "a b"}, ["tag", "letters"]),
        ({"platforms": ["windows/amd64"]}, ["platforms", "linux/amd64"]),
        ({"platforms": []}, ["platforms", "is empty"]),
        ({"context": ""}, ["context"]),
        ({"repository": ""}, ["repository"]),
        ({"login": {**LOGIN, "password": ""}}, ["login.password"]),
    ],
)
def test_what_cannot_work_is_refused(refuses, change, words):
    said = refuses(AppImage, {**ARGS, **change}, *words)
    assert LOGIN["password"] not in said


def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pulumi_docker_build", None)
    with pytest.raises(pulumi.RunError, match=r"pip install 'pxl-components\[docker\]'"):
        AppImage("web", ARGS)  # pyright: ignore
