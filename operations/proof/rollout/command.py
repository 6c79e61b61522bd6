"""What ``pxlctl proof rollout`` and ``make proof`` do: drive, show, draw, and say whether it holds."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from kubernetes.client.exceptions import ApiException

from operations import console, rollout
from operations.console import show, step
from operations.errors import Problem
from operations.proof.rollout import baseline, plotting, presenting
from operations.proof.rollout.changes import Change, restart
from operations.proof.rollout.judge import Budget, Verdict, judge
from operations.proof.rollout.model import Measured
from operations.proof.rollout.prove import Drive, prove
from operations.proof.rollout.workloads import Workloads

Reach = Callable[[int], str]
"""From a port of the nodes to a URL that leads there."""


@dataclass(frozen=True)
class Options:
    """How to prove it.

    Attributes:
        changes: What the stack is put through, one after the other.
        drive: What the loads do.
        budget: What may happen.
        with_baseline: Whether the guide's snippet is put through the first of them, too.
        picture: Where to draw it; None for nowhere.
        as_json: Whether scripts read the result.
        reach: How to reach a port of the nodes, for the baseline.
    """

    changes: Sequence[Change]
    drive: Drive
    budget: Budget = field(default_factory=Budget)
    with_baseline: bool = False
    picture: Path | None = None
    as_json: bool = False
    reach: Reach | None = None


@dataclass(frozen=True)
class Part:
    """One change of one stack, measured and judged."""

    measured: Measured
    verdict: Verdict
    is_baseline: bool = False


def run(workloads: Workloads, options: Options) -> list[Part]:
    """Puts a stack through changes and shows what came of each.

    Args:
        workloads: The stack's Deployments.
        options: How.

    Returns:
        Every change; a stack holds if the verdicts of those that are no baseline are ``ok``.

    Raises:
        Problem: The stack does not run, does not answer, or the cluster cannot be asked.
    """
    parts: list[Part] = []
    failed: Problem | None = None
    try:
        for change in options.changes:
            parts.append(_one(workloads, change, options.drive, options.budget))
        if options.with_baseline:
            parts.append(_baseline(workloads, options))
    except Problem as problem:
        # What was measured before is worth showing.
        failed = problem
    except (ApiException, urllib3.exceptions.HTTPError) as error:
        raise Problem(
            "the cluster cannot be asked", why=rollout.api_words(error), remedy="see whether it answers: pxlctl doctor"
        ) from error
    if options.as_json:
        data = [{**presenting.data(part.measured, part.verdict), "baseline": part.is_baseline} for part in parts]
        show(json.dumps({"ok": holds(parts), "changes": data}, indent=2, ensure_ascii=False))
    else:
        for part in parts:
            presenting.print_out(part.measured, part.verdict)
    if options.picture is not None and parts:
        plotting.draw([part.measured for part in parts], options.picture)
        console.say(f"drawn: {options.picture}")
    if failed is not None:
        raise failed
    return parts


def holds(parts: Sequence[Part]) -> bool:
    """Whether the stack came through within the budget; what the baseline drops is not held against it."""
    return all(part.verdict.ok for part in parts if not part.is_baseline)


def _one(workloads: Workloads, change: Change, drive: Drive, budget: Budget) -> Part:
    with step(f"proving: {change.title}") as current:
        measured = prove(workloads, change, drive, current.update)
    # Whoever was cut off has to be back before the last pod that drains is gone.
    window = workloads.find()["api"].closing_seconds
    return Part(measured, judge(measured, replace(budget, rejoin_seconds=window)))


def _baseline(workloads: Workloads, options: Options) -> Part:
    reach = options.reach or _beside(options.drive.url)
    with ExitStack() as stack:
        with step("starting the guide's snippet beside the stack"):
            found = stack.enter_context(baseline.beside(workloads))
        drive = replace(options.drive, url=reach(found.node_port), jobs=0)
        part = _one(found.workloads, restart(), drive, options.budget)
    measured = replace(part.measured, title=f"the guide's snippet: {part.measured.title}")
    return Part(measured, part.verdict, is_baseline=True)


def _beside(url: str) -> Reach:
    """Another port of the host that the stack's URL names."""
    parts = urlsplit(url)
    return lambda port: f"{parts.scheme}://{parts.hostname}:{port}"
