"""Where a stack's image lies: one name for whoever pushes, promotes and runs it."""

import re

from infra.settings import Settings
from infra.settings.model import RegistryKind

_APP = "pxl/app"


class NoRepositoryError(ValueError):
    """The settings do not say where the image lies."""


def path_name(stack: str) -> str:
    """A stack's name as AWS takes it in names: lower case, and hyphens for what is neither letter nor digit."""
    return re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-") or "stack"


def managed_name(stack: str) -> str:
    """The repository's name within ECR: one a stack, so that a promotion is a copy that each account can check."""
    return f"pxl/{path_name(stack)}/app"


def repository(settings: Settings, stack: str) -> str:
    """The repository of a stack's image, with the registry's host, without tag and digest.

    Args:
        settings: The stack's settings.
        stack: Its name.

    Raises:
        NoRepositoryError: The settings name no repository, and none follows from them.
    """
    kind = settings.registry.kind
    if kind is RegistryKind.CLUSTER:
        return f"localhost:{settings.registry.node_port}/{_APP}"
    if kind is RegistryKind.ECR:
        if settings.aws is None:
            raise NoRepositoryError("registry.kind is ecr, and aws.account is missing")
        domain = "amazonaws.com.cn" if settings.aws.region.startswith("cn-") else "amazonaws.com"
        return f"{settings.aws.account}.dkr.ecr.{settings.aws.region}.{domain}/{managed_name(stack)}"
    if settings.image.repository is None:
        raise NoRepositoryError("registry.kind is none, and image.repository is missing")
    return settings.image.repository
