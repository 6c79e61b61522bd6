"""Where the app's image lies: the repository of a stack, without tag or digest."""

from infra.settings import Settings
from infra.settings.model import RegistryKind

_APP = "pxl/app"


def managed_name(stack: str) -> str:
    """The repository's name within ECR: one a stack, so that a promotion is a copy that each account can check."""
    return f"pxl/{stack}/app"


def repository(settings: Settings, stack: str) -> str:
    """The repository, with the registry's host.

    Args:
        settings: The stack's settings.
        stack: Its name.
    """
    if settings.registry.kind is RegistryKind.CLUSTER:
        return f"localhost:{settings.registry.node_port}/{_APP}"
    if settings.registry.kind is RegistryKind.ECR and settings.aws is not None:
        return f"{settings.aws.account}.dkr.ecr.{settings.aws.region}.amazonaws.com/{managed_name(stack)}"
    return settings.image.repository or ""
