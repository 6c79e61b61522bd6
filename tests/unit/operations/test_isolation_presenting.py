"""How a proof is shown: tables without drawn names, every difference with its pods and what to do."""

import re
from dataclasses import replace

import pytest
from isolated_world import API_1, API_2, DATABASE, FOREIGN, PAIRS, as_declared, pod, proof_of

from operations.proof.isolation import presenting
from operations.proof.isolation.matrix import tables
from operations.proof.isolation.model import Kind, Outcome, Target, Try

REACHED, SILENT = Try(Outcome.REACHED), Try(Outcome.SILENT)
LEAK = (FOREIGN, Target(DATABASE, 5432))
LOSS = (API_1, Target(DATABASE, 5432))


def marks(proof: object, kind: Kind) -> dict[tuple[str, str], str]:
    """Row and column to mark; a column is ``group:port``."""
    (table,) = (one for one in tables(proof) if one.title == kind.value)  # pyright: ignore[reportArgumentType]
    return {
        (row, ":".join(column)): mark
        for row, found in table.rows
        for column, mark in zip(table.columns, found, strict=True)
    }


def test_the_table_has_a_row_a_source_and_a_column_a_port() -> None:
    found = marks(proof_of(as_declared()), Kind.STACK)
    assert found["api", "database:5432"] == "✓"
    assert found["api", "database:18080*"] == "·"
    assert found["foreign pod", "api:3000"] == "✓"
    assert found["foreign pod", "database:5432"] == "·"
    assert found["database", "database:5432"] == "=", "the pod itself"
    assert found["api", "api:3000"] == "·", "two pods of one workload are two pods"


def test_the_worst_of_several_pods_is_what_the_cell_shows() -> None:
    proof = proof_of({**as_declared(), LOSS: SILENT})
    assert marks(proof, Kind.STACK)["api", "database:5432"] == "!", "one of two pods is enough"
    proof = proof_of({**as_declared(), LEAK: REACHED})
    assert marks(proof, Kind.STACK)["foreign pod", "database:5432"] == "✗"


def test_the_page_is_the_same_for_another_deployment_of_the_same_stack() -> None:
    first = presenting.markdown(proof_of(as_declared()), "make isolation")
    renamed = {
        place: replace(place, pod=f"{place.group}-other{number}", address=f"10.9.0.{number}")
        for number, place in enumerate((API_1, API_2, DATABASE))
    }
    pairs = [
        (renamed.get(source, source), replace(target, place=renamed.get(target.place, target.place)))
        for source, target in reversed(PAIRS)
    ]
    second = presenting.markdown(proof_of(as_declared(pairs=pairs), pairs=pairs), "make isolation")
    assert first == second, "neither names nor addresses nor the order may show"
    assert not re.search(r"\b10\.\d+\.\d+\.\d+", first)
    assert "make isolation" in first, "whoever reads it can write it again"
    assert "90 connections is as declared" in first


def test_the_page_of_a_stack_that_is_not_isolated_says_so() -> None:
    page = presenting.markdown(proof_of({**as_declared(), LEAK: REACHED}), "make isolation")
    assert "**Not isolated as declared:**" in page
    assert "- ✗ foreign pod → database:5432" in page


def test_a_difference_is_listed_with_pods_port_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    presenting.show(proof_of({**as_declared(), LEAK: REACHED, LOSS: SILENT}))
    out = capsys.readouterr().out
    assert "✗ other/foreign (foreign pod) → shop/database-0:5432 (database): reached; no link opens" in out
    assert "! shop/api-1 (api) → shop/database-0:5432 (database): no answer in time; link api-to-database" in out
    assert out.count("next: ") >= 2, "each kind of trouble has its remedy"
    assert "✗ NOT SHOWN TO BE ISOLATED AS DECLARED: 90 connections tried" in out
    assert "2 not as declared" in out


def test_what_is_shown_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    presenting.show(proof_of(as_declared()))
    out = capsys.readouterr().out
    assert "✓ isolated exactly as declared: 90 connections tried in namespace shop" in out
    assert "REACHED, BUT NOT DECLARED" not in out, "the legend explains what is there"


def test_without_enforcement_the_cause_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    presenting.show(proof_of(dict.fromkeys(PAIRS, REACHED)))
    assert "does not enforce NetworkPolicies" in capsys.readouterr().out


def test_a_pod_in_which_nothing_can_be_run_names_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    tried = {pair: one for pair, one in as_declared().items() if pair[0] != API_2}
    proof = proof_of(tried, mute={API_2: "nothing can be run in it: perl: not there"})
    data = presenting.data(proof)
    assert data["ok"] is False
    assert {one["sourcePod"] for one in data["unknown"]} == {"shop/api-2"}
    assert all("--ephemeral-containers" in one["remedy"] for one in data["unknown"])
    presenting.show(proof)
    out = capsys.readouterr().out
    assert "? shop/api-2 (api) → anything: nothing can be run in it: perl: not there (15 connections)" in out
    assert out.count("--ephemeral-containers") == 1, "it is one thing to mend"


def test_scripts_get_every_connection_and_every_difference() -> None:
    data = presenting.data(proof_of({**as_declared(), LEAK: REACHED}))
    assert len(data["cells"]) == data["connections"] == 90
    (only,) = data["differences"]
    assert (only["sourcePod"], only["targetPod"], only["port"]) == ("other/foreign", "shop/database-0", 5432)
    assert (only["verdict"], only["meant"], only["outcome"]) == ("undeclared", "block", "reached")
    assert only["remedy"] and only["because"]


def test_a_port_of_one_pod_is_a_column_that_the_other_sources_leave_empty() -> None:
    other = pod("api", "api-3", "10.1.0.7", dict(API_1.labels))
    pairs = [*PAIRS, (FOREIGN, Target(other, 3001))]
    found = marks(proof_of(as_declared(pairs=pairs), pairs=pairs), Kind.STACK)
    assert found["api", "api:3001"] == "", "what was not to be tried has no mark"
    assert found["foreign pod", "api:3001"] == "?", "and a pod that answers nobody does not hide behind its twins"
