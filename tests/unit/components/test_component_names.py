"""What the library gives out."""

import pxl_components
import pytest


@pytest.mark.parametrize("name", pxl_components.__all__)
def test_every_name_is_there_and_is_what_it_is_called(name: str):
    assert getattr(pxl_components, name).__name__ == name


def test_names_are_listed_once_and_completely():
    assert sorted(pxl_components.__all__) == pxl_components.__all__ == sorted(pxl_components._MODULES)
    assert dir(pxl_components) == pxl_components.__all__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Apis'"):
        pxl_components.Apis  # noqa: B018
