"""Sockets that belong to the sandbox's network, in a program that stays outside."""

import ctypes
import http.client
import os
import socket
from concurrent.futures import ThreadPoolExecutor

_CLONE_NEWNET = 0x40000000


def open_socket(pid: int) -> socket.socket:
    """A TCP socket in the network namespace of a process. It stays there, whoever uses it."""
    # Namespaces are a thread's own, so a thread that ends right after changes nothing for the others.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_open_there, pid).result()


def _open_there(pid: int) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), f"network namespace of process {pid}")
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    finally:
        os.close(handle)


class InsideConnection(http.client.HTTPConnection):
    """An HTTP connection to an address inside the sandbox.

    Args:
        pid: A process of the sandbox, as the host sees it.
        host: An IPv4 address inside.
        port: The port.
        timeout: Seconds for each wait.
    """

    def __init__(self, pid: int, host: str, port: int, timeout: float = 30.0) -> None:
        super().__init__(host, port, timeout=timeout)
        self._pid = pid

    def connect(self) -> None:
        """Connects from inside the sandbox."""
        self.sock = open_socket(self._pid)
        self.sock.settimeout(self.timeout)
        self.sock.connect((self.host, self.port))
