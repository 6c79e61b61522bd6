"""Workers in groups with queues of their own, and what is told about the queues, from a real Redis filled by BullMQ."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Platform, finished_job, request

_METRICS = "/api/v1/namespaces/pxl-dev/services/http:queue-metrics:9465/proxy/metrics"
_LINE = re.compile(r'^(\w+)\{queue="(\w+)"(?:,state="(\w+)")?\} (\S+)$', re.MULTILINE)


@pytest.fixture(scope="module")
def grouped(platform: Platform) -> Iterator[Platform]:
    """The dev stack with a second group of workers; afterwards as it was."""
    reports = {"queues": ["reports"], "concurrency": 1}
    with platform.settings(
        worker={"queues": ["jobs"]},
        workers={"reports": reports},
        queues={"metrics": True, "metricsNamespaces": ["monitoring"]},
    ):
        done = platform.up()
        assert done.returncode == 0, done.stderr[-4000:]
        yield platform
    done = platform.up()
    assert done.returncode == 0, done.stderr[-4000:]


def told(platform: Platform) -> dict[tuple[str, ...], float]:
    done = platform.command("kubectl", "get", "--raw", _METRICS, timeout=60)
    assert done.returncode == 0, done.stderr
    return {tuple(filter(None, found[:3])): float(found[3]) for found in _LINE.findall(done.stdout)}


def test_each_group_does_the_jobs_of_its_own_queues(grouped: Platform):
    by = {queue: finished_job(grouped, {"queue": queue})["worker"] for queue in ("jobs", "reports")}
    assert by["jobs"].startswith("worker-deployment-"), by
    assert by["reports"].startswith("worker-reports-deployment-"), by


def test_what_waits_is_told_queue_by_queue(grouped: Platform):
    before = told(grouped)
    assert before["bullmq_queue_found", "jobs"] == before["bullmq_queue_found", "reports"] == 1
    ids = [request(f"{grouped.url}/jobs", {"queue": "reports", "ms": 8000}).body["id"] for _ in range(3)]
    during = told(grouped)
    assert during["bullmq_job_count", "reports", "active"] == 1, "the group works on one at a time"
    assert during["bullmq_job_count", "reports", "waiting"] == 2
    assert during["bullmq_oldest_job_age_seconds", "reports"] > 0
    assert during["bullmq_job_count", "jobs", "waiting"] == during["bullmq_oldest_job_age_seconds", "jobs"] == 0
    finished_job(grouped, {"queue": "reports", "ms": 0}, seconds=60)
    assert [request(f"{grouped.url}/jobs/{one}").body["state"] for one in ids] == ["completed"] * 3
    after = told(grouped)
    assert after["bullmq_job_count", "reports", "waiting"] == after["bullmq_oldest_job_age_seconds", "reports"] == 0
