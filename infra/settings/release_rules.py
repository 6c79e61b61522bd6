"""A release shows what it was proven by: in prod runs what ran elsewhere, or what somebody gives a reason for."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from infra.settings.contradiction import Contradiction, Rule
from infra.settings.model import EnvironmentName, Settings

# The clocks of whoever promotes and of whoever deploys may differ by this much.
_CLOCKS_DIFFER = timedelta(minutes=5)
_REMEDY = "write the block with 'pxlctl promote FROM TO'; --reason TEXT says why a digest is wanted all the same"


def _now() -> datetime:
    return datetime.now(UTC)


def proven(settings: Settings, now: Callable[[], datetime] = _now) -> Iterator[Contradiction]:
    """What the release block lacks to be deployed.

    Args:
        settings: The stack's settings.
        now: Says what time it is.
    """
    release = settings.release
    if release is None:
        return
    since = None if release.healthy_since is None else datetime.fromisoformat(release.healthy_since)
    age = None if since is None else now() - since
    if age is not None and age < -_CLOCKS_DIFFER:
        yield Contradiction(
            ("release.healthySince",), release.healthy_since, "lies in the future: nothing can have been healthy since",
            f"{_REMEDY}, which writes the moment that the cluster shows; check this machine's clock, too",
        )  # fmt: skip
        return
    if settings.environment is not EnvironmentName.PROD or release.reason is not None:
        return
    if release.proven_in is None:
        yield Contradiction(
            ("release.provenIn", "environment"), None,
            "is missing: in prod a digest runs that ran in another stack before, or there is a reason", _REMEDY,
        )  # fmt: skip
    if age is None:
        yield Contradiction(
            ("release.healthySince", "environment"), None,
            "is missing: in prod a digest runs that was healthy in another stack, or there is a reason", _REMEDY,
        )  # fmt: skip
    elif max(age, timedelta()) < timedelta(hours=settings.promotion.soak_hours):
        left = timedelta(hours=settings.promotion.soak_hours) - age
        yield Contradiction(
            ("release.healthySince", "promotion.soakHours"), release.healthy_since,
            f"is less than promotion.soakHours ({settings.promotion.soak_hours}) ago",
            f"wait {_words(left)}, or give a reason: pxlctl promote FROM TO --reason TEXT",
        )  # fmt: skip


def _words(left: timedelta) -> str:
    minutes = -(-int(left.total_seconds()) // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


RULES: tuple[Rule, ...] = (proven,)
