"""What the additions share: where they keep things, and how a handler takes another's place."""

from types import ModuleType
from typing import Any

from moto.core.exceptions import ServiceException


def kept(backend: Any, name: str) -> dict[str, Any]:
    """A place for things in a backend of moto's; a reset of moto empties it.

    Args:
        backend: The backend of one account and region.
        name: What is kept.
    """
    return backend.__dict__.setdefault(f"_pxl_{name}", {})


class Refused(ServiceException):
    """An error as AWS has it; here, because moto looks it up by the package that its class comes from."""


def refuse(code: str, message: str) -> Refused:
    """An error as AWS has it, to be raised.

    Args:
        code: Such as ``ResourceNotFoundException``.
        message: What users read.
    """
    return Refused(code, message)


def take_over(urls: ModuleType, handler: Any, *paths: str) -> None:
    """Has another class answer a service.

    Args:
        urls: The service's module of paths.
        handler: The class, made from the service's own.
        paths: Further paths that it answers.
    """
    found: dict[str, Any] = urls.url_paths
    # Later ones come first where both match: moto's own are wide.
    own = dict.fromkeys((f"{{0}}{path}" for path in paths), handler.dispatch)
    urls.url_paths = {**own, **dict.fromkeys(found, handler.dispatch)}  # pyright: ignore[reportAttributeAccessIssue]
