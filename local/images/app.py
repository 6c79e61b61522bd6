"""An app's image: its own Dockerfile, on the platform's Node."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.images import store
from local.images.archive import digest_of
from local.images.buildah import Buildah
from local.images.context import Context
from local.images.recipes import NODE22
from local.node import Builder
from local.paths import State, cache_dir
from operations.console import step

# So many builds of apps are kept: enough to go back, not enough to fill a disk.
_KEPT = 6


@dataclass(frozen=True)
class BuiltImage:
    """An image that was built.

    Args:
        archive: Its OCI archive in the cache.
        digest: ``sha256:…``, which the registry will give it too.
    """

    archive: Path
    digest: str


def build_app(node: Builder, state: State, context: Path, build_args: Mapping[str, str] | None = None) -> BuiltImage:
    """Builds an app, unless the same source has been built on the same base before.

    The same source yields the same digest: dates, modes and owners of the checkout do not count.

    Args:
        node: Where buildah runs.
        state: The state folder of the command.
        context: The app's folder, with a Dockerfile and perhaps a ``.dockerignore``.
        build_args: More build arguments. ``BASE`` is the platform's Node unless it is given.

    Raises:
        Problem: There is no Dockerfile, the build failed (with its last lines), or the disk is full.
    """
    del state  # builds are keyed by content and shared
    source = Context.read(context.resolve())
    arguments = dict(build_args or {})
    key = _key(source, arguments)
    target = store.archive("app", key)
    if not target.is_file():
        with store.building(node) as (buildah, work):
            if not target.is_file():
                _build(buildah, work, source, arguments, key)
    target.parent.touch()
    return BuiltImage(target, digest_of(target))


def _key(source: Context, arguments: Mapping[str, str]) -> str:
    base = arguments.get("BASE", NODE22.reference)
    parts = (base, sorted(arguments.items()), source.fingerprint())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _build(buildah: Buildah, work: Path, source: Context, arguments: dict[str, str], key: str) -> None:
    base = None if "BASE" in arguments else store.ensure_stored(buildah, work, NODE22)
    hint = "about 40 s the first time, some seconds after a change of the source"
    with step(f"building the app {source.folder.name}", hint=hint) as current:
        source.lay_out(work / "context")
        # Beside the context, because .dockerignore may well leave the Dockerfile out.
        dockerfile = work / source.dockerfile.name
        shutil.copyfile(source.dockerfile, dockerfile)
        reference = f"localhost/pxl/app:{key}"
        buildah.build(reference, work / "context", dockerfile, arguments, current, base=base, layers=True)
        current.update("keeping it")
        store.keep(buildah, reference, store.archive("app", key))
    _prune(buildah)


def _prune(buildah: Buildah) -> None:
    """Lets go of all but the builds that were used last."""
    kept = sorted(cache_dir().glob("images-app-*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in kept[_KEPT:]:
        shutil.rmtree(folder)
        buildah.forget(f"localhost/pxl/app:{folder.name.rpartition('-')[2]}")
