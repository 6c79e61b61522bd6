"""Every type of the AWS stand-in on the local AWS: made, read back without drift, changed, replaced, deleted."""

from typing import Any

import pytest

from local.aws.seed import Landing
from local.standins.aws.catalogue import TYPES
from local.standins.values import plain
from tests.integration.aws.aws_cases import CASES, STAYS, World
from tests.integration.aws.aws_engine import Engine, Made


def test_every_type_has_a_case() -> None:
    assert CASES.keys() == TYPES.keys(), "a type without a case has been run by nobody"


@pytest.mark.parametrize("token", sorted(CASES))
def test_a_type_is_made_read_changed_and_deleted(token: str, landing: Landing, engine: Engine) -> None:
    case, world = CASES[token], World(landing, engine)
    inputs = case.inputs(world)
    made = engine.create(token, inputs)
    assert made.id, "the engine needs an id"
    missing = [name for name in case.outputs if plain(made.outputs).get(name) in (None, "")]
    assert not missing, f"programs read {missing} of {token}; it has {sorted(made.outputs)}"
    assert not engine.diff(made, inputs).diffs, "the same program again changes nothing"
    _holds(engine, made, inputs)
    if case.change:
        changed = {**inputs, **case.change}
        differs = engine.diff(made, changed)
        assert set(differs.diffs) == set(case.change), "exactly what was changed differs"
        assert not list(differs.replaces), f"AWS changes {sorted(case.change)} in place"
        made = engine.update(made, changed)
        _holds(engine, made, changed)
    replaced = engine.diff(made, {**inputs, **case.change, **case.replace})
    assert set(replaced.replaces) == set(case.replace), "AWS makes another one of it"
    engine.delete(made)
    if token not in STAYS:
        assert engine.read(made) is None, "what is deleted is gone"
    engine.delete(made)
    for other in reversed(world.made):
        engine.delete(other)


def _holds(engine: Engine, made: Made, inputs: dict[str, Any]) -> None:
    found = engine.read(made)
    assert found is not None, "a refresh finds it"
    drifted = {name: (given, plain(found.inputs).get(name)) for name, given in plain(made.inputs).items()
               if given is not None and plain(found.inputs).get(name) != given}  # fmt: skip
    assert not drifted, f"a refresh finds what was set: {drifted}"
    assert not engine.diff(found, inputs).diffs, "and the program again changes nothing"
