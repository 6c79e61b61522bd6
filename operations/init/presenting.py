"""Shows what ``init`` did."""

from dataclasses import asdict
from typing import Any

from operations.init.command import Report


def text(report: Report) -> str:
    """One line a part, what was done to it below, and what comes next."""
    lines: list[str] = []
    for outcome in report.outcomes:
        lines.append(f"{outcome.verb.value:<13}{outcome.part}: {outcome.name}")
        lines += [f"{'':<13}  {change}" for change in outcome.changes if change != f"{outcome.part} {outcome.name}"]
    lines += ["", "nothing was changed: this was a dry run" if report.dry else "next:"]
    for number, (words, command) in enumerate(() if report.dry else report.following, 1):
        lines.append(f"  {number}. {words}")
        lines += [f"       {command}"] if command else []
    return "\n".join(lines)


def data(report: Report) -> dict[str, Any]:
    """The same for ``--json``."""
    names = report.names
    return {
        "stack": report.stack,
        "dryRun": report.dry,
        "changed": any(outcome.changes for outcome in report.outcomes),
        "backend": names.backend,
        "secretsProvider": names.secrets_provider,
        "roles": {purpose: names.role_arn(purpose) for purpose in ("preview", "deploy")},
        "parts": [{**asdict(outcome), "verb": outcome.verb.value} for outcome in report.outcomes],
        "next": [{"what": words, "command": command} for words, command in report.following],
    }
