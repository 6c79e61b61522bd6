"""A proof for people, and for scripts."""

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from operations.console import show
from operations.proof.rollout.judge import Verdict
from operations.proof.rollout.model import Measured

_SHOWN = 20


def print_out(measured: Measured, verdict: Verdict) -> None:
    """On standard output."""
    show(f"\n{measured.title}", "bold")
    if verdict.rows:
        Console(highlight=False, emoji=False).print(_loads(verdict))
    for name, value in verdict.facts.items():
        show(f"  {name}: {value}")
    for line in verdict.failures[:_SHOWN]:
        show(f"  {line}")
    if len(verdict.failures) > _SHOWN:
        show(f"  and {len(verdict.failures) - _SHOWN} more (--json has all)")
    for problem in verdict.problems:
        show(f"✗ {problem}", "red")
    if verdict.ok:
        show("✓ nothing was dropped beyond the budget", "green")


def _loads(verdict: Verdict) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("load", "sent", "failed", "slow", "median", "p99", "longest"):
        made.add_column(column, justify="left" if column == "load" else "right")
    for row in verdict.rows:
        times = [_milliseconds(each) for each in (row.median, row.p99, row.longest)]
        style = "red" if row.failed else ""
        made.add_row(row.load.value, str(row.sent), str(row.failed), str(row.slow), *times, style=style)
    return made


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def data(measured: Measured, verdict: Verdict) -> dict[str, Any]:
    """For scripts."""
    began, complete = measured.changed
    return {
        "change": measured.title,
        "ok": verdict.ok,
        "problems": verdict.problems,
        "failures": verdict.failures,
        "loads": [{**asdict(row), "load": row.load.value} for row in verdict.rows],
        "facts": verdict.facts,
        "changeBegan": began,
        "changeComplete": complete,
        "pods": [asdict(pod) for pod in measured.pods],
        "killed": [asdict(one) for one in measured.killed],
    }
