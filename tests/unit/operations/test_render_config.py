"""The program gets what the engine would pass, and placeholders for what only a build or a key can know."""

import json

from operations.rendering.config import build
from operations.rendering.placeholders import DIGEST, SECRET_TEXT

DEV = {"pxl:environment": "dev"}
STAGING = {"pxl:environment": "staging", "pxl:image": {"repository": "registry.example.com/app"}}


def test_objects_are_passed_as_json_and_text_as_it_is() -> None:
    values = build({**DEV, "pxl:api": {"nodePort": 30080}, "pxl:owner": "platform"}, {}).values
    assert json.loads(values["pxl:api"]) == {"nodePort": 30080}
    assert values["pxl:owner"] == "platform"


def test_an_encrypted_value_becomes_a_placeholder_and_stays_secret() -> None:
    found = build({**DEV, "pxl:jwtSecret": {"secure": "v1:abc"}, "pxl:x": {"y": [{"secure": "v1:def"}]}}, {})
    assert found.values["pxl:jwtSecret"] == SECRET_TEXT
    assert json.loads(found.values["pxl:x"]) == {"y": [SECRET_TEXT]}
    assert found.secrets == ["pxl:jwtSecret", "pxl:x"]


def test_a_stack_without_a_release_is_shown_with_a_placeholder_and_says_so() -> None:
    found = build(DEV, {})
    assert json.loads(found.values["pxl:release"]) == {"digest": DIGEST}
    assert "pxl:release.digest" in found.invented, "whoever reads the manifests must know what is invented"
    assert set(json.loads(found.values["pxl:images"])) == {"postgres", "redis", "registry"}


def test_the_placeholder_of_a_release_is_one_that_prod_takes() -> None:
    found = build({"pxl:environment": "prod"}, {})
    assert json.loads(found.values["pxl:release"])["reason"], "prod refuses a digest that neither proof nor reason has"


def test_only_what_the_stack_uses_is_invented() -> None:
    found = build(STAGING, {})
    assert "pxl:images" not in found.values, "external stores need no image"
    assert json.loads(found.values["pxl:image"]) == {"repository": "registry.example.com/app"}


def test_what_is_set_to_nothing_is_missing() -> None:
    found = build({**DEV, "pxl:release": {}, "pxl:images": {"redis": None}}, {})
    assert {"pxl:release.digest", "pxl:images.redis"} <= set(found.invented), "the program sees it so, too"
    assert json.loads(found.values["pxl:images"])["redis"].endswith(DIGEST)


def test_single_values_are_passed_as_their_text() -> None:
    values = build({**DEV, "pxl:owner": None, "pxl:x": True, "pxl:y": 5}, {}).values
    assert (values["pxl:owner"], values["pxl:x"], values["pxl:y"]) == ("", "true", "5"), "as the engine does it"


def test_what_is_set_is_never_replaced() -> None:
    found = build({**DEV, "pxl:release": {"digest": "sha256:" + "1" * 64}, "pxl:images": {"redis": "mine"}}, {})
    assert json.loads(found.values["pxl:release"])["digest"].endswith("1111")
    assert json.loads(found.values["pxl:images"])["redis"] == "mine"


def test_missing_secrets_are_filled_in_where_the_stack_must_be_given_them() -> None:
    config = {**STAGING, "pxl:secrets": {"delivery": "direct", "generate": False}}
    found = build(config, {})
    assert found.secrets == ["pxl:databasePassword", "pxl:redisPassword", "pxl:jwtSecret"]
    assert build(STAGING, {}).secrets == [], "with an external store nothing is given to the stack"


def test_defaults_of_the_project_apply_unless_the_stack_says_otherwise() -> None:
    project = {"name": "pxl", "config": {"owner": {"type": "string", "default": "a"}, "other:region": {"value": "b"}}}
    assert build(DEV, project).values["pxl:owner"] == "a"
    assert build(DEV, project).values["other:region"] == "b"
    assert build({**DEV, "pxl:owner": "c"}, project).values["pxl:owner"] == "c"


def test_an_empty_default_of_the_schema_means_not_set() -> None:
    project = {"name": "pxl", "config": {"pxl:release": {"type": "object", "default": {}}}}
    assert "pxl:release.digest" in build(DEV, project).invented, "an optional object has an empty default"
