"""What starts the node again after a reboot of the machine: a unit of systemd, where that is process 1."""

import subprocess
import sys
from pathlib import Path

from local.paths import CHECKOUT, State, cache_dir, write
from operations.console import say, warn

_RUNS = Path("/run/systemd/system")
_UNITS = Path("/etc/systemd/system")
_TARGET = "multi-user.target"
_SECONDS = 60


def command() -> list[str]:
    """The command that starts the node again, for the boot script of any init system."""
    return [sys.executable, "-m", "local", "resume"]


def environment(state: State) -> dict[str, str]:
    """What the command needs of the environment, wherever it is run."""
    return {"PXL_STATE": str(state.folder), "PXL_CACHE": str(cache_dir())}


def unit(state: State) -> str:
    """The text of the unit. It starts what the node was told last, not what the checkout has become since."""
    settings = "\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment(state).items())
    return f"""[Unit]
Description=Embedded node of {_literal(CHECKOUT)}
RequiresMountsFor={" ".join(_quoted(path) for path in (CHECKOUT, state.folder, cache_dir()))}
ConditionPathExists={_literal(state.folder / "node" / "spec.json")}

[Service]
Type=oneshot
RemainAfterExit=yes
{settings}
WorkingDirectory={_literal(CHECKOUT)}
ExecStart={" ".join(_quoted(part, in_command=True) for part in command())}
# The node runs on in control groups of its own.
KillMode=process
TimeoutStartSec=300

[Install]
WantedBy={_TARGET}
"""


def path(state: State, units: Path | None = None) -> Path:
    """Where the unit of a platform is."""
    return (units or _UNITS) / f"pxl-{state.id}.service"


def install(state: State, units: Path | None = None) -> None:
    """Makes the node start at boot; nothing happens where systemd does not run.

    Args:
        state: The state folder.
        units: Where systemd's units are, if not where this machine has them.
    """
    if not is_there() and units is None:
        return
    target = path(state, units)
    link = _link(target)
    if target.is_file() and target.read_text() == unit(state) and link.is_symlink():
        return
    try:
        write(target, unit(state), mode=0o644)
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    except OSError as error:
        # A machine whose units are not to be changed has everything but this.
        warn(f"the node will not start at boot: {error}")
        return
    if units is None:
        _reload()
        say(f"the node starts at boot: {target}")


def remove(state: State, units: Path | None = None) -> None:
    """Takes back what ``install`` has done, if it has."""
    target = path(state, units)
    there = [each for each in (_link(target), target) if each.is_symlink() or each.exists()]
    for each in there:
        each.unlink()
    if there and units is None and is_there():
        _reload()


def exists(state: State) -> bool:
    """Whether a unit starts this platform's node at boot."""
    return path(state).exists()


def is_there() -> bool:
    """Whether systemd is process 1."""
    return _RUNS.is_dir()


def advice(state: State) -> str:
    """What a reboot does, and what to do about it."""
    if exists(state):
        return f"started by {path(state)}"
    if is_there():
        return "not started: make up puts a unit there"
    prefix = " ".join(f"{name}={value}" for name, value in environment(state).items())
    return f"no systemd here; in a boot script: cd {CHECKOUT} && {prefix} {' '.join(command())}"


def _link(target: Path) -> Path:
    return target.parent / f"{_TARGET}.wants" / target.name


def _reload() -> None:
    done = subprocess.run(["systemctl", "daemon-reload"], capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        warn(f"systemctl daemon-reload: {done.stderr.strip()}")


def _literal(text: object) -> str:
    """A value in which systemd would otherwise replace ``%``."""
    return str(text).replace("%", "%%")


def _quoted(text: object, *, in_command: bool = False) -> str:
    escaped = _literal(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("$", "$$") if in_command else escaped}"'
