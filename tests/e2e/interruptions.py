"""Runs that are killed at a chosen moment, and what there is to see when the next one has gone through."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from local.paths import State
from operations.orphans.kinds import KINDS
from tests.e2e.harness import NAMESPACE, Platform, request

_POLL_SECONDS = 0.0005
_AUTONAMED = "pulumi.com/autonamed"
_DIGEST = re.compile(r"-[0-9a-f]{12}(?=-|$)")
_DRAWN = re.compile(r"-[0-9a-f]{8}$")
# What an up says when it mends something, for the table.
_MENDED = (
    ("cleared a lock", re.compile(r"the lock of .* is cleared")),
    ("looked up", re.compile(r"in the middle of: (.*)")),
    ("deleted", re.compile(r"left by an interrupted run, and deleted: (.*)")),
    ("restored", re.compile(r"restored from (\S+)")),
    ("engine", re.compile(r"^ *([+~±-] *\d+ (?:created|updated|deleted|replaced))")),
)


@dataclass
class Kill:
    """One killed run.

    Attributes:
        moment: When it was to be killed, in words.
        seconds: When it was, from its start.
        doing: The last thing that it had said.
        pending: What the engine was in the middle of, by its state.
        finished: Whether it had ended before.
        since: When it began, in clock ticks since the boot.
        until: When it was killed, likewise.
    """

    moment: str
    seconds: float
    doing: str
    pending: list[str]
    finished: bool
    since: float
    until: float

    def words(self) -> str:
        """What was running, for the table."""
        if not self.pending:
            return _short(self.doing)
        more = f" and {len(self.pending) - 2} more" if len(self.pending) > 2 else ""
        return _short(", ".join(self.pending[:2])) + more


@dataclass
class Engine:
    """The engine's files of a platform."""

    state: Path

    @property
    def folder(self) -> Path:
        return self.state / "pulumi" / ".pulumi" / "stacks" / "pxl"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "dev.json"

    def pending(self) -> list[str]:
        """``creating Secret secrets-values`` for each operation that was begun and not ended."""
        try:
            latest = json.loads(self.checkpoint.read_text())["checkpoint"]["latest"] or {}
        except (OSError, ValueError, KeyError):
            return []
        operations = latest.get("pending_operations") or []
        names = [(each["type"], each["resource"]["urn"].split("::")) for each in operations]
        return [f"{verb} {parts[2].rpartition(':')[2]} {parts[-1]}" for verb, parts in names]


@contextmanager
def running(platform: Platform, log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """``up`` in a process group of its own, its words in a file; killed at the end if it still runs."""
    command = [sys.executable, "-m", "local", "up", "--port", str(platform.port), *arguments]
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=platform.checkout, env=platform.env, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends a whole process group at once, as a power cut would: nobody gets to clear up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Moment:
    """When to kill.

    Attributes:
        words: For people.
        has_come: Whether it is time; gets the seconds since the start, asked every half millisecond.
        is_exact: Whether there is no time to look at what runs.
    """

    words: str
    has_come: Callable[[float], bool]
    is_exact: bool = False


def killed(platform: Platform, log: Path, moment: Moment) -> Kill:
    """Starts ``up`` and kills it.

    Args:
        platform: Whose.
        log: Gets what it says.
        moment: When.
    """
    engine = Engine(platform.state)
    since = _ticks()
    started = time.monotonic()
    with running(platform, log) as process:
        while process.poll() is None and not moment.has_come(time.monotonic() - started):
            time.sleep(_POLL_SECONDS)
        finished = process.poll() is not None
        builds = not moment.is_exact and processes_of(platform, "buildah", "-build")
        kill(process)
    seconds, until = time.monotonic() - started, _ticks()
    # The engine hears of it from the kernel, and is gone before anything else can be started.
    time.sleep(0.2)
    doing = "buildah" if builds else _last_words(log)
    return Kill(moment.words, seconds, doing, engine.pending(), finished, since, until)


def at_second(seconds: float) -> Moment:
    """A moment by the clock."""
    return Moment(f"{seconds:.1f} s", lambda now: now >= seconds)


def at_write(platform: Platform, number: int) -> Moment:
    """A moment in the engine's own writing: the n-th time that anything changes in the folder of its state."""
    folder, seen, count = Engine(platform.state).folder, 0, 0

    def has_come(_: float) -> bool:
        nonlocal seen, count
        with suppress(FileNotFoundError):
            now = folder.stat().st_mtime_ns
            count += now != seen
            seen = now
        return count > number

    return Moment(f"write {number} of the state", has_come, is_exact=True)


def processes_of(platform: Platform, name: str, group: str = "", argument: str = "") -> list[int]:
    """The processes of a platform's node (or, by ``group``, of its builds), as the host numbers them.

    Args:
        platform: Whose.
        name: The program.
        group: ``-build`` for those of builds.
        argument: One of its arguments, to tell it from others.
    """
    wanted = f"/pxl-{State(platform.state).id}{group}"
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines = (entry / "cgroup").read_text().splitlines()
            inside = any(f"{line.rpartition(':')[2]}/".startswith(f"{wanted}/") for line in lines)
            if inside and (entry / "comm").read_text().strip() == name[:15]:
                arguments = (entry / "cmdline").read_text().split("\0")
                found += [int(entry.name)] if not argument or argument in arguments else []
    return found


def engines(platform: Platform) -> list[int]:
    """The engines that work on a platform's state."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_engine = (entry / "comm").read_text() == "pulumi\n"
            if is_engine and f"PULUMI_HOME={platform.state}/".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


@contextmanager
def held_down(platform: Platform, name: str) -> Iterator[None]:
    """A daemon of the node is killed whenever it comes up again, for as long as the block runs."""
    over = threading.Event()

    def hold() -> None:
        while not over.wait(0.1):
            for number in processes_of(platform, name):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Waits for something that a run in the background brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.01)


def _ticks() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    told = [line for line in lines if line and not line.startswith(("…", "http"))]
    return told[-1] if told else "nothing yet"


def leftovers(platform: Platform, run: Kill) -> list[str]:
    """What still runs of a killed run: the command, the engine, its helpers, builds."""
    marks = (f"PXL_STATE={platform.state}\0".encode(), f"PULUMI_HOME={platform.state}/".encode())
    build = f"pxl-{State(platform.state).id}-build"
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            stat = (entry / "stat").read_text()
            began = float(stat.rpartition(")")[2].split()[19])
            is_ours = any(mark in (entry / "environ").read_bytes() for mark in marks)
            is_build = build in (entry / "cgroup").read_text()
            if run.since <= began <= run.until and (is_ours or is_build):
                found.append(f"{entry.name} {stat.partition('(')[2].partition(')')[0]}")
    return found


def inventory(platform: Platform) -> dict[str, int]:
    """How many there are of each kind and logical name; drawn names and digests left out."""
    plurals = ",".join(kind.plural for kind in KINDS if kind.namespaced and kind.name != "ExternalSecret")
    items = platform.kubectl("get", plurals, "-n", NAMESPACE, "-l", "pxl.dev/stack=dev")["items"]
    names = Counter(_logical(item) for item in items if not item["metadata"].get("ownerReferences"))
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", "pxl.dev/stack=dev")["items"]
    alive = [pod["metadata"] for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    servers = [pod for pod in alive if pod["ownerReferences"][0]["kind"] != "Job"]
    names.update(f"pods of {pod['labels']['app.kubernetes.io/component']}" for pod in servers)
    return dict(sorted(names.items()))


def _logical(item: dict[str, Any]) -> str:
    name = item["metadata"]["name"]
    if (item["metadata"].get("annotations") or {}).get(_AUTONAMED) == "true":
        name = _DRAWN.sub("", name)
    return f"{item['kind']}/{_DIGEST.sub('', name)}"


def cut_off(platform: Platform) -> str:
    """Leaves half of the engine's state, as a power cut may; what was done to it in words."""
    engine = Engine(platform.state)
    # Before the engine's second write there is no copy that could be restored.
    if not engine.checkpoint.with_name("dev.json.bak").exists():
        return ""
    os.truncate(engine.checkpoint, engine.checkpoint.stat().st_size // 2)
    return ", state cut off"


def _short(text: str) -> str:
    """One cell of the table."""
    plain = re.sub(r"kubernetes:\S*?:(?=[A-Z])|\S*:index:|pulumi:pulumi:", "", re.sub(r" {2,}", " ", text)).strip("│ ")
    return plain if len(plain) <= 70 else f"{plain[:69]}…"


def mended(said: str) -> str:
    """What an up says that it did about an interrupted one, in short."""
    found: list[str] = []
    for title, form in _MENDED:
        matches = [match for line in said.splitlines() if (match := form.search(line))]
        if title == "engine":
            found += dict.fromkeys(re.sub(r" +", " ", match[1]) for match in matches[-4:])
        elif matches and form.groups:
            told = ", ".join(match[1] for match in matches)
            found.append(f"{title} {_short(told)}")
        elif matches:
            found.append(title)
    return ", ".join(found) or "nothing to do"


@dataclass
class Ledger:
    """Rows that the app has acknowledged."""

    platform: Platform
    ids: list[str] = field(default_factory=list)

    def post(self, count: int) -> None:
        """Posts jobs, all of which must be taken."""
        for number in range(count):
            answer = request(f"{self.platform.url}/jobs", {"payload": {"number": number}})
            assert answer.status in (200, 201, 202), f"the app must take a job: {answer}"
            self.ids.append(answer.body["id"])

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Posts while the block runs; what is refused or cut off does not count, what is acknowledged does."""
        over = threading.Event()

        def post() -> None:
            while not over.wait(0.25):
                with suppress(OSError, AssertionError, TypeError):
                    self.post(1)

        thread = threading.Thread(target=post, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(15)

    def missing(self) -> tuple[list[str], list[str]]:
        """The rows that the API does not give back, and those that are not in the database."""
        answers = [(each, request(f"{self.platform.url}/jobs/{each}").status) for each in self.ids]
        stored = self._stored()
        return [each for each, status in answers if status != 200], [each for each in self.ids if each not in stored]

    def _stored(self) -> set[str]:
        pod = database(self.platform)["metadata"]["name"]
        query = ["psql", "-U", "pxl", "-At", "-c", "select id from jobs", "pxl"]
        done = self.platform.command("kubectl", "exec", "-n", NAMESPACE, pod, "--", *query, timeout=60)
        assert done.returncode == 0, f"psql must answer: {done.stderr}"
        return set(done.stdout.split())


def database(platform: Platform) -> dict[str, Any]:
    """The pod of Postgres; there must be one."""
    selector = "app.kubernetes.io/name=postgres"
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", selector)["items"]
    assert len(pods) == 1, f"one Postgres, not {[pod['metadata']['name'] for pod in pods]}"
    return pods[0]


@dataclass
class Changes:
    """Makes an ``up`` have something to do; all of it is undone by ``restore``."""

    platform: Platform
    original: str = ""

    def __post_init__(self) -> None:
        self.original = self._file.read_text()

    @property
    def _file(self) -> Path:
        return self.platform.checkout / "Pulumi.dev.yaml"

    @property
    def _marker(self) -> Path:
        return self.platform.checkout / "examples" / "app" / "src" / "kill-marker.ts"

    def build(self, number: int) -> None:
        """A new build of the app."""
        self._marker.write_text(f"export const marker = 'build {number}-{time.time_ns()}';\n")

    def setting(self, number: int) -> None:
        """A changed setting of the workers."""
        self._set("pxl:worker", {"concurrency": 3 + number % 40})

    def secret(self, number: int) -> None:
        """Another signing key, encrypted by the engine as a user would have it."""
        key = base64.b64encode(Random(number).randbytes(33)).decode() + str(time.time_ns())
        copy = self.platform.state / "Pulumi.dev.yaml"
        where = ["--stack", "dev", "--config-file", str(copy), "--non-interactive"]
        done = self.platform.command("pulumi", "config", "set", "--secret", "pxl:jwtSecret", key, *where, timeout=60)
        assert done.returncode == 0, done.stderr
        self._set("pxl:jwtSecret", {"secure": YAML().load(copy.read_text())["config"]["pxl:jwtSecret"]["secure"]})

    def first(self, number: int) -> None:
        """Everything of the stack goes, and so does the engine's state: the node is as if no stack ever was on it."""
        del number
        self.restore()
        copy = self.platform.state / "Pulumi.dev.yaml"
        where = ["--stack", "dev", "--yes", "--skip-preview", "--config-file", str(copy), "--non-interactive"]
        done = self.platform.command("pulumi", "destroy", *where, timeout=300)
        assert done.returncode == 0, (
            f"the stack must go before it can be made anew:\n{done.stdout[-3000:]}{done.stderr}"
        )
        copy.unlink()
        for name in ("pulumi", "project"):
            subprocess.run(["rm", "-r", str(self.platform.state / name)], check=True)

    def restore(self) -> None:
        """The checkout as it was."""
        self._marker.unlink(missing_ok=True)
        self._file.write_text(self.original)

    def _set(self, key: str, value: dict[str, Any]) -> None:
        document = YAML().load(self._file.read_text())
        document["config"][key] = value
        with self._file.open("w") as file:
            YAML().dump(document, file)
