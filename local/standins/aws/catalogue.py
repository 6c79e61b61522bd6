"""Every type and function that the stand-in has."""

from local.standins.aws.services import (
    acm,
    backup,
    caches,
    databases,
    ecr,
    iam,
    keys,
    landing,
    logs,
    networks,
    restores,
    route53,
    secretsmanager,
)
from local.standins.aws.types import Function, Type
from local.standins.serve import Failed

_MODULES = (
    acm, backup, caches, databases, ecr, iam, keys, landing, logs, networks, restores, route53, secretsmanager,
)  # fmt: skip

TYPES: dict[str, Type] = {kind.token: kind for module in _MODULES for kind in getattr(module, "TYPES", ())}
"""Resource types by their token."""

FUNCTIONS: dict[str, Function] = {
    found.token: found for module in _MODULES for found in getattr(module, "FUNCTIONS", ())
}
"""Functions by their token."""


def type_of(urn: str) -> Type:
    """The type of a resource.

    Args:
        urn: The resource, as the engine calls it.

    Raises:
        Failed: For a type that is not known here, with those that are.
    """
    token = urn.split("::")[2].rpartition("$")[2]
    if token not in TYPES:
        raise Failed(f"the local stand-in for aws has no {token}; it has {', '.join(sorted(TYPES))}")
    return TYPES[token]


def function(token: str) -> Function:
    """A function.

    Raises:
        Failed: For one that is not known here, with those that are.
    """
    if token not in FUNCTIONS:
        raise Failed(f"the local stand-in for aws has no function {token}; it has {', '.join(sorted(FUNCTIONS))}")
    return FUNCTIONS[token]
