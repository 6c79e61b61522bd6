"""The table of differences and the settings belong together."""

from pathlib import Path

import pytest
import yaml

from infra.environments import DIFFERENCES, ENVIRONMENTS, defaults
from infra.settings import Settings, differences, from_stack_file, reference, schema
from infra.settings.model import SECRET_KEYS, EnvironmentName

ROOT = Path(__file__).resolve().parents[3]


def test_every_row_of_the_table_is_a_setting():
    for path in DIFFERENCES:
        section, key = path.split(".")
        model = Settings.model_fields[_name(Settings, section)].annotation
        assert _name(model, key), f"{path} is in the table, but no setting"


def _name(model, alias):
    found = [name for name, field in model.model_fields.items() if alias in (field.alias, name)]
    assert found, f"{alias} is no setting of {model.__name__}"
    return found[0]


def test_the_table_has_a_column_for_every_environment():
    assert tuple(item.value for item in EnvironmentName) == ENVIRONMENTS, "a setting without a column would crash"
    for path, values in DIFFERENCES.items():
        assert len(values) == len(ENVIRONMENTS), f"{path} lacks a column"


def test_a_row_that_is_the_same_everywhere_is_no_difference():
    same = [path for path, values in DIFFERENCES.items() if all(value == values[0] for value in values)]
    assert not same, f"these belong into the model's own defaults: {same}"


def test_the_page_shows_the_table():
    written = (ROOT / "docs" / "environments.md").read_text()
    assert written == differences.text(), "write it again: make schema"


def test_an_unknown_environment_has_no_defaults():
    with pytest.raises(KeyError):
        defaults("qa")


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_committed_stack_files_hold_no_mistake(stack):
    settings = from_stack_file(ROOT / f"Pulumi.{stack}.yaml")
    assert settings.environment.value == stack, "a stack's file must name its own environment"


def test_a_stack_file_overrides_the_table(tmp_path):
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(yaml.safe_dump({"config": {"pxl:environment": "dev", "pxl:api": {"replicas": 5}}}))
    replicas = from_stack_file(path).api.replicas
    assert (replicas.min, replicas.max) == (5, 5), "a number means: exactly so many"


def test_a_stack_file_overrides_a_part_of_a_group(tmp_path):
    path = tmp_path / "Pulumi.x.yaml"
    config = {"pxl:environment": "dev", "pxl:api": {"replicas": {"max": 4}}}
    path.write_text(yaml.safe_dump({"config": config}))
    replicas = from_stack_file(path).api.replicas
    assert (replicas.min, replicas.max) == (2, 4), "what is not overridden stays as the table has it"


def test_the_schema_in_the_project_file_is_that_of_the_model():
    assert (ROOT / "Pulumi.yaml").read_text(encoding="utf-8") == schema.text(), "run: make schema"


def test_the_page_of_settings_is_that_of_the_model():
    assert reference.PAGE.read_text(encoding="utf-8") == reference.text(), "run: make schema"


def test_secrets_are_not_in_the_schema():
    declared = {key.removeprefix("pxl:") for key in schema.project()["config"]}
    assert declared.isdisjoint(SECRET_KEYS), "the engine would demand a declared secret of every stack"
    settings = {field.alias or name for name, field in Settings.model_fields.items()}
    assert declared == settings - set(SECRET_KEYS), "everything else is declared, with its type"
