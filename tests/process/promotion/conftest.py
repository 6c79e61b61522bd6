"""What tests of several files share: two registries, and the world of a promotion."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import released_world

from operations.promotion.release import Block
from tests.process.promotion import registries
from tests.process.promotion.registries import Registry, push
from tests.process.promotion.two_stacks import World, kubeconfig, served, settings


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Registry]]:
    with (
        registries.running(tmp_path_factory.mktemp("source")) as source,
        registries.running(tmp_path_factory.mktemp("target")) as target,
    ):
        yield source, target


@pytest.fixture
def world(
    here: tuple[Registry, Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[World]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker"))
    source, target = here
    # An image of its own for every test: what one has copied must not be there already for another.
    image = push(source, "pxl/staging/app", layers=[request.node.name.encode()])
    folder = tmp_path / "project"
    folder.mkdir()
    made = World(folder, source, target, image, released_world.world())
    (folder / "Pulumi.yaml").write_text("name: pxl\nruntime: python\nmain: infra/\n")
    (folder / ".gitignore").write_text("kubeconfig\n")
    made.file("staging").write_text(settings("staging", f"{source.host}/pxl/staging/app"))
    made.file("prod").write_text(settings("prod", f"{target.host}/pxl/prod/app"))
    made.git("init", "-q", "-b", "main")
    made.git("config", "user.email", "ada@example.com")
    made.git("config", "user.name", "Ada")
    made.set_release("staging", Block(image.digest))
    made.runs_since(30)
    with served(made) as url:
        (folder / "kubeconfig").write_text(kubeconfig(url))
        yield made
