"""Where the embedded platform keeps things: a state folder for each checkout, one cache for all."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

_CONTEXTS = "contexts"
CHECKOUT = Path(__file__).resolve().parent.parent


def cache_dir() -> Path:
    """What is slow to build, keyed by its lock; safe to delete while nothing runs.

    ``PXL_CACHE`` names it; the default is ``pxl`` in the XDG cache folder.
    """
    named = os.environ.get("PXL_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named).resolve() if named else base / "pxl"


@dataclass(frozen=True)
class State:
    """The state folder of one embedded platform: everything it owns on this machine.

    ``PXL_STATE`` names it; the default is derived from the checkout, so that two checkouts do not collide.
    """

    folder: Path

    @classmethod
    def current(cls) -> "State":
        """The state folder that this checkout and environment name."""
        named = os.environ.get("PXL_STATE")
        if named:
            return cls(Path(named).resolve())
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return cls(base / "pxl" / f"{CHECKOUT.name}-{_short_hash(str(CHECKOUT))}")

    def for_context(self, context: str) -> "State":
        """The state of a stack on a cluster of the user's own: apart from the node's, and from other clusters'."""
        return State(self.folder / _CONTEXTS / f"{re.sub(r'[^A-Za-z0-9.-]', '-', context)}-{_short_hash(context)}")

    @property
    def contexts(self) -> Path:
        """The folder with the states of all such clusters; it outlives the node."""
        return self.folder / _CONTEXTS

    @property
    def id(self) -> str:
        """Eight hex digits that name everything of this platform outside its folder (its cgroup, its context)."""
        return _short_hash(str(self.folder))

    def path(self, *parts: str) -> Path:
        """A path in the folder, its parent made (mode 0700 at the top)."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def write(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Writes a file whole or not at all, and leaves one alone that already has this content."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(scratch).chmod(mode)
    Path(scratch).replace(path)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
