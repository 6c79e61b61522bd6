"""The page of what was run for real, as data."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fidelity.md"


@dataclass(frozen=True)
class Claim:
    """A row of the page.

    Attributes:
        section: The heading above it.
        capability: What it is about, with its backticks.
        mark: real, stand-in or never.
        how: The last column.
    """

    section: str
    capability: str
    mark: str
    how: str

    @property
    def name(self) -> str:
        """The capability without its backticks."""
        return self.capability.replace("`", "")

    def line(self, mark: str, how: str) -> str:
        """The row anew."""
        return f"| {self.capability} | {mark} | {how} |"


def read(page: Path = PAGE) -> list[Claim]:
    """Every row of the page, in order."""
    claims: list[Claim] = []
    section = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if line.startswith("|") and len(cells) == 3 and cells[0] not in ("capability", "---"):
            claims.append(Claim(section, *cells))
    return claims


def never_run(page: Path = PAGE) -> list[Claim]:
    """Those that were never run."""
    return [claim for claim in read(page) if claim.mark == "never"]
