"""The app's further secrets: which variables there are is plain to read, what they hold is one encrypted setting.

``secrets.variables`` lists the variables. With delivery ``direct`` the setting ``appSecrets`` holds their values, a
JSON object, set as one secret; with ``externalSecrets`` the store holds each under ``key_of`` the variable.
"""

import json
from typing import Any, cast

from infra.settings.model import Settings

SETTING = "appSecrets"
DATABASE_PASSWORD = "database-password"
REDIS_PASSWORD = "redis-password"
JWT_SECRET = "jwt-secret"
KEYS = {DATABASE_PASSWORD: "databasePassword", REDIS_PASSWORD: "redisPassword", JWT_SECRET: "jwtSecret"}
"""Keys in the Secret that are taken, and the settings that they hold."""


def key_of(variable: str) -> str:
    """The key in the Secret and in the store: ``STRIPE_API_KEY`` is kept as ``stripe-api-key``."""
    return variable.lower().replace("_", "-")


def values_of(settings: Settings) -> dict[str, str]:
    """Variable to value, as they were set.

    Raises:
        ValueError: The setting is no JSON object of texts.
    """
    if settings.app_secrets is None:
        return {}
    found: Any = json.loads(settings.app_secrets.get_secret_value())
    if not isinstance(found, dict):
        raise ValueError("not an object")
    values = cast("dict[str, Any]", found)
    if not all(isinstance(value, str) and value and "\0" not in value for value in values.values()):
        raise ValueError("not an object of texts")
    return values


def stand_in(secrets: Any, text: str) -> str:
    """What takes the place of the setting where nobody can decrypt it.

    Args:
        secrets: The raw setting ``secrets``, whatever it is.
        text: What each variable is said to hold.
    """
    group = cast("dict[str, Any]", secrets) if isinstance(secrets, dict) else {}
    listed = group.get("variables")
    variables = cast("list[Any]", listed) if isinstance(listed, list) else []
    return json.dumps({str(variable): text for variable in variables})
