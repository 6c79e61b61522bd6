"""What is known about a rollout that does not finish, and how it is told: as a block of text or as JSON."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered when it was asked through the API server.

    ``status`` is None when there was no answer at all; ``body`` then says why (at most 500 bytes either way).
    """

    status: int | None
    body: str

    def words(self) -> str:
        """``503 {"db":false}``, or ``no answer (why)``."""
        if self.status is None:
            return f"no answer ({self.body})" if self.body else "no answer"
        return f"{self.status} {self.body}".strip()


@dataclass(frozen=True)
class ProbeTrouble:
    """One failing probe. ``said`` is the kubelet's event, ``answer`` what the same path answered just now."""

    kind: str
    target: str
    said: str | None = None
    times: int = 0
    answer: Answer | None = None

    @property
    def rate_limited(self) -> bool:
        """Whether it fails because the app counts probes as traffic (HTTP 429)."""
        return (self.answer is not None and self.answer.status == 429) or "429" in (self.said or "")

    @property
    def advice(self) -> str:
        """What to do about what it answered; "" where the answer itself says it."""
        if self.answer is not None and self.answer.status == 404:
            return "the app has no such path: correct the probe's (pxl:app.probes), or add it to the app"
        return ""

    def lines(self) -> list[str]:
        """The probe in at most three lines."""
        head = f"{self.kind} probe {self.target}"
        lines = [f"{head} failed{_times(self.times)}: {self.said}" if self.said else f"{head} has not passed"]
        if self.answer is not None:
            lines.append(f"asked just now: {self.answer.words()}")
        if self.rate_limited:
            lines.append("429 is a rate limit that counts the probes, not a failure of the app")
        return lines


@dataclass(frozen=True)
class ContainerTrouble:
    """One container that is not as it should be.

    ``reason`` is the API's own word (``CrashLoopBackOff``), ``exit`` its last end in words, ``log`` the last
    lines of the run that ended (or of the one that runs), with secrets taken out.
    """

    name: str
    image: str
    reason: str
    message: str = ""
    meaning: str = ""
    restarts: int = 0
    exit: str | None = None
    probes: tuple[ProbeTrouble, ...] = ()
    log: tuple[str, ...] = ()
    log_of_previous: bool = False
    advice: str = ""

    def lines(self) -> list[str]:
        """The container as an indented block."""
        said = f": {self.message}" if self.message else ""
        meaning = f" ({self.meaning})" if self.meaning else ""
        restarts = f", restarted {_count(self.restarts, 'time')}" if self.restarts else ""
        lines = [
            f"container {self.name}, image {short_image(self.image)}",
            f"  {self.reason}{meaning}{restarts}{said}",
        ]
        if self.exit:
            lines.append(f"  {self.exit}")
        lines += [f"  {line}" for probe in self.probes for line in probe.lines()]
        if self.log:
            which = " of the run before" if self.log_of_previous else ""
            lines += [f"  last log lines{which}:", *(f"    | {line}" for line in self.log)]
        if self.advice:
            lines.append(f"  next: {self.advice}")
        return lines


@dataclass(frozen=True)
class PodTrouble:
    """One pod that is not ready; ``alike`` counts further pods of the workload in the same trouble."""

    name: str
    reason: str = ""
    message: str = ""
    node: str = ""
    containers: tuple[ContainerTrouble, ...] = ()
    events: tuple[str, ...] = ()
    alike: int = 0
    advice: str = ""

    def lines(self) -> list[str]:
        """The pod as an indented block."""
        node = f" on node {self.node}" if self.node else ""
        alike = f" (and {_count(self.alike, 'more pod')} like it)" if self.alike else ""
        reason = f": {self.reason}" if self.reason else ""
        lines = [f"pod {self.name}{node}{alike}{reason}" + (f": {self.message}" if self.message else "")]
        lines += [f"  {line}" for container in self.containers for line in container.lines()]
        lines += [f"  event {event}" for event in self.events]
        if self.advice:
            lines.append(f"  next: {self.advice}")
        return lines


@dataclass(frozen=True)
class WorkloadTrouble:
    """One Deployment, StatefulSet or Job that is not done."""

    kind: str
    name: str
    ready: int
    wanted: int
    conditions: tuple[str, ...] = ()
    pods: tuple[PodTrouble, ...] = ()
    events: tuple[str, ...] = ()
    advice: str = ""

    @property
    def title(self) -> str:
        """``deployment pxl-api: 1 of 3 ready``."""
        done = "done" if self.kind == "Job" else "ready"
        return f"{self.kind.lower()} {self.name}: {self.ready} of {self.wanted} {done}"

    def lines(self) -> list[str]:
        """The workload as an indented block."""
        lines = [self.title, *(f"  {condition}" for condition in self.conditions)]
        lines += [f"  event {event}" for event in self.events]
        lines += [f"  {line}" for pod in self.pods for line in pod.lines()]
        if self.advice:
            lines.append(f"  next: {self.advice}")
        return lines


@dataclass(frozen=True)
class Explanation:
    """Why a rollout is not done. Empty ``workloads`` means that every workload that was looked at is done.

    ``problem`` is set when the cluster could not be asked at all.
    """

    namespace: str
    workloads: tuple[WorkloadTrouble, ...] = ()
    problem: str | None = None
    looked_at: int = field(default=0)

    @property
    def done(self) -> bool:
        """Whether nothing is in the way."""
        return not self.workloads and self.problem is None

    def concerning(self, failure: str) -> "Explanation":
        """The explanation of a run that failed with these words.

        What they name comes first. A Job that they do not name failed in an earlier run; anything else may
        be why what they name is not ready.
        """
        named = [one for one in self.workloads if one.name in failure]
        others = [one for one in self.workloads if one.name not in failure and one.kind != "Job"]
        return replace(self, workloads=(*named, *others)) if named else self

    def pods(self) -> set[str]:
        """The names of the pods that are explained."""
        return {pod.name for workload in self.workloads for pod in workload.pods}

    def text(self) -> str:
        """The compact block for people; several lines, no trailing newline."""
        if self.problem:
            return f"the cluster could not be asked about namespace {self.namespace}: {self.problem}"
        if not self.looked_at:
            return f"namespace {self.namespace} holds no Deployment, StatefulSet or Job yet"
        if not self.workloads:
            return f"all {_count(self.looked_at, 'workload')} in namespace {self.namespace} are done"
        return "\n".join(line for workload in self.workloads for line in workload.lines())

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for ``--json``."""
        return {**asdict(self), "done": self.done}


def short_image(image: str) -> str:
    """``repository@sha256:<12 hex>``: enough to recognise an image, short enough for one line."""
    repository, mark, digest = image.partition("@sha256:")
    return f"{repository}@sha256:{digest[:12]}" if mark else image


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _times(times: int) -> str:
    return f" {times} times" if times > 1 else ""
