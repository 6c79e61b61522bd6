"""For all tests."""

import gc


def pytest_configure() -> None:
    """Collecting imports the whole Kubernetes SDK, all of which stays: looking for garbage in it takes a second."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
