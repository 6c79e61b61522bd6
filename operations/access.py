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
on the side of the store a rule of its security group. Nothing else is open, neither in the namespace (default deny) nor
in the groups, which let nothing out.

This page is generated from what the program declares: `make schema`.
"""
_NODES = """
## At node level, the default

A security group of nodes knows no pods: its rule lets in all pods of the cluster's nodes, and the NetworkPolicies
decide which of them get out.

"""
_PODS = """
## With `aws.podSecurityGroups: true`

Each kind of pod carries a security group of its own beside that of the nodes, and the stores let in these: what else
runs on the nodes gets nowhere, whatever its NetworkPolicies say. The cluster needs the VPC CNI with
`ENABLE_POD_ENI=true` and instances with branch interfaces (most of the Nitro families; not `t` instances), and
`POD_SECURITY_GROUP_ENFORCING_MODE=standard`, without which NetworkPolicies do not hold for these pods.
`pxlctl doctor STACK` looks for both. A pod gets its groups when it is made: in a stack that runs, switch it on together
with a new release. The engine takes the rule of the nodes away last, when every pod is a new one.

"""
_COLUMNS = """\
| from | to | port | NetworkPolicy | security group rule | lets in |
| --- | --- | --- | --- | --- | --- |
"""


def text(nodes: list[Resource], pods: list[Resource]) -> str:
    """The page as it must stand in the repository.

    Args:
        nodes: What the program declares without groups of pods.
        pods: What it declares with them.
    """
    return _HEADER + _NODES + _table(nodes) + _PODS + _table(pods)


def _table(found: list[Resource]) -> str:
    made = [one for one in found if one.type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"]
    rules = {(one.inputs["fromPort"], one.inputs["description"].removeprefix("from ")): one for one in made}
    rows = [row for one in found if one.type.endswith(":NetworkPolicy") for row in _rows(one, rules)]
    return _COLUMNS + "\n".join(sorted(rows)) + "\n"


def _rows(policy: Resource, rules: dict[tuple[int, str], Resource]) -> list[str]:
    """A row for each port of a store that a policy lets pods out to."""
    rows: list[str] = []
    spec = policy.inputs["spec"]
    component = spec["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component", "")
    for egress in spec.get("egress", []):
        if not all("ipBlock" in peer for peer in egress["to"]):
            continue
        for port in egress["ports"]:
            who = next((one for one in (component, "nodes") if (port["port"], one) in rules), "–")
            group = f"`{rules[port['port'], who].name}`" if who != "–" else "–"
            store = policy.name.partition("-to-")[2].removesuffix("-egress")
            rows.append(f"| {component} | {store} | {port['port']} | `{policy.name}` | {group} | {who} |")
    return rows


def resources(*, pods: bool) -> list[Resource]:
    """What the program declares for the stack that the page shows.

    Args:
        pods: Whether pods have security groups of their own.
    """
    raw = read_yaml(ROOT / f"Pulumi.{_STACK}.yaml")["config"]
    raw["pxl:aws"] = {**raw["pxl:aws"], "podSecurityGroups": pods}
    return record(ROOT / "infra", "pxl", _STACK, config.build(raw, read_yaml(ROOT / "Pulumi.yaml")))


if __name__ == "__main__":
    written = text(resources(pods=False), resources(pods=True))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(written, encoding="utf-8")
    else:
        sys.stdout.write(written)
