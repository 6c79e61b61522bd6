"""The commands of ``pxlctl proof``, and their help."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from operations.options import AsJson, Context, File, Kubeconfig, Stack, project_of


class Change(Enum):
    """What a stack is put through."""

    RESTART = "restart"
    KILL = "kill"
    DRAIN = "drain"
    CRASH = "crash"
    WORKERS = "workers"
    UP = "up"


proof = typer.Typer(no_args_is_help=True, help="Show by trying it that a running stack is what its program says.")


@proof.command(epilog="Example: [bold]pxlctl proof isolation staging --kube-context staging[/bold]")
def isolation(
    ctx: typer.Context,
    stack: Stack,
    *,
    kube_context: Context = None,
    kubeconfig: Kubeconfig = None,
    file: File = None,
    links: Annotated[
        Path | None,
        typer.Option("--links", metavar="F", help="JSON file with the declared links; default: the stack's outputs."),
    ] = None,
    outside: Annotated[
        list[str] | None,
        typer.Option(
            "--outside", metavar="HOST:PORT", help="Must not be reached; repeatable. Default 203.0.113.10:443."
        ),
    ] = None,
    metadata: Annotated[
        str, typer.Option("--metadata", metavar="HOST:PORT", help="The cloud's metadata service.")
    ] = "169.254.169.254:80",
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.2, max=60, help="For one connection.")
    ] = 3.0,
    ephemeral_containers: Annotated[
        bool,
        typer.Option(
            "--ephemeral-containers",
            help="Add one to pods in which nothing can be run. It stays in the pod's description as long as the pod.",
        ),
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="F", help="Also write the tables as a page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try every connection of a running stack: exactly what the program declares may be reached, and nothing else.

    Makes temporary pods beside the stack's (in its namespace and in two of its own) and removes them again. In the
    stack's pods a small program is run that connects and listens; it ends with the proof. One at a time for a stack.
    Exits with 1 if anything differs, or could not be shown.
    """
    from operations import commands  # noqa: PLC0415
    from operations.proof.isolation import prove  # noqa: PLC0415

    options = prove.Options(
        kubeconfig=kubeconfig,
        context=kube_context,
        outside=tuple(outside or (prove.OUTSIDE,)),
        metadata=metadata,
        seconds=timeout,
        ephemeral_containers=ephemeral_containers,
    )
    if not commands.prove_isolation(project_of(ctx), stack, file, links, options, page=markdown, as_json=as_json):
        raise typer.Exit(1)


@proof.command(epilog="Example: [bold]pxlctl proof rollout staging --url http://127.0.0.1:8080 --change drain[/bold]")
def rollout(
    ctx: typer.Context,
    stack: Stack,
    *,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where the app answers.")] = "http://127.0.0.1:8080",
    change: Annotated[
        list[Change] | None, typer.Option("--change", help="What it is put through; repeatable. Default: restart.")
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", metavar="N", min=0, max=5000, help="GET a second, half on new connections.")
    ] = 400,
    path: Annotated[str, typer.Option("--path", metavar="P", help="What is asked for with GET.")] = "/version",
    sockets: Annotated[
        int, typer.Option("--sockets", metavar="N", min=0, max=5000, help="WebSocket clients; 0 for an app without.")
    ] = 500,
    sockets_path: Annotated[str, typer.Option("--sockets-path", metavar="P", help="Where they connect.")] = "/ws",
    jobs: Annotated[
        float, typer.Option("--jobs", metavar="N", min=0, max=1000, help="Jobs a second; 0 for an app without.")
    ] = 20,
    jobs_path: Annotated[str, typer.Option("--jobs-path", metavar="P", help="Where they are posted.")] = "/jobs",
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="N", min=0, max=3600, help="Drive at least so long.")
    ] = 0,
    budget: Annotated[int, typer.Option("--budget", metavar="N", min=0, help="Requests that may fail.")] = 0,
    slow: Annotated[
        float, typer.Option("--slow", metavar="SECONDS", min=0.01, help="From when on an answer counts as slow.")
    ] = 2,
    burst: Annotated[
        int, typer.Option("--burst", metavar="N", min=1, help="WebSockets that may be cut off within 100 ms.")
    ] = 20,
    baseline: Annotated[
        bool,
        typer.Option("--baseline", help="Put the deployment guide's own snippet through it, too."),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="F", help="Draw latency, failures and pods, such as rollout.png.")
    ] = None,
    kube_context: Context = None,
    kubeconfig: Kubeconfig = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Drive a running stack through a change with four loads at once, and tell what it dropped.

    Requests on kept and on new connections, WebSocket clients in rooms, and jobs. With --change up, what the stack file
    now says is deployed; the others need no new release. Exits with 1 if more fails than the budget allows, a room
    message or a job is lost, a job is done twice, or a container had to be killed.
    """
    from operations.proof.rollout import of_stack  # noqa: PLC0415
    from operations.proof.rollout.command import Options  # noqa: PLC0415
    from operations.proof.rollout.judge import Budget  # noqa: PLC0415
    from operations.proof.rollout.prove import Drive  # noqa: PLC0415

    drive = Drive(
        url=url.rstrip("/"),
        path=path,
        sockets_path=sockets_path,
        jobs_path=jobs_path,
        rate=rate,
        sockets=sockets,
        jobs=jobs,
        least_seconds=seconds,
    )
    options = Options(
        changes=[],
        drive=drive,
        budget=Budget(failed=budget, slow_seconds=slow, burst=burst),
        with_baseline=baseline,
        picture=plot,
        as_json=as_json,
    )
    names = [one.value for one in change or [Change.RESTART]]
    where = of_stack.Where(file, kubeconfig, kube_context)
    if not of_stack.prove(project_of(ctx), stack, names, options, where):
        raise typer.Exit(1)
