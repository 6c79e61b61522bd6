"""What ``make proof`` does: one scenario after the other, a table at the end, and the stack as it was."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from local.paths import State
from local.proof.bench import Bench
from local.proof.page import markdown
from local.proof.scenarios import FULL, SCENARIOS, SHORT, Row
from operations.console import say, step
from operations.errors import Problem
from operations.pages import write_page
from operations.proof.rollout import plotting


def run(state: State, *, app: Path, only: Sequence[str], short: bool, page: Path | None) -> bool:
    """Proves the dev stack.

    Args:
        state: The state folder; ``make up`` has run.
        app: Folder of the app that runs.
        only: Names of scenarios; all of them if empty.
        short: Whether a fraction of the load is enough.
        page: Where to write the table as a page, and the picture beside it; rows of scenarios that are not run stay.
            None for nowhere.

    Returns:
        Whether every claim holds.

    Raises:
        Problem: An unknown scenario, or a stack that does not run.
    """
    if unknown := [name for name in only if name not in SCENARIOS]:
        raise Problem(f"there is no scenario {unknown[0]!r}", remedy=f"name some of: {', '.join(SCENARIOS)}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pxl-proof-") as scratch:
        bench = Bench.of(state, app, Path(scratch))
        try:
            for name in only or list(SCENARIOS):
                found, parts = SCENARIOS[name](bench, SHORT if short else FULL)
                rows += found
                if name == "release" and page is not None:
                    plotting.draw([part.measured for part in parts], page.with_suffix(".png"))
        finally:
            with step("putting the stack back as it was"):
                bench.deploy(app)
    _show(rows)
    if page is not None:
        picture = page.with_suffix(".png")
        before = page.read_text(encoding="utf-8") if only and page.exists() else ""
        write_page(page, markdown(rows, picture.name if picture.exists() else None, before))
        say(f"written: {page}")
    return all(row.holds for row in rows)


def _show(rows: Sequence[Row]) -> None:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "what", "must hold", "seen"):
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row("✓" if row.holds else "✗", row.what, row.claim, row.seen, style="" if row.holds else "red")
    Console(highlight=False, emoji=False).print(made)
