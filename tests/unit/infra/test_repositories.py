"""Where a stack's image lies."""

import json
from typing import Any

import pytest

from infra.environments import defaults
from infra.repositories import NoRepositoryError, repository
from infra.settings.model import Settings

AWS = {"account": "111111111111", "region": "eu-central-1", "cluster": "staging"}


def settings(kind: str, **given: Any) -> Settings:
    base = defaults("dev")
    base["registry"] = {**base["registry"], "kind": kind}
    return Settings.model_validate_json(json.dumps({"environment": "dev", **base, **given}))


def test_a_registry_in_the_cluster_is_at_every_node() -> None:
    assert repository(settings("cluster"), "dev") == "localhost:30500/pxl/app"


def test_on_aws_every_stack_has_a_repository_of_its_own() -> None:
    found = repository(settings("ecr", aws=AWS), "staging")
    assert found == "111111111111.dkr.ecr.eu-central-1.amazonaws.com/pxl/staging/app"
    china = repository(settings("ecr", aws={**AWS, "region": "cn-north-1"}), "staging")
    assert china == "111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn/pxl/staging/app"


def test_one_that_exists_is_named() -> None:
    assert repository(settings("none", image={"repository": "r.example.com/app"}), "x") == "r.example.com/app"


@pytest.mark.parametrize(("kind", "key"), [("none", "image.repository"), ("ecr", "aws.account")])
def test_settings_that_do_not_say_are_refused(kind: str, key: str) -> None:
    with pytest.raises(NoRepositoryError, match=key):
        repository(settings(kind), "x")
