"""What tests of several files share."""

from tests.engine.conftest import workbench

__all__ = ["workbench"]
