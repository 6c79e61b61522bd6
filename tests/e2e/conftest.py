"""One platform for all tests on the real node, run from a copy of the checkout that tests may edit."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Platform, copy_of_checkout, free_port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.node)
        if item.get_closest_marker("long") and not os.environ.get("PXL_LONG"):
            item.add_marker(pytest.mark.skip(reason="long: make e2e LONG=1"))
    # The test that ends the platform comes after all that use it, and what has a node of its own after that.
    items.sort(key=lambda item: (item.path.name == "test_full_disk.py", item.name == "test_down_leaves_nothing"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The dev stack, up on a node of its own; gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("the embedded node needs root")
    base = tmp_path_factory.mktemp("platform")
    made = Platform(copy_of_checkout(base / "checkout"), base / "state", free_port())
    started = time.monotonic()
    done = made.up()
    print(f"\nup: {time.monotonic() - started:.0f} s")
    if done.returncode != 0:
        made.command("down", timeout=300)
        pytest.fail(f"`make up` failed:\n{done.stderr[-6000:]}")
    assert done.stdout.strip() == made.url, "standard output is the URL alone, for scripts"
    yield made
    made.command("down", timeout=300)
