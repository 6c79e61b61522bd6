"""What differs between dev, staging and prod: the whole difference, in one table.

Every key is a setting (see ``infra/settings``) and every value what that environment starts from; a stack file
overrides any of them. Nothing else in the program or in the components asks which environment it is in.
"""

from typing import Any

ENVIRONMENTS = ("dev", "staging", "prod")

_SMALL = {"cpu": "100m", "memory": "192Mi"}
_MEDIUM = {"cpu": "250m", "memory": "384Mi"}
_LARGE = {"cpu": "500m", "memory": "768Mi"}

DIFFERENCES: dict[str, tuple[Any, Any, Any]] = {
    # setting                      dev                    staging                  prod
    "app.logLevel":              ("debug",               "info",                  "warn"),
    "api.replicas":              ({"min": 2, "max": 2},  {"min": 2, "max": 4},    {"min": 3, "max": 12}),
    "api.resources":             (_SMALL,                _MEDIUM,                 _LARGE),
    "api.drainSeconds":          (10,                    30,                      30),
    "worker.replicas":           ({"min": 1, "max": 1},  {"min": 2, "max": 2},    {"min": 2, "max": 2}),
    "worker.resources":          (_SMALL,                _MEDIUM,                 _LARGE),
    "worker.drainSeconds":       (10,                    60,                      60),
    "postgres.kind":             ("ephemeral",           "managed",               "managed"),
    "postgres.tls":              (False,                 True,                    True),
    "postgres.maxConnections":   (200,                   200,                     400),
    "postgres.instanceClass":    ("db.t4g.micro",        "db.t4g.medium",         "db.m7g.large"),
    "postgres.storageGb":        (20,                    50,                      200),
    "postgres.maxStorageGb":     (20,                    200,                     1000),
    "postgres.multiAz":          (False,                 False,                   True),
    "postgres.backupDays":       (1,                     7,                       35),
    "postgres.restoreTests":     (False,                 False,                   True),
    "postgres.protect":          (False,                 False,                   True),
    "redis.kind":                ("ephemeral",           "managed",               "managed"),
    "redis.tls":                 (False,                 True,                    True),
    "redis.nodeType":            ("cache.t4g.micro",     "cache.t4g.small",       "cache.m7g.large"),
    "redis.replicas":            (1,                     1,                       2),
    "redis.snapshotDays":        (1,                     7,                       35),
    "redis.protect":             (False,                 False,                   True),
    "registry.kind":             ("cluster",             "ecr",                   "ecr"),
    "secrets.delivery":          ("direct",              "externalSecrets",       "externalSecrets"),
    "seed.enabled":              (True,                  False,                   False),
    "promotion.soakHours":       (0,                     0,                       24),
}  # fmt: skip


def defaults(environment: str) -> dict[str, Any]:
    """The settings that an environment starts from, as nested objects.

    Args:
        environment: One of ``ENVIRONMENTS``.

    Raises:
        KeyError: The environment is not in the table.
    """
    if environment not in ENVIRONMENTS:
        raise KeyError(environment)
    column = ENVIRONMENTS.index(environment)
    nested: dict[str, Any] = {}
    for path, values in DIFFERENCES.items():
        section, key = path.split(".")
        nested.setdefault(section, {})[key] = values[column]
    return nested
