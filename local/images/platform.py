"""The platform's own images: built once a machine, pushed once a node."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from local.images import store
from local.images.archive import digest_of
from local.images.buildah import Runner
from local.images.recipes import PLATFORM
from local.images.registry import Inside, Registry, push
from local.node.layout import PAUSE_IMAGE, REGISTRY
from local.paths import State
from operations.console import step


class RunningNode(Runner, Inside, Protocol):
    """What is needed of a node: to build in its root file system, and to reach its registry."""


def prepare(runner: Runner, names: Iterable[str] = PLATFORM) -> dict[str, Path]:
    """Builds what the cache lacks; needs package registries, but no running node.

    Args:
        runner: Where buildah runs.
        names: Which images; all by default.

    Returns:
        The OCI archive of each image.

    Raises:
        Problem: A download or a build failed, or the disk is full.
    """
    wanted = {name: store.archive(name, PLATFORM[name].fingerprint()) for name in names}
    missing = [name for name, archive in wanted.items() if not archive.is_file()]
    if missing:
        with store.building(runner) as (buildah, work):
            for name in missing:
                wanted[name] = store.ensure_recipe(buildah, work, PLATFORM[name])
    return wanted


def ensure(node: RunningNode, state: State) -> dict[str, str]:
    """Builds the platform's images and pushes them into the node's registry, as far as they are not there.

    Args:
        node: A running node.
        state: Its state folder.

    Returns:
        ``localhost:5000/pxl/<name>@sha256:…`` by name: ``coredns``, ``node22``, ``pause``, ``postgres``, ``redis``,
        ``registry``.

    Raises:
        Problem: A download or a build failed, the disk is full, or the registry does not answer.
    """
    del state  # everything is keyed by content: the cache serves every state folder
    archives = prepare(node)
    missing = _missing(node, archives)
    if missing:
        with step("filling the node's registry", hint="some seconds") as current:
            for name in missing:
                current.update(name)
                push(node, archives[name], f"{REGISTRY}/pxl/{name}")
    references = {name: f"{REGISTRY}/pxl/{name}@{digest_of(archive)}" for name, archive in archives.items()}
    return references | _pause(node)


def _missing(node: Inside, archives: Mapping[str, Path]) -> list[str]:
    return [
        name
        for name, archive in archives.items()
        if not Registry(node, f"{REGISTRY}/pxl/{name}").has(digest_of(archive))
    ]


def _pause(node: Inside) -> dict[str, str]:
    """The pause image that the node itself pushes when it starts."""
    repository, _, tag = PAUSE_IMAGE.rpartition(":")
    digest = Registry(node, repository).digest(tag)
    return {"pause": f"{repository}@{digest}"} if digest else {}
