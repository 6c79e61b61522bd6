"""The random stand-in's values."""

import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.standins.random.generate import COMPUTED, results, text
from local.standins.values import Secret


@given(
    length=st.integers(8, 64),
    classes=st.sets(st.sampled_from(["lower", "upper", "numeric", "special"]), min_size=1),
    minimum=st.integers(0, 2),
)
def test_a_text_has_its_length_only_allowed_letters_and_the_minimums(
    length: int, classes: set[str], minimum: int
) -> None:
    letters = {
        "lower": string.ascii_lowercase,
        "upper": string.ascii_uppercase,
        "numeric": string.digits,
        "special": "_-",
    }
    wanted = {name: name in classes for name in letters}
    minimums = {f"min{name.capitalize()}": minimum for name in classes}
    made = text({"length": length, "overrideSpecial": "_-", **wanted, **minimums})
    assert len(made) == length
    assert set(made) <= {letter for name in classes for letter in letters[name]}
    for name in classes:
        assert sum(letter in letters[name] for letter in made) >= minimum, f"at least {minimum} of {name}"


@pytest.mark.parametrize(
    "inputs",
    [
        {"length": 0},
        {"length": 3, "minUpper": 2, "minLower": 2},
        {"length": 8, "lower": False, "upper": False, "numeric": False, "special": False},
    ],
)
def test_inputs_that_cannot_hold_are_refused(inputs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"length is|at least one"):
        text(inputs)


def test_a_password_is_secret_and_a_string_is_not() -> None:
    assert isinstance(results("RandomPassword", {"length": 20})[1]["result"], Secret)
    name, outputs = results("RandomString", {"length": 20})
    assert outputs["result"] == name


def test_an_id_is_the_same_bytes_in_four_spellings() -> None:
    name, outputs = results("RandomId", {"byteLength": 4, "prefix": "p-"})
    number = int(outputs["hex"].removeprefix("p-"), 16)
    assert outputs["dec"] == f"p-{number}"
    assert outputs["b64Url"] == f"p-{name}"
    assert len(outputs["hex"]) == len("p-") + 8


def test_uuids_are_uuids_and_no_two_values_are_equal() -> None:
    assert uuid.UUID(results("RandomUuid", {})[0]).version == 4
    assert len({results("RandomPassword", {"length": 20})[1]["result"].value for _ in range(50)}) == 50


@pytest.mark.parametrize("kind", sorted(COMPUTED))
def test_every_announced_output_is_made_and_as_secret_as_announced(kind: str) -> None:
    outputs = results(kind, {"length": 12, "byteLength": 4})[1]
    assert {name: isinstance(value, Secret) for name, value in outputs.items()} == COMPUTED[kind]
