"""What tests of several files share."""

from collections.abc import Iterator

import pytest

from tests.engine import workbench as opened


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[opened.Workbench]:
    with opened.workbench(tmp_path_factory.mktemp("engine")) as made:
        yield made
