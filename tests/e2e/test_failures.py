"""What goes wrong in the middle of ``up``: said clearly, exit code 1, and the next run is clean."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.changes import Changes
from tests.e2e.evidence import inventory
from tests.e2e.harness import NAMESPACE, Platform, free_port, request
from tests.e2e.interruptions import Engine, held_down, processes_of, running, until

SECONDS = 300


@pytest.fixture(scope="module", autouse=True)
def as_it_was(platform: Platform) -> Iterator[None]:
    """The tests of other files find the stack as the checkout has it, not as the last change here has left it."""
    yield
    done = platform.up()
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture
def changes(platform: Platform) -> Iterator[Changes]:
    made = Changes(platform)
    yield made
    made.restore()


@pytest.fixture
def expected(platform: Platform) -> dict[str, int]:
    """What there is of the stack before anything goes wrong."""
    assert platform.up().returncode == 0
    return inventory(platform)


def failed(process: "subprocess.Popen[bytes]", log: Path, *words: str) -> str:
    """A run in the background that must end with one clear message; what it said."""
    code = process.wait(SECONDS)
    said = log.read_text(errors="replace")
    assert code == 1, f"it must fail with 1, not {code}:\n{said[-3000:]}"
    assert "Traceback" not in said, f"that is no crash:\n{said[-3000:]}"
    message = said[said.rfind("\n\n") :]
    for word in ("where:", "next:", *words):
        assert word in said, f"the message must name {word!r}:\n{message}"
    return said


def clean(platform: Platform, expected: dict[str, int]) -> None:
    """The next run goes through, and everything is there once."""
    done = platform.up()
    assert done.returncode == 0, f"the next run must be clean:\n{done.stderr[-4000:]}"
    assert inventory(platform) == expected
    assert Engine(platform.state).pending() == []
    assert request(f"{platform.url}/ready").status == 200


def test_a_second_run_says_who_is_at_work_and_stops(platform: Platform, changes: Changes, tmp_path: Path):
    changes.setting(1)
    log = tmp_path / "first.log"
    with running(platform, log) as first:
        until(lambda: "using local stand-ins" in log.read_text(), 30, "the first run's start")
        second = platform.up()
        assert second.returncode == 1, f"two runs at once would undo each other's work: {second.stderr}"
        for word in ("Another run is at work", str(platform.state), f"process {first.pid}", "'up --port", "next:"):
            assert word in second.stderr, f"it must say {word!r}: {second.stderr}"
        assert first.wait(SECONDS) == 0, f"the first must not notice: {log.read_text()[-3000:]}"


@pytest.mark.long
def test_a_build_whose_buildah_is_killed_is_named_and_the_next_one_goes_through(
    platform: Platform, changes: Changes, expected: dict[str, int], tmp_path: Path
):
    changes.build(1)
    log = tmp_path / "log"
    with running(platform, log) as process:
        builds = lambda: processes_of(platform, "buildah", "-build", "build")  # noqa: E731
        until(builds, 60, "the build")
        for number in builds():
            os.kill(number, signal.SIGKILL)
        failed(process, log, "An image could not be made", "buildah build", "run the command again")
    clean(platform, expected)


@pytest.mark.long
def test_an_api_server_that_goes_away_in_the_middle_is_named(
    platform: Platform, changes: Changes, expected: dict[str, int], tmp_path: Path
):
    changes.build(2)
    log = tmp_path / "log"
    with running(platform, log) as process:
        until(lambda: Engine(platform.state).pending(), 120, "a change in the cluster")
        with held_down(platform, "kube-apiserver"):
            failed(process, log, "the cluster does not answer", "does not answer", "make status", "kubeconfig")
    # It was killed so often that its supervisor takes up to 10 s for the next try.
    until(lambda: platform.command("status").returncode == 0, 60, "the API server's return")
    clean(platform, expected)


@pytest.mark.long
def test_a_registry_that_goes_away_before_the_push_is_looked_after_by_the_next_run(
    platform: Platform, changes: Changes, expected: dict[str, int], tmp_path: Path
):
    changes.build(3)
    log = tmp_path / "log"
    with running(platform, log) as process:
        until(lambda: processes_of(platform, "buildah", "-build"), 60, "the build")
        # The pod is gone before the push; the StatefulSet does not bring it back.
        scale(platform, 0)
        assert process.wait(SECONDS) == 0, f"an up looks after the registry:\n{log.read_text()[-4000:]}"
    clean(platform, expected)


@pytest.mark.long
def test_a_registry_that_hangs_in_the_middle_of_a_push_is_named(
    platform: Platform, changes: Changes, expected: dict[str, int], tmp_path: Path
):
    changes.build(4)
    log = tmp_path / "log"
    frozen = processes_of(platform, "registry")
    assert frozen, "the stack's registry must run in a pod"
    uploads = Path("/proc", str(frozen[0]), "root/var/lib/registry/docker/registry/v2/repositories/pxl/app/_uploads")
    before = uploads.stat().st_mtime_ns
    with running(platform, log) as process:
        # Before the push an up would look after it, and go through.
        until(lambda: uploads.stat().st_mtime_ns != before, 60, "the push", every=0.001)
        for number in frozen:
            os.kill(number, signal.SIGSTOP)
        try:
            failed(process, log, "registry", "localhost:30500", "make up")
        finally:
            for number in frozen:
                if Path("/proc", str(number)).exists():
                    os.kill(number, signal.SIGCONT)
    clean(platform, expected)


@pytest.mark.long
def test_a_registry_that_is_away_when_the_image_is_pulled_is_named(
    platform: Platform, changes: Changes, expected: dict[str, int], tmp_path: Path
):
    changes.build(5)
    with platform.settings(migrations={"deadlineSeconds": 30}):
        log = tmp_path / "log"
        with running(platform, log) as process:
            until(lambda: "✓ pushing the app's image" in log.read_text(), 120, "the push")
            with held_down(platform, "registry"):
                failed(process, log, "migrations-", "Failed to pull image", "the node does not reach the registry")
    # Its container is started again more and more slowly: the next run waits for it.
    clean(platform, expected)


def test_a_port_that_is_taken_leaves_what_runs_alone(platform: Platform, expected: dict[str, int]):
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        done = platform.command("up", "--port", str(taken))
    assert done.returncode == 1, "a port that somebody else has cannot be had"
    for word in (str(taken), "PORT=", "next:"):
        assert word in done.stderr, f"the message must name {word!r}: {done.stderr}"
    assert request(f"{platform.url}/ready").status == 200, "the app must answer where it did"
    clean(platform, expected)


@pytest.mark.long
def test_a_disk_that_fills_while_the_engine_writes_its_state_is_named(
    platform: Platform, changes: Changes, expected: dict[str, int], tmp_path: Path
):
    changes.setting(9)
    backend, kept, log = platform.state / "pulumi", tmp_path / "kept", tmp_path / "log"
    shutil.copytree(backend, kept)
    used = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
    # Room for what there is, for the lock, and for about one more state.
    size = f"size={used // 1024 + 600}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(backend)], check=True)
    try:
        shutil.copytree(kept, backend, dirs_exist_ok=True)
        with running(platform, log) as process:
            failed(process, log, "a disk is full", str(backend), "no space left on device", "free space there")
    finally:
        # What the engine could write is the truth, as it would be on a disk that has room again.
        shutil.rmtree(kept)
        shutil.copytree(backend, kept)
        subprocess.run(["umount", str(backend)], check=True)
    shutil.rmtree(backend)
    shutil.copytree(kept, backend)
    clean(platform, expected)


def scale(platform: Platform, replicas: int) -> None:
    """The stack's registry, changed behind the engine's back."""
    selector = ["-n", NAMESPACE, "-l", "app.kubernetes.io/name=registry"]
    name = platform.kubectl("get", "statefulsets", *selector)["items"][0]["metadata"]["name"]
    done = platform.command("kubectl", "scale", "statefulset", name, "-n", NAMESPACE, f"--replicas={replicas}")
    assert done.returncode == 0, done.stderr
    pods = lambda: platform.kubectl("get", "pods", *selector)["items"]  # noqa: E731
    until(lambda: len(pods()) == replicas, 60, f"{replicas} pods of the registry")
