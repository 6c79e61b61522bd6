"""The commands ``promote`` and ``rollback`` of ``pxlctl``, and their help."""

from typing import Annotated

import typer

from operations.console import show
from operations.options import AsJson, Context, Kubeconfig, Stack, print_json, project_of


def promote(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Stack that runs the digest, and shows it to work.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Stack that is to run it.")],
    *,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Force it although unhealthy or too early; is written down."),
    ] = None,
    soak: Annotated[
        str | None,
        typer.Option(
            "--soak", metavar="TIME", help="Healthy for at least so long (90m, 24h, 2d); default: TO's setting."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")] = False,
    kube_context: Context = None,
    kubeconfig: Kubeconfig = None,
    from_profile: Annotated[
        str | None, typer.Option("--from-profile", metavar="P", help="AWS profile for FROM's registry.")
    ] = None,
    to_profile: Annotated[
        str | None, typer.Option("--to-profile", metavar="P", help="AWS profile for TO's registry.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make what one stack has shown to work the release of another: the same image, byte for byte.

    Looks at FROM's cluster, copies the image to TO's registry, and writes the release block of Pulumi.TO.yaml.
    Deploys nothing: that file is reviewed and committed first.
    """
    from operations.promotion import presenting, words  # noqa: PLC0415
    from operations.promotion.promote import Wish  # noqa: PLC0415
    from operations.promotion.promote import promote as run  # noqa: PLC0415

    wish = Wish(
        source,
        target,
        reason=None if reason is None else " ".join(reason.split()),
        soak=None if soak is None else words.parse(soak),
        dry_run=dry_run,
        kubeconfig=kubeconfig,
        context=kube_context,
        source_profile=from_profile,
        target_profile=to_profile,
    )
    done = run(project_of(ctx), wish)
    if as_json:
        print_json(done.as_dict())
    else:
        show(presenting.promoted(done))


def rollback(
    ctx: typer.Context,
    stack: Stack,
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="DIGEST", help="Digest or its first 12 digits; default: the last healthy one."),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; is written down.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Show what there is to go back to, and end.")] = False,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="P", help="AWS profile for the stack's registry.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the last healthy digest of a stack its release again.

    Reads the history of Pulumi.STACK.yaml and writes its release block. Deploys nothing, and undoes no migration.
    """
    from operations.promotion import presenting  # noqa: PLC0415
    from operations.promotion.rollback import listed, roll_back  # noqa: PLC0415

    project = project_of(ctx)
    if only_list:
        found = listed(project, stack)
        if as_json:
            print_json(presenting.candidates(stack, found))
        else:
            show(presenting.table(stack, found))
        return
    done = roll_back(project, stack, to=to, reason=reason, profile=profile, dry_run=dry_run)
    if as_json:
        print_json(done.as_dict())
    else:
        show(presenting.rolled_back(done))
