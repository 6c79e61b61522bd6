"""What a program finds when it asks where it is: exactly where its settings say, for nothing is touched here."""

import json
from pathlib import Path
from typing import Any

import yaml

from operations.rendering.placeholders import REGISTRY

_SERVER = f"https://{REGISTRY}"


def kubeconfig(path: Path, values: dict[str, str]) -> dict[str, str]:
    """Writes a kubeconfig with the context that the settings name; the values that make the program read it.

    Args:
        path: Where to write it.
        values: The program's configuration, text by full key.
    """
    wanted = json.loads(values.get("pxl:kubernetes") or "{}")
    context = wanted.get("context") or "rendering"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": _SERVER}}],
        "users": [{"name": context, "user": {}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return {**values, "pxl:kubernetes": json.dumps({**wanted, "kubeconfig": str(path)})}


def answer(token: str, asked: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The answer of a cloud to a question; what it was asked where there is no better one.

    Args:
        token: The function, such as ``aws:index/getCallerIdentity:getCallerIdentity``.
        asked: Its arguments.
        values: The program's configuration.
    """
    aws = json.loads(values.get("pxl:aws") or "{}")
    known: dict[str, dict[str, Any]] = {
        "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": aws.get("account"), "id": aws.get("account")},
        "aws:index/getRegion:getRegion": {"region": aws.get("region"), "id": aws.get("region")},
        "aws:eks/getCluster:getCluster": {"endpoint": _SERVER},
        # RFC 5737 has no block as large as a subnet; RFC 2544's is for tests, too.
        "aws:ec2/getSubnet:getSubnet": {"cidrBlock": "198.18.0.0/24"},
    }
    return {**asked, **known.get(token, {})}


def platform(token: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What a resource that others have made puts out: of a platform stack, the place that it made.

    Args:
        token: Type of the resource.
        asked: What it is read with.
    """
    if token != "pulumi:pulumi:StackReference":
        return asked
    place = {"vpcId": "vpc-0", "subnetIds": ["subnet-0a", "subnet-0b"], "nodeSecurityGroupId": "sg-0"}
    return {**asked, "outputs": place, "secretOutputNames": []}
