"""``docs/access.md``, who may reach the stores and by what: ``python -m operations.access --write``."""

import sys
from pathlib import Path

from operations.rendering import config
from operations.rendering.manifests import Resource
from operations.rendering.program import record
from operations.stacks import read_yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "access.md"
_STACK = "prod"
_HEADER = f"""\
# Who may reach the managed stores

The links that the program declares for {_STACK}, and what each of them opens: on the side of the pods a NetworkPolicy,
on the side of the store a rule of its security group. A security group knows nodes, not pods: its rule lets in all
pods of the cluster's nodes, and the NetworkPolicies decide which of them get out. Nothing else is open, neither in the
namespace (default deny) nor in the groups, which let nothing out.

This page is generated from what the program declares: `make schema`.

| from | to | port | NetworkPolicy | security group rule | lets in |
| --- | --- | --- | --- | --- | --- |
"""


def text(found: list[Resource]) -> str:
    """The page as it must stand in the repository.

    Args:
        found: What the program declares.
    """
    rules = {
        one.inputs["fromPort"]: one
        for one in found
        if one.type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    }
    rows = [row for one in found if one.type.endswith(":NetworkPolicy") for row in _rows(one, rules)]
    return _HEADER + "\n".join(sorted(rows)) + "\n"


def _rows(policy: Resource, rules: dict[int, Resource]) -> list[str]:
    """A row for each port of a store that a policy lets pods out to."""
    rows: list[str] = []
    spec = policy.inputs["spec"]
    component = spec["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component", "")
    for egress in spec.get("egress", []):
        if not all("ipBlock" in peer for peer in egress["to"]):
            continue
        for port in egress["ports"]:
            rule = rules.get(port["port"])
            group = f"`{rule.name}`" if rule else "–"
            who = rule.inputs["description"].removeprefix("from ") if rule else "–"
            store = policy.name.partition("-to-")[2].removesuffix("-egress")
            rows.append(f"| {component} | {store} | {port['port']} | `{policy.name}` | {group} | {who} |")
    return rows


def resources() -> list[Resource]:
    """What the program declares for the stack that the page shows."""
    raw = read_yaml(ROOT / f"Pulumi.{_STACK}.yaml")["config"]
    return record(ROOT / "infra", "pxl", _STACK, config.build(raw, read_yaml(ROOT / "Pulumi.yaml")))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text(resources()), encoding="utf-8")
    else:
        sys.stdout.write(text(resources()))
