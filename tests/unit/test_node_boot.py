"""The unit of systemd that starts the node again at boot. No systemd runs here: its text is what can be checked."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from local.node import boot
from local.paths import CHECKOUT, State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "a folder" / "100%")


def value(text: str, key: str) -> str:
    return next(line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}="))


def test_the_unit_resumes_the_node_with_the_state_and_the_cache_that_it_was_made_with(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PXL_CACHE", str(tmp_path / "cache"))
    text = boot.unit(state)
    assert shlex.split(value(text, "ExecStart")) == [sys.executable, "-m", "local", "resume"]
    assert value(text, "WorkingDirectory") == str(CHECKOUT)
    settings = [shlex.split(line.partition("=")[2])[0] for line in text.splitlines() if line.startswith("Environment=")]
    assert f"PXL_CACHE={tmp_path / 'cache'}" in settings, "at boot nobody has set it"
    assert f"PXL_STATE={state.folder}".replace("%", "%%") in settings, "systemd replaces a single % by something else"


def test_a_boot_waits_for_what_the_node_is_on_and_does_nothing_without_it(state: State) -> None:
    text = boot.unit(state)
    assert f'"{state.folder}"'.replace("%", "%%") in value(text, "RequiresMountsFor"), "it may be on a disk of its own"
    assert value(text, "ConditionPathExists").endswith("/node/spec.json"), "a node that is gone is no failed unit"
    assert value(text, "KillMode") == "process", "systemd must not end the node with the command that started it"


def test_two_platforms_have_units_of_their_own(tmp_path: Path) -> None:
    first, second = (boot.path(State(tmp_path / name), tmp_path) for name in ("a", "b"))
    assert first != second


def test_what_is_installed_is_wanted_at_boot_and_goes_without_a_trace(state: State, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    boot.install(state, units)
    boot.install(state, units)
    wanted = list((units / "multi-user.target.wants").iterdir())
    assert [link.resolve() for link in wanted] == [boot.path(state, units)], "a unit that nothing wants is not started"
    assert boot.path(state, units).read_text() == boot.unit(state)
    boot.remove(state, units)
    assert [path for path in units.rglob("*") if not path.is_dir()] == []
    boot.remove(state, units)


def test_a_unit_of_another_specification_is_replaced(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot.install(state, tmp_path)
    monkeypatch.setenv("PXL_CACHE", str(tmp_path / "elsewhere"))
    boot.install(state, tmp_path)
    assert "elsewhere" in boot.path(state, tmp_path).read_text(), "the next boot would look in the wrong cache"


@pytest.mark.skipif(os.geteuid() == 0 and boot.is_there(), reason="here a unit is made")
def test_without_systemd_status_says_what_a_boot_script_runs(state: State) -> None:
    advice = boot.advice(state)
    for word in (str(CHECKOUT), f"PXL_STATE={state.folder}", "-m local resume"):
        assert word in advice, f"the advice must hold {word!r}: {advice}"
