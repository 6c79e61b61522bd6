"""What several commands of ``pxlctl`` have in common: options, the project, a result for scripts."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.console import show
from operations.stacks import Project

Stack = Annotated[str, typer.Argument(metavar="STACK", help="Name of the stack, as in Pulumi.STACK.yaml.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="F", help="Settings file to use instead of Pulumi.STACK.yaml."),
]
Context = Annotated[
    str | None,
    typer.Option("--kube-context", metavar="C", help="Context to look at; default: the one in the settings."),
]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", metavar="F", help="Kubeconfig file of that context.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for scripts.")]


def project_of(ctx: typer.Context) -> Project:
    """The project that the command line means."""
    return Project.find(ctx.obj or Path())


def print_json(data: Any) -> None:
    """A result for scripts, on standard output."""
    show(json.dumps(data, indent=2, ensure_ascii=False))
