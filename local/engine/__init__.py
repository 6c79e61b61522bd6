"""Makes the Pulumi engine and the provider plugins available, whatever of them can be downloaded here.

The official release is preferred; where it is out of reach, the engine is built from its Go modules, and providers are
replaced by the stand-ins of ``local.standins``.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.engine import built, official
from local.engine.plugins import ALWAYS as ALWAYS
from local.engine.plugins import WITH_AWS as WITH_AWS
from local.engine.plugins import install as _install_plugins
from local.paths import State

VERSION = "3.259.0"
"""The engine's version; the Python SDK in the environment has the same."""

_LANGUAGE_HOST = "pulumi-language-python"
_END_SECONDS = 5.0


@dataclass(frozen=True)
class Engine:
    """A Pulumi engine with its Python language host.

    Args:
        path_entries: The folders to put on ``PATH``, in this order.
        official: Whether it is the published release (whose language host also runs component plugins).
    """

    path_entries: tuple[Path, ...]
    official: bool

    @property
    def program(self) -> Path:
        """The ``pulumi`` executable."""
        return next(folder / "pulumi" for folder in self.path_entries if (folder / "pulumi").is_file())

    def pulumi_home(self, state: State) -> Path:
        """The engine's own folder (plugins, workspaces): in the state, never the user's ``~/.pulumi``."""
        return state.path("pulumi-home")

    def env(self, state: State) -> dict[str, str]:
        """The whole environment of an engine process: this process's, with everything set that must not be the user's.

        State and secrets stay on this machine: the backend is a folder, the passphrase a file that is drawn once.
        """
        backend = state.path("pulumi")
        backend.mkdir(exist_ok=True)
        # The built language host ignores `virtualenv` in Pulumi.yaml and takes the first python on PATH.
        folders = [Path(sys.executable).parent, *self.path_entries]
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("PULUMI_") or key in ("PULUMI_K8S_DELETE_UNREACHABLE",)
        }
        return {
            **inherited,
            "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]),
            "PULUMI_HOME": str(self.pulumi_home(state)),
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase_file(state)),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PXL_STANDIN_OWNER": _drawn_once(state.path("owner")),
            # A missing plugin is an error at once instead of a download that may hang: `plugins` has put them there.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def plugins(self, state: State, providers: Sequence[str] = ALWAYS) -> list[str]:
        """Puts the provider plugins into the engine's folder.

        Args:
            state: Whose.
            providers: Which: ``ALWAYS``, or ``WITH_AWS`` for a stack that has something there.

        Returns:
            The providers that a stand-in replaces; empty when all are official.

        Raises:
            Problem: With ``PXL_STANDINS=never``, when an official plugin cannot be had.
        """
        return _install_plugins(self.program, self.pulumi_home(state), self.env(state), providers)


def end_leftovers(state: State) -> None:
    """Ends what a run that was killed may have left running; call it while no other run has the state's lock.

    An engine ends with its command, but for the moment of its start; some of its helpers do not notice its end.
    """
    mark = f"\0PULUMI_HOME={state.folder}/".encode()

    def is_ours(pid: str) -> bool:
        with contextlib.suppress(OSError):
            return mark in b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
        return False

    ended: list[Path] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, _, fields = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            parent, _, session = fields.split()[1:4]
            # Our commands give the engine a session of its own; one that somebody runs by hand has their shell's.
            is_engine = name == "pulumi" and session == entry.name
            # An engine that still runs is the parent of its helpers.
            is_helper = name.startswith("pulumi-") and not is_ours(parent)
            if (is_engine or is_helper) and is_ours(entry.name):
                os.kill(int(entry.name), signal.SIGKILL)
                ended.append(entry)
    until = time.monotonic() + _END_SECONDS
    while any(entry.exists() for entry in ended) and time.monotonic() < until:
        time.sleep(0.02)


def passphrase_file(state: State) -> Path:
    """The file with the passphrase that encrypts the stack's secrets; drawn once, mode 0600.

    Without it the secrets in the state can no longer be read, so it is never written again.
    """
    path = state.path("passphrase")
    _drawn_once(path)
    return path


def _drawn_once(path: Path) -> str:
    """A random text in a file of mode 0600: drawn once, and on the disk before anything relies on it."""
    if not path.exists():
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(scratch, path)  # Unlike a rename, a link does not replace what another process has just drawn.
        except FileExistsError:
            pass
        finally:
            Path(scratch).unlink()
    return path.read_text()


def ensure() -> Engine:
    """The engine: from ``PATH`` in the right version, else the official download, else built from Go modules.

    Raises:
        Problem: When it can be neither downloaded nor built.
    """
    on_path = _on_path()
    if on_path:
        return Engine(on_path, official=True)
    downloaded = official.folder(VERSION)
    if downloaded.is_dir() or (not built.is_cached() and official.download(downloaded, VERSION)):
        return Engine((downloaded,), official=True)
    return Engine((built.folder(VERSION),), official=False)


def _on_path() -> tuple[Path, ...]:
    found = shutil.which("pulumi")
    host = shutil.which(_LANGUAGE_HOST)
    if not found or not host:
        return ()
    asked = subprocess.run([found, "version"], capture_output=True, text=True, check=False, timeout=30)
    is_right = asked.stdout.strip() == f"v{VERSION}"
    return (Path(found).parent, Path(host).parent) if is_right else ()
