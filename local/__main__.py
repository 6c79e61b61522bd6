"""``python -m local``: what make calls."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from local import down as taking_down
from local import engine as engines
from local import lock, node
from local import up as bringing_up
from local.paths import CHECKOUT, State
from operations.console import say
from operations.errors import Problem

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The embedded platform behind `make up`.")

ContextOption = Annotated[str | None, typer.Option(help="Use this context of the kubeconfig instead of a node.")]


@app.command()
def up(
    folder: Annotated[Path, typer.Option("--app", help="Folder with the app's Dockerfile.")] = CHECKOUT
    / "examples"
    / "app",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of 127.0.0.1 for the app.")] = None,
    kube_context: ContextOption = None,
) -> None:
    """Bring the whole application up; its URL goes to standard output."""
    state = State.current()
    with lock.held(state):
        url = bringing_up.up(state, app=folder.resolve(), port=port, context=kube_context)
    bringing_up.announce(url)
    sys.stdout.write(url + "\n")


@app.command()
def down(kube_context: ContextOption = None) -> None:
    """Take away everything that `up` made."""
    state = State.current()
    with lock.held(state):
        taking_down.down(state, context=kube_context)


@app.command()
def status() -> None:
    """Say what runs, and where."""
    state = State.current()
    found = node.status(state)
    say(f"state      {state.folder}")
    say(f"node       {'ready' if found.ready else 'running' if found.running else 'not running'}: {found.detail}")
    if found.running:
        say(f"app        http://127.0.0.1:{found.app_port}")
        say("kubectl    python -m local kubectl get pods --all-namespaces")
    raise typer.Exit(0 if found.ready else 1)


@app.command()
def engine() -> None:
    """Make the Pulumi engine available and print its folder."""
    sys.stdout.write(f"{engines.ensure().program.parent}\n")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def pulumi(context: typer.Context) -> None:
    """Run the engine on the dev stack's own state: `python -m local pulumi stack export`."""
    used = engines.ensure()
    os.chdir(CHECKOUT)
    os.execvpe(str(used.program), ["pulumi", *context.args], used.env(State.current()))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def kubectl(context: typer.Context) -> None:
    """Run kubectl inside the node."""
    found = node.status(State.current())
    if not found.running:
        raise Problem("The node does not run.", remedy="make up")
    done = node.up(State.current()).run(["kubectl", *context.args], check=False, capture=False)
    raise typer.Exit(done.returncode)


def main() -> None:
    """Runs a command; a failure that users can act on is printed without a traceback."""
    try:
        app(standalone_mode=True)
    except Problem as problem:
        say(f"\n{problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\ninterrupted; run the same command again to go on")
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        say(f"\n{error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
