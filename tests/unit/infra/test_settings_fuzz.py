"""The fuzz of tests/e2e covers every setting, without anybody having to remember a new one."""

from typing import Annotated, Any

from hypothesis import HealthCheck, Phase, given, settings
from pydantic import Field

from infra.settings import reading
from infra.settings.model import Settings
from tests.fuzz import stacks, values


class More(Settings):
    """The model with settings that nobody knows of yet."""

    colour: Annotated[str, Field(pattern="^(red|blue)$")] = Field("red")
    speed: int = Field(3, ge=3, le=4)


def leaves(schema: dict[str, Any], part: dict[str, Any], prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every setting by pydantic's own account of the model, its JSON schema."""
    found: set[tuple[str, ...]] = set()
    for option in [part, *part.get("anyOf", [])]:
        items = [option["items"]] if "items" in option else []
        for inside in [*items, *option.get("patternProperties", {}).values()]:
            found |= {prefix} | leaves(schema, inside, prefix)
        if "$ref" in option:
            found |= leaves(schema, schema["$defs"][option["$ref"].rpartition("/")[2]], prefix)
        for key, inner in option.get("properties", {}).items():
            found |= leaves(schema, inner, (*prefix, key))
    nested = any(
        "properties" in option or "$ref" in option or "items" in option for option in [part, *part.get("anyOf", [])]
    )
    return found if nested and found else found | {prefix}


def test_every_setting_of_the_model_is_one_that_stacks_are_made_around():
    schema = Settings.model_json_schema(by_alias=True)
    wanted = leaves(schema, schema)
    assert len(wanted) > 80, "else the schema was not understood"
    assert set(stacks.KEYS) == wanted, "a setting would never be generated"
    assert {*stacks.CHOSEN, ("environment",)} == wanted, "or have no series of its own"


def test_a_new_setting_is_generated_from_what_its_type_says():
    new = stacks.keys(More)
    assert set(new) - set(stacks.KEYS) == {("colour",), ("speed",)}, "by itself"
    drawn = {name: draw(values.of_field(new[(name,)]).good) for name in ("colour", "speed")}
    assert drawn["colour"] <= {"red", "blue"} and drawn["colour"], "of the form that it has"
    assert drawn["speed"] == {3, 4}, "and within its bounds"


def test_broken_values_lie_just_beyond_the_bounds():
    beyond = draw(values.of_field(stacks.keys(More)[("speed",)]).bad, 400)
    assert {2, 5} <= {value for value in beyond if isinstance(value, int)}, "where comparisons are wrong"


def draw(strategy: values.Strategy, number: int = 50) -> set[Any]:
    found: set[Any] = set()

    @settings(
        max_examples=number, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def each(value: Any) -> None:
        found.add(value if isinstance(value, int | str) else repr(value))

    each()
    return found


def test_a_stack_file_is_written_as_it_was_generated():
    raw = {
        "app": {"env": {"A": "a\0\x7f\u2028\U0001f600\"\\'\n", "B": "yes", "C": "1e3"}},
        "owner": None,
        "api": [1, 1.5],
    }
    written = stacks.Stack("x", raw).yaml()
    assert reading.read(written)["config"] == {f"pxl:{key}": value for key, value in raw.items()}
