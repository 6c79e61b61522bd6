"""The manifests that a Go module carries, with the node's image in them."""

import json
import subprocess
from typing import Any

import yaml

from local import build
from operations.errors import Problem

Object = dict[str, Any]


def read(tool: str, module: str, folder: str) -> list[Object]:
    """The objects of a kustomization in the module's own files, in the order in which they can be made.

    Args:
        tool: A key of ``build.TOOLS``, whose ``go.mod`` pins the module.
        module: Path of the module.
        folder: Folder of the kustomization in it.

    Raises:
        Problem: The module cannot be had, or its files make no manifests.
    """
    where = build.source(tool, module) / folder
    kubectl = build.tool("kubernetes") / "kubectl"
    done = subprocess.run([str(kubectl), "kustomize", str(where)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem("a module's manifests cannot be read", where=str(where), why=done.stderr.strip())
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def with_image(objects: list[Object], image: str) -> list[Object]:
    """The same objects, every container of theirs from one image.

    Args:
        objects: Manifests.
        image: By digest.
    """
    for one in objects:
        template = one.get("spec", {}).get("template", {})
        for container in template.get("spec", {}).get("containers", []):
            container["image"] = image
            # A digest means one image only, and the registry may be away.
            container["imagePullPolicy"] = "IfNotPresent"
    return objects


def as_list(objects: list[Object]) -> bytes:
    """For ``kubectl apply``."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()


def deployments(objects: list[Object]) -> list[tuple[str, str]]:
    """Namespace and name of each Deployment among them."""
    return [(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == "Deployment"]


def api_services(objects: list[Object]) -> list[str]:
    """The names of the APIs that they serve."""
    return [one["metadata"]["name"] for one in objects if one["kind"] == "APIService"]
