"""Where engine and plugins come from, without running either."""

import os
import shutil
import signal
import stat
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from local import engine
from local.engine import built, official, plugins
from local.paths import State
from operations.errors import Problem

PLUGIN = f"plugins/resource-random-v{version('pulumi-random')}"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "is_reachable", lambda: False)
    monkeypatch.delenv("PXL_STANDINS", raising=False)


def _install(home: Path) -> list[str]:
    return plugins.install(Path("/no/such/pulumi"), home, {})


def _official_plugin(home: Path) -> Path:
    folder = home / PLUGIN
    folder.mkdir(parents=True)
    (folder / "pulumi-resource-random").write_text("official")
    return folder / "pulumi-resource-random"


def test_the_passphrase_is_drawn_once_and_readable_by_its_owner_only(state: State) -> None:
    first = engine.passphrase_file(state)
    text = first.read_text()
    assert len(text) > 30
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert engine.passphrase_file(state).read_text() == text, "another one would make the state unreadable"
    assert [path.name for path in state.folder.iterdir()] == ["passphrase"], "no scratch file stays behind"


def test_the_engines_environment_is_the_platforms_and_not_the_users(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "users")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "users")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://example.com")
    env = engine.Engine((Path("/engine"),), official=False).env(state)
    assert "PULUMI_ACCESS_TOKEN" not in env
    assert "PULUMI_CONFIG_PASSPHRASE" not in env, "it would come before the file"
    assert env["PULUMI_BACKEND_URL"] == f"file://{state.folder}/pulumi"
    assert env["PULUMI_HOME"].startswith(str(state.folder))
    python, tools = env["PATH"].split(os.pathsep)[:2]
    assert (Path(python) / "python").exists(), "the language host runs the first python on PATH: ours"
    assert tools == "/engine"


@pytest.mark.usefixtures("offline")
def test_offline_every_provider_gets_a_stand_in_that_runs_this_checkout(state: State) -> None:
    home = state.path("home")
    assert _install(home) == list(plugins.ALWAYS)
    launcher = home / PLUGIN / "pulumi-resource-random"
    assert os.access(launcher, os.X_OK)
    done = subprocess.run([launcher], capture_output=True, text=True, check=False, timeout=30)
    assert "the Pulumi engine starts it" in done.stderr, "it is a plugin, and says so when it is started by hand"
    assert _install(home) == list(plugins.ALWAYS), "a second run finds it there"


@pytest.mark.usefixtures("offline")
def test_an_official_plugin_that_is_there_is_used(state: State) -> None:
    home = state.path("home")
    _official_plugin(home)
    assert _install(home) == [name for name in plugins.ALWAYS if name != "random"]


@pytest.mark.usefixtures("offline")
def test_always_replaces_even_an_official_plugin(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    home = state.path("home")
    launcher = _official_plugin(home)
    monkeypatch.setenv("PXL_STANDINS", "always")
    assert _install(home) == list(plugins.ALWAYS)
    assert "local.standins.random" in launcher.read_text()


@pytest.mark.usefixtures("offline")
def test_never_fails_without_the_official_plugin(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PXL_STANDINS", "never")
    with pytest.raises(Problem, match="could not be had") as caught:
        _install(state.path("home"))
    assert "unset PXL_STANDINS" in str(caught.value)


def test_a_misspelled_choice_is_refused(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PXL_STANDINS", "nevver")
    with pytest.raises(Problem, match="nevver"):
        _install(state.path("home"))


def test_a_reachable_site_is_asked_for_the_official_plugin(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(argv[1:])
        return subprocess.CompletedProcess(argv, 1, "", "no such release")

    monkeypatch.setattr(official, "is_reachable", lambda: True)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("PXL_STANDINS", "auto")
    assert _install(state.path("home")) == list(plugins.ALWAYS), "a download that fails ends in a stand-in"
    assert ["plugin", "install", "resource", "random", version("pulumi-random")] in asked


def test_a_pulumi_of_another_version_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, other = tmp_path / "bin", tmp_path / "built"
    folder.mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        (folder / name).write_text("#!/bin/sh\necho v3.1.0\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("PXL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(built, "is_cached", lambda: True)
    monkeypatch.setattr(built, "folder", lambda _: other)
    assert engine.ensure() == engine.Engine((other,), official=False)
    (folder / "pulumi").write_text(f"#!/bin/sh\necho v{engine.VERSION}\n")
    assert engine.ensure() == engine.Engine((folder, folder), official=True)


def test_a_download_that_is_not_the_published_one_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(url: str) -> bytes:
        return f"{'0' * 64}  {url}\n".replace("checksums.txt", "linux-x64.tar.gz").encode()

    monkeypatch.setattr(official, "is_reachable", lambda: True)
    monkeypatch.setattr(official, "_read", read)
    target = tmp_path / "engine"
    assert official.download(target, "3.259.0") is False, "the engine is built instead"
    assert not target.exists()
    assert "built from its Go modules" in capsys.readouterr().err


def test_a_helper_that_a_killed_engine_left_is_ended_and_one_at_work_is_not(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    env = {**os.environ, "PULUMI_HOME": str(state.path("pulumi-home"))}
    host = tmp_path / "pulumi-language-x"
    shutil.copy(shutil.which("sleep") or "", host)
    left = subprocess.Popen([host, "60"], env=env)
    engine_at_work = subprocess.Popen(["sh", "-c", f"'{host}' 61; true"], env=env)
    elsewhere = subprocess.Popen([host, "62"], env={**env, "PULUMI_HOME": "/elsewhere"})
    try:
        time.sleep(0.2)
        engine.end_leftovers(state)
        assert left.wait(5) == -signal.SIGKILL, "nothing may be left of an engine that was killed"
        time.sleep(0.2)
        assert engine_at_work.poll() is None, "the helper of an engine that runs is at work"
        assert elsewhere.poll() is None, "another platform's engine is none of ours"
    finally:
        subprocess.run(["pkill", "-P", str(engine_at_work.pid)], check=False)
        for each in (left, engine_at_work, elsewhere):
            each.kill()
            each.wait()
