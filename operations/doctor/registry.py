"""What a check is, the list of all of them, and how they are run: side by side, and never for long."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum

from operations.doctor.subjects import Subject


class Level(Enum):
    """How a check came out. Only ``FAIL`` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Area(Enum):
    """What a check looks at, which is also when it applies."""

    MACHINE = "this machine"
    STACK = "the stack"
    CLUSTER = "the cluster"


@dataclass(frozen=True)
class Result:
    """The answer of one check.

    Attributes:
        name: What was looked at.
        level: How it came out.
        detail: What was found, in a few words.
        remedy: The command or step that mends it; "" when nothing is wrong.
    """

    name: str
    level: Level
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return {**asdict(self), "level": self.level.value}


Finding = tuple[Level, str, str]
"""Level, detail, remedy: what a check function returns. None means that it does not apply."""

Function = Callable[[Subject], Finding | None]


@dataclass(frozen=True)
class Check:
    """One registered check."""

    name: str
    area: Area
    function: Function


CHECKS: list[Check] = []


def check(name: str, area: Area) -> Callable[[Function], Function]:
    """Registers a function as a check; the order of registration is the order of the report."""

    def register(function: Function) -> Function:
        CHECKS.append(Check(name, area, function))
        return function

    return register


def ok(detail: str) -> Finding:
    """Nothing to do."""
    return Level.OK, detail, ""


def warn(detail: str, remedy: str) -> Finding:
    """It works, or may work, with a limit that is worth knowing."""
    return Level.WARN, detail, remedy


def fail(detail: str, remedy: str) -> Finding:
    """It cannot work like this."""
    return Level.FAIL, detail, remedy


def run(checks: Sequence[Check], subject: Subject, seconds: float = 15.0) -> list[tuple[Check, Result]]:
    """Runs checks side by side and waits for them together, for a bounded time.

    Args:
        checks: What to run.
        subject: What to look at.
        seconds: After this, a check that has not answered is reported as such and left behind.

    Returns:
        The results of those that apply, in the order of ``checks``.
    """
    answers: dict[int, Result | None] = {}

    def answer(index: int) -> None:
        answers[index] = _ask(checks[index], subject)

    # Daemons, because a probe that hangs must not keep the command from ending.
    threads = [threading.Thread(target=answer, args=(index,), daemon=True) for index in range(len(checks))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(timeout=max(0.0, until - time.monotonic()))
    results: list[tuple[Check, Result]] = []
    for index, one in enumerate(checks):
        silent = Result(one.name, Level.WARN, f"no answer within {seconds:g} s", "look at it by hand, then run again")
        result = answers.get(index, silent)
        if result is not None:
            results.append((one, result))
    return results


def _ask(one: Check, subject: Subject) -> Result | None:
    try:
        finding = one.function(subject)
    except Exception as error:  # a check that breaks must not hide what the others found
        detail = f"could not be looked at: {type(error).__name__}: {error}"
        return Result(one.name, Level.WARN, detail, "run it again; if it stays, report it as a defect")
    return None if finding is None else Result(one.name, *finding)
