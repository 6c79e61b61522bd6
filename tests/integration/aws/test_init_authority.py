"""``pxlctl init`` fetches the authorities of RDS: whole, once, and never over an open line."""

import http.server
import threading

import pytest
import yaml
from init_world import PEM, Interference, World

from operations.errors import Problem


@pytest.fixture
def served():
    """A server of this machine that gives out what it is told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    answers = {
        "/good.pem": (200, PEM.encode()),
        "/key.pem": (200, (PEM + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").encode()),
        "/page.html": (200, b"<html>please log in</html>"),
        "/none.pem": (404, b""),
        "/long.pem": (200, PEM.encode() * 2000),
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_authorities_of_rds_are_fetched_once_and_written_whole(there: World, served):
    there.run(skip_ca=False, ca_url=f"{served}/good.pem")
    config = yaml.safe_load(there.file.read_text())["config"]
    assert config["pxl:postgres"] == {"username": "shop", "ca": PEM}, "beside what stands there"
    text = there.file.read_text()
    there.run(skip_ca=False, ca_url=f"{served}/none.pem")
    assert there.file.read_text() == text, "which authorities a stack trusts is for its file to say"


@pytest.mark.parametrize("page", ["key.pem", "page.html", "none.pem", "long.pem"])
def test_what_is_no_bundle_of_certificates_is_refused_with_the_way_to_do_it_by_hand(there: World, served, page):
    interference = Interference(there.session)
    with pytest.raises(Problem) as problem:
        there.run(skip_ca=False, ca_url=f"{served}/{page}")
    assert "curl -fsSO" in str(problem.value) and "--skip-ca" in str(problem.value)
    assert interference.changes == [], "nothing is made before that is known"


def test_the_authorities_are_not_taken_over_an_open_line(there: World):
    with pytest.raises(Problem, match="https only"):
        there.run(skip_ca=False, ca_url="http://example.com/bundle.pem")
