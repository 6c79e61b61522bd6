"""The links that a stack's program declares, as its output ``links`` holds them (see ``infra/links.py``)."""

import json
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operations.errors import Problem

OUTPUT = "links"
Side = Literal["egress", "ingress"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pods(_Model):
    """Pods of one namespace; all of them without labels."""

    namespace: str
    labels: dict[str, str] = {}


class Addresses(_Model):
    """Ranges of addresses, without the holes in them."""

    cidrs: list[IPv4Network | IPv6Network] = Field(min_length=1)
    holes: list[IPv4Network | IPv6Network] = Field([], alias="except")
    host: str | None = None
    """The name that clients use, where there is one."""

    @property
    def hosts(self) -> list[str]:
        """What can be connected to: the name, else the ranges that are single addresses."""
        single = [str(cidr.network_address) for cidr in self.cidrs if cidr.num_addresses == 1]
        return [self.host] if self.host else single


class Link(_Model):
    """One way that is open on its ports: ``egress`` out of ``here``, ``ingress`` into ``there``."""

    name: str
    opens: list[Side] = Field(min_length=1)
    here: Pods | Addresses = Field(alias="from")
    there: Pods | Addresses = Field(alias="to")
    ports: list[int] = Field(min_length=1)


class Declared(_Model):
    """Everything that is open in a namespace that is closed otherwise."""

    namespace: str
    links: list[Link] = Field(min_length=1)


def from_outputs(stack: str, outputs: Mapping[str, Any]) -> Declared:
    """The links among a stack's outputs.

    Raises:
        Problem: If the deployed stack has none, or they cannot be understood.
    """
    if OUTPUT not in outputs:
        raise Problem(
            f"the stack {stack} does not say which links it declares",
            why=f"it has no output {OUTPUT!r}: it was never deployed, or by an earlier release of this program",
            remedy=f"pxlctl up {stack}; or name them: --links FILE",
        )
    return _read(outputs[OUTPUT], f"output {OUTPUT!r} of stack {stack}", f"pxlctl up {stack}")


def from_file(path: Path) -> Declared:
    """The links in a JSON file: the output ``links`` itself, or all outputs of a stack.

    Raises:
        Problem: If it cannot be read or understood.
    """
    remedy = "write it with: pulumi stack output --json --stack STACK"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"the links in {path} cannot be read", why=str(error), remedy=remedy) from error
    return _read(data[OUTPUT] if _is_outputs(data) else data, str(path), remedy)


def _is_outputs(data: Any) -> bool:
    """Whether these are all outputs of a stack; among them is ``links``, which itself holds a list of that name."""
    return isinstance(data, dict) and isinstance(data.get(OUTPUT), dict)


def _read(data: Any, where: str, remedy: str) -> Declared:
    try:
        return Declared.model_validate(data)
    except ValidationError as error:
        why = "\n".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise Problem("the declared links cannot be understood", where=where, why=why, remedy=remedy) from error
