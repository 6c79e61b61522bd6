"""The API server is asked narrowly, within bounds, and its own words are told apart from the app's."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client

from operations import rollout
from operations.errors import Problem
from operations.rollout.reader import Reader, api_words


class Response:
    def __init__(self, status: int, body: str) -> None:
        self.status, self.reason, self.data = status, "reason", body.encode()


class Pool:
    """Answers by path, and keeps the requests."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.paths: list[str] = []
        self.timeouts: list[Any] = []

    def request(self, method: str, url: str, *, timeout: Any, **_: Any) -> Response:
        assert method == "GET", "a reader never writes"
        self.paths.append(url.partition("?")[0])
        self.timeouts.append(timeout)
        answer = self._answer(self.paths[-1]) if callable(self._answer) else self._answer
        if isinstance(answer, Exception):
            raise answer
        return answer


def reader(answer: Any) -> tuple[Reader, Pool]:
    api = client.ApiClient(client.Configuration(host=""))
    pool = api.rest_client.pool_manager = Pool(answer)
    return Reader(api, "pxl-dev"), pool


def status_object(message: str) -> str:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "message": message, "code": 503})


def test_a_probe_path_is_asked_through_the_pod_proxy() -> None:
    reads, api = reader(Response(200, "ok"))
    assert reads.ask("api-1", 3000, "/ready").words() == "200 ok"
    assert api.paths == ["/api/v1/namespaces/pxl-dev/pods/api-1:3000/proxy/ready"]
    reads.ask("api-1", 3000, "/ready", "https")
    assert "/pods/https:api-1:3000/" in api.paths[1], "an HTTPS probe is asked with TLS"


def test_an_error_of_the_app_is_an_answer() -> None:
    reads, _ = reader(Response(503, '{"db":false}'))
    assert reads.ask("api-1", 3000, "/ready").words() == '503 {"db":false}'


def test_an_error_of_the_api_server_is_no_answer_of_the_app() -> None:
    reads, _ = reader(Response(503, status_object("error trying to reach service: dial tcp: connection refused")))
    found = reads.ask("api-1", 3000, "/ready")
    assert found.status is None, "503 would be taken for the app's own"
    assert found.body == "dial tcp: connection refused"


def test_an_app_that_does_not_answer_in_time_is_said_to_be_silent() -> None:
    reads, api = reader(urllib3.exceptions.ReadTimeoutError(None, "", "timed out"))  # type: ignore[arg-type]
    assert "nothing within" in reads.ask("api-1", 3000, "/ready").words()
    assert api.timeouts[0] is not None, "no request may wait forever"


def test_a_long_answer_is_cut() -> None:
    reads, _ = reader(Response(200, "x" * 10_000))
    assert len(reads.ask("api-1", 3000, "/metrics").body) == 500


def test_a_log_that_cannot_be_had_is_empty() -> None:
    reads, _ = reader(Response(400, status_object("previous terminated container not found")))
    assert reads.log("api-1", "api", previous=True) == []


def with_secret(path: str) -> Response:
    """A namespace with one Secret, whose app shows its value wherever it can."""
    if path.endswith("/secrets"):
        return Response(200, json.dumps({"items": [{"data": {"password": base64.b64encode(b"canary-1234").decode()}}]}))
    if path.endswith("/log"):
        return Response(200, "starting\nconnecting with canary-1234 now\n")
    if path.endswith("/pods"):
        state = {"terminated": {"message": "cannot log in with canary-1234"}}
        return Response(200, json.dumps({"items": [{"status": {"containerStatuses": [{"state": state}]}}]}))
    if path.endswith("/events"):
        return Response(200, json.dumps({"items": [{"message": "probe says canary-1234"}]}))
    return Response(200, '{"items": []}') if "proxy" not in path else Response(503, '{"db": "canary-1234 refused"}')


def test_the_values_of_the_namespaces_secrets_are_shown_nowhere() -> None:
    reads, api = reader(with_secret)
    assert reads.log("api-1", "api", previous=False) == ["starting", "connecting with [redacted] now"]
    assert reads.ask("api-1", 3000, "/ready").body == '{"db": "[redacted] refused"}'
    snapshot = reads.snapshot()
    assert "canary" not in str(snapshot), "an event or an exit message may quote what the app was given"
    assert "[redacted]" in str(snapshot.pods) and "[redacted]" in str(snapshot.events)
    assert sum(path.endswith("/secrets") for path in api.paths) == 1, "they are not asked for again and again"


def test_who_may_not_read_secrets_still_gets_an_explanation() -> None:
    def answer(path: str) -> Response:
        return Response(403, status_object("secrets is forbidden")) if path.endswith("/secrets") else with_secret(path)

    reads, _ = reader(answer)
    assert reads.log("api-1", "api", previous=False)[0] == "starting", "hiding is no reason to fail"


def test_a_snapshot_gives_every_object_its_kind() -> None:
    reads, api = reader(lambda _: Response(200, '{"items": [{"metadata": {"name": "x"}}]}'))
    snapshot = reads.snapshot()
    assert [one["kind"] for one in snapshot.workloads] == ["Deployment", "StatefulSet", "Job"], "lists leave it out"
    assert all("/namespaces/pxl-dev/" in path for path in api.paths), "nothing is read outside the namespace"


def test_an_api_error_is_one_line_without_headers() -> None:
    reads, _ = reader(Response(403, status_object('pods is forbidden: User "x" cannot list')))
    with pytest.raises(Exception) as raised:  # noqa: PT011
        reads.snapshot()
    assert api_words(raised.value) == '403 pods is forbidden: User "x" cannot list'


def test_no_cluster_is_ever_guessed() -> None:
    with pytest.raises(Problem, match="no cluster is named"):
        rollout.connect(None, None)


def test_a_context_that_does_not_exist_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("{apiVersion: v1, kind: Config, contexts: [], clusters: [], users: []}")
    with pytest.raises(Problem, match="the context nope cannot be used") as raised:
        rollout.connect(config, "nope")
    assert raised.value.remedy


def test_a_cluster_that_is_gone_is_an_explanation_not_an_exception(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "{apiVersion: v1, kind: Config, contexts: [{name: c, context: {cluster: k, user: u}}],"
        " clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    found = rollout.explain(config, "c", "pxl-dev")
    assert found.problem is not None, "whoever asks is already reporting another failure"
    assert "127.0.0.1:1" in found.problem
    assert not found.done
