"""Shows a proof: tables and differences for people, a page for the documentation, JSON for scripts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from operations import console
from operations.proof.isolation.judge import Judged, Proof, Verdict
from operations.proof.isolation.matrix import LEGEND, SPARE, Table, tables
from operations.proof.isolation.remedies import headline, remedy

_STYLES = {"✓": "green", "=": "dim", "–": "dim", "·": "dim", "?": "yellow", "✗": "bold red", "!": "bold red"}
_SHOWN = 25
# Wide enough for every table where nobody watches: lines of a log are not broken.
_WIDE = 240


def show(proof: Proof) -> None:
    """Everything, on standard output."""
    out = Console(highlight=False, emoji=False)
    if not out.is_terminal:
        out = Console(highlight=False, emoji=False, width=_WIDE)
    for table in tables(proof):
        out.print(_rich(table))
    for line in _legend(proof):
        console.show(f"  {line}", style="dim")
    for block in _blocks(proof):
        console.show(f"\n{block}")
    console.show(f"\n{summary(proof)}", style="bold green" if proof.ok else "bold red")


def summary(proof: Proof) -> str:
    """The result in one line."""
    count = Counter(one.verdict for one in proof.judged)
    tried = f"{proof.connections} connections tried in namespace {proof.declared.namespace}"
    parts = [
        f"{count[Verdict.REACHED]} reached as declared",
        f"{count[Verdict.BLOCKED]} blocked as intended",
        *([f"{len(proof.differences)} not as declared"] if proof.differences else []),
        *([f"{len(proof.unknown)} not shown"] if proof.unknown else []),
    ]
    head = "✓ isolated exactly as declared" if proof.ok else "✗ NOT SHOWN TO BE ISOLATED AS DECLARED"
    return f"{head}: {tried}; {', '.join(parts)}"


def markdown(proof: Proof, command: str) -> str:
    """The page; without anything that differs between two runs on the same stack.

    Args:
        proof: What to show.
        command: The command that writes the page.
    """
    lines = [
        f"# Isolation of the {proof.stack} stack",
        "",
        f"Written by `{command}`, which tries every connection on the running stack and",
        "compares what comes of it with the links that the program declares. Rows try to reach columns. Pods stand",
        "together by workload, and each is tried. A target that is silent counts only where somebody else reaches it.",
        "",
    ]
    for table in tables(proof):
        lines += [f"## To {table.title}", "", *_markdown_table(table), ""]
    lines += ["| mark | meaning |", "| --- | --- |", *(f"| {mark.value} | {words} |" for mark, words in LEGEND), ""]
    lines += [f"`{SPARE[0]}` {SPARE[2:]}.", ""]
    lines += _markdown_result(proof)
    return "\n".join(lines)


def data(proof: Proof) -> dict[str, Any]:
    """The same for ``--json``."""
    return {
        "ok": proof.ok,
        "stack": proof.stack,
        "namespace": proof.declared.namespace,
        "connections": proof.connections,
        "differences": [{**_data(one), "remedy": remedy(one, proof)} for one in proof.differences],
        "unknown": [{**_data(one), "remedy": remedy(one, proof)} for one in proof.unknown],
        "gaps": proof.gaps,
        "notes": _notes(proof),
        "cells": [_data(one) for one in proof.judged],
    }


def _data(one: Judged) -> dict[str, Any]:
    return {
        "source": one.source.group,
        "sourcePod": one.source.name,
        "target": one.target.place.group,
        "targetPod": one.target.place.name,
        "port": one.target.lookup or one.target.port,
        "verdict": one.verdict.name.lower(),
        "meant": one.expectation.meant.name.lower(),
        "because": one.expectation.why,
        "outcome": one.tried.outcome.name.lower() if one.tried else None,
        "reason": one.reason or (one.tried.words if one.tried else ""),
    }


def _rich(table: Table) -> RichTable:
    made = RichTable(
        title=f"\nto {table.title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    made.add_column("from", no_wrap=True)
    for group, port in table.columns:
        made.add_column("\n".join([*group.split(), port]), justify="center", vertical="bottom", overflow="fold")
    for name, marks in table.rows:
        made.add_row(name, *(f"[{_STYLES[mark]}]{mark}[/]" if mark else "" for mark in marks))
    return made


def _legend(proof: Proof) -> list[str]:
    used = {one.verdict for one in proof.judged}
    marks = [f"{mark.value} {words}" for mark, words in LEGEND if mark in used]
    return ["   ".join(marks), SPARE]


def _blocks(proof: Proof) -> Iterable[str]:
    """What is to be read below the tables, most important first."""
    if line := headline(proof):
        yield line
    if proof.differences:
        yield _listed("Not as declared:", proof.differences, proof)
    if proof.unknown:
        yield "\n".join(["Not shown, and so not proved:", *_unknown(proof)])
    if proof.gaps:
        yield "\n".join(["What is missing for a proof:", *(f"  {gap}" for gap in proof.gaps)])
    if notes := _notes(proof):
        yield "\n".join(["Notes:", *(f"  {note}" for note in notes)])


def _listed(title: str, judged: Sequence[Judged], proof: Proof) -> str:
    """One line a connection, the remedy once for each kind of trouble."""
    lines = [title]
    last = ""
    for one in judged[:_SHOWN]:
        if (words := remedy(one, proof)) != last:
            lines += [f"  next: {last}"] if last else []
            last = words
        lines.append(f"  {one.verdict.value} {one.source.name} ({one.source.group}) → {_target(one)}: {_why(one)}")
    lines.append(f"  next: {last}")
    if len(judged) > _SHOWN:
        lines.append(f"  … and {len(judged) - _SHOWN} more: --json lists all of them")
    return "\n".join(lines)


def _unknown(proof: Proof) -> list[str]:
    """One line for each end that is to blame, rather than one for each of its connections."""
    blamed: dict[str, list[Judged]] = {}
    for one in proof.unknown:
        of_source = one.tried is None or "the source" in one.reason
        end = f"{one.source.name} ({one.source.group}) → anything" if of_source else f"anybody → {_target(one)}"
        blamed.setdefault(f"  ? {end}: {one.reason}", []).append(one)
    lines: list[str] = []
    for line, judged in blamed.items():
        lines += [f"{line} ({len(judged)} connections)", f"    next: {remedy(judged[0], proof)}"]
    return lines


def _target(one: Judged) -> str:
    return f"{one.target.name} ({one.target.place.group})"


def _why(one: Judged) -> str:
    if one.verdict is Verdict.UNKNOWN:
        return one.reason
    happened = one.tried.words or one.tried.outcome.value if one.tried else "not tried"
    return f"{happened}; {one.expectation.why}"


def _notes(proof: Proof) -> list[str]:
    silent = dict.fromkeys(f"{one.target.place.group}:{one.target.label}: {one.reason}" for one in proof.noted)
    untried = [f"link {name}: not tried, it has no caller or no address that could be used" for name in proof.untried]
    return [*proof.notes, *silent, *untried]


def _markdown_table(table: Table) -> list[str]:
    heads = [f"{group}<br>{port.replace('*', chr(92) + '*')}" for group, port in table.columns]
    return [
        f"| from | {' | '.join(heads)} |",
        f"| --- |{' :-: |' * len(heads)}",
        *(f"| {name} | {' | '.join(marks)} |" for name, marks in table.rows),
    ]


def _markdown_result(proof: Proof) -> list[str]:
    if proof.ok:
        return [f"Every one of the {len(proof.judged)} connections is as declared.", ""]
    wrong = dict.fromkeys(
        f"- {one.verdict.value} {one.source.group} → {one.target.place.group}:{one.target.label}"
        for one in (*proof.differences, *proof.unknown)
    )
    return ["**Not isolated as declared:**", "", *wrong, *(f"- {gap}" for gap in proof.gaps), ""]
