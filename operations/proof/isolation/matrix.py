"""The connections as tables: a row for each kind of source, a column for each kind of target and port.

Nothing in them was drawn for one deployment: pods are grouped by workload, and a cell holds the worst of its pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from operations.proof.isolation.judge import Judged, Proof, Verdict
from operations.proof.isolation.model import Kind, Place, Target

_SEVERITY = list(Verdict)
LEGEND = (
    (Verdict.REACHED, "reached, as declared"),
    (Verdict.BLOCKED, "blocked, as nothing declares it"),
    (Verdict.ITSELF, "the pod itself, which nothing can block"),
    (Verdict.CLOSED, "not reached, and not the stack's business"),
    (Verdict.UNDECLARED, "REACHED, BUT NOT DECLARED"),
    (Verdict.MISSING, "DECLARED, BUT NOT REACHED"),
    (Verdict.UNKNOWN, "nothing shown"),
)
SPARE = "* listens for the proof only: a link opens a port, not a pod"


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: What its targets are.
        columns: Group and port of each target.
        rows: The group of each source, and its marks by column; "" where nothing applies.
    """

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def tables(proof: Proof) -> list[Table]:
    """One table for each kind of target."""
    rows = list(
        dict.fromkeys(one.source.group for one in sorted(proof.judged, key=lambda one: _source_order(one.source)))
    )
    found: list[Table] = []
    for kind in Kind:
        of_kind = [one for one in proof.judged if one.target.place.kind is kind]
        ordered = sorted(of_kind, key=lambda one: _target_order(one.target))
        columns = tuple(dict.fromkeys((one.target.place.group, one.target.label) for one in ordered))
        if columns:
            marks = tuple((row, tuple(_mark(of_kind, row, column) for column in columns)) for row in rows)
            found.append(Table(kind.value, columns, marks))
    return found


def cell(judged: Sequence[Judged]) -> Verdict | None:
    """The worst of some connections; a pod's way to itself counts only where there is no other."""
    return max((one.verdict for one in judged), key=_SEVERITY.index, default=None)


def _mark(judged: Sequence[Judged], row: str, column: tuple[str, str]) -> str:
    of_cell = [
        one for one in judged if one.source.group == row and (one.target.place.group, one.target.label) == column
    ]
    verdict = cell(of_cell)
    return verdict.value if verdict else ""


def _source_order(place: Place) -> tuple[int, str]:
    return list(Kind).index(place.kind), place.group


def _target_order(target: Target) -> tuple[str, bool, int]:
    # A name comes before ports, and the port that nothing declares last.
    return target.place.group, not target.declared, 0 if target.lookup else target.port
