"""The images of the platform: what each is made from, and the hash that names its build in the cache."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.images import assets
from local.images.assets import Asset
from local.images.context import hash_folder

FOLDER = Path(__file__).resolve().parent
# Raised when the way of building changes, so that images of the old way are not used.
_FORMAT = "1"


@dataclass(frozen=True)
class Recipe:
    """An image: a folder with a ``Containerfile`` beside this module, and what it needs besides.

    Args:
        name: The folder's name, and the image's.
        base: The recipe that its ``ARG BASE`` stands for; None when it starts from scratch.
        assets: Files and folders that are made for its context, by name.
        hint: How long a cold build takes on 2 cores, for whoever waits.
    """

    name: str
    base: "Recipe | None"
    hint: str
    assets: Mapping[str, Asset] = field(default_factory=dict[str, Asset])

    @property
    def folder(self) -> Path:
        """Where its Containerfile is."""
        return FOLDER / self.name

    def fingerprint(self) -> str:
        """Twelve hex digits over everything that decides what the build yields, the base's included."""
        digest = hashlib.sha256(repr((_FORMAT, self.name, platform.machine(), hash_folder(self.folder))).encode())
        if self.base:
            digest.update(self.base.fingerprint().encode())
        for name, asset in sorted(self.assets.items()):
            digest.update(repr((name, asset.key())).encode())
        return digest.hexdigest()[:12]

    @property
    def reference(self) -> str:
        """What the image is called in buildah's storage."""
        return f"localhost/pxl/{self.name}:{self.fingerprint()}"


DEBIAN = Recipe("debian", None, "about 30 s the first time", {"base.tar": assets.minimal_debian()})
NODE22 = Recipe(
    "node22",
    DEBIAN,
    "about 30 s the first time",
    {"bootstrap": assets.first_npm(FOLDER / "node22" / "requirements.txt")},
)

PLATFORM: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("pause", None, "some seconds", {"pause": assets.program("init", "pause")}),
        Recipe("coredns", None, "some seconds", {"coredns": assets.program("coredns", "coredns")}),
        NODE22,
        Recipe("postgres", DEBIAN, "about 30 s the first time"),
        Recipe("redis", DEBIAN, "about 15 s the first time"),
        Recipe("registry", DEBIAN, "about 15 s the first time"),
        Recipe("haproxy", DEBIAN, "about 15 s the first time"),
        Recipe(
            "metrics-server",
            None,
            "some seconds",
            {"metrics-server": assets.program("metrics-server", "metrics-server")},
        ),
        Recipe(
            "keda",
            None,
            "some seconds",
            {
                "keda": assets.program("keda", "operator"),
                "keda-adapter": assets.program("keda", "adapter"),
                "keda-admission-webhooks": assets.program("keda", "webhooks"),
            },
        ),
    )
}
"""What the platform runs, and the base of apps; ``debian`` is only their common layer."""
REHEARSED = ("haproxy",)
"""What only a rehearsal of a stack on AWS runs."""
SCALING = ("metrics-server", "keda")
"""What only a stack that scales runs."""
ALWAYS = tuple(name for name in PLATFORM if name not in (*REHEARSED, *SCALING))
"""What every platform runs."""
