"""Connections from the network of a pod, or of the node, made without anybody's help inside."""

import ctypes
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

_CLONE_NEWNET = 0x40000000
_AT_ONCE = 120
# The tracking of connections takes a datagram from a port that was let through half a minute ago for the same
# conversation, which may end in peace. So no port is used again soon.
_PORTS = itertools.cycle(range(20_000, 60_000))


class Edge(NamedTuple):
    """One way from somewhere to a port of somebody."""

    source: str
    target: str
    port: str


def process_of(variable: str, value: str) -> int | None:
    """A process, as the host sees it, by a variable of its environment."""
    wanted = f"{variable}={value}\0".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in entry.read_bytes():
                return int(entry.parent.name)
        except OSError:
            continue
    return None


class Networks:
    """The network namespaces to connect from, by name; held open, so that none changes under a test."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._handles = {name: os.open(f"/proc/{pid}/ns/net", os.O_RDONLY) for name, pid in processes.items()}
        self._libc = ctypes.CDLL(None, use_errno=True)

    def close(self) -> None:
        for handle in self._handles.values():
            os.close(handle)

    def socket(self, source: str, kind: socket.SocketKind, family: int = socket.AF_INET) -> socket.socket:
        """A socket that belongs to a source's network. A namespace is a thread's own, so a thread is spent on it."""
        made: list[socket.socket] = []

        def make() -> None:
            if self._libc.setns(self._handles[source], _CLONE_NEWNET) == 0:
                made.append(socket.socket(family, kind))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, f"the network of {source} cannot be entered"
        return made[0]

    def answer(self, source: str, port: str, address: str, seconds: float) -> str | None:
        """What answers at an address; None when nothing does in time."""
        protocol, _, number = port.partition("/")
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        with self.socket(source, kind) as made:
            made.settimeout(seconds)
            try:
                if protocol == "udp":
                    made.bind(("", next(_PORTS)))
                made.connect((address, int(number)))
                if protocol == "udp":
                    made.send(b"who")
                return made.recv(100).decode().strip()
            except OSError:
                return None


def reached(networks: Networks, edges: Iterable[Edge], addresses: dict[str, str], seconds: float) -> set[Edge]:
    """The edges on which the target itself answered."""

    def one(edge: Edge) -> Edge | None:
        answer = networks.answer(edge.source, edge.port, addresses[edge.target], seconds)
        expected = "outside" if edge.port == "tcp/80" else edge.target
        assert answer in (None, "", expected), f"{answer} answers instead of {edge.target}"
        return edge if answer else None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {edge for edge in pool.map(one, edges) if edge}


def settled(
    networks: Networks, edges: list[Edge], addresses: dict[str, str], expected: set[Edge]
) -> tuple[set[Edge], set[Edge]]:
    """What is reached against the expectation, and what is not although it should be.

    A busy machine may be late: what should get through is tried again for some time. What should not has one try, and
    getting through once is once too often.
    """
    found = reached(networks, edges, addresses, seconds=0.6)
    missing, end = expected - found, time.monotonic() + 15
    while missing and time.monotonic() < end:
        missing -= reached(networks, missing, addresses, seconds=3)
    return found - expected, missing
