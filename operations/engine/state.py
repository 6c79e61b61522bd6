"""The engine's state of a stack: what it has recorded, and what it was in the middle of when it was last written."""

import json
from dataclasses import dataclass
from typing import Any

from infra.marks import STATE_RESOURCE
from operations.engine import asking
from operations.engine.deployment import Deployment
from operations.errors import Problem

CREATING = "creating"


@dataclass(frozen=True)
class Pending:
    """An operation that was begun and, as far as the state says, never ended.

    Attributes:
        urn: The resource.
        verb: ``creating``, ``updating``, ``deleting``, ``reading`` or ``importing``.
    """

    urn: str
    verb: str

    def words(self) -> str:
        """``creating Deployment api``."""
        parts = self.urn.split("::")
        return f"{self.verb} {parts[2].rpartition(':')[2]} {parts[-1]}"


@dataclass(frozen=True)
class State:
    """What a stack's state holds.

    Attributes:
        resources: The records, as the engine exports them; secrets are encrypted.
        pending: What it was in the middle of.
    """

    resources: tuple[dict[str, Any], ...]
    pending: tuple[Pending, ...]

    @property
    def identity(self) -> str | None:
        """The id that this state drew for what it makes; None if it has drawn none."""
        for record in self.resources:
            if record["type"] == "random:index/randomUuid:RandomUuid" and _name(record) == STATE_RESOURCE:
                return record.get("outputs", {}).get("result")
        return None

    @property
    def root(self) -> str | None:
        """The URN of the stack itself; None while nothing was ever deployed."""
        return next((record["urn"] for record in self.resources if record["type"] == "pulumi:pulumi:Stack"), None)


def _name(record: dict[str, Any]) -> str:
    return record["urn"].rpartition("::")[2]


def parse(exported: str) -> State:
    """A state from what ``pulumi stack export`` prints.

    Raises:
        ValueError: It is something else.
    """
    document = json.loads(exported)
    if not isinstance(document, dict) or not isinstance(document.get("deployment"), dict):
        raise ValueError("no deployment in it")
    deployment = document["deployment"]
    pending = (Pending(each["resource"]["urn"], each["type"]) for each in deployment.get("pending_operations") or [])
    return State(tuple(deployment.get("resources") or []), tuple(pending))


def read(deployment: Deployment) -> State:
    """The state as the backend has it now.

    Raises:
        Problem: There is no such stack, or its state cannot be read.
    """
    try:
        return parse(asking.ask(deployment, ["export"]))
    except (ValueError, KeyError, TypeError) as error:
        why = f"`pulumi stack export` printed something else than a state: {error}"
        raise Problem(f"the state of stack {deployment.stack} cannot be read", why=why) from error
