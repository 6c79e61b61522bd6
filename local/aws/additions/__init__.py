"""What moto lacks, or does otherwise than AWS where the program relies on it."""

from local.aws.additions import backups, caches, clusters, images, restores, small

ADDITIONS: dict[str, str] = {
    **small.ADDITIONS,
    **caches.ADDITIONS,
    **backups.ADDITIONS,
    **restores.ADDITIONS,
    **clusters.ADDITIONS,
    **images.ADDITIONS,
}
"""Every call that is answered here and not by moto, and why."""


def install(registry: str | None = None) -> None:
    """Puts them in moto's place; before its server answers for the first time.

    Args:
        registry: The address of the registry whose images ECR shows; None leaves ECR's images to moto.
    """
    small.install()
    caches.install()
    restores.install()
    clusters.install()
    if registry:
        images.install(registry)
