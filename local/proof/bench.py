"""The dev stack on the embedded node, as a proof puts it through changes."""

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import node, up
from local.node.layout import NODE_IP
from local.paths import CHECKOUT, State
from operations import rollout
from operations.errors import Problem
from operations.proof.rollout.command import Options, Part, run
from operations.proof.rollout.prove import Drive
from operations.proof.rollout.workloads import Workloads


@dataclass(frozen=True)
class Bench:
    """A running stack.

    Attributes:
        state: The state folder.
        app: Folder of the app that runs.
        scratch: Where variants of it are written.
        workloads: Its Deployments.
        url: Where it answers.
    """

    state: State
    app: Path
    scratch: Path
    workloads: Workloads
    url: str

    @staticmethod
    def of(state: State, app: Path, scratch: Path) -> "Bench":
        """The stack that ``make up`` has left running.

        Raises:
            Problem: There is none.
        """
        found = node.running(state)
        if found is None:
            raise Problem("the node does not run", where=str(state.folder), remedy="make up")
        namespace = up.existing(state, None).namespace
        api = rollout.connect(found.kubeconfig, found.context)
        return Bench(state, app, scratch, Workloads(api, namespace), f"http://127.0.0.1:{found.app_port}")

    def deploy(self, app: Path, overrides: Mapping[str, Any] | None = None) -> None:
        """Builds an app and deploys it.

        Args:
            app: Its folder.
            overrides: Settings that win over those of ``Pulumi.dev.yaml``.

        Raises:
            Problem: It cannot be built or deployed.
        """
        up.up(self.state, app=app, overrides=overrides)

    def prove(self, options: Options) -> list[Part]:
        """Puts the stack through changes; see ``operations.proof.rollout``."""
        return run(self.workloads, options)

    def drive(self, **loads: Any) -> Drive:
        """Loads on this stack; see ``Drive``."""
        return Drive(url=self.url, **loads)

    def reach(self, node_port: int) -> str:
        """A URL of this machine that leads to a port of the node, for as long as the process lives."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        # A process of its own: the loads would have to share theirs with the bytes that it copies.
        command = [sys.executable, "-m", "local.rehearsal.forward", str(port), NODE_IP, str(node_port)]
        environment = {**os.environ, "PXL_STATE": str(self.state.folder)}
        forward = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE)
        atexit.register(forward.kill)
        assert forward.stdout is not None
        forward.stdout.readline()
        return f"http://127.0.0.1:{port}"
