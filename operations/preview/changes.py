"""What the engine says it would do, from the events that it writes down."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What holds data, or what data cannot be read or reached without.
_STATEFUL = (
    "aws:rds/",
    "aws:elasticache/",
    "aws:backup/vault",
    "aws:ecr/repository:",
    "aws:kms/key:",
    "aws:s3/bucket",
    "aws:secretsmanager/secret",
    "aws:dynamodb/",
    "aws:efs/",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:PersistentVolume",
    "random:index/randomPassword:",
)
_WORDS = {"create": "create", "update": "update", "delete": "delete", "replace": "replace"}


@dataclass(frozen=True)
class Change:
    """One resource that would change. It has no values: these may be secret.

    Attributes:
        verb: ``create``, ``update``, ``delete`` or ``replace``.
        kind: The resource's type.
        name: Its name in the program.
        keys: The properties that differ; those that force it for a replacement.
    """

    verb: str
    kind: str
    name: str
    keys: tuple[str, ...] = ()

    @property
    def stateful(self) -> bool:
        """Whether it holds data, or data cannot be read without it."""
        return self.kind.startswith(_STATEFUL)

    @property
    def risky(self) -> bool:
        """Whether somebody should look twice: it goes, and something of it may not come back."""
        return self.verb == "replace" or (self.verb == "delete" and self.stateful)


@dataclass(frozen=True)
class Changes:
    """All of them.

    Attributes:
        changes: What would change, in the engine's order.
        same: How many resources stay as they are.
    """

    changes: tuple[Change, ...] = ()
    same: int = 0

    @property
    def counts(self) -> Counter[str]:
        """How many of each verb."""
        return Counter(change.verb for change in self.changes)


@dataclass
class _Reading:
    changes: list[Change] = field(default_factory=list)
    same: int = 0


def read(log: Path) -> Changes:
    """The changes of a preview, from its event log; nothing for a log that was never begun."""
    return of(log.read_text(encoding="utf-8").splitlines()) if log.exists() else Changes()


def of(lines: Iterable[str]) -> Changes:
    """The changes from the lines of an event log. A last line that was cut short is left out."""
    reading = _Reading()
    for line in lines:
        try:
            event: Any = json.loads(line)
        except ValueError:
            continue
        step = (event.get("resourcePreEvent") or {}).get("metadata") if isinstance(event, dict) else None
        if step:
            _take(reading, step)
    return Changes(tuple(reading.changes), reading.same)


def _take(reading: _Reading, step: dict[str, Any]) -> None:
    urn = str(step.get("urn", ""))
    kind, name = urn.split("::")[2].rsplit("$", maxsplit=1)[-1], urn.rpartition("::")[2]
    if kind == "pulumi:pulumi:Stack" or kind.startswith("pulumi:providers:"):
        return
    if step["op"] == "same":
        reading.same += 1
    # A replacement also tells its two halves; they are left out.
    elif step["op"] in _WORDS:
        forcing = step.get("keys") if step["op"] == "replace" else None
        keys = forcing or step.get("diffs") or list(step.get("detailedDiff") or {})
        reading.changes.append(Change(_WORDS[step["op"]], kind, name, tuple(sorted(map(str, keys)))))
