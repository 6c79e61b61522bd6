"""Refuses, before anything is touched, to run against another account, region or cluster than the settings name."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws
import yaml

from infra.settings import Settings
from infra.settings.aws import Aws

_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
# Where an API server of EKS answers: ID.sk1.REGION.eks.amazonaws.com, in China with another end.
_EKS_HOST = re.compile(r"\.(?P<region>[a-z]{2}(-[a-z]+)+-\d)\.eks\.amazonaws\.com(\.cn)?$")


class WrongTargetError(Exception):
    """The credentials or the kubeconfig lead elsewhere; the message says where, and what to do."""


def check_target(settings: Settings, wanted: Aws, provider: aws.Provider) -> None:
    """Asks AWS who we are and where the cluster is.

    Args:
        settings: The stack's settings.
        wanted: Their section ``aws``.
        provider: The provider that everything on AWS is made with.

    Raises:
        WrongTargetError: Another account, region or cluster.
    """
    opts = pulumi.InvokeOptions(provider=provider)
    use = f"use credentials of {wanted.account} (AWS_PROFILE, or the role that CI assumes)"
    # The provider itself takes no other account, and says so in its own words.
    account = _asked(
        lambda: aws.get_caller_identity(opts=opts).account_id, f"pxl:aws.account = {wanted.account} is refused", use
    )
    if account != wanted.account:
        raise WrongTargetError(
            f"pxl:aws.account = {wanted.account}, but the credentials are of account {account}\n  next: {use}"
        )
    server = server_of(settings)
    check_region(wanted, server)
    endpoint = _asked(
        lambda: aws.eks.get_cluster(name=wanted.cluster, opts=opts).endpoint,
        f"pxl:aws.cluster = {wanted.cluster} is not to be found in account {account}, {wanted.region}",
        "name the EKS cluster that the stack runs on, or make it first (examples/platform)",
    )
    if _address(server) != _address(endpoint):
        raise WrongTargetError(
            f"pxl:aws.cluster = {wanted.cluster} answers at {endpoint}, but the kubeconfig leads to {server}\n"
            f"  next: aws eks update-kubeconfig --name {wanted.cluster} --region {wanted.region} "
            f"--alias {settings.kubernetes.context or wanted.cluster}"
        )


def check_region(wanted: Aws, server: str) -> None:
    """That neither the shell, nor the stack file, nor the kubeconfig speaks of another region.

    The provider itself works in the region of the settings, whatever they say: a difference is somebody's mistake, and
    whose, only people know.

    Args:
        wanted: The section ``aws``.
        server: The API server that the kubeconfig leads to.

    Raises:
        WrongTargetError: One of them does.
    """
    said = {name: os.environ.get(name) for name in _REGION_VARIABLES}
    said["aws:region"] = pulumi.Config("aws").get("region")
    for source, region in said.items():
        if region and region != wanted.region:
            raise WrongTargetError(
                f"pxl:aws.region = {wanted.region}, but {source} = {region}\n"
                f"  next: unset {source}, or set pxl:aws.region if the stack really lies in {region}"
            )
    found = _EKS_HOST.search(urlsplit(server).hostname or "")
    if found and found["region"] != wanted.region:
        raise WrongTargetError(
            f"pxl:aws.region = {wanted.region}, but the kubeconfig leads to a cluster in {found['region']}: {server}\n"
            f"  next: aws eks update-kubeconfig --name {wanted.cluster} --region {wanted.region}"
        )


def _asked(question: Callable[[], str], problem: str, remedy: str) -> str:
    """The answer; what goes wrong is told with the setting that it is about."""
    try:
        return question()
    except Exception as error:  # the SDK raises no narrower one
        reason = re.sub(
            r"^.*returned an error: (invocation of \S+ returned an error: )?", "", str(error), flags=re.DOTALL
        )
        raise WrongTargetError(f"{problem}\n  why:  {reason.strip()}\n  next: {remedy}") from error


def server_of(settings: Settings) -> str:
    """The API server that the Kubernetes provider will talk to.

    Args:
        settings: The stack's settings, which name kubeconfig and context.

    Raises:
        WrongTargetError: There is no kubeconfig, or it has no such context.
    """
    paths = _kubeconfigs(settings)
    try:
        documents = [_document(path) for path in paths]
        current = next((one["current-context"] for one in documents if one.get("current-context")), None)
        cluster = _named(documents, "contexts", settings.kubernetes.context or current)["context"]["cluster"]
        return str(_named(documents, "clusters", cluster)["cluster"]["server"])
    except (OSError, KeyError, TypeError, AttributeError, StopIteration, yaml.YAMLError) as error:
        raise WrongTargetError(
            f"pxl:kubernetes.context = {settings.kubernetes.context or '(current)'} is not in the kubeconfig "
            f"{os.pathsep.join(map(str, paths))}\n"
            "  next: aws eks update-kubeconfig --name CLUSTER --alias CONTEXT, or set pxl:kubernetes.kubeconfig"
        ) from error


def _kubeconfigs(settings: Settings) -> list[Path]:
    """The files that clients of Kubernetes read, in order: of two that name the same, the first counts."""
    if settings.kubernetes.kubeconfig:
        return [Path(settings.kubernetes.kubeconfig).expanduser()]
    # As the clients do: an empty entry is none, and a file that is not there is passed over.
    named = [Path(each).expanduser() for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    return [each for each in named if each.exists()] or named or [Path("~/.kube/config").expanduser()]


def _document(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def _named(documents: list[dict[str, Any]], kind: str, name: str | None) -> dict[str, Any]:
    items = [item for one in documents for item in cast("list[dict[str, Any]]", one.get(kind) or [])]
    return next(item for item in items if item["name"] == name)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or 443
