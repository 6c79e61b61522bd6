"""An agent at work in one container, over one exec connection for the whole proof."""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

import urllib3
import websocket
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from operations import rollout
from operations.proof.isolation.agents import AGENTS
from operations.proof.isolation.cluster import Cluster
from operations.proof.isolation.manifests import LIFETIME_SECONDS
from operations.proof.isolation.model import Outcome, Place, Target, Try

_START_SECONDS = 20.0
BROKEN = (ApiException, websocket.WebSocketException, urllib3.exceptions.HTTPError, OSError)
_OUTPUT, _ERRORS, _STATUS = 1, 2, 3


class Silent(Exception):  # noqa: N818 (it is a state)
    """Nothing can be run in a container, or what ran there is gone."""


class Session:
    """An agent in one container; ``start`` it, ``listen``, ``try_all`` as often as needed, ``close`` it.

    Args:
        cluster: Where.
        place: The pod.
        container: The container to run it in; "" for the one in ``place``.
    """

    def __init__(self, cluster: Cluster, place: Place, container: str = "") -> None:
        """Opens nothing yet."""
        self._place = place
        self._container = container or place.container
        self._configuration = cluster.configuration
        self._connection: Any = None
        self._buffer = ""

    def start(self) -> None:
        """Starts the first agent that the container can run.

        Raises:
            Silent: It can run none of them.
        """
        said: list[str] = []
        for agent in AGENTS:
            try:
                self._connection = self._exec(agent.command(LIFETIME_SECONDS))
                self._read("ready", _START_SECONDS)
                return
            except Silent as error:
                said.append(f"{agent.name}: {error}")
                self.close()
        raise Silent(f"nothing can be run in it: {'; '.join(said)}")

    def listen(self, ports: Iterable[int]) -> dict[int, str]:
        """Listens on ports until the session ends; those that it cannot listen on come back, with the reason."""
        wanted = list(ports)
        deaf: dict[int, str] = {}
        self._write(*(f"listen {port}" for port in wanted))
        for _ in wanted:
            word, port, *rest = self._line(_START_SECONDS).split(" ", 2)
            if word == "deaf":
                deaf[int(port)] = " ".join(rest)
        return deaf

    def try_all(self, targets: Sequence[Target], seconds: float) -> dict[Target, Try]:
        """Tries targets in parallel.

        Args:
            targets: What to try.
            seconds: How long each may take.

        Raises:
            Silent: The agent is gone.
        """
        if not targets:
            return {}
        self._write(*(_command(number, target) for number, target in enumerate(targets)), f"go {seconds:g}")
        # Every sixty-four of them may take their time-out, and the container may be slow.
        lines = self._read("done", 20 + seconds * (2 + len(targets) // 16))
        return dict(_result(line, targets) for line in lines)

    def look_up(self, name: str, seconds: float) -> list[str]:
        """The addresses that a name resolves to in that container; none if it does not."""
        self._write(f"name 0 {name}", f"go {seconds:g}")
        words = [line.split(" ", 2) for line in self._read("done", 20 + seconds)]
        return [address for _, outcome, *rest in words if outcome == "found" for address in rest[0].split(",")]

    def close(self) -> None:
        """Ends the connection, and with it the agent."""
        connection, self._connection, self._buffer = self._connection, None, ""
        if connection is not None:
            try:
                connection.close(timeout=1)
            except BROKEN:
                return

    def _exec(self, command: list[str]) -> Any:
        core = client.CoreV1Api(client.ApiClient(self._configuration))
        try:
            return stream(
                core.connect_get_namespaced_pod_exec,
                self._place.pod,
                self._place.namespace,
                container=self._container,
                command=command,
                stdin=True,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
        except BROKEN as error:
            raise Silent(rollout.api_words(error)) from error

    def _write(self, *lines: str) -> None:
        try:
            self._connection.write_stdin("".join(f"{line}\n" for line in lines))
        except (AttributeError, *BROKEN) as error:
            raise Silent("the connection to it is closed") from error

    def _read(self, last: str, seconds: float) -> list[str]:
        """The lines up to ``last``."""
        end = time.monotonic() + seconds
        found: list[str] = []
        while (line := self._line(end - time.monotonic())) != last:
            found.append(line)
        return found

    def _line(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        while "\n" not in self._buffer:
            connection = self._connection
            if connection is None or time.monotonic() > end:
                raise Silent("no answer in time" if connection else "the connection to it is closed")
            if not connection.is_open():
                raise Silent(self._last_words(connection))
            try:
                connection.update(timeout=max(0.1, min(1.0, end - time.monotonic())))
            except BROKEN as error:
                raise Silent(str(error) or "the connection to it broke") from error
            self._buffer += connection.read_channel(_OUTPUT)
        line, _, self._buffer = self._buffer.partition("\n")
        return line.strip()

    def _last_words(self, connection: Any) -> str:
        """Why a command ended: what it said itself, else what the kubelet says about it."""
        said = connection.read_channel(_ERRORS).strip() or _message(connection.read_channel(_STATUS))
        if "executable file not found" in said or "no such file or directory" in said:
            return "not there"
        return " ".join(said.split())[:200] or "it ended"


def _message(status: str) -> str:
    """The words in the object that the API server ends an exec with."""
    try:
        return str(json.loads(status).get("message", ""))
    except ValueError:
        return status


def _command(key: int, target: Target) -> str:
    if target.lookup:
        return f"name {key} {target.lookup}"
    return f"tcp {key} {target.address} {target.port}"


def _result(line: str, targets: Sequence[Target]) -> tuple[Target, Try]:
    """A line of an agent as a target and what came of it."""
    key, outcome, *rest = line.split(" ", 2)
    target, words = targets[int(key)], " ".join(rest)
    if outcome == "found":
        right = bool(target.answers & set(words.split(",")))
        return target, Try(Outcome.REACHED) if right else Try(Outcome.FAILED, f"it resolves to {words}")
    outcomes = {"open": Outcome.REACHED, "refused": Outcome.REFUSED, "silent": Outcome.SILENT}
    return target, Try(outcomes.get(outcome, Outcome.FAILED), words)
