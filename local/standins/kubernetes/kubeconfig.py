"""Where a stand-in may go: one context of a kubeconfig, on this machine only."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.standins.kubernetes.objects import Obj
from local.standins.values import has_unknown


class Unreachable(Exception):  # noqa: N818
    """There is no API server to talk to, or none that a stand-in may talk to; the text says why."""


@dataclass(frozen=True)
class Target:
    """Where a kubeconfig's context leads, before anything has been sent there."""

    config: Obj
    context: str
    server: str
    namespace: str


def target(kubeconfig: str | None, context: str | None = None, cluster: str | None = None) -> Target:
    """Reads a kubeconfig.

    Args:
        kubeconfig: Its contents or its path (several as in ``KUBECONFIG``). Without it, the machine's own is read, but
            only for a context that is named: what happens to be the current one is never used.
        context: The context, where it is not the kubeconfig's current one.
        cluster: The cluster, where it is not the context's.

    Raises:
        Unreachable: When there is none, it cannot be read, or it leads elsewhere than a stand-in may go.
    """
    if not kubeconfig and not context:
        raise Unreachable("no kubeconfig was given, and the local stand-in does not use the machine's current context")
    try:
        config = _read(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
        name = context or config["current-context"]
        entry = _named(config["contexts"], name)["context"]
        entry["cluster"] = cluster or entry["cluster"]
        server = _named(config["clusters"], entry["cluster"])["cluster"]
    except OSError as error:
        raise Unreachable(f"cannot read the kubeconfig {error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable(f"the kubeconfig names no usable context: {error}") from error
    found = Target(config, name, server.get("server", ""), entry.get("namespace") or "default")
    if not (_is_loopback(found.server) and "proxy-url" not in server) and not _is_allowed(found.context):
        raise Unreachable(
            f"the context {found.context} leads to {found.server}, and the local stand-in for the Kubernetes provider "
            "talks to API servers on this machine only. Use the official provider, or name the context in "
            "PXL_STANDIN_CONTEXT"
        )
    return found


def _read(given: str) -> Obj:
    import yaml  # noqa: PLC0415 - a plugin's start has to be quick

    if "\n" in given or given.lstrip().startswith("{"):
        files: list[tuple[Path, str]] = [(Path.cwd(), given)]
    else:
        paths = [Path(part).expanduser() for part in given.split(os.pathsep) if part]
        files = [(path.parent, path.read_text()) for path in paths if len(paths) == 1 or path.exists()]
    merged: Obj = {"clusters": [], "contexts": [], "users": []}
    for folder, text in files:
        try:
            config: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(f"it is no YAML: {error}") from error
        _resolve_files(config, folder)
        for group in ("clusters", "contexts", "users"):
            merged[group] += config.get(group) or []
        merged.setdefault("current-context", config.get("current-context"))
    return merged


def _resolve_files(config: Obj, folder: Path) -> None:
    for kind, group in (("cluster", "clusters"), ("user", "users")):
        for entry in config.get(group) or []:
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if key in (entry.get(kind) or {}):
                    entry[kind][key] = str(folder / entry[kind][key])


def _named(entries: list[Obj], name: str | None) -> Obj:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(f"{name!r} is not in it")


def _is_allowed(context: str) -> bool:
    return os.environ.get("PXL_STANDIN_CONTEXT") == context


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def replacing_arguments(old: Obj, new: Obj, changed: list[str]) -> list[str]:
    """Of the provider's changed arguments, those that mean another cluster, so that everything in it is made anew.

    Args:
        old: The recorded arguments.
        new: The program's; with ``clusterIdentifier`` on both sides nothing else counts.
        changed: The names of those that differ.
    """
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    if before and after:
        return [] if before == after else ["clusterIdentifier"]
    moved = [key for key in changed if key in ("kubeconfig", "context", "cluster")]
    # What is not known yet may be another cluster.
    return moved if moved and (has_unknown(new) or _server(old) != _server(new)) else []


def _server(arguments: Obj) -> str:
    try:
        return target(arguments.get("kubeconfig"), arguments.get("context"), arguments.get("cluster")).server
    except Unreachable as error:
        return str(error)
