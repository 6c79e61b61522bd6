"""Every kind of bad value is refused, by file, key, value and remedy."""

from typing import Any

import pytest
import yaml

from infra.settings import check_stack_file
from infra.settings.mistakes import Mistake
from tests.unit.infra import bad_settings
from tests.unit.infra.bad_aws_settings import BAD_ON_AWS
from tests.unit.infra.bad_settings import AWS, DEV, DIGEST, DOOR, KEY, PROD, STAGING, STORES

BAD = [*bad_settings.BAD, *BAD_ON_AWS]


def mistakes_of(tmp_path: Any, settings: dict[str, Any]) -> list[Mistake]:
    path = tmp_path / "Pulumi.try.yaml"
    path.write_text(yaml.safe_dump({"config": {f"pxl:{key}": value for key, value in settings.items()}}))
    return check_stack_file(path)


@pytest.mark.parametrize(("settings", "key", "word"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_refuses(tmp_path, settings, key, word):
    found = mistakes_of(tmp_path, settings)
    matching = [mistake for mistake in found if mistake.key == f"pxl:{key}"]
    assert matching, f"pxl:{key} must be named; found only {[mistake.key for mistake in found]}"
    mistake = matching[0]
    assert mistake.file == "Pulumi.try.yaml", "whoever reads it must know which file to open"
    assert word in f"{mistake.problem} {mistake.remedy}", f"says only: {mistake.problem} / {mistake.remedy}"
    assert mistake.remedy, "a refusal without a way out is half a message"


def test_at_least_forty_kinds_of_bad_values_are_covered():
    assert len(BAD) >= 40, "the table above is the proof that settings are checked"


@pytest.mark.parametrize(
    "settings",
    [DEV, STAGING, AWS, {**AWS, "ingress": DOOR}, PROD],
    ids=["dev", "elsewhere", "staging", "front door", "prod"],
)
def test_the_settings_that_the_bad_ones_vary_are_good(tmp_path, settings):
    assert mistakes_of(tmp_path, settings) == [], "else the cases above could fail for another reason"


def test_reports_several_mistakes_together(tmp_path):
    found = mistakes_of(
        tmp_path,
        {
            **DEV,
            "colour": 1,
            "release": {"digest": "latest"},
            "api": {"replicas": {"min": 9, "max": 2}, "poolSize": "x"},
        },
    )
    keys = {mistake.key for mistake in found}
    assert keys == {"pxl:colour", "pxl:release.digest", "pxl:api.replicas.min", "pxl:api.poolSize"}, (
        "one run must show them all, contradictions beside wrong types"
    )


def test_a_value_that_was_set_aside_is_not_reported_as_missing(tmp_path):
    found = mistakes_of(tmp_path, {**DEV, "release": {"digest": "latest"}})
    assert len(found) == 1, "one mistake, one message"


def test_a_secret_under_a_misspelled_key_is_not_shown(tmp_path):
    (mistake,) = mistakes_of(tmp_path, {**DEV, "databasePasword": "canary-0123456789"})
    assert "canary" not in str(mistake), "the value may be what the right key keeps secret"
    assert "pxl:databasePassword" in mistake.remedy


def test_a_private_key_in_place_of_a_certificate_is_not_shown(tmp_path):
    found = mistakes_of(tmp_path, {**STAGING, "postgres": {**STORES["postgres"], "ca": KEY}})
    assert found, "it would end in a ConfigMap"
    assert "canary" not in "\n".join(map(str, found)), "and in a log"


@pytest.mark.parametrize(
    ("key", "value"),
    [("owner", {"secure": "v1:canary"}), ("app", {"env": {"A": {"secure": "v1:canary"}}})],
    ids=["a setting", "a part of one"],
)
def test_a_secret_that_would_not_stay_one_is_refused(tmp_path, key, value):
    (mistake,) = mistakes_of(tmp_path, {**DEV, key: value})
    assert mistake.key == f"pxl:{key}"
    assert "without --secret" in mistake.remedy
    assert "canary" not in str(mistake)


def test_what_is_said_about_a_secret_is_no_secret(tmp_path):
    env = {"MAX_TOKENS": "4096", "TOKEN_TTL_SECONDS": "900", "PASSWORD_MIN_LENGTH": "12", "SECRET_NAME": "shop"}
    assert mistakes_of(tmp_path, {**DEV, "app": {"env": env}}) == [], "there would be no way to set them"


@pytest.mark.parametrize("key", ["databasePassword", "redisPassword", "jwtSecret", "appSecrets"])
def test_a_secret_in_plain_text_is_found_in_any_spelling(tmp_path, key):
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    for spelled in (key, snake, key.lower()):
        found = "\n".join(map(str, mistakes_of(tmp_path, {**DEV, spelled: "canary-0123456789" * 3})))
        assert f"pxl:{spelled}" in found, f"{spelled} would be taken, and stands in plain text"
        assert "canary" not in found, f"{spelled} must not be shown"


def stack_file(tmp_path, text):
    path = tmp_path / "Pulumi.try.yaml"
    path.write_text(f"config: {{pxl:environment: dev, {text}}}")
    return check_stack_file(path)


def test_a_moment_needs_no_quotes(tmp_path):
    for moment in ("2020-01-31T12:00:00Z", "2020-01-31T12:00:00+02:00", '"2020-01-31T12:00:00.5Z"'):
        release = f"pxl:release: {{digest: {DIGEST}, healthySince: {moment}}}"
        assert stack_file(tmp_path, release) == [], f"{moment} is read as what the engine makes of it"


@pytest.mark.parametrize("text", ["pxl:owner: 2030-01-31", "pxl:app: {env: {BUILT: 2030-01-31}}"])
def test_a_date_that_the_engine_would_rewrite_is_refused(tmp_path, text):
    (mistake,) = stack_file(tmp_path, text)
    assert "2030-01-31 00:00:00 +0000 UTC" in mistake.value, "that is what the program would get"
    assert "quotes" in mistake.remedy
    assert stack_file(tmp_path, text.replace("2030-01-31", '"2030-01-31"')) == [], "in quotes it is a text"


@pytest.mark.parametrize(
    "text",
    [
        "pxl:owner: 5",
        "pxl:owner: ''",
        "pxl:owner:",
        "pxl:release: {}",
        "pxl:api: {drainSeconds: 1e1}",
        "pxl:api: {drainSeconds: 10.0}",
        "pxl:app: {env: {MODE: yes}}",
    ],
)
def test_what_the_engine_makes_a_good_value_of_is_good(tmp_path, text):
    assert stack_file(tmp_path, text) == [], "the program would take it"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("pxl:worker: {enabled: yes}", "pxl:worker.enabled"),
        ("pxl:api: {drainSeconds: 1:30}", "pxl:api.drainSeconds"),
        ("pxl:app: {env: {MODE: 5}}", "pxl:app.env.MODE"),
    ],
)
def test_what_the_engine_makes_another_value_of_is_refused(tmp_path, text, key):
    assert [mistake.key for mistake in stack_file(tmp_path, text)] == [key], "the program would refuse it, too late"


@pytest.mark.parametrize(
    ("stack", "settings", "key"),
    [
        ("prod_eu", {}, "pxl:namespace"),
        ("Prod", {}, "pxl:namespace"),
        ("s" * 60, {}, "pxl:namespace"),
        ("-eu", {"namespace": "shop"}, "(stack)"),
        ("s" * 64, {"namespace": "shop"}, "(stack)"),
    ],
)
def test_a_stack_whose_name_fits_no_namespace_or_label_is_refused(tmp_path, stack, settings, key):
    path = tmp_path / f"Pulumi.{stack}.yaml"
    config = {f"pxl:{name}": value for name, value in {**DEV, **settings}.items()}
    path.write_text(yaml.safe_dump({"config": config}))
    assert [mistake.key for mistake in check_stack_file(path)] == [key], "else the deployment would stop half-way"


@pytest.mark.parametrize(("stack", "settings"), [("prod-eu", {}), ("prod_EU.2", {"namespace": "shop"})])
def test_a_stacks_name_is_free_within_that(tmp_path, stack, settings):
    path = tmp_path / f"Pulumi.{stack}.yaml"
    path.write_text(yaml.safe_dump({"config": {f"pxl:{name}": value for name, value in {**DEV, **settings}.items()}}))
    assert check_stack_file(path) == []


def test_a_secret_is_never_shown(tmp_path):
    canary = "canary-0123456789"
    for key in ("jwtSecret", "databasePassword", "redisPassword"):
        text = "\n".join(str(mistake) for mistake in mistakes_of(tmp_path, {**DEV, key: canary}))
        assert key in text, "the mistake must be reported"
        assert canary not in text, "and its value must not"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("config: [", "YAML"),
        ("- a", "mapping"),
        ("config: {[1, 2]: 3}", "YAML"),
        ("config: 3", "mapping"),
        ("confg: {}", "config?"),
        ("config:\n  pxl:api: {sticky: true}\n  pxl:api: {nodePort: 30080}", "'pxl:api' is there twice"),
        ("config: {'plx:api': {}}", "pxl:api"),
        ("config: {'api': {}}", "pxl:api"),
        ("config: {pxl:api: !!binary aGVsbG8=}", "tag"),
        ("config: {pxl:app: {port: .nan}}", "number"),
        ('config: {pxl:app: {env: {MODE: "\\ud800"}}}', "half a character"),
    ],
    ids=[
        "broken YAML",
        "a list",
        "a list as a key",
        "config that is a number",
        "misspelled config",
        "a key twice",
        "misspelled project",
        "no project",
        "a tag",
        "no number",
        "half a character",
    ],
)
def test_refuses_a_file_that_is_not_a_stack_file(tmp_path, text, word):
    path = tmp_path / "Pulumi.try.yaml"
    path.write_text(text)
    shown = "\n".join(str(mistake) for mistake in check_stack_file(path))
    assert word in shown, f"says only: {shown}"


def test_a_file_that_does_not_exist_is_a_mistake_not_a_crash(tmp_path):
    found = check_stack_file(tmp_path / "Pulumi.none.yaml")
    assert [mistake.key for mistake in found] == ["(file)"], "the message names the file"
