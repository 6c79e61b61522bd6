"""The process: ``python -m local.aws.serve --port 5005 --account 111111111111 --registry http://127.0.0.1:5000``.

What is made in it lives in its memory, and so for as long as the process does: it may be found again and used by run
after run, and whoever ends it ends all that was made. Nothing is written to disk but its log and its record.
"""

import argparse
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local.node import record
from local.paths import write

ACCOUNT = "111111111111"
"""The account that it answers for when none is named."""

HOST = "127.0.0.1"
"""The only address that it listens on."""

# ACM's records are looked up by nobody here: a certificate is issued as soon as moto lets it be.
_ACM_SECONDS = "0"


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is ended.

    Args:
        arguments: The command line, without the program.
    """
    given = _parser().parse_args(arguments)
    # moto reads them when it is first imported.
    os.environ["MOTO_ACCOUNT_ID"] = given.account
    os.environ["MOTO_ACM_VALIDATION_WAIT"] = _ACM_SECONDS
    # AWS' own policies, which roles are given: without this, moto knows none of them.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    server = _server(given.port, given.registry)
    endpoint = f"http://{HOST}:{server.server_port}"
    if given.record:
        _record(given.record, endpoint, given.account, given.fingerprint)
    # From a thread of its own: shutdown waits for the loop that the signal has interrupted.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    print(f"AWS (moto) for the account {given.account} on {endpoint}", flush=True)
    server.serve_forever()
    server.server_close()


def _server(port: int, registry: str | None) -> Any:
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    from local.aws.additions import install  # noqa: PLC0415

    install(registry)
    application = DomainDispatcherApplication(create_backend_app)
    return make_server(HOST, port, application, threaded=True, request_handler=MotoRequestHandler)


def _record(path: Path, endpoint: str, account: str, fingerprint: str) -> None:
    known = asdict(record.this_process(fingerprint))
    write(path, json.dumps({**known, "endpoint": endpoint, "account": account}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.aws.serve", description="AWS on this machine, in memory")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; by default one that is free")
    parser.add_argument("--account", default=ACCOUNT, help="the account id that it answers for")
    parser.add_argument("--registry", help="the registry whose images ECR shows, such as http://127.0.0.1:5000")
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fingerprint", default="", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
