"""What ``promote`` and ``rollback`` print."""

from collections.abc import Sequence

from operations.promotion.history import Candidate
from operations.promotion.promote import Promotion
from operations.promotion.release import Block, moment, short
from operations.promotion.rollback import Rollback
from operations.registry.copying import Copied


def promoted(done: Promotion) -> str:
    """A promotion, and what comes next."""
    wish, block = done.wish, done.block
    lines = [f"{wish.source} → {wish.target}: {block.digest}"]
    since = done.health.since
    shown = f"healthy since {moment(since)}" if since else "unhealthy"
    lines.append(f"  {wish.source}: {done.health.pods} pods run it, {shown}")
    lines.append(f"  image: {_image(done)}")
    if done.forced:
        lines.append(f"  forced ({', '.join(done.forced)}): {block.reason}")
    if wish.dry_run:
        return "\n".join([*lines, f"  nothing was changed; {done.path.name} would say:", *_block(block)])
    if not done.changed:
        return "\n".join([*lines, f"  {done.path.name} says so already; nothing was changed"])
    lines += [f"  {done.path.name} says now:", *_block(block)]
    before = f", from {short(done.before.digest)}" if done.before else ""
    return "\n".join([*lines, *_next(wish.target, done.path.name, f"{wish.target}: {short(block.digest)}{before}")])


def rolled_back(done: Rollback) -> str:
    """A way back, what does not go back with it, and what comes next."""
    verb = "says now" if done.changed else "would say; nothing was changed"
    lines = [
        f"{done.stack}: {short(done.before.digest)} → {short(done.block.digest)}",
        f"  {done.path.name} {verb}:",
        *_block(done.block),
        f"  migrations are not undone: the database stays as {', '.join(map(short, done.kept))} left it, and",
        f"  {short(done.block.digest)} has to live with that; its migrations run again, on a database ahead of them",
    ]
    if not done.changed:
        return "\n".join(lines)
    subject = f"{done.stack}: back to {short(done.block.digest)}, from {short(done.before.digest)}"
    return "\n".join([*lines, *_next(done.stack, done.path.name, subject)])


def table(stack: str, found: Sequence[Candidate]) -> str:
    """What a stack can go back to."""
    if not found:
        return f"no release of stack {stack} was ever committed"
    chosen = next((one for one in found if one.eligible), None)
    rows: list[str] = []
    for one in found:
        mark, entry = "→" if one is chosen else " ", one.entry
        rows.append(f"{mark} {short(entry.block.digest)}  {entry.when}  {entry.author}: {one.note}")
    none = "none of them is known to have been healthy: name one with --to"
    end = "→ is where 'pxlctl rollback' goes" if chosen else none
    return "\n".join([*rows, end])


def candidates(stack: str, found: Sequence[Candidate]) -> dict[str, object]:
    """The same for ``--json``."""
    chosen = next((one.entry.block.digest for one in found if one.eligible), None)
    return {"stack": stack, "next": chosen, "releases": [one.as_dict() for one in found]}


def _image(done: Promotion) -> str:
    copied: Copied | None = done.copied
    if copied is None:
        return f"both stacks use {done.target_repository}"
    if done.wish.dry_run:
        there = "is there already" if copied.present else "would be copied"
        return f"{there}, in {done.target_repository}"
    return f"{done.target_repository}, tag {copied.tag}: {copied.words()}"


def _block(block: Block) -> list[str]:
    return [f"    {key}: {value}" for key, value in block.as_dict().items()]


def _next(stack: str, file: str, subject: str) -> list[str]:
    return [
        "next:",
        f"  git diff {file}",
        f"  git commit -m '{subject}' {file}      and open a pull request",
        f"  pulumi preview --stack {stack}",
        f"  pulumi up --stack {stack}      or pxlctl up {stack}, which says what it waits for",
    ]
