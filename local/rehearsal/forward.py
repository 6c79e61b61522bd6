"""Ports of this machine that lead into the node, for as long as the process lives."""

import contextlib
import socket
import sys
import threading
import time

from local import node
from local.node import netns
from local.paths import State

_CONNECT_SECONDS = 10.0
_CHUNK = 65536
_KNOWN_SECONDS = 2.0


class Forwarder:
    """Hands the connections of one port of 127.0.0.1 to an address within the node.

    Args:
        state: Whose node; it is found anew for every connection, since it may be started again.
        port: The port of this machine.
        address: Address and port within the node.
    """

    def __init__(self, state: State, port: int, address: tuple[str, int]) -> None:
        self._state, self._address = state, address
        self._pid, self._seen = 0, float("-inf")
        self._listener = socket.create_server(("127.0.0.1", port))

    def start(self) -> None:
        """Serves in threads of its own."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            accepted, _ = self._listener.accept()
            threading.Thread(target=self._join, args=(accepted,), daemon=True).start()

    def _join(self, outer: socket.socket) -> None:
        with outer, contextlib.suppress(OSError), netns.open_socket(self._node()) as inner:
            inner.settimeout(_CONNECT_SECONDS)
            inner.connect(self._address)
            inner.settimeout(None)
            back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
            back.start()
            _copy(outer, inner)
            back.join()

    def _node(self) -> int:
        """A process of the node; looked up anew every few seconds, since looking takes longer than a connection.

        Raises:
            OSError: The node does not run.
        """
        if time.monotonic() - self._seen > _KNOWN_SECONDS:
            running = node.running(self._state)
            if running is None:
                raise OSError("the node does not run")
            self._pid, self._seen = running.pid, time.monotonic()
        return self._pid


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def main() -> None:
    """Serves until it is ended: ``python -m local.rehearsal.forward PORT HOST PORT``, for ``PXL_STATE``."""
    port, host, target = sys.argv[1:]
    Forwarder(State.current(), int(port), (host, int(target))).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
