"""AWS on this machine as a process that is started, found again and ended.

What is made in it lives in the process's memory, and goes with it.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from local.aws.serve import ACCOUNT
from local.node import record
from local.paths import CHECKOUT, State
from operations.errors import Problem

_START_SECONDS = 60.0
_END_SECONDS = 5.0
_POLL_SECONDS = 0.05
_LOG_LINES = 15
# A child that is forgotten while it runs is complained of when Python clears up.
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Args:
        endpoint: Its address, such as ``http://127.0.0.1:5005``.
        account: The account that it answers for.
        pid: Its process.
    """

    endpoint: str
    account: str
    pid: int

    def env(self, region: str) -> dict[str, str]:
        """The whole environment of a program that is to reach it: this process's, without the user's own account.

        Args:
            region: The region to work in.
        """
        others = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return {
            **others,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def start(state: State, *, port: int = 0, account: str = ACCOUNT, registry: str | None = None) -> Server:
    """Starts the server and waits until it answers; one that runs with the same options is taken as it is.

    Args:
        state: Where its record and its log are.
        port: On 127.0.0.1; 0 for one that is free.
        account: The account that it answers for.
        registry: The registry whose images ECR shows.

    Raises:
        Problem: When it does not come up, or another one runs for this state.
    """
    wanted = hashlib.sha256(json.dumps([port, account, registry]).encode()).hexdigest()[:12]
    running = find(state)
    if running is not None:
        found = record.read(_record(state))
        if found is not None and found.fingerprint == wanted:
            return running
        raise Problem(
            "A local AWS runs already, with other options.",
            where=running.endpoint,
            why="what was made in it would be lost with it",
            remedy=f"end it first (kill {running.pid}), or start with its options",
        )
    _record(state).unlink(missing_ok=True)
    argv = [sys.executable, "-m", "local.aws.serve", "--port", str(port), "--account", account,
            "--record", str(_record(state)), "--fingerprint", wanted]  # fmt: skip
    if registry:
        argv += ["--registry", registry]
    with log(state).open("wb") as file:
        child = subprocess.Popen(
            argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    _started.append(child)
    return _wait(state, child)


def find(state: State) -> Server | None:
    """The server of a state that still runs, or None."""
    found = record.read(_record(state))
    if found is None or not found.alive:
        return None
    known = json.loads(_record(state).read_text())
    return Server(known["endpoint"], known["account"], found.pid)


def stop(state: State) -> None:
    """Ends the server of a state, with all that was made in it; none is none."""
    found = record.read(_record(state))
    if found is not None and found.alive:
        os.kill(found.pid, signal.SIGTERM)
        until = time.monotonic() + _END_SECONDS
        while found.alive and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        if found.alive:
            os.kill(found.pid, signal.SIGKILL)
    for child in list(_started):
        if child.poll() is not None:
            _started.remove(child)
    _record(state).unlink(missing_ok=True)


def log(state: State) -> Path:
    """The server's log."""
    return state.path("aws", "log")


def _record(state: State) -> Path:
    return state.path("aws", "server.json")


def _wait(state: State, child: subprocess.Popen[bytes]) -> Server:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and child.poll() is None:
        found = find(state)
        if found is not None and _answers(found.endpoint):
            return found
        time.sleep(_POLL_SECONDS)
    ended = child.poll()
    if ended is None:
        child.kill()
        child.wait()
    lines = log(state).read_text(errors="replace").splitlines()[-_LOG_LINES:]
    raise Problem(
        "The local AWS did not come up.",
        where=str(log(state)),
        why="\n".join(lines) or (f"it ended with {ended}" if ended is not None else "it does not answer"),
        remedy="is the port taken? (--port 0 takes a free one)",
    )


def _answers(endpoint: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"{endpoint}/moto-api/data.json", timeout=2).close()
    except OSError:
        return False
    return True
