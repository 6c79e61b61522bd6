"""What a release must show before the program deploys it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.settings.contradiction import Contradiction
from infra.settings.load import check
from infra.settings.model import EnvironmentName, Release, Settings
from infra.settings.release_rules import proven

NOW = datetime(2030, 1, 10, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
SOAKED = {"digest": DIGEST, "provenIn": "staging", "healthySince": "2030-01-09T12:00:00Z", "promotedBy": "ada"}


def found(release: dict[str, Any] | None, environment: str = "prod", soak_hours: int = 24) -> list[Contradiction]:
    mistakes, settings = check({"environment": "dev"}, "Pulumi.try.yaml", complete=False)
    assert settings is not None, mistakes
    settings = settings.model_copy(
        update={
            "environment": EnvironmentName(environment),
            "promotion": settings.promotion.model_copy(update={"soak_hours": soak_hours}),
            "release": None if release is None else Release.model_validate(release),
        }
    )
    return list(proven(settings, now=lambda: NOW))


@pytest.mark.parametrize(
    ("release", "key", "word"),
    [
        ({"digest": DIGEST, "healthySince": SOAKED["healthySince"]}, "release.provenIn", "missing"),
        ({"digest": DIGEST, "provenIn": "staging"}, "release.healthySince", "missing"),
        ({**SOAKED, "healthySince": "2030-01-09T12:00:01Z"}, "release.healthySince", "less than promotion.soakHours"),
        ({**SOAKED, "healthySince": "2030-01-10T12:06:00Z"}, "release.healthySince", "future"),
        ({**SOAKED, "healthySince": "2030-01-11T12:00:00Z", "reason": "urgent"}, "release.healthySince", "future"),
        ({**SOAKED, "healthySince": "2030-01-09T13:00:00+00:30"}, "release.healthySince", "less than"),
    ],
)
def test_prod_refuses(release: dict[str, Any], key: str, word: str) -> None:
    contradictions = found(release)
    assert [one.keys[0] for one in contradictions] == [key]
    assert word in contradictions[0].problem
    assert "pxlctl promote" in contradictions[0].remedy, "it says how to come to a good one"


def test_what_is_missing_is_said_at_once() -> None:
    assert [one.keys[0] for one in found({"digest": DIGEST})] == ["release.provenIn", "release.healthySince"]


def test_the_time_that_is_left_is_said() -> None:
    contradiction = found({**SOAKED, "healthySince": "2030-01-10T02:30:30Z"})[0]
    assert contradiction.remedy.startswith("wait 14 h 31 min"), "rounded up: a minute too early is refused again"


@pytest.mark.parametrize(
    "release",
    [
        None,
        SOAKED,
        {**SOAKED, "healthySince": "2030-01-09 12:00:00 +0000 UTC"},
        {"digest": DIGEST, "reason": "the shop is down"},
        {**SOAKED, "healthySince": "2030-01-10T11:00:00Z", "reason": "the shop is down"},
    ],
    ids=["no release", "soaked", "as the engine writes a moment", "a reason alone", "forced before its time"],
)
def test_prod_takes(release: dict[str, Any] | None) -> None:
    assert found(release) == []


def test_without_a_soak_prod_takes_what_was_healthy_just_now_even_by_another_clock() -> None:
    assert found({**SOAKED, "healthySince": "2030-01-10T11:59:00Z"}, soak_hours=0) == []
    assert found({**SOAKED, "healthySince": "2030-01-10T12:04:00Z"}, soak_hours=0) == []


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_elsewhere_a_digest_needs_no_proof_but_none_lies_in_the_future(environment: str) -> None:
    assert found({"digest": DIGEST}, environment) == []
    assert found({"digest": DIGEST, "healthySince": "2031-01-01T00:00:00Z"}, environment) != []


def test_the_rule_is_among_those_that_every_stack_is_checked_by() -> None:
    release = {"digest": DIGEST, "healthySince": "2999-01-01T00:00:00Z"}
    mistakes, _ = check({"environment": "dev", "release": release}, "Pulumi.try.yaml", complete=False)
    assert [one.key for one in mistakes] == ["pxl:release.healthySince"]


@pytest.mark.parametrize(("environment", "hours"), [("dev", 0), ("staging", 0), ("prod", 24)])
def test_prod_alone_asks_for_a_day(environment: str, hours: int) -> None:
    from infra.environments import defaults  # noqa: PLC0415

    assert defaults(environment)["promotion"] == {"soakHours": hours}
    assert Settings.model_fields["promotion"].is_required(), "it comes from the table, like every difference"
