"""The names of environment variables that apps read, and the paths and ports that they answer on.

Two contracts are built in: the one of the framework's guide and example apps, and the one of the framework itself.
A concept is what a value means; a contract says which variables carry it. Both read the names in ``COMMON``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class EnvironmentContract(Enum):
    """Which names of environment variables an app reads."""

    GUIDE = "guide"
    """The names of the framework's example apps: ``PORT``, ``DB_HOST``, ``REDIS_HOST``, ``JWT_SECRET``."""
    FRAMEWORK = "framework"
    """The names that the framework reads itself: ``PXL_WEB_PORT``, ``PXL_DB_HOST``, ``PXL_REDIS_HOST``."""
    BOTH = "both"
    """All of them, with the port and the paths of the guide."""


@dataclass(frozen=True)
class Contract:
    """What an app of one contract expects.

    Attributes:
        names: Concept to the variables that carry it.
        port: TCP port that the app listens on when it is told nothing.
        readiness_path: HTTP path that says whether the app can serve.
    """

    names: Mapping[str, tuple[str, ...]]
    port: int
    readiness_path: str


# What this library tells every app, and what the framework and its drivers read under either contract.
COMMON: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nodeEnv": ("NODE_ENV",),
        "gracefulTimeout": ("GRACEFUL_TIMEOUT_MS",),
        "keepAliveTimeout": ("KEEP_ALIVE_TIMEOUT_MS",),
        "imageDigest": ("IMAGE_DIGEST",),
        "podName": ("POD_NAME",),
        "name": ("PXL_NAME",),
        "instanceId": ("PXL_INSTANCE_ID",),
        "clusterEnabled": ("PXL_CLUSTER_ENABLED",),
        "clusterWorkers": ("PXL_CLUSTER_WORKERS",),
        "queueConcurrency": ("QUEUE_CONCURRENCY",),
        # Not PXL_QUEUE_QUEUES: the framework would take the queues from there without the jobs that its code declares.
        "queues": ("QUEUES",),
        "dbPool": ("DB_POOL_SIZE",),
        "dbSslMode": ("PGSSLMODE",),
        "dbOptions": ("PGOPTIONS",),
        "caFile": ("NODE_EXTRA_CA_CERTS", "PGSSLROOTCERT"),
    }
)

GUIDE = Contract(
    names=MappingProxyType(
        {
            **COMMON,
            "port": ("PORT",),
            "host": ("HOST",),
            "logLevel": ("LOG_LEVEL",),
            "dbEnabled": ("DB_ENABLED",),
            "dbHost": ("DB_HOST",),
            "dbPort": ("DB_PORT",),
            "dbUsername": ("DB_USERNAME",),
            "dbPassword": ("DB_PASSWORD",),
            "dbName": ("DB_DATABASE_NAME",),
            "redisHost": ("REDIS_HOST",),
            "redisPort": ("REDIS_PORT",),
            "redisPassword": ("REDIS_PASSWORD",),
            "jwtSecret": ("JWT_SECRET",),
        }
    ),
    port=3000,
    readiness_path="/ready",
)

FRAMEWORK = Contract(
    names=MappingProxyType(
        {
            **COMMON,
            "port": ("PXL_WEB_PORT",),
            "host": ("PXL_WEB_HOST",),
            "logLevel": (),  # not read from the environment by the framework
            "dbEnabled": ("PXL_DB_ENABLED",),
            "dbHost": ("PXL_DB_HOST",),
            "dbPort": ("PXL_DB_PORT",),
            "dbUsername": ("PXL_DB_USERNAME",),
            "dbPassword": ("PXL_DB_PASSWORD",),
            "dbName": ("PXL_DB_NAME",),
            "redisHost": ("PXL_REDIS_HOST",),
            "redisPort": ("PXL_REDIS_PORT",),
            "redisPassword": ("PXL_REDIS_PASSWORD",),
            "jwtSecret": ("PXL_AUTH_JWT_SECRET_KEY",),
        }
    ),
    port=3001,
    readiness_path="/health/ready",
)

BOTH = Contract(
    names=MappingProxyType(
        {concept: tuple(dict.fromkeys((*GUIDE.names[concept], *FRAMEWORK.names[concept]))) for concept in GUIDE.names}
    ),
    port=GUIDE.port,
    readiness_path=GUIDE.readiness_path,
)

CONTRACTS: Mapping[EnvironmentContract, Contract] = MappingProxyType(
    {
        EnvironmentContract.GUIDE: GUIDE,
        EnvironmentContract.FRAMEWORK: FRAMEWORK,
        EnvironmentContract.BOTH: BOTH,
    }
)

CONCEPTS: tuple[str, ...] = tuple(sorted(GUIDE.names))
"""Every concept that ``environment.names`` may name."""
