"""What tests of several files share."""

from collections.abc import Iterator

import pytest

from tests.engine import workbench as stacks_of_the_project


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks_of_the_project.Workbench]:
    with stacks_of_the_project.workbench(tmp_path_factory.mktemp("engine")) as made:
        yield made
