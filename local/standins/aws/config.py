"""The provider's own settings: region, tags on everything, and the accounts that it may touch."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

from local.standins.aws.types import Obj
from local.standins.serve import Failed
from local.standins.values import UNKNOWN

_REFUSED = ("endpoints", "assumeRoles", "assumeRoleWithWebIdentity", "httpProxy", "httpsProxy", "ignoreTags")


@dataclass(frozen=True)
class Settings:
    """What the provider was told.

    Args:
        region: The region; None when nothing names one.
        allowed: The accounts that it may touch; empty for any.
        forbidden: The accounts that it must not touch.
        default_tags: The tags that it puts on everything.
    """

    region: str | None = None
    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    default_tags: Obj = field(default_factory=dict)

    def judge(self, account: str) -> None:
        """Refuses an account that the settings do not allow.

        Raises:
            Failed: With the account and the setting.
        """
        if (self.allowed and account not in self.allowed) or account in self.forbidden:
            rule = f"allowedAccountIds has {', '.join(self.allowed)}" if self.allowed else "forbiddenAccountIds has it"
            raise Failed(
                f"the endpoint answers for the account {account}, and {rule}; next: start the local AWS with "
                "--account, or correct the setting"
            )


def read(arguments: Obj) -> Settings:
    """The settings from the provider's arguments; what is no text comes as JSON.

    Args:
        arguments: As the engine sends them, plain.

    Raises:
        Failed: For a setting that would have to be obeyed, and is not known here.
    """
    given = {key: _parsed(value) for key, value in arguments.items()}
    refused = [key for key in _REFUSED if given.get(key)]
    if refused:
        raise Failed(f"the local stand-in for aws does not support the provider's {', '.join(refused)}")
    region = given.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    tags = given.get("defaultTags")
    return Settings(
        region=None if region is UNKNOWN else region,
        allowed=_texts(given.get("allowedAccountIds")),
        forbidden=_texts(given.get("forbiddenAccountIds")),
        default_tags=(tags.get("tags") or {}) if isinstance(tags, dict) else {},
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
