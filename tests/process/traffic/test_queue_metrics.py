"""What the exporter tells about queues: what is in Redis, in BullMQ's own keys, and nothing of what is not there.

The server is fakeredis, which speaks Redis' protocol; the layout is that of BullMQ 5 and 6. A real Redis, filled by
BullMQ, is asked in tests/e2e/test_worker_groups.py.
"""

import re
import socket
import socketserver
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


def test_what_is_put_back_does_not_hide_what_waits_longer(store: Any, asked: Any):
    store.lpush("bull:jobs:wait", add(store, "old", 90))
    store.lpush("bull:jobs:wait", add(store, "young", 5))
    store.rpush("bull:jobs:wait", add(store, "retried", 1))
    assert age(asked()) == pytest.approx(90, abs=2)


def test_a_stack_of_jobs_starves_at_its_other_end(store: Any, asked: Any):
    for number in range(5):
        store.rpush("bull:jobs:wait", add(store, f"lifo{number}", 100 - 20 * number))
    assert age(asked()) == pytest.approx(100, abs=2)


@pytest.mark.parametrize("opts", [None, '{"delay": 86400000}'], ids=["taken meanwhile", "promoted by hand"])
def test_an_age_that_cannot_be_told_is_not_told(store: Any, asked: Any, opts: str | None):
    store.lpush("bull:jobs:wait", "gone" if opts is None else add(store, "w", 3, opts=opts))
    found = asked()
    assert count(found, "waiting") == 1
    assert 'bullmq_oldest_job_age_seconds{queue="jobs"}' not in found, "0 would say that none waits"


def test_somebody_elses_key_takes_one_queues_numbers_away_and_no_others(store: Any, asked: Any):
    store.set("bull:jobs:wait", "no list")
    store.lpush("bull:mail:wait", add(store, "w", 1, queue="mail"))
    found = asked(QUEUES="jobs,mail")
    assert found['bullmq_queue_found{queue="jobs"}'] == 0
    assert count(found, "waiting", "mail") == 1


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
    time.sleep(0.6)
    assert exporters[0].numbers() == {"bullmq_up": 0}, "no number is better than a wrong one, and an old one is wrong"
    assert exporters[0].text("/healthz") == "ok\n", "it is well itself"


def test_a_refused_password_is_told_without_it(server: Any, exporters: list[Exporter]):
    exporters.append(Exporter(server.server_address[1], REDIS_PASSWORD="wrong-and-secret"))
    assert exporters[0].numbers() == {"bullmq_up": 0}
    exporters[0].process.terminate()
    said = exporters[0].process.communicate(timeout=10)[0]
    assert "Redis does not answer" in said and "wrong-and-secret" not in said
    assert exporters[0].process.returncode == 0, "told to go, it goes"


class Odd(socketserver.BaseRequestHandler):
    """A server that answers every command alike, or not at all, piece by piece if it is told to."""

    reply = b""
    pieces = 1
    closes = False

    def handle(self) -> None:
        while words := self.request.recv(65536):
            # One reply a command; a command begins with the number of its words.
            whole = self.reply * len(re.findall(rb"(?:^|\r\n)\*\d+\r\n", words))
            for start in range(0, len(whole), step := max(1, len(whole) // self.pieces)):
                self.request.sendall(whole[start : start + step])
                time.sleep(0.01 if self.pieces > 1 else 0)
            if self.closes:
                return


@pytest.fixture
def odd(exporters: list[Exporter]) -> Iterator[Any]:
    servers: list[socketserver.ThreadingTCPServer] = []

    def answer(**handler: Any) -> Numbers:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Handler", (Odd,), handler))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        exporters.append(Exporter(server.server_address[1]))
        return exporters[-1].numbers()

    yield answer
    for one in servers:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize(
    "handler",
    [
        {"reply": b""},
        {"reply": b"-LOADING Redis is loading the dataset in memory\r\n"},
        {"reply": b"-NOAUTH Authentication required.\r\n"},
        {"reply": b"HTTP/1.1 400 Bad Request\r\n\r\n"},
        {"reply": b"$10\r\nhal", "closes": True},
    ],
    ids=["silent", "loading", "a password is asked for", "no Redis", "closed in the middle of a reply"],
)
def test_what_is_no_answer_is_none(odd: Any, handler: dict[str, Any]):
    assert odd(**handler) == {"bullmq_up": 0}


def test_a_reply_may_come_in_pieces(odd: Any):
    assert odd(reply=b":0\r\n", pieces=40) == {"bullmq_up": 1, 'bullmq_queue_found{queue="jobs"}': 0}


def test_a_server_without_a_password_may_be_given_one(server: Any, store: Any, exporters: list[Exporter]):
    store.lpush("bull:jobs:wait", "x")

    class Open(Odd):
        reply = b"-ERR AUTH <password> called without any password configured for the default user.\r\n"

        def handle(self) -> None:
            self.request.sendall(self.reply if self.request.recv(4096) else b"")
            # From here on it is the real one's turn.
            with socket.create_connection(("127.0.0.1", server.server_address[1])) as behind:
                while words := self.request.recv(65536):
                    behind.sendall(words)
                    time.sleep(0.1)
                    self.request.sendall(behind.recv(65536))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Open) as front:
        front.daemon_threads = True
        threading.Thread(target=front.serve_forever, daemon=True).start()
        exporters.append(Exporter(front.server_address[1], REDIS_PASSWORD="unasked-for"))
        assert exporters[0].numbers()["bullmq_up"] == 1
        front.shutdown()
