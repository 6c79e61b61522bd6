"""What the tried connections show; above all, what they do not show."""

from dataclasses import replace

import pytest
from isolated_world import (
    API_1,
    API_2,
    DATABASE,
    DATABASE_LABELS,
    DATABASE_LINK,
    DECLARED,
    DNS_LINK,
    FOREIGN,
    NODE,
    OUTSIDE,
    PAIRS,
    SOURCES,
    TARGETS,
    UNLABELLED,
    as_declared,
    declares,
    proof_of,
)

from operations.proof.isolation.expectation import Meant, expect
from operations.proof.isolation.judge import Judge, Proof, Verdict
from operations.proof.isolation.model import Outcome, Pair, Place, Target, Try

REACHED, SILENT, REFUSED = Try(Outcome.REACHED), Try(Outcome.SILENT), Try(Outcome.REFUSED)
JUDGED = [pair for pair in PAIRS if expect(*pair, DECLARED).meant is not Meant.OPEN and pair[0] != pair[1].place]


def verdict(proof: Proof, source: Place, target: Target) -> Verdict:
    return next(one.verdict for one in proof.judged if (one.source, one.target) == (source, target))


def name(pair: Pair) -> str:
    return f"{pair[0].pod} → {pair[1].name}".replace("/", ".")


def test_a_stack_that_does_what_it_declares_is_proved() -> None:
    proof = proof_of(as_declared())
    assert proof.ok, f"{proof.gaps} {[(one.source.pod, one.target.name) for one in proof.unknown]}"
    assert {one.verdict for one in proof.judged} == {Verdict.ITSELF, Verdict.REACHED, Verdict.BLOCKED}


@pytest.mark.parametrize("pair", JUDGED, ids=name)
def test_one_connection_that_differs_is_a_failure_that_names_it(pair: Pair) -> None:
    tried = as_declared()
    was = tried[pair]
    proof = proof_of({**tried, pair: SILENT if was.reached else REACHED})
    assert not proof.ok, "every single connection counts"
    (only,) = proof.differences
    assert (only.source, only.target) == pair
    assert only.verdict is (Verdict.MISSING if was.reached else Verdict.UNDECLARED)


@pytest.mark.parametrize("pair", PAIRS, ids=name)
def test_one_connection_that_was_not_tried_is_a_failure(pair: Pair) -> None:
    tried = as_declared()
    del tried[pair]
    proof = proof_of(tried)
    assert not proof.ok, "what was not tried is not proved"
    assert (pair[0], pair[1]) in {(one.source, one.target) for one in proof.unknown}


def test_nothing_tried_is_no_proof() -> None:
    assert not proof_of({}).ok
    empty = Proof("shop", DECLARED, (), 0)
    assert not empty.ok, "no connections, no differences, and still nothing shown"
    assert "no connection was tried" in empty.gaps


def test_silence_everywhere_is_no_proof() -> None:
    proof = proof_of(dict.fromkeys(PAIRS, SILENT))
    assert not proof.ok, "a cluster without any network is not an isolated one"
    assert Verdict.BLOCKED not in {one.verdict for one in proof.judged}


def test_answers_everywhere_are_no_proof() -> None:
    proof = proof_of(dict.fromkeys(PAIRS, REACHED))
    assert not proof.ok
    assert "nothing was blocked" in proof.gaps


def test_a_target_that_answers_nobody_shows_nothing() -> None:
    target = Target(DATABASE, 18080, declared=False)
    tried = {pair: SILENT if pair[1] == target else one for pair, one in as_declared().items()}
    proof = proof_of(tried)
    assert verdict(proof, FOREIGN, target) is Verdict.UNKNOWN, "nobody listens: that is no isolation"
    assert not proof.ok


def test_a_database_that_is_down_is_not_shown_rather_than_isolated() -> None:
    down = {pair: REFUSED if pair[1].place == DATABASE else one for pair, one in as_declared().items()}
    proof = proof_of(down)
    assert {one.verdict for one in proof.judged if one.target.place == DATABASE} == {Verdict.UNKNOWN}
    assert not proof.ok


def test_a_source_that_reaches_nothing_shows_nothing() -> None:
    tried = {
        pair: SILENT if pair[0] == UNLABELLED and pair[1].place != UNLABELLED else one
        for pair, one in as_declared().items()
    }
    proof = proof_of(tried)
    assert verdict(proof, UNLABELLED, Target(DATABASE, 5432)) is Verdict.UNKNOWN, (
        "it may have no network at all; that it reaches itself says nothing about it"
    )
    assert not proof.ok


def test_a_refusal_is_as_good_as_silence_where_somebody_else_is_answered() -> None:
    refused = {pair: REFUSED if one is not None and not one.reached else one for pair, one in as_declared().items()}
    assert proof_of(refused).ok, "some plugins reject instead of dropping"


def test_the_outside_may_be_silent_for_everybody() -> None:
    target = next(one for one in TARGETS if one.place == OUTSIDE)
    tried = {pair: SILENT if pair[1] == target else one for pair, one in as_declared().items()}
    proof = proof_of(tried)
    assert proof.ok, "a cluster without a way out is no failure of its stack"
    assert {one.target for one in proof.noted} == {target}, "but it is said that nothing is shown"
    assert verdict(proof, API_1, target) is Verdict.UNKNOWN


def test_what_is_nobodys_business_is_not_judged() -> None:
    target = next(one for one in TARGETS if one.place == OUTSIDE)
    proof = proof_of({**as_declared(), (FOREIGN, target): SILENT})
    assert proof.ok, "a cloud may keep pods from its metadata service: the node still shows that it answers"
    assert verdict(proof, FOREIGN, target) is Verdict.CLOSED
    assert verdict(proof, API_1, target) is Verdict.BLOCKED


def test_a_target_that_stops_answering_shows_nothing_any_more() -> None:
    target = Target(DATABASE, 5432)
    proof = proof_of(as_declared(), ceased=[target])
    assert verdict(proof, FOREIGN, target) is Verdict.UNKNOWN
    assert not proof.ok


def test_reasons_are_given_for_what_is_not_shown() -> None:
    target = Target(DATABASE, 18080, declared=False)
    tried = {pair: SILENT if pair[1] == target else one for pair, one in as_declared().items() if pair[0] != API_2}
    proof = proof_of(tried, deaf={(DATABASE, 18080): "bash cannot listen"}, mute={API_2: "nothing can be run in it"})
    reasons = {(one.source.pod, one.target.name): one.reason for one in proof.unknown}
    assert reasons["foreign", "shop/database-0:18080"] == "nothing listens there: bash cannot listen"
    assert reasons["api-2", "shop/api-1:3000"] == "nothing can be run in it"


def test_controls_are_those_who_were_answered() -> None:
    controls = Judge(DECLARED, PAIRS, as_declared()).controls(2)
    assert controls[Target(DATABASE, 5432)] == [API_1, API_2]
    assert controls[Target(DATABASE, 18080, declared=False)] == [DATABASE, NODE]
    assert all(controls.values()), "who blocks must be seen to answer"


def test_a_link_through_which_nothing_came_is_a_gap() -> None:
    pairs = [pair for pair in PAIRS if DATABASE not in (pair[0], pair[1].place)]
    proof = proof_of(as_declared(pairs=pairs), pairs=pairs)
    assert not proof.differences and not proof.unknown
    assert "link api-to-database: nothing came through it" in proof.gaps, "no cell says that its pods do not run"
    assert not proof.ok


def test_a_link_that_cannot_be_tried_is_said_to_be_so() -> None:
    ranged = {**DATABASE_LINK, "name": "api-to-mail", "opens": ["egress"], "to": {"cidrs": ["198.51.100.0/24"]}}
    declared = declares(*(link.model_dump(by_alias=True) for link in DECLARED.links), ranged)
    proof = proof_of(as_declared(declared), declared)
    assert proof.ok, f"nothing in it can be connected to: {proof.gaps}"
    assert proof.untried == ["api-to-mail"]


@pytest.mark.parametrize("missing", ["api", "foreign"])
def test_without_sources_of_both_kinds_there_is_no_proof(missing: str) -> None:
    gone = {"api": (API_1, API_2, DATABASE), "foreign": (FOREIGN, UNLABELLED)}[missing]
    pairs = [pair for pair in PAIRS if pair[0] not in gone]
    assert not proof_of(as_declared(pairs=pairs), pairs=pairs).ok


def test_a_pod_that_does_not_run_is_no_proof() -> None:
    proof = replace(proof_of(as_declared()), missing=("pod shop/worker-1 does not run",))
    assert not proof.ok


def test_a_way_that_is_not_declared_any_more_is_seen() -> None:
    proof = proof_of(as_declared(), declares(DNS_LINK))
    assert {(one.source.group, one.target.place.group) for one in proof.differences} >= {("api", "database")}, (
        "the policies still let through what the program no longer declares"
    )


def test_the_world_of_these_tests_is_what_it_says() -> None:
    assert len(PAIRS) == len(SOURCES) * len(TARGETS) == 90
    assert DATABASE.labels == DATABASE_LABELS
