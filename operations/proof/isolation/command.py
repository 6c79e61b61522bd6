"""What ``pxlctl proof isolation`` and ``make isolation`` do: prove, show, write the page, say whether it holds."""

import json
from pathlib import Path

from operations import console
from operations.pages import write_page
from operations.proof.isolation import presenting
from operations.proof.isolation.declared import Declared
from operations.proof.isolation.prove import Options, prove


def run(stack: str, declared: Declared, options: Options, *, command: str, page: Path | None, as_json: bool) -> bool:
    """Proves a stack's isolation and shows what came of it.

    Args:
        stack: The stack's name.
        declared: What its program declares.
        options: How to prove it.
        command: What the page says that it is written by.
        page: Where to write the page; None for nowhere.
        as_json: Whether scripts read the result.

    Returns:
        Whether the isolation is exactly what is declared.

    Raises:
        Problem: If it could not be tried, or the page not be written.
    """
    proof = prove(stack, declared, options)
    if page is not None:
        write_page(page, presenting.markdown(proof, command))
        console.say(f"written: {page}")
    if as_json:
        console.show(json.dumps(presenting.data(proof), indent=2, ensure_ascii=False))
    else:
        presenting.show(proof)
    return proof.ok
