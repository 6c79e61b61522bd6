"""The platform's own images: built once a machine, pushed once a node."""

from collections.abc import Iterable
from pathlib import Path

from local import cache
from local.images import store
from local.images.archive import digest_of
from local.images.recipes import ALWAYS, PLATFORM
from local.images.registry import Registry, push
from local.node import Builder, Node
from local.node.layout import PAUSE_IMAGE, REGISTRY
from local.paths import State
from operations.console import step

# containerd asks for it by this name.
_TAGS = {"pause": PAUSE_IMAGE.rpartition(":")[2]}


def prepare(runner: Builder, names: Iterable[str] = ALWAYS) -> dict[str, Path]:
    """Builds what the cache lacks; needs package registries, but no running node.

    Args:
        runner: Where buildah runs.
        names: Which images; all that every platform runs by default.

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
    for archive in wanted.values():
        cache.used(archive.parent)
    return wanted


def ensure(node: Node, state: State, names: Iterable[str] = ALWAYS) -> dict[str, str]:
    """Builds the platform's images and pushes them into the node's registry, as far as they are not there.

    Args:
        node: A running node.
        state: Its state folder.
        names: Which images; all that every platform runs by default.

    Returns:
        ``localhost:5000/pxl/<name>@sha256:…`` by name: ``coredns``, ``node22``, ``pause``, ``postgres``, ``redis``,
        ``registry``.

    Raises:
        Problem: A download or a build failed, the disk is full, or the registry does not answer.
    """
    del state  # everything is keyed by content: the cache serves every state folder
    archives = prepare(node, names)
    digests = {name: digest_of(archive) for name, archive in archives.items()}
    missing = [name for name, digest in digests.items() if not _registry(node, name).has(digest, _TAGS.get(name))]
    if missing:
        with step("filling the node's registry", hint="some seconds") as current:
            for name in missing:
                current.update(name)
                push(node, archives[name], f"{REGISTRY}/pxl/{name}", _TAGS.get(name))
    return {name: f"{REGISTRY}/pxl/{name}@{digest}" for name, digest in digests.items()}


def _registry(node: Node, name: str) -> Registry:
    return Registry(node, f"{REGISTRY}/pxl/{name}")
