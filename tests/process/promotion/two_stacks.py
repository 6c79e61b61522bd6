"""A project with two stacks in a git repository, their real registries, and a served API server for the first."""

import http.server
import json
import subprocess
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import released_world as w
import yaml
from typer.testing import CliRunner

from operations.command_line import app
from operations.promotion.release import Block, written
from operations.rollout import Snapshot
from tests.process.promotion.registries import Pushed, Registry

STORES = {
    "postgres": {"kind": "external", "host": "db.example.internal", "cidrs": ["10.0.0.0/16"], "maxConnections": 400},
    "redis": {"kind": "external", "tls": False, "host": "redis.example.internal", "cidrs": ["10.0.0.0/16"]},
}
COMMENT = "# Reviewed by hand; keep this line."


@dataclass
class World:
    """A project with two stacks, their registries, and the cluster of the first."""

    folder: Path
    source: Registry
    target: Registry
    image: Pushed
    snapshot: Snapshot

    def file(self, stack: str) -> Path:
        return self.folder / f"Pulumi.{stack}.yaml"

    def release(self, stack: str) -> dict[str, Any] | None:
        return yaml.safe_load(self.file(stack).read_text())["config"].get("pxl:release")

    def set_release(self, stack: str, block: Block | None, message: str = "a release") -> None:
        self.file(stack).write_text(written(self.file(stack).read_text(), block))
        self.commit(message)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.folder), *arguments], check=True, capture_output=True, text=True
        ).stdout

    def pxlctl(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["--cwd", str(self.folder), *arguments])

    def promote(self, *arguments: str) -> Any:
        return self.pxlctl("promote", "staging", "prod", "--kubeconfig", str(self.folder / "kubeconfig"), *arguments)

    def runs_since(self, hours: float, digest: str | None = None) -> None:
        """Makes the cluster run a digest, rolled out so many hours ago."""
        then = datetime.now(UTC) - timedelta(hours=hours)
        self.snapshot = replace(self.snapshot, **_shifted(_running(digest or self.image.digest), then - w.when(2)))


def _running(digest: str) -> dict[str, Any]:
    one = w.world()
    text = json.dumps({"workloads": one.workloads, "replica_sets": one.replica_sets, "pods": one.pods})
    return json.loads(text.replace(w.DIGEST, digest))


def _shifted(value: Any, by: timedelta) -> Any:
    """The same objects at another time."""
    if isinstance(value, dict):
        return {key: _shifted(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, by) for item in value]
    if isinstance(value, str) and value.startswith("20") and value.endswith("Z"):
        return (datetime.fromisoformat(value) + by).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def settings(environment: str, repository: str | None) -> str:
    config: dict[str, Any] = {
        "environment": environment,
        "namespace": "pxl-staging" if environment == "staging" else "pxl-prod",
        "registry": {"kind": "none"},
        "secrets": {"generate": False, "store": {"name": "vault"}},
        **STORES,
    }
    if repository:
        config["image"] = {"repository": repository}
    text = yaml.safe_dump({"config": {f"pxl:{key}": value for key, value in config.items()}})
    return text.replace("config:\n", f"config:\n  {COMMENT}\n")


class served:  # noqa: N801 (reads as a verb)
    """An API server that lists what the world's snapshot holds."""

    def __init__(self, world: World) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                plural = self.path.partition("?")[0].rpartition("/")[2]
                found = {"replicasets": world.snapshot.replica_sets, "pods": world.snapshot.pods}.get(plural)
                kind = {"deployments": "Deployment", "jobs": "Job"}.get(plural)
                if found is None:
                    found = [one for one in world.snapshot.workloads if one["kind"] == kind]
                body = json.dumps({"items": found}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def kubeconfig(url: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "staging",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}}],
        }
    )
