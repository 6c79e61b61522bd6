"""Building, keeping and pushing images, with buildah and the registry stood in for."""

import hashlib
import http.client
import io
import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.images import app, archive, buildah, platform, registry, store
from local.images.recipes import NODE22
from local.paths import State
from operations.console import Step
from operations.errors import Problem


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _oci(path: Path, text: str = "layer", *, tamper: bool = False) -> str:
    """Writes a small OCI archive and returns the digest of its image."""
    layer, config = text.encode(), b"{}"
    parts = [{"digest": _digest(data), "size": len(data)} for data in (layer, config)]
    manifest = json.dumps({"schemaVersion": 2, "layers": [parts[0]], "config": parts[1]}).encode()
    index = json.dumps({"manifests": [{"digest": _digest(manifest)}]}).encode()
    files = {"index.json": index, **{f"blobs/sha256/{_digest(d)[7:]}": d for d in (layer, config, manifest)}}
    if tamper:
        files[f"blobs/sha256/{_digest(manifest)[7:]}"] = manifest + b" "
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return _digest(manifest)


class FakeRunner:
    """Records what buildah is asked for, and answers as it would."""

    def __init__(self, *, build_code: int = 0, log: str = "", stderr: str = "") -> None:
        self.calls: list[list[str]] = []
        self.build_code, self.log, self.stderr = build_code, log, stderr
        self.stored: set[str] = set()

    def build_run(
        self, argv: Sequence[str], *, check: bool = True, capture: bool = True
    ) -> "subprocess.CompletedProcess[bytes]":
        assert argv[0] == "buildah"
        command = list(argv[argv.index("overlay") + 1 :])
        self.calls.append(command)
        return subprocess.CompletedProcess(argv, self._answer(command), b"deadbeef\n", self.stderr.encode())

    def _answer(self, command: list[str]) -> int:
        verb = command[0]
        if verb == "inspect":
            return 0 if command[-1] in self.stored else 125
        if verb == "build":
            Path(command[command.index("--logfile") + 1]).write_text(self.log)
            if self.build_code == 0:
                self.stored.add(command[command.index("--tag") + 1])
            return self.build_code
        if verb == "push":
            _oci(Path(command[-1].removeprefix("oci-archive:")), command[-2])
        if verb == "tag":
            self.stored.add(command[-1])
        return 0

    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PXL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(type(NODE22), "fingerprint", lambda self: f"{self.name:0<12}"[:12])
    (tmp_path / "cache" / f"images-node22-{NODE22.fingerprint()}").mkdir(parents=True)
    _oci(store.archive("node22", NODE22.fingerprint()))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (folder / "app.js").write_text("1")
    return folder


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def test_an_app_is_built_once_and_then_found(cache: Path, source: Path, state: State) -> None:
    runner = FakeRunner()
    first = app.build_app(runner, state, source, {"A": "1"})
    count = len(runner.calls)
    second = app.build_app(runner, state, source, {"A": "1"})
    assert first == second
    assert len(runner.calls) == count, "the same source must not be built twice"
    assert first.digest == archive.digest_of(first.archive)
    (source / "app.js").write_text("2")
    assert app.build_app(runner, state, source, {"A": "1"}).archive != first.archive


def test_a_build_is_reproducible_by_its_options(cache: Path, source: Path, state: State) -> None:
    runner = FakeRunner()
    app.build_app(runner, state, source)
    (command,) = [call for call in runner.calls if call[0] == "build"]
    base = archive.digest_of(store.archive("node22", NODE22.fingerprint()))
    for option in (
        ["--timestamp", "0"],
        ["--isolation", "chroot"],
        ["--annotation", f"org.opencontainers.image.base.digest={base}"],
        ["--build-arg", f"BASE={NODE22.reference}"],
    ):
        position = command.index(option[1])
        assert command[position - 1 : position + 1] == option
    assert "--pull-never" in command, "the base is ours: nothing is looked for in a registry"


def test_a_base_that_only_the_cache_has_is_loaded_before_the_build(cache: Path, source: Path, state: State) -> None:
    runner = FakeRunner()
    app.build_app(runner, state, source)
    assert runner.verbs()[:4] == ["inspect", "pull", "tag", "build"]


def test_an_own_base_is_left_to_buildah(cache: Path, source: Path, state: State) -> None:
    runner = FakeRunner()
    app.build_app(runner, state, source, {"BASE": "example/node:22"})
    (command,) = [call for call in runner.calls if call[0] == "build"]
    assert "BASE=example/node:22" in command
    assert "--pull-never" not in command


def test_a_failed_build_says_why_and_leaves_nothing(cache: Path, source: Path, state: State) -> None:
    noise = "\n".join(f"usage line {number}" for number in range(60))
    log = f"STEP 1/2: FROM x\nSTEP 2/2: RUN npm ci\nnpm error Missing: left-pad from lock file\n{noise}\n"
    runner = FakeRunner(build_code=1, log=log, stderr="exit status 1")
    with pytest.raises(Problem) as failed:
        app.build_app(runner, state, source)
    assert "Missing: left-pad" in (failed.value.why or ""), "the cause must not drown in what follows it"
    assert "exit status 1" in (failed.value.why or "")
    assert "STEP 1/2" not in (failed.value.why or "")
    left = sorted(path.name for path in cache.iterdir())
    assert left == [f"images-node22-{NODE22.fingerprint()}", "images.lock"], "the next run must find no remains"


def test_a_full_disk_is_called_that(cache: Path, source: Path, state: State) -> None:
    runner = FakeRunner(build_code=1, stderr="write /x: no space left on device")
    with pytest.raises(Problem, match="disk is full") as failed:
        app.build_app(runner, state, source)
    assert "PXL_CACHE" in (failed.value.remedy or "")


def test_only_the_builds_used_last_are_kept(cache: Path, source: Path, state: State) -> None:
    runner = FakeRunner()
    for number in range(9):
        (source / "app.js").write_text(str(number))
        last = app.build_app(runner, state, source)
    kept = list(cache.glob("images-app-*"))
    assert len(kept) == 6
    assert last.archive.parent in kept
    assert runner.verbs().count("rmi") == 3, "buildah's storage must let go of them too"


def test_remains_of_a_killed_command_are_removed(cache: Path) -> None:
    (cache / ".images-work-killed").mkdir()
    with store.building(FakeRunner()):
        assert [path.name for path in cache.glob(".images-work-*") if "killed" in path.name] == []


def test_a_damaged_archive_is_noticed(tmp_path: Path) -> None:
    _oci(tmp_path / "image.tar", tamper=True)
    with pytest.raises(Problem, match="damaged"):
        archive.digest_of(tmp_path / "image.tar")
    (tmp_path / "image.tar").write_bytes(b"not a tar")
    with pytest.raises(Problem, match="damaged"):
        archive.digest_of(tmp_path / "image.tar")


def test_progress_shows_the_instruction_that_is_under_way(tmp_path: Path) -> None:
    current = Step("building", "about a minute")
    log = tmp_path / "log"
    shown: list[str] = []
    with buildah._following(log, current):
        log.write_text("[1/2] STEP 3/7: COPY a b\n[2/2] STEP 4/7: RUN npm ci\n")
        for _ in range(40):
            shown.append(current.detail)
            if "npm ci" in current.detail:
                break
            threading.Event().wait(0.05)
    assert shown[-1] == "step 4/7: RUN npm ci"
    assert current.detail == "about a minute"


class FakeRegistry(BaseHTTPRequestHandler):
    """Enough of a registry to take images; it checks what it gets."""

    blobs: dict[str, bytes]
    manifests: dict[str, bytes]
    refuse: int

    def log_message(self, format: str, *args: object) -> None:
        return

    def _say(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self._say(200)

    def do_HEAD(self) -> None:
        kind, _, reference = self.path.rpartition("/")
        found = (self.manifests if kind.endswith("manifests") else self.blobs).get(reference)
        self._say(200 if found is not None else 404, {"Docker-Content-Digest": _digest(found or b"")})

    def do_POST(self) -> None:
        self._say(202, {"Location": f"http://elsewhere{self.path}1?state=x"})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.refuse:
            self._say(self.refuse)
        elif "/manifests/" in self.path:
            for reference in {self.path.rpartition("/")[2], _digest(body)}:
                self.manifests[reference] = body
            self._say(201)
        else:
            wanted = self.path.rpartition("digest=")[2]
            self.blobs[wanted] = body
            self._say(201 if _digest(body) == wanted else 400)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[FakeRegistry], str]]:
    monkeypatch.setattr(
        registry,
        "InsideConnection",
        lambda _pid, host, port, timeout: http.client.HTTPConnection(host, port, timeout=timeout),
    )
    handler = type("Handler", (FakeRegistry,), {"blobs": {}, "manifests": {}, "refuse": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield handler, f"localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


class Node(FakeRunner):
    pid = 1


def test_a_push_sends_every_part_and_returns_the_archives_own_digest(served, tmp_path: Path) -> None:
    handler, address = served
    assert registry.answers(Node(), f"{address}/pxl/app")
    wanted = _oci(tmp_path / "image.tar", "content")
    assert registry.push(Node(), tmp_path / "image.tar", f"{address}/pxl/app", tag="1") == wanted
    assert set(handler.manifests) == {wanted, "1"}
    assert handler.blobs[_digest(b"content")] == b"content"


def test_what_the_registry_has_is_not_sent_again(served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, address = served
    _oci(tmp_path / "image.tar")
    registry.push(Node(), tmp_path / "image.tar", f"{address}/pxl/app")
    monkeypatch.setattr(registry.Registry, "send", lambda *_: pytest.fail("it was sent again"))
    registry.push(Node(), tmp_path / "image.tar", f"{address}/pxl/app")


def test_a_registry_that_refuses_is_reported_with_its_answer(served, tmp_path: Path) -> None:
    handler, address = served
    handler.refuse = 507
    _oci(tmp_path / "image.tar")
    with pytest.raises(Problem) as failed:
        registry.push(Node(), tmp_path / "image.tar", f"{address}/pxl/app")
    assert "507" in (failed.value.why or "")


def test_a_registry_that_is_away_is_reported_in_words(served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not registry.answers(Node(), "localhost:1/pxl/app")
    absent = registry.Registry(Node(), "localhost:1/pxl/app")
    with pytest.raises(Problem) as failed:
        absent.wait(seconds=0)
    assert failed.value.why == "nothing answers there"
    assert "localhost:1/pxl/app" in (failed.value.where or "")


@pytest.mark.parametrize("text", ["pxl/app", "localhost/pxl/app", "localhost:30500", "localhost:x/app"])
def test_a_repository_without_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="no repository"):
        registry.Registry(Node(), text)


def test_ensure_pushes_what_the_registry_lacks_and_names_it_by_digest(
    served, cache: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, address = served
    monkeypatch.setattr(platform, "REGISTRY", address)
    monkeypatch.setattr(
        store, "_lay_out", lambda work, recipe, current: (work / recipe.name).mkdir() or work / recipe.name
    )
    node = Node()
    references = platform.ensure(node, state)
    assert set(references) == {"coredns", "node22", "pause", "postgres", "redis", "registry"}
    for name, reference in references.items():
        assert reference.startswith(f"{address}/pxl/{name}@sha256:")
        assert reference.partition("@")[2] in handler.manifests
    assert _digest(handler.manifests["1"]) == references["pause"].partition("@")[2], "containerd asks for it by a tag"
    builds = node.verbs().count("build")
    assert builds == 6, "pause, coredns, debian, postgres, redis, registry: node22 was in the cache"
    assert platform.ensure(node, state) == references
    assert node.verbs().count("build") == builds
