"""What tests of several files share."""

import pytest

from tests.process.program import recordings


@pytest.fixture(scope="session")
def recorded() -> recordings.Recorded:
    return recordings.of
