"""What the tests of all components share."""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi_recording import Recording, deploy
from pxl_components.validation import ArgumentError

Refuses = Callable[..., str]


@pytest.fixture
def refuses() -> Refuses:
    """Asserts that a component refuses its args before it registers anything, and that the message is of use."""

    def check(component: type, args: dict[str, Any], *words: str) -> str:
        with pytest.raises(ArgumentError) as caught:
            component("web", args)
        message = str(caught.value)
        for word in (f'{component.__name__} "web"', *words):
            assert word in message, f"the message does not name {word!r}: {message}"
        assert "; " in message, f"the message has no remedy: {message}"
        return message

    return check


@pytest.fixture(scope="session")
def deployed() -> Callable[[type, dict[str, Any]], Recording]:
    """Deploys one component named ``web``; the same args are deployed once."""
    known: dict[str, Recording] = {}

    def run(component: type, args: dict[str, Any]) -> Recording:
        key = f"{component.__name__} {args!r}"
        if key not in known:
            known[key] = deploy(lambda: component("web", args) and None)
        return known[key]

    return run
