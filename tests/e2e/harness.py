"""A platform as a user has it, and what tests ask of it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "pxl-dev"


@dataclass
class Answer:
    """What an HTTP request got."""

    status: int
    body: Any


@dataclass
class Platform:
    """A platform as a user has it: a checkout, a state folder, a port."""

    checkout: Path
    state: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PXL_STATE": str(self.state)}

    def command(self, *arguments: str, timeout: float = 1500, **env: str) -> subprocess.CompletedProcess[str]:
        """``python -m local …``, the command behind make, from the copy of the checkout."""
        return subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=self.checkout,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def up(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.command("up", "--port", str(self.port), *arguments, **env)

    def kubectl(self, *arguments: str) -> Any:
        """An object or a list from the API server."""
        done = self.command("kubectl", *arguments, "-o", "json", timeout=60)
        assert done.returncode == 0, f"kubectl failed: {done.stderr}"
        return json.loads(done.stdout)

    def objects(self) -> dict[str, dict[str, Any]]:
        """Everything of the stack by ``kind/name``."""
        kinds = "deployments,statefulsets,services,networkpolicies,jobs,poddisruptionbudgets,serviceaccounts"
        items = self.kubectl("get", kinds, "-n", NAMESPACE)["items"]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in items}

    @contextlib.contextmanager
    def settings(self, **changes: Any) -> Iterator[None]:
        """Changes ``Pulumi.dev.yaml`` for a while: ``worker={"concurrency": 7}``."""
        path = self.checkout / "Pulumi.dev.yaml"
        before = path.read_text()
        document = YAML().load(before)
        for key, value in changes.items():
            document["config"].setdefault(f"pxl:{key}", {}).update(value)
        with path.open("w") as file:
            YAML().dump(document, file)
        try:
            yield
        finally:
            path.write_text(before)


def request(url: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 10) -> Answer:
    """One HTTP request to the loopback address; an error status is an answer too."""
    assert url.startswith("http://127.0.0.1:"), "tests talk to this machine only"
    data = None if body is None else json.dumps(body).encode()
    content = {"content-type": "application/json"} if data else {}
    asked = urllib.request.Request(url, data=data, headers={**content, **(headers or {})})
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return Answer(answer.status, _parsed(answer.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _parsed(error.read()))


def patient_request(url: str, body: Any = None, broken: list[str] | None = None, seconds: float = 10) -> Answer:
    """An answer; a connection that breaks is tried again for some seconds, as every client of a cluster does.

    For what is about acknowledged rows. Whether a connection may break at all is for the proof of rollouts.

    Args:
        url: What is asked.
        body: What is sent.
        broken: Takes what broke, with the reason.
        seconds: How long to try.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return request(url, body)
        except OSError as error:
            if broken is not None:
                broken.append(f"{url}: {error!r}")
            if time.monotonic() > until:
                raise
        time.sleep(0.2)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def finished_job(platform: Platform, body: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """Posts a job and reads it back until a worker has done it."""
    posted = request(f"{platform.url}/jobs", body)
    assert posted.status in (200, 201, 202), f"the API must take a job: {posted}"
    deadline = time.monotonic() + seconds
    job: dict[str, Any] = {}
    while time.monotonic() < deadline:
        job = request(f"{platform.url}/jobs/{posted.body['id']}").body
        if job.get("state") in ("completed", "done", "failed"):
            return job
        time.sleep(0.2)
    raise AssertionError(f"the job was not done within {seconds} s: {job}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def copy_of_checkout(target: Path) -> Path:
    """The files that git knows or would add, and a repository of its own around them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    for arguments in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "copy"],
    ):
        subprocess.run(["git", *arguments], cwd=target, check=True)
    return target
