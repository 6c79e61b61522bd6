"""The tags of every resource on AWS that can have them: whose it is, and where its code is."""

from infra.settings import Settings


def tags(settings: Settings, stack: str) -> dict[str, str]:
    """The tags.

    Args:
        settings: The stack's settings.
        stack: Its name.
    """
    found = {"stack": stack, "environment": settings.environment.value, "owner": settings.owner}
    if settings.aws is not None and settings.aws.repository_url is not None:
        found["repository"] = settings.aws.repository_url
    return found
