"""The page of a proof: a row for each claim, of the last run that tried it."""

from collections.abc import Sequence

from local.proof.scenarios import Row

_ROWS = ("| ✓ |", "| ✗ |")
_HEAD = """\
# What a rollout drops

Written by `make proof`, which puts the dev stack on the embedded node through all of this with four loads at once:
requests on kept connections, requests on new ones, WebSocket clients in rooms, and jobs. Two cores carry the node, the
stores, the app and the loads together: what else runs on the machine shows. `pxlctl proof rollout STACK` does the same
to any running stack. A row is what the last run of its scenario has seen (`make proof ONLY=name` runs one).

| | what | must hold | seen |
| --- | --- | --- | --- |
"""


def markdown(rows: Sequence[Row], picture: str | None, before: str = "") -> str:
    """The page.

    Args:
        rows: What was shown.
        picture: Path of the picture beside the page; None for none.
        before: The page as it was: what these rows do not show anew stays.
    """
    kept = {line.split(" | ")[1]: line for line in before.splitlines() if line.startswith(_ROWS)}
    new = {row.what: f"| {'✓' if row.holds else '✗'} | {row.what} | {row.claim} | {row.seen} |" for row in rows}
    lines = {**kept, **new}.values()
    tail = f"\n![latency, failures and pods while a release rolls out, and while the guide's does]({picture})\n"
    return _HEAD + "\n".join(lines) + "\n" + (tail if picture else "")
