"""Building the Go programs: once per content, whole or not at all, failures in words."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local import build
from local.paths import CHECKOUT
from operations.errors import Problem


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go module of its own, in place of the platform's."""
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example\n\ngo 1.24\n")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    monkeypatch.setattr(build, "CHECKOUT", tmp_path)
    monkeypatch.setitem(build.TOOLS, "example", build.Tool("module", "quick", packages=(".",)))
    monkeypatch.setenv("PXL_CACHE", str(tmp_path / "cache"))
    return folder


def test_the_key_changes_with_sources_lock_and_flags_and_with_nothing_else(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.fingerprint("example")
    (module / "README.md").write_text("words")
    assert build.fingerprint("example") == first
    (module / "main.go").write_text("package main\n\nfunc main() { println() }\n")
    second = build.fingerprint("example")
    assert second != first
    monkeypatch.setitem(build.TOOLS, "example", build.Tool("module", "quick", packages=(".",), stamps=("main.v=1",)))
    assert build.fingerprint("example") not in {first, second}


def test_a_build_that_fails_shows_what_the_compiler_said_and_leaves_nothing(module: Path) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { undefinedThing() }\n")
    with pytest.raises(Problem) as caught:
        build.tool("example")
    assert "undefinedThing" in str(caught.value)
    assert [path.name for path in (module.parent / "cache").iterdir()] == ["bin-example.lock"]


def test_a_lock_that_wants_a_newer_go_is_explained(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    (module / "go.mod").write_text("module example\n\ngo 9.99\n")
    with pytest.raises(Problem, match="could not be built") as caught:
        build.tool("example")
    assert "too old" in str(caught.value)


def test_a_machine_without_go_is_told_to_install_it(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del module
    build._go_version.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Problem, match="Go is not installed"):
        build.tool("example")


def test_the_first_process_builds_for_both_architectures() -> None:
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    for architecture in ("amd64", "arm64"):
        env = {**os.environ, "GOOS": "linux", "GOARCH": architecture, "CGO_ENABLED": "0"}
        done = subprocess.run(
            ["go", "vet", "./..."],
            cwd=CHECKOUT / "local/node/init",
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{architecture}: {done.stderr}"


def test_a_full_disk_is_named() -> None:
    found = build._problem("x", Path("/x"), "write /tmp/go-build: no space left on device", ["go"])
    assert found.why == "the disk is full"
    assert "PXL_CACHE" in str(found)
