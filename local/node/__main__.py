"""The node alone, for debugging: ``python -m local.node up|down|status|run -- COMMAND``."""

import argparse
import sys

from local import node
from local.paths import State
from operations.console import say
from operations.errors import Problem


def main() -> int:
    """Runs one command on the node of the current state folder."""
    parser = argparse.ArgumentParser(prog="python -m local.node", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start or revive the node, without images and DNS")
    start.add_argument("--port", type=int, help="the app's port on 127.0.0.1 (default: the one it had, or 8080)")
    commands.add_parser("down", help="end the node and remove what it kept")
    commands.add_parser("status", help="what runs; exit code 0 when the Node is Ready")
    for name, text in (
        ("run", "run a command inside the node"),
        ("build", "run one in its root, on the host's network"),
    ):
        commands.add_parser(name, help=text).add_argument("argv", nargs="+")
    asked = parser.parse_args()
    try:
        return _do(asked, State.current())
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1


def _do(asked: argparse.Namespace, state: State) -> int:
    if asked.command == "up":
        running = node.up(state, app_port=asked.port)
        say(f"kubeconfig {running.kubeconfig}, app on http://127.0.0.1:{running.app_port}")
    elif asked.command == "down":
        node.down(state)
    elif asked.command == "status":
        return _show(node.status(state))
    else:
        call = node.up(state).run if asked.command == "run" else node.builder(state).build_run
        return call(asked.argv, check=False, capture=False).returncode
    return 0


def _show(found: node.Status) -> int:
    print(f"running: {found.running} (process {found.pid}), ready: {found.ready} {found.detail}".rstrip())
    for daemon in found.daemons:
        print(f"  {daemon.name:<24} {daemon.phase:<9} restarts {daemon.restarts} {daemon.detail}".rstrip())
    return 0 if found.ready else 1


if __name__ == "__main__":
    sys.exit(main())
