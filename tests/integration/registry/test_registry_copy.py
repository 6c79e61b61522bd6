"""An image goes from one real registry to another, byte for byte, whatever happens on the way."""

import base64
import hashlib
import http.server
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations.console import Step
from operations.errors import Problem
from operations.registry import login
from operations.registry.client import Body, DamagedError, Repository
from operations.registry.copying import Copied, copy, fetched, tag_of
from operations.registry.login import Credentials, Place
from operations.registry.manifests import Blob
from tests.process.promotion import registries
from tests.process.promotion.registries import Registry, push, push_index, troubled

LAYERS = [b"layer one" * 1000, os.urandom(3 * 2**20), b""]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registries.running(tmp_path_factory.mktemp("source")) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    with registries.running(tmp_path / "target") as running:
        yield running


def at(registry: Registry, name: str, **more: Any) -> Repository:
    place = Place(f"{registry.host}/{name}", registry.url, name, more.pop("credentials", None))
    return Repository(place, sleep=lambda _: None, **more)


def move(source: Repository, target: Repository, digest: str) -> Copied:
    return copy(source, target, digest, Step("copying", ""))


@pytest.mark.parametrize("media_type", [registries.OCI, registries.DOCKER])
def test_an_image_arrives_with_the_bytes_and_the_digest_that_it_had(
    source: Registry, target: Registry, media_type: str
) -> None:
    image = push(source, "pxl/app", layers=LAYERS, media_type=media_type)
    done = move(at(source, "pxl/app"), at(target, "pxl/prod/app", push=True), image.digest)
    stored = target.stored("pxl/prod/app", image.digest)
    assert stored == image.data, "other bytes would be another image, with another digest"
    assert f"sha256:{hashlib.sha256(stored).hexdigest()}" == image.digest
    for digest in image.blobs:
        assert f"sha256:{hashlib.sha256(target.blob_file(digest).read_bytes()).hexdigest()}" == digest
    assert (done.blobs, done.manifests, done.mounted) == (4, 1, 0)
    assert done.bytes > 3 * 2**20


def test_it_carries_a_tag_that_lifecycle_policies_keep(source: Registry, target: Registry) -> None:
    image = push(source, "pxl/app", layers=LAYERS)
    move(at(source, "pxl/app"), at(target, "pxl/app", push=True), image.digest)
    assert tag_of(image.digest) == f"release-{image.digest[7:19]}"
    assert target.stored("pxl/app", tag_of(image.digest)) == image.data


def test_the_second_time_nothing_is_sent(source: Registry, target: Registry) -> None:
    image = push(source, "pxl/app", layers=LAYERS)
    move(at(source, "pxl/app"), at(target, "pxl/app", push=True), image.digest)
    again = move(at(source, "pxl/app"), at(target, "pxl/app", push=True), image.digest)
    assert (again.blobs, again.bytes, again.manifests) == (0, 0, 0)
    assert again.words() == "it was there already"


def test_an_index_brings_every_platform_and_its_attestation(source: Registry, target: Registry) -> None:
    first, second = (push(source, "pxl/app", layers=[name.encode() * 99], variant=name) for name in ("one", "two"))
    attestation = push(source, "pxl/app", layers=[b'{"predicateType":"https://slsa.dev/provenance/v1"}'])
    index = push_index(source, "pxl/app", [first, second, attestation])
    done = move(at(source, "pxl/app"), at(target, "pxl/app", push=True), index.digest)
    for one in (index, first, second, attestation):
        assert target.stored("pxl/app", one.digest) == one.data
    assert done.manifests == 4


def test_a_registry_takes_blobs_from_another_repository_of_its_own_without_sending_them(source: Registry) -> None:
    image = push(source, "pxl/staging/app", layers=LAYERS)
    done = move(at(source, "pxl/staging/app"), at(source, "pxl/prod/app", push=True), image.digest)
    assert (done.mounted, done.blobs, done.bytes) == (4, 0, 0)
    assert source.stored("pxl/prod/app", image.digest) == image.data


def test_an_image_that_the_source_lacks_is_refused(source: Registry, target: Registry) -> None:
    with pytest.raises(Problem, match="does not have that image"):
        move(at(source, "pxl/app"), at(target, "pxl/app", push=True), "sha256:" + "0" * 64)
    with pytest.raises(Problem, match="does not have that image"):
        fetched(at(source, "no/such/repository"), "sha256:" + "0" * 64)


def test_a_blob_that_is_damaged_at_the_source_does_not_arrive(source: Registry, target: Registry) -> None:
    image = push(source, "pxl/damaged", layers=[os.urandom(2**20)])
    file = source.blob_file(image.blobs[1])
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(Problem, match="does not do what") as caught:
        move(at(source, "pxl/damaged"), at(target, "pxl/app", push=True), image.digest)
    assert "came damaged" in (caught.value.why or "")
    assert target.stored("pxl/app", image.digest) is None, "a manifest without its layers would be no image"
    assert not target.blob_file(image.blobs[1]).exists()


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(source: Registry) -> None:
    image = push(source, "pxl/forged", layers=[b"x"])
    source.blob_file(image.digest).write_bytes(image.data.replace(b"amd64", b"arm64") + b" ")
    with pytest.raises(Problem) as caught:
        fetched(at(source, "pxl/forged"), image.digest)
    assert caught.value.why


def behind(host: str, name: str, **more: Any) -> Repository:
    return Repository(Place(f"{host}/{name}", f"http://{host}", name), sleep=lambda _: None, **more)


def answer(handler: http.server.BaseHTTPRequestHandler, status: int, **headers: str) -> bool:
    handler.send_response(status)
    for key, value in headers.items():
        handler.send_header(key.replace("_", "-"), value)
    handler.send_header("Content-Length", "0")
    handler.send_header("Connection", "close")
    handler.end_headers()
    return True


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_registry_that_fails_now_and_then_is_asked_again(source: Registry, target: Registry, where: str) -> None:
    image = push(source, "pxl/app", layers=LAYERS)

    def every_third(handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
        if number % 3 == 0:
            return answer(handler, 503, Retry_After="1")
        if number % 7 == 0:
            handler.connection.close()
            return True
        return False

    with troubled(source if where == "source" else target, every_third) as host:
        here = behind(host, "pxl/app") if where == "source" else at(source, "pxl/app")
        there = behind(host, "pxl/app", push=True) if where == "target" else at(target, "pxl/app", push=True)
        move(here, there, image.digest)
    assert target.stored("pxl/app", image.digest) == image.data


def test_a_registry_that_fails_always_is_given_up_with_its_answer(source: Registry) -> None:
    pauses: list[float] = []

    def busy(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        return answer(handler, 502)

    with troubled(source, busy) as host:
        repository = Repository(Place("r/app", f"http://{host}", "app"), sleep=pauses.append)
        with pytest.raises(Problem) as caught:
            repository.has_manifest("sha256:" + "0" * 64)
    assert "502" in (caught.value.why or "")
    assert pauses == [0.5, 1.0, 2.0, 4.0], "with growing pauses, and not for ever"


@pytest.mark.parametrize(
    ("status", "remedy"), [(404, "'pulumi up' of its stack makes it"), (403, "docker login"), (400, "run the command")]
)
def test_a_target_that_refuses_an_upload_says_why(source: Registry, target: Registry, status: int, remedy: str) -> None:
    image = push(source, "pxl/app", layers=LAYERS)
    posted: list[int] = []

    def refusing(handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
        if handler.command == "POST":
            posted.append(number)
            return answer(handler, status)
        return False

    with troubled(target, refusing) as host, pytest.raises(Problem) as caught:
        move(at(source, "pxl/app"), behind(host, "pxl/app", push=True), image.digest)
    assert str(status) in (caught.value.why or "") and remedy in (caught.value.remedy or "")
    assert len(posted) == 1, "a refusal is an answer: asking again would not change it"


def test_a_target_that_takes_an_image_and_does_not_give_it_back_is_not_believed(
    source: Registry, target: Registry
) -> None:
    image = push(source, "pxl/app", layers=LAYERS)

    def forgetful(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        return handler.command == "GET" and "/manifests/" in handler.path and answer(handler, 404)

    with troubled(target, forgetful) as host, pytest.raises(Problem) as caught:
        move(at(source, "pxl/app"), behind(host, "pxl/app", push=True), image.digest)
    assert f"does not give {image.digest} back" in (caught.value.why or "")


def test_a_registry_that_does_not_answer_is_a_problem_and_no_traceback() -> None:
    with pytest.raises(Problem) as caught:
        behind("127.0.0.1:9", "app").has_manifest("latest")
    assert "refused" in (caught.value.why or "")


def test_layers_larger_than_memory_are_only_passed_on(source: Registry, target: Registry) -> None:
    image = push(source, "pxl/large", layers=[os.urandom(96 * 2**20)])
    program = (
        "import resource, sys\n"
        "from operations.console import Step\n"
        "from operations.registry.client import Repository\n"
        "from operations.registry.copying import copy\n"
        "from operations.registry.login import Place\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "here, there = (Repository(Place(u, u, 'pxl/large'), push=True) for u in sys.argv[1:3])\n"
        "copy(here, there, sys.argv[3], Step('', ''))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, source.url, target.url, image.digest],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert int(done.stdout) < 32 * 1024, "KiB more than before: a layer must never be held as a whole"


def test_the_end_of_a_blob_is_held_back_until_all_of_it_is_right() -> None:
    data = b"abcdef"
    wrong = Blob("sha256:" + hashlib.sha256(b"abcdeX").hexdigest(), len(data))
    sent: list[bytes] = []
    body = Body(wrong, iter([b"ab", b"cd", b"ef"]))
    with pytest.raises(DamagedError):
        sent.extend(iter(lambda: body.read(100), b""))
    assert sent == [b"ab", b"cd"], "the registry must not be able to take it for whole"
    short = Body(Blob(wrong.digest, 99), iter([b"ab"]))
    with pytest.raises(DamagedError):
        short.read()


HTPASSWD = "ada:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n"  # hunter2


def test_a_registry_that_asks_for_a_password_gets_it(source: Registry, tmp_path: Path) -> None:
    password_file = tmp_path / "htpasswd"
    password_file.write_text(HTPASSWD)
    environment = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "here",
        "REGISTRY_AUTH_HTPASSWD_PATH": str(password_file),
    }
    image = push(source, "pxl/app", layers=LAYERS)
    with registries.running(tmp_path / "closed", **environment) as closed:
        for credentials in (None, Credentials("ada", "wrong")):
            with pytest.raises(Problem) as caught:
                move(at(source, "pxl/app"), at(closed, "pxl/app", push=True, credentials=credentials), image.digest)
            assert "401" in (caught.value.why or "") and "docker login" in (caught.value.remedy or "")
            assert "wrong" not in str(caught.value), "a password is never printed"
        known = Credentials("ada", "hunter2")
        move(at(source, "pxl/app"), at(closed, "pxl/app", push=True, credentials=known), image.digest)
        again = at(closed, "pxl/app", credentials=known)
        assert again.has_manifest(image.digest) == image.digest


def test_ecr_is_where_aws_says_and_takes_the_password_that_aws_gives(source: Registry, tmp_path: Path) -> None:
    password_file = tmp_path / "htpasswd"
    password_file.write_text(HTPASSWD.replace("ada", "AWS"))
    environment = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "here",
        "REGISTRY_AUTH_HTPASSWD_PATH": str(password_file),
    }
    image = push(source, "pxl/staging/app", layers=LAYERS)
    with registries.running(tmp_path / "ecr", **environment) as ecr:
        client = boto3.client("ecr", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y")
        token = base64.b64encode(b"AWS:hunter2").decode()
        data = [{"authorizationToken": token, "proxyEndpoint": ecr.url}]
        with Stubber(client) as stub:
            stub.add_response("get_authorization_token", {"authorizationData": data}, {"registryIds": ["222222222222"]})
            name = "222222222222.dkr.ecr.eu-central-1.amazonaws.com/pxl/prod/app"
            there = Repository(login.find(name, client=lambda *_: client), push=True)
        move(at(source, "pxl/staging/app"), there, image.digest)
        assert there.has_manifest(tag_of(image.digest)) == image.digest


def test_a_registry_that_asks_for_a_token_is_given_one_of_just_the_rights_that_are_needed(source: Registry) -> None:
    image = push(source, "pxl/app", layers=LAYERS)
    asked: list[tuple[str, str]] = []

    def guarded(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        if handler.path.startswith("/token"):
            asked.append((handler.path, handler.headers.get("Authorization", "")))
            body = b'{"token": "opaque-%d"}' % len(asked)
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return True
        if handler.headers.get("Authorization") == f"Bearer opaque-{len(asked)}":
            del handler.headers["Authorization"]
            return False
        realm = f"http://{handler.headers['Host']}/token"
        return answer(handler, 401, WWW_Authenticate=f'Bearer realm="{realm}",service="here",scope="x"')

    with troubled(source, guarded) as host:
        place = Place(f"{host}/pxl/app", f"http://{host}", "pxl/app", Credentials("ada", "hunter2"))
        repository = Repository(place, sleep=lambda _: None)
        assert repository.manifest(image.digest) is not None
        assert repository.has_manifest(image.digest) == image.digest
    assert len(asked) == 1, "a token is kept"
    path, authorization = asked[0]
    assert "scope=repository%3Apxl%2Fapp%3Apull&" in path and "push" not in path
    assert authorization.startswith("Basic "), "whoever gives tokens out asks for the password"


def test_where_a_registry_is_follows_from_the_name_of_its_repository(source: Registry, tmp_path: Path) -> None:
    image = push(source, "pxl/app", layers=LAYERS)
    place = login.find(f"{source.host}/pxl/app", docker=tmp_path / "none")
    assert Repository(place).has_manifest(image.digest) == image.digest
