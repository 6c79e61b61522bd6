"""Killing what a node consists of, and finding out what is true afterwards: by its processes, not by what it says."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import node
from local.node import cgroups, record
from local.node.layout import Layout
from local.paths import State
from operations.errors import Problem
from tests.e2e.background import repeating
from tests.e2e.harness import NAMESPACE, Platform, patient_request, request

FIRST, WATCHDOG = "the first process", "the watchdog"
INSIDE, EVERYTHING = "everything inside at once", "everything, the watchdog too"


@dataclass
class Load:
    """Jobs posted one after another for as long as the block runs: which were acknowledged, and when none was.

    Args:
        url: Where the app answers.
    """

    url: str
    acknowledged: list[str] = field(default_factory=list[str])
    refused: list[float] = field(default_factory=list[float])
    """Times at which a request ended without an acknowledgement."""

    @contextlib.contextmanager
    def running(self) -> Iterator["Load"]:
        """Posts for as long as the block runs."""
        with repeating(self._once, every=0.1, limit=5000):
            yield self

    def _once(self) -> None:
        with contextlib.suppress(OSError):
            answer = request(f"{self.url}/jobs", {}, timeout=3)
            if answer.status == 202:
                self.acknowledged.append(answer.body["id"])
                return
        self.refused.append(time.monotonic())

    def steady(self, seconds: float, within: float) -> None:
        """Returns when every request of some seconds was acknowledged.

        After a start pods have other addresses, and the first answer may come before the last rule has changed: an
        outage ends with the last request that was refused, not with the first that was not.
        """
        began = time.monotonic()
        while time.monotonic() - max([began, *self.refused[-1:]]) < seconds:
            assert time.monotonic() - began < within, "the app answers now and then, and does not come to rest"
            time.sleep(0.1)

    def outage(self, since: float) -> float:
        """Seconds from a moment to the last request that was not acknowledged; 0 when all were."""
        return max([0.0, *(at - since for at in self.refused)])

    def lost(self) -> list[str]:
        """The acknowledged jobs that the app does not know any more."""
        return [each for each in self.acknowledged if patient_request(f"{self.url}/jobs/{each}").status != 200]


@dataclass(frozen=True)
class Victim:
    """A platform whose node is killed."""

    platform: Platform

    @property
    def state(self) -> State:
        return State(self.platform.state)

    @property
    def layout(self) -> Layout:
        return Layout(self.state)

    def kill(self, what: str) -> None:
        """Ends a daemon, or what one of the names above says, as the kernel does when memory runs out."""
        inside, watchdog = cgroups.processes(self.layout.cgroup_name), {self.pid(self.layout.watchdog_record)}
        pids = {
            FIRST: {self.pid(self.layout.record)},
            WATCHDOG: watchdog,
            INSIDE: inside,
            # The watchdog first: it would begin anew between two of the others.
            EVERYTHING: [*watchdog, *inside],
        }.get(what)
        for pid in pids or {self.daemon(what)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pid(self, path: Path) -> int:
        found = record.read(path)
        assert found is not None and found.alive, f"{path.name} names no process that runs"
        return found.pid

    def daemon(self, name: str) -> int:
        """A daemon's process as the host numbers it; the status knows its number inside."""
        inside = json.loads(self.layout.status.read_text())[name]["pid"]
        for pid in cgroups.processes(self.layout.cgroup_name):
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                if next(line for line in lines if line.startswith("NSpid:")).split()[2:] == [str(inside)]:
                    return pid
        raise AssertionError(f"no process of the node has the number {inside} inside, which {name} should have")

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return request(f"{self.platform.url}/ready", timeout=3).status == 200
        return False

    def pods(self) -> dict[str, dict[str, Any]]:
        """Every pod of the cluster that is meant to run, by ``namespace/name``."""
        items = self.platform.kubectl("get", "pods", "--all-namespaces")["items"]
        named = {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item for item in items}
        return {name: item for name, item in named.items() if item["status"]["phase"] not in ("Succeeded", "Failed")}

    def uids(self) -> dict[str, str]:
        return {name: item["metadata"]["uid"] for name, item in self.pods().items()}

    def wrong(self) -> str:
        """What is not as it should be, or nothing: the node, each pod as the container runtime sees it, the app."""
        found = node.status(self.state)
        if not found.ready:
            return f"the node: {found.detail}"
        containers, pods = set[str](), self.pods()
        for name, item in pods.items():
            statuses = item["status"].get("containerStatuses", [])
            if len(statuses) != len(item["spec"]["containers"]) or not all(each["ready"] for each in statuses):
                return f"{name} is not ready"
            containers |= {each["containerID"].partition("://")[2] for each in statuses}
        running = node.running(self.state)
        assert running is not None
        rows = running.run(["ctr", "-n", "k8s.io", "tasks", "list"], timeout=30).stdout.decode().splitlines()[1:]
        tasks = {row.split()[0] for row in rows if row.split()[2] == "RUNNING"}
        if not containers <= tasks:
            return f"the API server calls containers ready that do not run: {containers - tasks}"
        # Beside its containers, a pod has one process that holds its namespaces.
        if len(tasks) != len(containers) + len(pods):
            return f"{len(tasks)} containers run, of {len(containers)} and one for each of {len(pods)} pods"
        return "" if self.answers() else "the app does not answer"

    def processes(self) -> Counter[str]:
        """How often each part of the node runs: watchdog, first process, daemons, and the shims by their pods."""
        found = Counter[str]()
        first = self.pid(self.layout.record)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if str(self.layout.spec) in argv:
                    found[argv[1]] += 1
        for pid in cgroups.processes(self.layout.cgroup_name):
            with contextlib.suppress(OSError):
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                if parent == first:
                    found[Path(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]).name] += 1
        return found

    def settled(self, seconds: float) -> float:
        """Returns when everything is as it should be, and how long that took."""
        began, wrong = time.monotonic(), "never looked"
        while time.monotonic() - began < seconds:
            try:
                wrong = self.wrong()
            except (AssertionError, OSError, Problem, subprocess.SubprocessError) as error:
                wrong = str(error)
            if not wrong:
                return time.monotonic() - began
            time.sleep(0.5)
        raise AssertionError(f"not as it was within {seconds:.0f} s: {wrong}\n{self.told()}")

    def told(self) -> str:
        """What the platform says of itself, for a failure's message."""
        status = self.platform.command("status", timeout=60).stderr
        pods = self.platform.command("kubectl", "get", "pods", "--all-namespaces", "-o", "wide", timeout=60).stdout
        log = self.layout.log / "init.log"
        return f"{status}\n{pods}\n{log.read_text()[-3000:] if log.exists() else ''}"

    def objects(self) -> dict[str, Any]:
        """Identity and generation of everything of the stack."""
        items = self.platform.objects().items()
        return {key: (item["metadata"]["uid"], item["metadata"].get("generation")) for key, item in items}

    def restarts(self) -> int:
        """How often containers of the stack's pods were started again, by the kubelet's own count."""
        pods = [item for name, item in self.pods().items() if name.startswith(f"{NAMESPACE}/")]
        return sum(each["restartCount"] for item in pods for each in item["status"].get("containerStatuses", []))
