"""Built images in the cache: one folder an image, named by the hash of what it was built from."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import cache
from local.images.archive import digest_of
from local.images.buildah import Base, Buildah
from local.images.recipes import Recipe
from local.node import Builder
from local.paths import cache_dir
from operations.console import Step, step

_ARCHIVE = "image.tar"


def archive(name: str, key: str) -> Path:
    """Where the OCI archive of a build is kept; its folder exists only once it is whole."""
    return cache_dir() / f"images-{name}-{key}" / _ARCHIVE


@contextmanager
def building(runner: Builder) -> Iterator[tuple[Buildah, Path]]:
    """buildah and a scratch folder, for one command of the machine at a time.

    What a killed command left is removed first.
    """
    cache_dir().mkdir(parents=True, exist_ok=True)
    with cache.locked(cache_dir() / "images.lock"):
        for stale in cache_dir().glob(".images-*"):
            shutil.rmtree(stale, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=".images-work-", dir=cache_dir()))
        try:
            yield Buildah(runner, work), work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def keep(buildah: Buildah, reference: str, target: Path) -> None:
    """Exports an image to its place in the cache, whole or not at all."""
    with cache.replacing(target.parent) as scratch:
        buildah.export(reference, scratch / target.name)


def ensure_recipe(buildah: Buildah, work: Path, recipe: Recipe) -> Path:
    """The OCI archive of a recipe, built with its base if the cache lacks it.

    Raises:
        Problem: A download or a build failed, or the disk is full.
    """
    # Read once: whoever edits a Containerfile during a build gets the image of what it was.
    reference = recipe.reference
    target = archive(recipe.name, reference.rpartition(":")[2])
    if target.is_file():
        return target
    base = ensure_stored(buildah, work, recipe.base) if recipe.base else None
    with step(f"building the image {recipe.name}", hint=recipe.hint) as current:
        context = _lay_out(work, recipe, current)
        current.update(recipe.hint)
        buildah.build(reference, context, context / "Containerfile", {}, current, base=base)
        shutil.rmtree(context)
        current.update("keeping it")
        keep(buildah, reference, target)
    for old in cache.prune(f"images-{recipe.name}"):
        buildah.forget(f"localhost/pxl/{recipe.name}:{old.name.rpartition('-')[2]}")
    return target


def ensure_stored(buildah: Buildah, work: Path, recipe: Recipe) -> Base:
    """A recipe's image as the base of another, with the image in buildah's storage."""
    kept = ensure_recipe(buildah, work, recipe)
    cache.used(kept.parent)
    if not buildah.has(recipe.reference):
        with step(f"loading the image {recipe.name}", hint="some seconds"):
            buildah.load(kept, recipe.reference)
    return Base(recipe.reference, digest_of(kept))


def _lay_out(work: Path, recipe: Recipe, current: Step) -> Path:
    context = work / recipe.name
    shutil.copytree(recipe.folder, context)
    for name, asset in recipe.assets.items():
        asset.make(context / name, current)
    return context
