"""``python -m local``: what make calls."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from local import engine as engines
from local import lock, node
from local.paths import CHECKOUT, State
from local.stacks import STACK
from operations.console import say
from operations.errors import Problem

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The embedded platform behind `make up`.")

# Without the last, `--` would be lost: `kubectl exec POD -- CMD`.
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
_INTERRUPTED = 130
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
    from local import up as bringing_up  # noqa: PLC0415 (loads what no other command needs)

    state = State.current()
    with lock.held(state):
        url = bringing_up.up(state, app=folder.resolve(), port=port, context=kube_context)
    bringing_up.announce(url)
    sys.stdout.write(url + "\n")


@app.command()
def rehearse(
    stack: Annotated[str, typer.Argument(help="A stack of AWS, such as staging or prod.")],
    folder: Annotated[Path, typer.Option("--app", help="Folder with the app's Dockerfile.")] = CHECKOUT
    / "examples"
    / "app",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of 127.0.0.1 for the app.")] = None,
) -> None:
    """Bring a stack of AWS up on this machine, with AWS played by it; its URL goes to standard output."""
    from local.rehearsal import rehearse as rehearsing  # noqa: PLC0415 (loads what no other command needs)

    state = State.current()
    with lock.held(state):
        url = rehearsing.rehearse(state, stack, app=folder.resolve(), port=port)
    rehearsing.announce(state, stack, url)
    sys.stdout.write(f"{url}\n" if url else "")


@app.command()
def down(kube_context: ContextOption = None) -> None:
    """Take away everything that `up` made."""
    from local import down as taking_down  # noqa: PLC0415 (loads what no other command needs)

    state = State.current()
    with lock.held(state):
        taking_down.down(state, context=kube_context)


@app.command()
def resume() -> None:
    """Start the node again as it was, after a reboot; one that runs is left alone."""
    state = State.current()
    found = None
    # A boot script may outlive the platform that it is for, and must not make its folder again.
    if (state.folder / "node").is_dir():
        with lock.held(state):
            found = node.resume(state)
    if found:
        say(f"the node is ready; its pods follow, and the app answers on http://127.0.0.1:{found.app_port}")
    else:
        say(f"there is no node to start in {state.folder}; make up makes one")


@app.command()
def preview(stack: Annotated[str, typer.Argument(help="Such as dev or staging.")] = STACK) -> None:
    """Say what `up` would change in a stack; nothing is changed."""
    from local import up as bringing_up  # noqa: PLC0415 (loads what no other command needs)

    state = State.current()
    with lock.held(state):
        bringing_up.preview(state, stack)


@app.command()
def isolation(
    markdown: Annotated[Path | None, typer.Option(help="Also write the tables as a page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    ephemeral_containers: Annotated[
        bool, typer.Option("--ephemeral-containers", help="Add one to pods in which nothing can be run.")
    ] = False,
    kube_context: ContextOption = None,
) -> None:
    """Try every connection of the dev stack: exactly what it declares may be reached."""
    from local import isolation as proving  # noqa: PLC0415 (loads what no other command needs)

    state = State.current()
    with lock.held(state):
        shown = proving.isolation(
            state, context=kube_context, page=markdown, as_json=as_json, ephemeral_containers=ephemeral_containers
        )
    raise typer.Exit(0 if shown else 1)


@app.command()
def proof(
    only: Annotated[list[str] | None, typer.Option("--only", help="One scenario; repeatable. Default: all.")] = None,
    short: Annotated[bool, typer.Option("--short", help="A fraction of the load.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Also write the table as a page.")] = None,
    folder: Annotated[Path, typer.Option("--app", help="Folder of the app that runs.")] = CHECKOUT / "examples" / "app",
) -> None:
    """Put the dev stack through releases, kills and failures under load, and tell what it dropped."""
    from local.proof import command as proving  # noqa: PLC0415 (loads what no other command needs)

    state = State.current()
    with lock.held(state):
        holds = proving.run(state, app=folder.resolve(), only=only or [], short=short, page=markdown)
    raise typer.Exit(0 if holds else 1)


@app.command()
def orphans(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what is certainly its own and holds no data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, for scripts.")] = False,
    kube_context: ContextOption = None,
) -> None:
    """Say what of the dev stack is in its cluster and in no record: what killed runs left behind."""
    from local import up as bringing_up  # noqa: PLC0415 (loads what no other command needs)
    from operations import commands  # noqa: PLC0415 (loads what no other command needs)

    with lock.held(State.current()):
        found = bringing_up.existing(State.current(), kube_context)
        clean = commands.orphans(found, delete=delete, as_json=as_json)
    raise typer.Exit(0 if clean else 1)


@app.command()
def status() -> None:
    """Say what runs, and where."""
    state = State.current()
    found = node.status(state)
    say(f"state      {state.folder}")
    node_state = "ready" if found.ready else "running" if found.running else "not running"
    say(f"node       {': '.join(filter(None, (node_state, found.detail)))}")
    if found.running:
        say(f"app        http://127.0.0.1:{found.app_port}")
        say(f"kubectl    {Path(sys.executable)} -m local kubectl get pods --all-namespaces")
        say(f"kubeconfig {state.folder / 'kubeconfig'}")
    if found.app_port:
        say(f"watchdog   {found.watcher.summary}")
        say(f"at boot    {found.boot}")
    for daemon in found.daemons:
        say(f"  {daemon.name:<24} {daemon.phase:<9} restarts {daemon.restarts} {daemon.detail}".rstrip())
    raise typer.Exit(0 if found.ready else 1)


@app.command()
def engine() -> None:
    """Make the Pulumi engine available and print its folder."""
    sys.stdout.write(f"{engines.ensure().program.parent}\n")


@app.command(context_settings=_PASSED_ON)
def pulumi(context: typer.Context) -> None:
    """Run the engine on the dev stack's own state: `python -m local pulumi stack export`."""
    used = engines.ensure()
    os.chdir(CHECKOUT)
    os.execvpe(str(used.program), ["pulumi", *context.args], used.env(State.current()))


@app.command(context_settings=_PASSED_ON)
def kubectl(context: typer.Context) -> None:
    """Run kubectl inside the node."""
    _run(["kubectl", *context.args])


@app.command(context_settings=_PASSED_ON)
def run(context: typer.Context) -> None:
    """Run a command inside the node: `python -m local run bash`."""
    _run(context.args)


@app.command(context_settings=_PASSED_ON)
def build(context: typer.Context) -> None:
    """Run a command in the node's root on the host's network, as builds do; its changes are thrown away."""
    done = node.builder(State.current()).build_run(context.args, check=False, capture=False)
    raise typer.Exit(done.returncode)


def _run(argv: list[str]) -> None:
    found = node.running(State.current())
    if not found:
        raise Problem("The node does not run.", where=str(State.current().folder), remedy="make up")
    raise typer.Exit(found.run(argv, check=False, capture=False).returncode)


def main() -> None:
    """Runs a command; a failure that users can act on is printed without a traceback."""
    try:
        app()
    except Problem as problem:
        say(f"\n{problem}")
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        remedy = "free space or give access there, or name other folders with PXL_STATE and PXL_CACHE, and run it again"
        where = str(error.filename or State.current().folder)
        say(f"\n{Problem(f'{error.strerror}.', where=where, remedy=remedy)}")
        sys.exit(1)
    except subprocess.SubprocessError as error:
        say(f"\n{Problem(str(error), remedy='run the same command again')}")
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            say("\ninterrupted; run the same command again to go on")
        raise


if __name__ == "__main__":
    main()
