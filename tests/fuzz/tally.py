"""What a run of the fuzz came to, as a table."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.fuzz.admission import Admission
from tests.fuzz.program import Outcome
from tests.fuzz.stacks import KEYS, Stack

_SHOWN = 25


@dataclass
class Tally:
    """Counts of one run.

    Attributes:
        generated: Stacks.
        refused: Those that the check refused, and the program too.
        by_engine: Those that the engine's own types refuse before the program.
        hidden: Accepted by the check, and refused by the program for what only it can decrypt.
        accepted: Whose objects the API server took.
        keys: Mistakes by the key that they name.
        seen: Settings that were in any stack.
        taken: Settings that were in an accepted one.
    """

    generated: int = 0
    refused: int = 0
    by_engine: int = 0
    hidden: int = 0
    accepted: int = 0
    keys: Counter[str] = field(default_factory=Counter[str])
    seen: set[str] = field(default_factory=set[str])
    taken: set[str] = field(default_factory=set[str])
    began: float = field(default_factory=time.monotonic)

    def count(self, stack: Stack, outcome: Outcome) -> None:
        """Adds one stack."""
        self.generated += 1
        self.seen |= stack.keys()
        if outcome.mistakes:
            self.by_engine += outcome.refused_by_engine
            self.refused += not outcome.refused_by_engine
            self.keys.update({mistake.key for mistake in outcome.mistakes})
        elif not outcome.objects:
            self.hidden += 1
        else:
            self.accepted += 1
            self.taken |= stack.keys()

    def missing(self) -> tuple[list[str], list[str]]:
        """The settings of the model that no stack had, and those that no accepted one had."""
        every = {".".join(path) for path in KEYS}
        return sorted(every - self.seen), sorted(every - self.taken)

    def table(self, admission: Admission) -> str:
        """For people."""
        seconds = time.monotonic() - self.began
        rows: list[tuple[str, object]] = [
            ("stacks generated", self.generated),
            ("refused by check and program", self.refused),
            ("refused by check and the engine's types", self.by_engine),
            ("refused by the program for a secret's value", self.hidden),
            ("accepted", self.accepted),
            ("settings of the model, of them generated", f"{len(KEYS)}, {len(KEYS) - len(self.missing()[0])}"),
            ("objects to judge, pods of templates among them", admission.asked),
            ("distinct ones, seen by the API server", admission.distinct),
            ("pods among the distinct ones", admission.pods),
            ("of a kind that it does not know: metadata only", admission.unknown),
            ("seconds", f"{seconds:.0f}"),
        ]
        lines = [f"  {count!s:>9}  {what}" for what, count in rows]
        lines += ["", f"  refused for {len(self.keys)} keys, most often:"]
        lines += [f"  {count:>9}  {key}" for key, count in self.keys.most_common(_SHOWN)]
        return "\n".join(lines)
