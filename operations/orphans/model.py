"""What was found in the cluster and in no record."""

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Orphan:
    """One object that the state does not hold.

    Attributes:
        api_version: As the API spells it.
        kind: Its kind.
        namespace: "" outside namespaces.
        name: Its name.
        uid: Tells it from a later object of that name.
        created: When it was made, as the API writes it.
        why: Why it is left alone; "" for one that may be deleted.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    created: str
    why: str = ""

    @property
    def title(self) -> str:
        """``Secret pxl-dev/secrets-values-1a2b3c4d``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Findings:
    """What a look at the cluster gave.

    Attributes:
        orphans: What this stack, or nobody that can be told, left.
        foreign: How many objects belong to another state with a stack of this name; nothing more is said of them.
        unseen: Kinds that could not be listed, with the reason.
    """

    orphans: tuple[Orphan, ...] = ()
    foreign: int = 0
    unseen: tuple[str, ...] = ()

    @property
    def removable(self) -> list[Orphan]:
        """What may be deleted."""
        return [orphan for orphan in self.orphans if not orphan.why]

    @property
    def kept(self) -> list[Orphan]:
        """What only people may decide on."""
        return [orphan for orphan in self.orphans if orphan.why]

    def of(self, kinds: Container[str]) -> "Findings":
        """What was found of some kinds only."""
        return replace(self, orphans=tuple(orphan for orphan in self.orphans if orphan.kind in kinds))

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "orphans": [
                {
                    "apiVersion": orphan.api_version,
                    "kind": orphan.kind,
                    "namespace": orphan.namespace,
                    "name": orphan.name,
                    "uid": orphan.uid,
                    "created": orphan.created,
                    "removable": not orphan.why,
                    "why": orphan.why,
                }
                for orphan in self.orphans
            ],
            "foreign": self.foreign,
            "unseen": list(self.unseen),
        }

    def text(self) -> str:
        """For people."""
        lines = [f"{orphan.title}, made {orphan.created}: {orphan.why or 'may be deleted'}" for orphan in self.orphans]
        if self.foreign:
            lines.append(f"{self.foreign} objects of another checkout's or backend's stack of this name were left out")
        lines += [f"not looked at: {text}" for text in self.unseen]
        return "\n".join(lines if self.orphans else ["nothing in the cluster is in no record", *lines])
