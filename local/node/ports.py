"""The ports of 127.0.0.1 that belong to a node: chosen once, kept for as long as it exists."""

import contextlib
import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from local.paths import write
from operations.console import warn
from operations.errors import Problem

DEFAULT_APP_PORT = 8080
_FIRST_API_PORT = 16443
_API_PORTS = range(_FIRST_API_PORT, _FIRST_API_PORT + 200)
_BACKLOG = 512


@dataclass(frozen=True)
class Ports:
    """Ports on the host's 127.0.0.1.

    Args:
        api: The API server.
        app: NodePort 30080 of the sandbox.
    """

    api: int
    app: int


def read(path: Path) -> Ports | None:
    """The recorded ports, or None when there are none or the record is not whole."""
    try:
        found = json.loads(path.read_text())
        return Ports(api=int(found["api"]), app=int(found["app"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def wanted_app_port(recorded: Ports | None, asked: int | None) -> int:
    """The app's port: what was asked for, else what was recorded, else the default."""
    return asked or (recorded.app if recorded else DEFAULT_APP_PORT)


def check(app_port: int) -> None:
    """Raises a Problem unless the app's port could be claimed now."""
    _listen_for_app(app_port).close()


def claim(path: Path, app_port: int) -> tuple[Ports, list[socket.socket]]:
    """Listens on the node's ports and records them.

    The sockets belong to the host's network and are handed to the sandbox; close them after that.

    Returns:
        The ports, and the sockets of ``api`` and ``app`` in that order.

    Raises:
        Problem: The app's port is taken, not allowed, or no port is free for the API server.
    """
    recorded = read(path)
    app = _listen_for_app(app_port)
    try:
        api = _listen_for_api(recorded)
    except BaseException:
        app.close()
        raise
    ports = Ports(api=api.getsockname()[1], app=app_port)
    write(path, json.dumps(asdict(ports)) + "\n")
    return ports, [api, app]


def _listen_for_app(port: int) -> socket.socket:
    try:
        return _listen(port)
    except OverflowError as error:
        raise Problem(
            f"{port} is not a port.", where="PORT", remedy="choose one from 1 to 65535: make up PORT=8081"
        ) from error
    except OSError as error:
        holder = holder_of(port)
        raise Problem(
            f"Port {port} of 127.0.0.1 is taken.",
            where="the app's port on this machine",
            why=f"{holder} listens there" if holder else str(error),
            remedy=f"stop it, or choose another port: make up PORT={port + 1}",
        ) from error


def _listen_for_api(recorded: Ports | None) -> socket.socket:
    for port in ([recorded.api] if recorded else []) + list(_API_PORTS):
        try:
            found = _listen(port)
        except OSError:
            continue
        if recorded and port != recorded.api:
            warn(f"the API server moves from port {recorded.api}, which is taken, to {port}")
        return found
    raise Problem(
        "No port is free for the API server.",
        where=f"127.0.0.1, ports {_API_PORTS.start} to {_API_PORTS.stop - 1}",
        remedy="stop what listens there: ss -ltnp",
    )


def _listen(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))
        found.listen(_BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


def holder_of(port: int) -> str | None:
    """Who listens on a TCP port of this machine, as ``name (process 123)``; None when that cannot be told."""
    wanted = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening_inodes(table, port)}
    for entry in Path("/proc").glob("[0-9]*"):
        if wanted & _open_files(entry):
            return f"{(entry / 'comm').read_text().strip()} (process {entry.name})"
    return None


def _open_files(process: Path) -> set[str]:
    """What a process has open; less of it when files close meanwhile, or when it is somebody else's."""
    found = set[str]()
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _listening_inodes(table: str, port: int) -> list[str]:
    try:
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    except OSError:
        return []
    # Columns: local address as hex ip:port, state (0A is LISTEN), inode.
    return [row[9] for row in rows if row[3] == "0A" and int(row[1].rsplit(":", 1)[1], 16) == port]
