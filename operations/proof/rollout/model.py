"""What a proof of a rollout measures."""

from dataclasses import dataclass, field
from enum import Enum


class Load(Enum):
    """What drives the stack; the value is its name for people."""

    KEEP_ALIVE = "keep-alive requests"
    FRESH = "requests on new connections"
    SOCKETS = "WebSocket clients"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request, from the moment it was due: a client that waits for its turn waits for the stack.

    Attributes:
        load: Which load it is part of.
        at: When it was due, in seconds from the start of the proof.
        seconds: How long it took until its answer was read.
        problem: What went wrong; "" if nothing did.
    """

    load: Load
    at: float
    seconds: float
    problem: str = ""


@dataclass(slots=True)
class Stay:
    """One WebSocket of one client, while it was in its room.

    Attributes:
        joined: When the server said so.
        closed: When it ended; None if it still was open at the end.
        code: The close code; 1006 for a connection that just broke.
        heard: Numbers of the messages that it got.
    """

    joined: float
    closed: float | None = None
    code: int = 0
    heard: set[int] = field(default_factory=set[int])


@dataclass(slots=True)
class Client:
    """A WebSocket client: it joins its room, and joins again whenever it is cut off.

    Attributes:
        room: Its room.
        stays: Its connections, one after the other.
        failed: Attempts to connect that failed: when, and why.
    """

    room: str
    stays: list[Stay] = field(default_factory=list[Stay])
    failed: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted job as it ended.

    Attributes:
        id: Its id.
        at: When it was accepted.
        state: What the API says of it; "" if it knows nothing of it.
        runs: How often it was begun; None where the API does not say.
        completions: How often it was completed, as the database counts; None where the API does not say.
    """

    id: str
    at: float
    state: str
    runs: int | None = None
    completions: int | None = None


@dataclass(frozen=True)
class Killed:
    """A container that did not end by itself within its pod's grace, or was killed before.

    Attributes:
        pod: Its pod.
        container: Its name.
        at: When, in seconds from the start.
        why: What there is to say about it, and the cure.
    """

    pod: str
    container: str
    at: float
    why: str


@dataclass
class PodLife:
    """A pod while the proof ran, in seconds from its start.

    Attributes:
        name: Its name.
        workload: ``api`` or ``worker``.
        revision: Its ReplicaSet's hash: pods of one revision share it.
        digest: The digest of its image, short.
        ready: When it became ready; None if it never did.
        leaving: When it was told to go; None if it was not.
        gone: When it was gone; None if it is still there.
        grace: Seconds that it had for its end.
        restarts: How often its containers were started again.
    """

    name: str
    workload: str
    revision: str
    digest: str
    ready: float | None = None
    leaving: float | None = None
    gone: float | None = None
    grace: float = 30
    restarts: int = 0


@dataclass
class Measured:
    """Everything that was seen of one change.

    Attributes:
        title: What was changed, for people.
        samples: Every request.
        clients: Every WebSocket client.
        said: Messages that somebody heard: room and number, and when it was said.
        jobs: Every accepted job.
        pods: Every pod.
        killed: Containers that had to be killed.
        changed: When the change began and when the rollout was complete; None if it never was.
        ended: When the loads ended.
        failure: Why the change itself failed; "" if it did not.
    """

    title: str
    samples: list[Sample] = field(default_factory=list[Sample])
    clients: list[Client] = field(default_factory=list[Client])
    said: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])
    jobs: list[Job] = field(default_factory=list[Job])
    pods: list[PodLife] = field(default_factory=list[PodLife])
    killed: list[Killed] = field(default_factory=list[Killed])
    changed: tuple[float, float | None] = (0, None)
    ended: float = 0
    failure: str = ""
