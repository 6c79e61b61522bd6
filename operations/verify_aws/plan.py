"""What is done in the account, in order, and which rows of the page each step shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from operations.verify_aws.claims import Claim


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        words: What it shows.
        argv: The command; it shows something if it exits with 0.
        shows: Patterns of the capabilities that are shown by it.
        always: Whether it runs after a failure, too: it takes away what was made.
    """

    words: str
    argv: tuple[str, ...]
    shows: tuple[str, ...] = ()
    always: bool = False


def steps(stack: str, settings: str, provider: str = "") -> list[Step]:
    """The plan for a throw-away stack.

    A row is shown only by what would fail without it: an autoscaler that is merely taken was not seen to scale.

    Args:
        stack: Its name.
        settings: Its stack file.
        provider: The key that its secrets are put under, as the engine names it; "" for a passphrase.
    """
    key = ("--secrets-provider", provider) if provider else ()
    named = (stack, "--file", settings)
    pulumi = ("--stack", stack, "--non-interactive")
    return [
        Step("its settings hold", ("pxlctl", "check", *named)),
        Step("the state's bucket and its key are used", ("pulumi", "stack", "init", stack, *key, "--non-interactive")),
        Step(
            "everything is made on AWS, and the app gets ready behind it",
            ("pxlctl", "up", *named),
            (
                r"(postgres|redis)\.kind: managed",
                r"secrets\.delivery: externalSecrets",
                "ExternalSecret",
                "the official provider plugins",
            ),
        ),
        Step(
            "a second run changes nothing",
            ("pulumi", "preview", *pulumi, "--config-file", settings, "--expect-no-changes"),
        ),
        Step("nobody reaches what he should not", ("pxlctl", "proof", "isolation", *named)),
        Step("the preview of a pull request", ("pxlctl", "preview", *named, "--markdown", f"build/verify/{stack}.md")),
        Step("everything goes again", ("pxlctl", "down", *named, "--yes"), always=True),
        Step("and the stack itself", ("pulumi", "stack", "rm", stack, "--yes", "--non-interactive"), always=True),
    ]  # fmt: skip


def shown_by(claim: Claim, plan: Sequence[Step]) -> Step | None:
    """The step that shows a row; None if nothing of the plan does."""
    for step in plan:
        if any(re.fullmatch(pattern, claim.name) for pattern in step.shows):
            return step
    return None
