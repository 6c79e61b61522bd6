"""What tests of several files share: one local AWS, what a stack lands on in it, and an account to begin with."""

from collections.abc import Iterator
from pathlib import Path

import init_world
import pytest

from local.aws import server
from local.aws.seed import Landing, seed
from local.paths import State
from tests.integration.aws.aws_engine import ACCOUNT, REGION, Engine


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
