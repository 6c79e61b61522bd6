"""What the exporter tells about queues: what is in Redis, in BullMQ's own keys, and nothing of what is not there.

The server is fakeredis, which speaks Redis' protocol; the layout is that of BullMQ 5 and 6. A real Redis, filled by
BullMQ, is asked in tests/e2e/test_worker_groups.py.
"""

import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pxl_components
import pytest
import redis
from fakeredis import TcpFakeServer

PROGRAM = Path(pxl_components.__file__).parent / "queue_metrics.mjs"
PRIORITY = 2**32
Numbers = dict[str, float]


@pytest.fixture
def server() -> Iterator[Any]:
    running = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def store(server: Any) -> Any:
    return redis.Redis(port=server.server_address[1], decode_responses=True)


class Exporter:
    """The program, as its pod runs it."""

    def __init__(self, redis_port: int, **more: str) -> None:
        env = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis_port), "HOST": "127.0.0.1", "PORT": "0", **more}
        env = {"QUEUES": "jobs", "PATH": "/usr/local/bin:/usr/bin:/bin", **env}
        self.process = subprocess.Popen(["node", str(PROGRAM)], env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = re.search(r'"port":(\d+)', self.process.stdout.readline())
        assert said, "it says where it listens"
        self.port = int(said[1])

    def text(self, path: str = "/metrics") -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def numbers(self) -> Numbers:
        lines = [line.rpartition(" ") for line in self.text().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


@pytest.fixture
def exporters() -> Iterator[list[Exporter]]:
    made: list[Exporter] = []
    yield made
    for one in made:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def asked(server: Any, exporters: list[Exporter]) -> Any:
    def ask(**more: str) -> Numbers:
        exporters.append(Exporter(server.server_address[1], **more))
        return exporters[-1].numbers()

    return ask


def add(store: Any, job: str, seconds_ago: float, *, queue: str = "jobs", opts: str = "{}") -> str:
    then = int((time.time() - seconds_ago) * 1000)
    store.hset(f"bull:{queue}:{job}", mapping={"timestamp": then, "opts": opts, "delay": 0})
    return job


def count(numbers: Numbers, state: str, queue: str = "jobs") -> float:
    return numbers[f'bullmq_job_count{{queue="{queue}",state="{state}"}}']


def age(numbers: Numbers, queue: str = "jobs") -> float:
    return numbers[f'bullmq_oldest_job_age_seconds{{queue="{queue}"}}']


def test_jobs_are_counted_where_bullmq_keeps_them(store: Any, asked: Any):
    store.hset("bull:jobs:meta", "opts.maxLenEvents", 10000)
    for number in range(3):
        store.lpush("bull:jobs:wait", add(store, f"w{number}", 30 - 10 * number))
    store.lpush("bull:jobs:active", "a1", "a2")
    store.zadd("bull:jobs:prioritized", {add(store, "p1", 5): 3 * PRIORITY + 1})
    store.zadd("bull:jobs:delayed", {"d1": 1, "d2": 2})
    store.zadd("bull:jobs:failed", {"f1": 1})
    found = asked()
    counts = {
        state: count(found, state) for state in ("waiting", "active", "prioritized", "delayed", "failed", "paused")
    }
    assert counts == {"waiting": 3, "active": 2, "prioritized": 1, "delayed": 2, "failed": 1, "paused": 0}
    assert age(found) == pytest.approx(30, abs=2), "the first that came in"


def test_a_queue_that_redis_does_not_know_has_no_numbers(store: Any, asked: Any):
    store.hset("bull:jobs:meta", "opts.maxLenEvents", 10000)
    found = asked(QUEUES="jobs,job")
    assert (found['bullmq_queue_found{queue="jobs"}'], found['bullmq_queue_found{queue="job"}']) == (1, 0)
    assert count(found, "waiting") == 0, "an empty one is empty"
    assert not [name for name in found if 'queue="job"' in name and "found" not in name], "a 0 would scale it down"


def test_the_oldest_may_be_the_least_urgent(store: Any, asked: Any):
    store.lpush("bull:jobs:wait", add(store, "w", 10))
    jobs = {add(store, "urgent", 1): 1 * PRIORITY + 9, add(store, "starved", 300): 5 * PRIORITY + 2}
    store.zadd("bull:jobs:prioritized", {**jobs, add(store, "late", 2): 5 * PRIORITY + 3})
    assert age(asked()) == pytest.approx(300, abs=2)


def test_a_delay_that_was_asked_for_is_no_waiting(store: Any, asked: Any):
    store.lpush("bull:jobs:wait", add(store, "w", 100, opts='{"delay": 90000, "attempts": 3}'))
    assert age(asked()) == pytest.approx(10, abs=2)


@pytest.mark.parametrize("kept_in", ["wait", "paused"])
def test_a_paused_queue_has_nothing_to_do_for_workers(store: Any, asked: Any, kept_in: str):
    store.hset("bull:jobs:meta", "paused", 1)
    store.lpush(f"bull:jobs:{kept_in}", add(store, "w", 60))
    store.zadd("bull:jobs:prioritized", {add(store, "p", 20): PRIORITY})
    found = asked()
    assert (count(found, "waiting"), count(found, "prioritized"), count(found, "paused")) == (0, 0, 2)
    assert age(found) == pytest.approx(60, abs=2), "but they wait all the same"


def test_a_job_that_is_taken_meanwhile_is_no_age(store: Any, asked: Any):
    store.lpush("bull:jobs:wait", "gone")
    assert (count(found := asked(), "waiting"), age(found)) == (1, 0)


def test_its_keys_may_have_another_prefix(store: Any, asked: Any):
    store.lpush("{shop}:mail.out:wait", "x")
    assert count(asked(QUEUES="mail.out", QUEUE_PREFIX="{shop}"), "waiting", "mail.out") == 1


def test_without_redis_it_says_so_and_nothing_else(server: Any, store: Any, exporters: list[Exporter]):
    store.lpush("bull:jobs:wait", "x")
    exporters.append(Exporter(server.server_address[1]))
    assert exporters[0].numbers()["bullmq_up"] == 1
    server.shutdown()
    server.server_close()
    store.connection_pool.disconnect()
    exporters.append(Exporter(1))
    assert exporters[1].numbers() == {"bullmq_up": 0}, "no number is better than a wrong one"
    assert exporters[1].text("/healthz") == "ok\n", "it is well itself"


def test_a_refused_password_is_told_without_it(server: Any, exporters: list[Exporter]):
    exporters.append(Exporter(server.server_address[1], REDIS_PASSWORD="wrong-and-secret"))
    assert exporters[0].numbers() == {"bullmq_up": 0}
    exporters[0].process.terminate()
    said = exporters[0].process.communicate(timeout=10)[0]
    assert "Redis does not answer" in said and "wrong-and-secret" not in said
    assert exporters[0].process.returncode == 0, "told to go, it goes"
