"""``docs/costs.md``: what each environment consists of that costs money, written from the table of environments.

    python -m operations.costs --write

Amounts and formulas only. Prices differ by region and change; they are left to be filled in.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pxl_components import quantities

from infra.environments import ENVIRONMENTS, defaults
from operations.init.bucket import OLD_VERSIONS_DAYS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "costs.md"
HOURS = 730
"""Hours of a month, as AWS counts them."""

_HEADER = f"""\
# What it costs

What each environment has of everything that AWS bills, a month, as `infra/environments.py` has it without a stack
file. Multiply by the price of your region ([calculator](https://calculator.aws)) and add up; {HOURS} is the hours of a
month. What depends on use is named with its unit: look at last month's bill for how many.

This page is generated from `infra/environments.py`: `make schema`.

"""
_FOOTER = f"""
What makes the difference, in this order: `postgres.multiAz` (twice the instance and its storage), `redis.replicas`
(each one a node), instance classes, NAT gateways (`natPerZone` of the platform), and what `api.replicas.max` lets
the nodes grow to. An environment that nobody uses at night costs the same: RDS can be stopped for seven days at most,
ElastiCache not at all.

Not in the table, because it is next to nothing: the state's bucket (old versions for {OLD_VERSIONS_DAYS} days), Route
53 queries, certificates of ACM (free). Nor is what runs beside the app in its pods, some 10m and 32Mi each.
"""

Settings = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Something that is billed.

    Attributes:
        name: What it is.
        price: What a unit of it is called, to be filled in.
        amount: How many units an environment has, as a formula; "" for none.
    """

    name: str
    price: str
    amount: Callable[[Settings], str]


def text() -> str:
    """The page as it must stand in the repository."""
    rows = ["| part | price of | " + " | ".join(ENVIRONMENTS) + " |", "| --- | --- |" + " --- |" * len(ENVIRONMENTS)]
    for part in PARTS:
        amounts = (part.amount(defaults(environment)) or "–" for environment in ENVIRONMENTS)
        rows.append(f"| {part.name} | {part.price} | {' | '.join(amounts)} |")
    return _HEADER + "\n".join(rows) + "\n" + _FOOTER


def _managed(store: str) -> Callable[[Settings], bool]:
    return lambda settings: settings[store]["kind"] == "managed"


def _when(condition: Callable[[Settings], bool], amount: Callable[[Settings], str]) -> Callable[[Settings], str]:
    return lambda settings: amount(settings) if condition(settings) else ""


def _copies(settings: Settings) -> int:
    return 2 if settings["postgres"]["multiAz"] else 1


def _storage(settings: Settings) -> str:
    postgres = settings["postgres"]
    each = f"{postgres['storageGb']} to {postgres['maxStorageGb']} GB"
    return f"{_copies(settings)} × {each}" if _copies(settings) > 1 else each


def _backups(settings: Settings) -> str:
    return f"{settings['postgres']['backupDays']} days' changes, less the size of the storage"


def _nodes_of_redis(settings: Settings) -> str:
    redis = settings["redis"]
    return f"{1 + redis['replicas']} × {HOURS} h of {redis['nodeType']}"


def _requested(settings: Settings) -> str:
    """What the app's pods ask of the nodes, at least and at most."""
    amounts: list[str] = []
    for end in ("min", "max"):
        cpu = memory = 0.0
        for workload in ("api", "worker"):
            pods, resources = settings[workload]["replicas"][end], settings[workload]["resources"]
            cpu += pods * float(quantities.parse(resources["cpu"]))
            memory += pods * float(quantities.parse(resources["memory"])) / 2**30
        amounts.append(f"{cpu:g} vCPU, {memory:.3g} GiB")
    return amounts[0] if amounts[0] == amounts[1] else f"{amounts[0]} up to {amounts[1]}"


def _on_aws(settings: Settings) -> bool:
    return any(_managed(store)(settings) for store in ("postgres", "redis"))


_postgres, _redis = _managed("postgres"), _managed("redis")
PARTS: tuple[Part, ...] = (
    Part(
        "Postgres: instances",
        "an hour of the class, single-AZ",
        _when(_postgres, lambda s: f"{_copies(s)} × {HOURS} h of {s['postgres']['instanceClass']}"),
    ),
    Part("Postgres: storage", "a GB of gp3 for RDS", _when(_postgres, _storage)),
    Part("Postgres: backups", "a GB of backup storage", _when(_postgres, _backups)),
    Part(
        "Postgres: restore tests",
        "an hour of the class, and a GB restored",
        _when(
            lambda s: _postgres(s) and s["postgres"]["restoreTests"],
            lambda s: f"4 restores × the hours that one stands, of {s['postgres']['instanceClass']}",
        ),
    ),
    Part("Redis: nodes", "an hour of the node type", _when(_redis, _nodes_of_redis)),
    Part(
        "Redis: snapshots",
        "a GB of backup storage",
        _when(_redis, lambda s: f"{s['redis']['snapshotDays']} × the size of its data"),
    ),
    Part("Cluster: control plane", "an hour of EKS", _when(_on_aws, lambda _: f"1 × {HOURS} h, shared by its stacks")),
    Part("Cluster: what the app's pods request", "an hour of the nodes that this takes", _requested),
    Part(
        "Platform: NAT gateways",
        "an hour, and a GB that goes through",
        _when(_on_aws, lambda _: f"1, or 1 a zone (`natPerZone`) × {HOURS} h, and GB"),
    ),
    Part(
        "Front door: ALB",
        "an hour, and an hour of a capacity unit",
        _when(_on_aws, lambda _: f"1 × {HOURS} h, and units × {HOURS} h (`ingress.kind: alb`)"),
    ),
    Part(
        "Addresses: public IPv4",
        "an hour of one",
        _when(_on_aws, lambda _: f"1 a zone of the ALB and 1 a NAT gateway, × {HOURS} h"),
    ),
    Part(
        "Images: ECR",
        "a GB",
        _when(lambda s: s["registry"]["kind"] == "ecr", lambda _: "the images that are kept"),
    ),
    Part(
        "Secrets: Secrets Manager",
        "a secret",
        _when(lambda s: s["secrets"]["delivery"] == "externalSecrets", lambda _: "1 each, and the operator's requests"),
    ),
    Part("Keys: KMS", "a key", _when(_on_aws, lambda _: "state, cluster, and those of the stores")),
    Part(
        "Logs: CloudWatch",
        "a GB taken in, and a GB kept",
        _when(_on_aws, lambda _: "control plane, flow logs, and whatever ships the pods' lines"),
    ),
    Part("Traffic: out, and between zones", "a GB", _when(_on_aws, lambda _: "GB")),
)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
