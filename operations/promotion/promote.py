"""``pxlctl promote``: what one stack has shown to work becomes what another one is to run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3
from kubernetes.client.exceptions import ApiException

from infra.settings import Settings, default_namespace, from_stack_file
from operations import checking, rollout
from operations.console import step, warn
from operations.errors import Problem
from operations.promotion import release
from operations.promotion.health import MIGRATIONS, Health, judge
from operations.promotion.release import Block, moment, short
from operations.promotion.target import Target, promoter, repository_of
from operations.promotion.words import duration
from operations.registry import login
from operations.registry.client import Repository
from operations.registry.copying import Copied, copy, fetched
from operations.stacks import Project

_SECONDS = 10.0


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Attributes:
        source: The stack that shows a digest to work.
        target: The stack that is to run it.
        reason: Why, although it is not healthy or has not soaked; None asks for both.
        soak: For how long it must have been healthy; None for what the target's settings say.
        dry_run: Whether to look only.
        kubeconfig: Kubeconfig of the source's cluster; None for what its settings say.
        context: Likewise its context.
        source_profile: AWS profile for the source's registry.
        target_profile: AWS profile for the target's registry.
    """

    source: str
    target: str
    reason: str | None = None
    soak: timedelta | None = None
    dry_run: bool = False
    kubeconfig: Path | None = None
    context: str | None = None
    source_profile: str | None = None
    target_profile: str | None = None


@dataclass(frozen=True)
class Promotion:
    """What came of it."""

    wish: Wish
    path: Path
    before: Block | None
    block: Block
    health: Health
    soak: timedelta
    forced: tuple[str, ...]
    source_repository: str
    target_repository: str
    copied: Copied | None
    changed: bool

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        copied = self.copied
        return {
            "from": self.wish.source,
            "to": self.wish.target,
            "digest": self.block.digest,
            "before": self.before.digest if self.before else None,
            "release": self.block.as_dict(),
            "file": str(self.path),
            "sourceRepository": self.source_repository,
            "targetRepository": self.target_repository,
            "healthySince": moment(self.health.since) if self.health.since else None,
            "pods": self.health.pods,
            "soakHours": self.soak.total_seconds() / 3600,
            "forced": list(self.forced),
            "dryRun": self.wish.dry_run,
            "changed": self.changed,
            "copied": None if copied is None else {
                "blobs": copied.blobs, "bytes": copied.bytes, "mounted": copied.mounted, "present": copied.present,
                "manifests": copied.manifests, "tag": copied.tag,
            },
        }  # fmt: skip


def promote(
    project: Project, wish: Wish, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Promotion:  # fmt: skip
    """Checks, copies the image, writes the release block. Every refusal comes before the first change.

    Raises:
        Problem: With the one thing that stands against it.
    """
    digest = _asked_for(project, wish)
    target = Target.of(project, wish.target)
    settings = from_stack_file(checking.require_clean(project, wish.source, None))
    origin = repository_of(settings, wish.source, project.stack_file(wish.source))
    soak = _soak(target, wish)
    health = _health(settings, wish, digest)
    forced = _judged(wish, digest, health, soak, now())
    if wish.reason and not forced:
        warn("nothing had to be forced: the reason is not written down")
    block = Block(
        digest,
        proven_in=wish.source,
        healthy_since=moment(health.since) if health.since else None,
        promoted_by=promoter(project.folder),
        reason=wish.reason if forced else None,
    )
    text = target.with_release(block)
    copied = _image(wish, origin, target, digest)
    changed = not _same(target.before, block)
    if changed and not wish.dry_run:
        target.write(text)
    return Promotion(
        wish, target.path, target.before, block if changed else target.before or block, health, soak, forced, origin,
        target.repository, copied, changed and not wish.dry_run,
    )  # fmt: skip


def _asked_for(project: Project, wish: Wish) -> str:
    """The digest that the source's file names."""
    if wish.source == wish.target:
        raise Problem(
            f"{wish.source} cannot be promoted to itself", remedy="name two stacks: pxlctl promote staging prod"
        )
    if wish.reason is not None and not wish.reason.strip():
        raise Problem("the reason is empty", remedy="say why, for whoever reads it in the history: --reason TEXT")
    path = project.stack_file(wish.source)
    block = release.read(path)
    if block is None:
        raise Problem(
            f"stack {wish.source} has no release, so there is nothing to promote",
            where=f"{path}, {release.KEY}",
            remedy="write the digest that is to be proven there, deploy it, and promote it then",
        )
    if not release.is_digest(block.digest):
        raise Problem(
            f"the release of stack {wish.source} is a tag, not a digest",
            where=f"{path}, {release.KEY}.digest = {block.digest}",
            why="a tag can be another image tomorrow, so that what ran there proves nothing",
            remedy="write the digest that runs there: sha256: and 64 hex digits",
        )
    return block.digest


def _soak(target: Target, wish: Wish) -> timedelta:
    wanted = timedelta(hours=target.settings.promotion.soak_hours)
    if wish.soak is None:
        return wanted
    if wish.soak < wanted:
        raise Problem(
            f"--soak {duration(wish.soak)} is less than stack {wish.target} asks for ({duration(wanted)})",
            where=f"{target.path}, pxl:promotion.soakHours",
            remedy="leave it out; --reason TEXT forces an earlier promotion, and is written down",
        )
    return wish.soak


def _health(settings: Settings, wish: Wish, digest: str) -> Health:
    """What the source's cluster shows."""
    named = settings.kubernetes.kubeconfig
    kubeconfig = wish.kubeconfig or (Path(named).expanduser() if named else None)
    context = wish.context or settings.kubernetes.context
    namespace = settings.namespace or default_namespace(wish.source)
    roles = ["api", *(["worker"] if settings.worker_groups else [])]
    roles += [MIGRATIONS] if settings.migrations.enabled else []
    reader = rollout.Reader(rollout.connect(kubeconfig, context), namespace, timeout=_SECONDS)
    with step(f"looking at what {wish.source} runs", hint=f"namespace {namespace}"):
        try:
            snapshot = reader.snapshot(with_events=False)
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Problem(
                f"the cluster of stack {wish.source} cannot be asked",
                where=f"context {context or '(current)'}, namespace {namespace}",
                why=rollout.api_words(error),
                remedy=f"pxlctl doctor {wish.source}",
            ) from error
    return judge(snapshot, digest, roles)


def _judged(wish: Wish, digest: str, health: Health, soak: timedelta, now: datetime) -> tuple[str, ...]:
    """What the reason has to force; empty when all is well."""
    what = f"{wish.source} at {short(digest)}"
    if not health.ran:
        raise Problem(
            f"{wish.source} never ran the digest that its file names",
            where=digest,
            why="\n".join(health.troubles),
            remedy=f"deploy it there first: pxlctl up {wish.source}. This cannot be forced",
        )
    if health.since is None:
        if wish.reason is None:
            raise Problem(
                f"{what} is not healthy",
                why="\n".join(health.troubles),
                remedy=f"see why: pxlctl explain {health.namespace}. If it is wanted all the same: --reason TEXT",
            )
        return ("unhealthy",)
    # The cluster's clock may be a little ahead of ours.
    age = max(now - health.since, timedelta())
    if age >= soak:
        return ()
    if wish.reason is None:
        raise Problem(
            f"{what} has been healthy for {duration(age)}, and {wish.target} asks for {duration(soak)}",
            why=f"healthy since {moment(health.since)}",
            remedy=f"wait another {duration(soak - age)}, or say why not: --reason TEXT",
        )
    return ("soak",)


def _image(wish: Wish, origin: str, target: Target, digest: str) -> Copied | None:
    """Brings the image to the target's registry; None when both stacks share a repository."""
    with step("logging in to the registries", hint=origin):
        source = Repository(login.find(origin, profile=wish.source_profile))
        manifest = fetched(source, digest)
    if origin == target.repository:
        return None
    with step(f"copying {short(digest)}", hint=f"to {target.repository}") as current:
        there = Repository(login.find(target.repository, profile=wish.target_profile), push=True)
        if wish.dry_run:
            # Asked all the same: a registry that does not let us in is better known beforehand.
            present = there.has_manifest(manifest.digest) == manifest.digest
            current.title = f"looking for {short(digest)} in {target.repository}"
            return Copied(present=int(present))
        return copy(source, there, digest, current)


def _same(before: Block | None, after: Block) -> bool:
    """Whether a file says already what there is to say; who promoted it and since when it was healthy stay then."""
    if before is None or not before.healthy_since:
        return before == after
    settled = {"promoted_by": None, "healthy_since": None}
    return replace(before, **settled) == replace(after, **settled)
