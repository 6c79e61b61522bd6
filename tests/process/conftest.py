"""What tests of several files share: one local AWS, and the world of a promotion."""

from collections.abc import Iterator
from pathlib import Path

import init_world
import pytest
import registries
import released_world
from registries import Registry, push
from two_stacks import World, kubeconfig, served, settings

from local.aws import server
from local.aws.seed import Landing, seed
from local.paths import State
from operations.promotion.release import Block
from tests.process.aws_engine import ACCOUNT, REGION, Engine


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


@pytest.fixture(scope="session")
def aws_state(tmp_path_factory: pytest.TempPathFactory) -> State:
    return State(tmp_path_factory.mktemp("aws"))


@pytest.fixture(scope="session")
def aws(aws_state: State) -> Iterator[server.Server]:
    running = server.start(aws_state, account=ACCOUNT)
    yield running
    server.stop(aws_state)
    assert server.find(aws_state) is None, "what is ended is not found again"


@pytest.fixture(scope="session")
def landing(aws: server.Server) -> Landing:
    return seed(
        aws.endpoint,
        REGION,
        vpc_cidr="10.40.0.0/16",
        subnet_cidrs=["10.40.0.0/20", "10.40.16.0/20"],
        cluster_name="rehearsal",
        cluster_endpoint="https://127.0.0.1:6443",
        cluster_authority="Y2E=",
        zone_name="rehearsal.example.com",
    )


@pytest.fixture(scope="session")
def engine(aws: server.Server) -> Engine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        return Engine()


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[init_world.World]:
    """An account that moto plays, and a stack that is to be begun with in it."""
    with init_world.world(tmp_path, monkeypatch) as made:
        yield made
