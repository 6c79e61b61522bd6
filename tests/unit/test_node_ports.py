"""The ports of a node: chosen once, kept, never somebody else's."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.node import ports
from operations.errors import Problem


@contextmanager
def claimed(path: Path, app_port: int) -> Iterator[ports.Ports]:
    found, sockets = ports.claim(path, app_port)
    try:
        assert [each.getsockname() for each in sockets] == [("127.0.0.1", found.api), ("127.0.0.1", found.app)]
        yield found
    finally:
        for each in sockets:
            each.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_ports_are_recorded_and_stay_the_same(tmp_path: Path) -> None:
    record, app = tmp_path / "ports.json", free_port()
    with claimed(record, app) as first:
        assert ports.read(record) == first
    with claimed(record, app) as second:
        assert second == first, "a kubeconfig that was copied elsewhere must stay valid"


def test_two_nodes_get_different_ports_for_their_api_servers(tmp_path: Path) -> None:
    with claimed(tmp_path / "a", free_port()) as first, claimed(tmp_path / "b", free_port()) as second:
        assert first.api != second.api


def test_an_api_port_that_somebody_took_meanwhile_is_replaced(tmp_path: Path) -> None:
    record, app = tmp_path / "ports.json", free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        record.write_text(f'{{"api": {taken.getsockname()[1]}, "app": {app}}}')
        with claimed(record, app) as found:
            assert found.api != taken.getsockname()[1]
            assert ports.read(record) == found, "the record must say where the API server is now"


def test_a_taken_app_port_is_refused_with_its_holder_and_the_command_to_type(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Problem) as caught:
            ports.claim(tmp_path / "ports.json", port)
    said = str(caught.value)
    assert f"process {os.getpid()}" in said, "who holds the port is the first thing to know"
    assert "make up PORT=" in said
    assert ports.read(tmp_path / "ports.json") is None, "a refused start records nothing"


def test_a_failed_claim_keeps_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_API_PORTS", range(0))
    app = free_port()
    with pytest.raises(Problem, match="No port is free"):
        ports.claim(tmp_path / "ports.json", app)
    with socket.create_server(("127.0.0.1", app)):
        pass


@pytest.mark.parametrize("number", [-1, 70000])
def test_a_number_that_is_no_port_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is not a port"):
        ports.claim(tmp_path / "ports.json", number)


@pytest.mark.parametrize("content", ["", "{", '{"api": 1}', '{"api": "x", "app": 1}', "[]"])
def test_a_record_that_is_not_whole_counts_as_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text(content)
    assert ports.read(tmp_path / "ports.json") is None


def test_the_app_port_is_what_is_asked_for_else_what_it_was_else_8080() -> None:
    recorded = ports.Ports(api=1, app=9000)
    assert ports.wanted_app_port(recorded, 7000) == 7000
    assert ports.wanted_app_port(recorded, None) == 9000
    assert ports.wanted_app_port(None, None) == 8080
