"""The agents of the isolation proof: all three say the same of the same connections."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from operations.proof.isolation.agents import AGENTS, Agent

CAN_LISTEN = [agent for agent in AGENTS if agent.name != "bash"]


@pytest.fixture(params=AGENTS, ids=lambda agent: agent.name)
def agent(request: pytest.FixtureRequest) -> Agent:
    if not shutil.which(request.param.name):
        pytest.skip(f"no {request.param.name} here")
    return request.param


class Talk:
    """One agent at work."""

    def __init__(self, agent: Agent, lifetime: int = 30) -> None:
        self.process = subprocess.Popen(
            agent.command(lifetime), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.line() == "ready"

    def tell(self, *lines: str) -> None:
        assert self.process.stdin
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def answers(self) -> dict[str, str]:
        """What it says up to ``done``, by key."""
        found = dict(line.split(" ", 1) for line in iter(self.line, "done") if line)
        assert self.process.poll() is None, f"it must live on for the next round: {found}"
        return found


@contextlib.contextmanager
def talk(agent: Agent, lifetime: int = 30) -> Iterator[Talk]:
    started = Talk(agent, lifetime)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        for pipe in (started.process.stdin, started.process.stdout):
            with contextlib.suppress(OSError):
                pipe and pipe.close()


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that drops what comes: its queue is full, and nobody empties it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_open_refused_and_silent_are_told_apart(agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, silent_port() as silent, talk(agent) as told:
        tries = {"a": server.getsockname()[1], "b": closed_port(), "c": silent}
        told.tell(*(f"tcp {key} 127.0.0.1 {port}" for key, port in tries.items()))
        started = time.monotonic()
        told.tell("go 1")
        answers = told.answers()
        assert answers == {"a": "open", "b": "refused", "c": "silent"}, "a blocked port must not look like an open one"
        assert 0.9 < time.monotonic() - started < 4, "a silent target takes its time-out, and no longer"


def test_what_cannot_be_tried_is_an_error_and_no_end(agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, talk(agent) as told:
        told.tell("tcp a 300.1.1.1 80", f"tcp b 127.0.0.1 {server.getsockname()[1]}", "go 2")
        answers = told.answers()
        assert answers["a"].startswith(("error", "silent")), f"it is no connection: {answers}"
        assert answers["b"] == "open", "and the others are still tried"


def test_names_are_looked_up(agent: Agent) -> None:
    with talk(agent) as told:
        told.tell("name a localhost", "name b no-such-name.invalid", "go 3")
        answers = told.answers()
        assert answers["a"].startswith("found "), answers
        assert {"127.0.0.1", "::1"} & set(answers["a"].removeprefix("found ").split(",")), answers
        assert answers["b"].startswith(("error", "silent")), answers


def test_a_second_round_tries_only_what_is_new(agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, talk(agent) as told:
        port = server.getsockname()[1]
        told.tell(f"tcp a 127.0.0.1 {port}", "go 2")
        assert told.answers() == {"a": "open"}
        told.tell(f"tcp b 127.0.0.1 {port}", "go 2")
        assert told.answers() == {"b": "open"}


def test_many_are_tried_at_a_time(agent: Agent) -> None:
    with silent_port() as silent, talk(agent) as told:
        told.tell(*(f"tcp k{number} 127.0.0.1 {silent}" for number in range(30)))
        started = time.monotonic()
        told.tell("go 1")
        assert set(told.answers().values()) == {"silent"}
        assert time.monotonic() - started < 6, "thirty time-outs one after the other would take thirty seconds"


@pytest.mark.parametrize("agent", CAN_LISTEN, indirect=True, ids=lambda agent: agent.name)
def test_it_listens_and_answers_more_callers_than_a_queue_holds(agent: Agent) -> None:
    port = closed_port()
    with talk(agent) as told:
        told.tell(f"listen {port}")
        assert told.line() == f"listening {port}"
        for _ in range(300):
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        told.tell(f"tcp a 127.0.0.1 {port}", "go 2")
        assert told.answers() == {"a": "open"}, "it reaches itself while it listens"


@pytest.mark.parametrize("agent", CAN_LISTEN, indirect=True, ids=lambda agent: agent.name)
def test_a_port_that_is_taken_is_said_to_be(agent: Agent) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, talk(agent) as told:
        port = server.getsockname()[1]
        told.tell(f"listen {port}")
        assert told.line().startswith(f"deaf {port} "), "else its silence would pass for a policy's"


def test_bash_says_that_it_cannot_listen() -> None:
    (bash,) = (agent for agent in AGENTS if agent.name == "bash")
    with talk(bash) as told:
        told.tell("listen 18080")
        assert told.line().startswith("deaf 18080 ")


def test_it_ends_with_its_input(agent: Agent) -> None:
    with talk(agent) as told:
        assert told.process.stdin
        told.process.stdin.close()
        assert told.process.wait(timeout=5) == 0, "nothing may stay in a container behind a killed command"


def test_it_ends_with_its_time(agent: Agent) -> None:
    with talk(agent, lifetime=1) as told:
        assert told.process.wait(timeout=5) == 0, "a connection that is never closed must not keep it"
