"""The command.

python -m operations.verify_aws staging --dry-run
"""

import argparse
import datetime
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from infra.settings import SettingsError, from_stack_file
from operations.console import say, show, step
from operations.errors import Problem
from operations.promotion.target import repository_of
from operations.stacks import Project, setting
from operations.verify_aws import claims, plan

Run = Callable[[Sequence[str]], int]
# A throw-away stack must be able to go again, and must not answer to the name of the one that it is like.
_THROW_AWAY = {"pxl:postgres": {"protect": False}, "pxl:redis": {"protect": False}}
_OTHERS = ("pxl:ingress", "pxl:namespace", "pxl:environment")


def settings_of(project: Project, like: str, stack: str) -> dict[str, Any]:
    """The stack file of the throw-away stack: where the other one lands, with the parts of staging.

    Raises:
        Problem: The other one lands nowhere.
    """
    document = YAML().load(project.stack_file(like).read_text(encoding="utf-8")) or {}
    config = document.get("config") or {}
    if not setting(config, "pxl:aws.account"):
        raise Problem(
            f"stack {like} lands nowhere on AWS", remedy=f"pxlctl init {like}, or name another: STACK=staging"
        )
    # The secrets of the other one are under a key of its own; this stack's are drawn anew.
    kept = {
        key: value
        for key, value in config.items()
        if key.partition(".")[0] not in _OTHERS and not (isinstance(value, dict) and "secure" in value)
    }
    made = {"pxl:environment": "staging", "pxl:namespace": f"pxl-{stack}", **kept}
    if setting(config, "pxl:release.digest"):
        # Its own registry would be empty, and the image is proven where it lies.
        made = {key: value for key, value in made.items() if key.partition(".")[0] not in ("pxl:registry", "pxl:image")}
        made |= {"pxl:registry": {"kind": "none"}, "pxl:image": {"repository": _image_of(project, like)}}
    for key, value in _THROW_AWAY.items():
        made[key] = {**(made.get(key) or {}), **value}
    return {"secretsprovider": document.get("secretsprovider", ""), "config": made}


def _image_of(project: Project, like: str) -> str:
    path = project.stack_file(like)
    try:
        return repository_of(from_stack_file(path), like, path)
    except SettingsError as error:
        raise Problem(
            f"stack {like} holds mistakes", why=str(error), remedy=f"pxlctl check {like}, and mend what it names"
        ) from error


def verify(stack: str, file: Path, provider: str, run: Run) -> dict[str, str]:
    """Runs the plan.

    Returns:
        For each step that was run, "" or why it failed; what follows a failure is left out, except what takes away.
    """
    came: dict[str, str] = {}
    for one in plan.steps(stack, str(file), provider):
        if any(came.values()) and not one.always:
            continue
        with step(one.words):
            code = run(one.argv)
        came[one.words] = "" if code == 0 else f"`{' '.join(one.argv[:2])}` exits with {code}"
    return came


def lines(came: dict[str, str], where: str, stack: str) -> list[str]:
    """The rows of the page that are different now."""
    steps = plan.steps(stack, "")
    rows: list[str] = []
    for claim in claims.never_run():
        by = plan.shown_by(claim, steps)
        if by is not None and came.get(by.words) == "":
            rows.append(claim.line("real", f"{where}: {by.words}"))
    return rows


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Says the plan, or runs it.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m operations.verify_aws", description=__doc__)
    parser.add_argument("like", metavar="STACK", help="a stack that says where to land; it is not touched")
    parser.add_argument("--dry-run", action="store_true", help="say the plan")
    given = parser.parse_args(arguments)
    try:
        return _dry(given.like) if given.dry_run else _real(given.like, run or _run)
    except Problem as problem:
        say(str(problem))
        return 1


def _dry(like: str) -> int:
    stack = "verify-0000"
    project = Project.find(Path())
    document = settings_of(project, like, stack)
    steps = plan.steps(stack, f"Pulumi.{stack}.yaml", document["secretsprovider"])
    show(f"In the account of stack {like}, on a throw-away stack such as {stack}; it costs some dollars and an hour:")
    for number, one in enumerate(steps, 1):
        show(f"{number}. {one.words}{' (also after a failure)' if one.always else ''}\n     {' '.join(one.argv)}")
        for claim in claims.never_run():
            if plan.shown_by(claim, steps) is one:
                show(f"     shows {claim.capability}")
    show("\nMarked as never run, and not shown by this:")
    for claim in claims.never_run():
        if plan.shown_by(claim, steps) is None:
            show(f"  {claim.capability} ({claim.section})")
    return 0


def _real(like: str, run: Run) -> int:
    project = Project.find(Path())
    stack = f"verify-{secrets.token_hex(2)}"
    document = settings_of(project, like, stack)
    file = project.folder / f"Pulumi.{stack}.yaml"
    account = document["config"]["pxl:aws"]["account"]
    say(f"account {account}: stack {stack}. If this is stopped: pxlctl down {stack} --yes")
    with file.open("w", encoding="utf-8") as out:
        YAML().dump(document, out)
    came = verify(stack, file, document["secretsprovider"], run)
    failed = {words: why for words, why in came.items() if why}
    for words, why in failed.items():
        say(f"not shown: {words}: {why}")
    if not any(came.get(one.words) for one in plan.steps(stack, "") if one.always):
        file.unlink(missing_ok=True)
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    if rows := lines(came, f"`make verify-aws`, {day}", stack):
        show("docs/fidelity.md, in place of the rows of the same name:\n" + "\n".join(rows))
    return 1 if failed else 0


def _run(argv: Sequence[str]) -> int:
    try:
        return subprocess.run(argv, check=False).returncode
    except OSError as error:
        raise Problem(f"{argv[0]} cannot be started", why=str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
