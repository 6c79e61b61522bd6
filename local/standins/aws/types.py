"""How a resource type is declared: functions over plain objects, and what the engine has to know of its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.standins.aws.compare import same
from local.standins.aws.reaching import Aws

Obj = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What an update is about.

    Args:
        old: The recorded inputs; empty for what comes right after a create, so that everything counts as changed.
        new: The program's inputs.
        state: What was recorded last, outputs included.
    """

    old: Obj
    new: Obj
    state: Obj = field(default_factory=dict)

    def of(self, *names: str) -> bool:
        """Whether one of the inputs changed."""
        return any(not same(self.old.get(name), self.new.get(name), name) for name in names)


@dataclass(frozen=True)
class Name:
    """The input that is drawn when the program leaves it out.

    Args:
        field: The input.
        limit: How many characters AWS takes.
        lower: Whether AWS takes small letters only.
        prefix: What AWS wants in front, such as ``alias/``.
        separator: What stands between the logical name and the digits.
    """

    field: str = "name"
    limit: int = 255
    lower: bool = False
    prefix: str = ""
    separator: str = "-"


@dataclass(frozen=True)
class Type:
    """A resource type.

    Args:
        token: As the engine calls it, such as ``aws:kms/key:Key``.
        create: Makes it from its inputs; returns its id. One call, so that nothing is left behind when it is refused.
        read: The live outputs by id and what was recorded, in the provider's names; None when it is gone.
        delete: Removes it by id and what was recorded.
        update: Carries out a change; a type without it replaces on every change. It must be able to set everything
            again: it also runs to repair a resource that was made and could not be finished.
        completes: Whether ``update`` has to run after ``create``, for what AWS takes in calls of its own.
        replaces: The inputs whose change means another resource.
        replaces_if: More of them, for rules that look at the values.
        secrets: The inputs and outputs that are secret whatever the program says.
        name: The input that is drawn.
        defaults: What the provider fills in.
        alone: The inputs of which AWS takes one only: a replacement that keeps them deletes first.
        tagged: Whether it has ``tags`` and ``tagsAll``.
        regional: Whether it has a ``region``.
        moved_by_update: The outputs that an update makes anew, so that a preview cannot know them.
    """

    token: str
    create: Callable[[Aws, Obj], str]
    read: Callable[[Aws, str, Obj], Obj | None]
    delete: Callable[[Aws, str, Obj], None]
    update: Callable[[Aws, str, Change], None] | None = None
    completes: bool = False
    replaces: frozenset[str] = frozenset()
    replaces_if: Callable[[Change], frozenset[str]] | None = None
    secrets: frozenset[str] = frozenset()
    name: Name | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()
    tagged: bool = True
    regional: bool = True
    moved_by_update: frozenset[str] = frozenset()

    def forces(self, name: str, change: Change) -> bool:
        """Whether a changed input means another resource."""
        if self.update is None or name in self.replaces or (self.regional and name == "region"):
            return True
        return self.replaces_if is not None and name in self.replaces_if(change)


@dataclass(frozen=True)
class Function:
    """A function of the provider.

    Args:
        token: As the engine calls it, such as ``aws:index/getRegion:getRegion``.
        call: Its results from its arguments.
        unknown: The results that a preview without an endpoint has to leave open.
    """

    token: str
    call: Callable[[Aws, Obj], Obj]
    unknown: tuple[str, ...] = ("id",)
