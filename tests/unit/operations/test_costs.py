"""docs/costs.md is what the table of environments says."""

import pytest

from infra import environments
from operations import costs


def row(name: str) -> list[str]:
    (line,) = [line for line in costs.text().splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][2:]


def test_the_page_is_up_to_date():
    assert costs.PAGE.read_text(encoding="utf-8") == costs.text(), "run: make schema"


def test_dev_has_nothing_of_aws_and_the_others_have():
    for part in costs.PARTS:
        dev, staging, prod = row(part.name)
        assert dev == "–" or "vCPU" in dev, f"{part.name}: dev runs in a cluster that exists"
        assert prod != "–", f"{part.name}: production has all of it"
        assert staging != "–" or part.name == "Postgres: restore tests"


def test_a_standby_is_paid_for_twice(monkeypatch: pytest.MonkeyPatch):
    _, staging, prod = row("Postgres: instances")
    assert staging == "1 × 730 h of db.t4g.medium" and prod == "2 × 730 h of db.m7g.large"
    assert row("Postgres: storage")[2] == "2 × 200 to 1000 GB"
    changed = {**environments.DIFFERENCES, "postgres.multiAz": (False, True, True)}
    monkeypatch.setattr(environments, "DIFFERENCES", changed)
    assert row("Postgres: instances")[1] == "2 × 730 h of db.t4g.medium", "the page follows the table"


def test_a_primary_is_paid_for_beside_its_replicas():
    assert row("Redis: nodes") == ["–", "2 × 730 h of cache.t4g.small", "3 × 730 h of cache.m7g.large"]


def test_what_the_pods_request_is_told_with_what_they_may_grow_to():
    dev, _, prod = row("Cluster: what the app's pods request")
    assert dev == "0.3 vCPU, 0.562 GiB", "two and one of 100m and 192Mi"
    assert prod == "2.5 vCPU, 3.75 GiB up to 7 vCPU, 10.5 GiB"
