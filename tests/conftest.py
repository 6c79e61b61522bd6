"""For all tests."""

import gc
import signal


def pytest_configure() -> None:
    """Sets up what every test relies on."""
    # A shell that starts a command in the background has it ignore SIGINT, and its children too: tests that interrupt
    # something would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Collecting imports the whole Kubernetes SDK, all of which stays: looking for garbage in it takes a second.
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
