"""Sockets that belong to the sandbox's network, in a program that stays outside."""

import ctypes
import http.client
import os
import socket
from concurrent.futures import ThreadPoolExecutor

_CLONE_NEWNET = 0x40000000


def open_socket(pid: int, kind: socket.SocketKind) -> socket.socket:
    """An IPv4 socket in the network namespace of a process. It stays there, whoever uses it."""
    # Namespaces are a thread's own, so a thread that ends right after changes nothing for the others.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_open_there, pid, kind).result()


def _open_there(pid: int, kind: socket.SocketKind) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), f"network namespace of process {pid}")
        return socket.socket(socket.AF_INET, kind)
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
        self.sock = open_socket(self._pid, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect((self.host, self.port))


def resolve(pid: int, name: str, server: str, timeout: float = 1.0) -> list[str]:
    """The IPv4 addresses that a DNS server inside the sandbox gives for a name; empty when it gives none.

    Raises:
        OSError: The server did not answer in time.
    """
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split("."))
    query = b"\x00\x2a\x01\x00\x00\x01" + b"\x00" * 6 + labels + b"\x00\x00\x01\x00\x01"
    with open_socket(pid, socket.SOCK_DGRAM) as asked:
        asked.settimeout(timeout)
        asked.connect((server, 53))
        asked.send(query)
        answer = asked.recv(4096)
    return _addresses(answer, len(query))


def _addresses(answer: bytes, position: int) -> list[str]:
    found: list[str] = []
    for _ in range(int.from_bytes(answer[6:8])):
        # The server may repeat the name or point back at it.
        while answer[position] not in (0, *range(0xC0, 0x100)):
            position += answer[position] + 1
        position += 2 if answer[position] >= 0xC0 else 1
        kind, length = (
            int.from_bytes(answer[position : position + 2]),
            int.from_bytes(answer[position + 8 : position + 10]),
        )
        body = answer[position + 10 : position + 10 + length]
        if kind == 1:
            found.append(".".join(map(str, body)))
        position += 10 + length
    return found
