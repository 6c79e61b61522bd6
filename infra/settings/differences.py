"""``docs/environments.md``, the table of differences: ``python -m infra.settings.differences --write``."""

import json
import sys
from pathlib import Path

from infra.environments import DIFFERENCES, ENVIRONMENTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "environments.md"
_HEADER = f"""\
# What differs between the environments

The whole difference: every other setting starts from the same value everywhere, and a stack file overrides any of them
([settings](settings.md)). A setting of Postgres or Redis that the kind of an environment does not use is ignored there.

This page is generated from `infra/environments.py`: `make schema`.

| setting | {" | ".join(ENVIRONMENTS)} |
| --- | {" | ".join("---" for _ in ENVIRONMENTS)} |
"""


def text() -> str:
    """The page as it must stand in the repository."""
    rows = [
        f"| `{path}` | {' | '.join(f'`{json.dumps(value)}`' for value in row)} |" for path, row in DIFFERENCES.items()
    ]
    return _HEADER + "\n".join(rows) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
