"""The page of a proof."""

from collections.abc import Sequence

from local.proof.scenarios import Row

_HEAD = """\
# What a rollout drops

Written by `make proof`, which puts the dev stack on the embedded node through all of this with four loads at once:
requests on kept connections, requests on new ones, WebSocket clients in rooms, and jobs. Two cores carry the node, the
stores, the app and the loads together. `pxlctl proof rollout STACK` does the same to any running stack.

| | what | must hold | seen |
| --- | --- | --- | --- |
"""


def markdown(rows: Sequence[Row], picture: str | None) -> str:
    """The page.

    Args:
        rows: What was shown.
        picture: Path of the picture beside the page; None for none.
    """
    lines = [f"| {'✓' if row.holds else '✗'} | {row.what} | {row.claim} | {row.seen} |" for row in rows]
    tail = f"\n![latency, failures and pods while a release rolls out, and while the guide's does]({picture})\n"
    return _HEAD + "\n".join(lines) + "\n" + (tail if picture else "")
