"""Every command of ``pxlctl``, and its help. What a command does stands in a module of its own.

Progress and problems go to standard error, results to standard output.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from operations import checking
from operations.console import say, show
from operations.errors import Problem
from operations.options import AsJson, Context, File, Kubeconfig, Stack, print_json, project_of
from operations.promotion import command_line as promotion
from operations.proof.command_line import proof


class Commands(TyperGroup):
    """Turns what commands raise into words and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; a ``Problem`` is printed without a traceback."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            say(str(problem))
            raise typer.Exit(1) from None
        except KeyboardInterrupt as error:
            say("interrupted")
            raise typer.Exit(getattr(error, "exit_code", 130)) from None


app = typer.Typer(
    name="pxlctl",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Deploys PXL applications and answers the questions that come with it.\n\n"
    "Start with: [bold]pxlctl doctor[/bold]",
)


@app.callback()
def common(
    ctx: typer.Context,
    cwd: Annotated[Path, typer.Option("--cwd", "-C", metavar="DIR", help="Act as if started in this folder.")] = Path(),
) -> None:
    """Where the project lies; every command looks for it from here upwards."""
    ctx.obj = cwd


@app.command(epilog="Example: [bold]pxlctl check staging[/bold]")
def check(ctx: typer.Context, stack: Stack, file: File = None, as_json: AsJson = False) -> None:
    """Say every mistake in a stack's settings, all at once.

    Needs no engine, no cluster and no key. Exits with 1 if there is any mistake.
    """
    path, mistakes = checking.find_mistakes(project_of(ctx), stack, file)
    if as_json:
        print_json(checking.data(stack, path, mistakes))
    else:
        show(checking.text(path, mistakes))
    if mistakes:
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]pxlctl init staging --repository example/app --dry-run[/bold]")
def init(
    ctx: typer.Context,
    stack: Stack,
    *,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="The account; default: pxl:aws.account.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="R", help="The region; default: pxl:aws.region.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="C", help="The EKS cluster; default: pxl:aws.cluster.")
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option("--repository", metavar="O/N", help="On GitHub: also make the roles that its workflows take."),
    ] = None,
    skip_ca: Annotated[bool, typer.Option("--skip-ca", help="Leave the authorities of RDS out.")] = False,
    ca_url: Annotated[str | None, typer.Option("--ca-url", metavar="URL", help="Fetch them from here instead.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Make what a stack stands on in an AWS account: state, key, roles of CI; and write where it lands into its file.

    Makes only what is not there; a run that ended in the middle is completed by the next one. Refuses every account
    but the one that is named, and overwrites nothing in the stack file.
    """
    from operations.init import command, presenting  # noqa: PLC0415

    options = command.Options(account, region, cluster, repository, skip_ca, ca_url, dry_run, file)
    report = command.run(project_of(ctx), stack, options)
    if as_json:
        print_json(presenting.data(report))
    else:
        show(presenting.text(report))


@app.command(epilog="Example: [bold]pxlctl render dev --out /tmp/manifests[/bold]")
def render(
    ctx: typer.Context,
    stack: Stack,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder to write; default: build/manifests/STACK."),
    ] = None,
    file: File = None,
    program: Annotated[
        Path | None,
        typer.Option("--program", metavar="P", help="Program to run; default: what Pulumi.yaml names as main."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write every Kubernetes manifest of a stack as YAML files.

    Needs no cluster and no credentials. Secret values are blanked. The folder is replaced as a whole,
    and only if this command wrote it; the same settings give the same bytes.
    """
    from operations.rendering import presenting  # noqa: PLC0415 (each command loads only what it needs)
    from operations.rendering.render import render as write  # noqa: PLC0415

    project = project_of(ctx)
    done = write(project, stack, out or project.folder / "build" / "manifests" / stack, file=file, program=program)
    if as_json:
        print_json(presenting.data(stack, done))
    else:
        presenting.show(done)


@app.command(epilog="Example: [bold]pxlctl doctor staging --kube-context staging[/bold]")
def doctor(
    ctx: typer.Context,
    *,
    stack: Annotated[str | None, typer.Argument(metavar="STACK", help="Also look at what this stack needs.")] = None,
    kube_context: Context = None,
    kubeconfig: Kubeconfig = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", min=1, max=65535, help="A port that has to be free.")
    ] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Say what is missing on this machine or for a stack, each with the command that mends it.

    Only looks; changes nothing. Exits with 1 if something fails; warnings alone exit with 0.
    """
    from operations.doctor import presenting, subjects  # noqa: PLC0415

    subject = subjects.subject(
        ctx.obj or Path(), stack, file=file, context=kube_context, kubeconfig=kubeconfig, port=port
    )
    results = presenting.examine(subject)
    if as_json:
        print_json(presenting.data(results))
    else:
        presenting.show(results)
    if presenting.failed(results):
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]pxlctl up staging[/bold]")
def up(ctx: typer.Context, stack: Stack, file: File = None, as_json: AsJson = False) -> None:
    """Deploy a stack: check its settings, run the engine, say what the cluster waits for.

    If the rollout stalls, it ends with the reason: pod, container, probe and its answer, log, events.
    """
    from operations import commands  # noqa: PLC0415

    commands.up(project_of(ctx), stack, file, as_json=as_json)


@app.command(epilog="Example: [bold]pxlctl preview staging[/bold]")
def preview(
    ctx: typer.Context,
    stack: Stack,
    file: File = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="F", help="Also write it as a page: replacements and lost data on top."),
    ] = None,
) -> None:
    """Say what `up` would change, and change nothing."""
    from operations import commands  # noqa: PLC0415

    commands.preview(project_of(ctx), stack, file, markdown)


app.command(epilog="Example: [bold]pxlctl promote staging prod[/bold]")(promotion.promote)
app.command(epilog="Example: [bold]pxlctl rollback prod --reason 'orders fail'[/bold]")(promotion.rollback)


@app.command(epilog="Example: [bold]pxlctl down dev --yes[/bold]")
def down(
    ctx: typer.Context,
    stack: Stack,
    file: File = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take away everything that a stack made, data in the cluster included.

    Asks first. Refuses a stack whose settings say environment prod.
    """
    from operations import commands  # noqa: PLC0415

    commands.down(project_of(ctx), stack, file, yes=yes)


@app.command(epilog="Example: [bold]pxlctl orphans dev --delete[/bold]")
def orphans(
    ctx: typer.Context,
    stack: Stack,
    *,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what is certainly this stack's own and holds no data.")
    ] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Say what carries a stack's labels in its cluster and is in no record: what killed runs left behind.

    Every `up` clears away what it may; this shows the rest, too. Exits with 1 if anything is left.
    """
    from operations import commands  # noqa: PLC0415

    if not commands.orphans(commands.of_stack(project_of(ctx), stack, file), delete=delete, as_json=as_json):
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]pxlctl explain pxl-dev --kube-context kind-dev[/bold]")
def explain(
    namespace: Annotated[str, typer.Argument(metavar="NAMESPACE", help="Where to look.")],
    kube_context: Annotated[str | None, typer.Option("--kube-context", metavar="C", help="Context to look at.")] = None,
    kubeconfig: Kubeconfig = None,
    selector: Annotated[str, typer.Option("--selector", "-l", metavar="L", help="Label selector.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say why the workloads of a namespace are not done: pod, container, probe and its answer, log, events.

    Only reads. Exits with 1 if something is not done.
    """
    from operations import rollout  # noqa: PLC0415

    rollout.connect(kubeconfig, kube_context)
    found = rollout.explain(kubeconfig, kube_context, namespace, selector)
    if as_json:
        print_json(found.as_dict())
    else:
        show(found.text())
    if not found.done:
        raise typer.Exit(1)


app.add_typer(proof, name="proof")
