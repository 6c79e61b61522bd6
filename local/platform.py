"""A platform that a stack can be deployed to: where its API server is, and which images it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from local import images, node
from local.paths import State
from operations.errors import Problem


@dataclass(frozen=True)
class Platform:
    """Where ``make up`` deploys to.

    Attributes:
        kubeconfig: The kubeconfig file; None for the one that ``KUBECONFIG`` or the home folder gives.
        context: The context in it. No other is ever used.
        images: References of what runs beside the app, by name; empty where the stack file names them.
        node: The embedded node; None on a cluster of the user's own.
        overrides: Settings that win over those of the stack file, by key with ``pxl:``.
    """

    kubeconfig: Path | None
    context: str
    images: Mapping[str, str]
    node: node.Node | None
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def additions(self, digest: str | None) -> dict[str, Any]:
        """What the engine's copy of the stack file says beyond the committed one."""
        where: dict[str, Any] = {"context": self.context, "clusterIdentifier": self.context}
        if self.kubeconfig is not None:
            where["kubeconfig"] = str(self.kubeconfig)
        added: dict[str, Any] = {**self.overrides, "pxl:kubernetes": where}
        used = {name: self.images[name] for name in ("postgres", "redis", "registry") if name in self.images}
        if used:
            added["pxl:images"] = used
        if digest is not None:
            added["pxl:release"] = {"digest": digest}
        return added


def embedded(state: State, port: int | None, dns_rules: Sequence[str] = ()) -> Platform:
    """The node of this checkout, started if need be, with its images and its DNS.

    Args:
        state: The state folder.
        port: The port of 127.0.0.1 for the app.
        dns_rules: Further lines of the DNS server's configuration.

    Raises:
        Problem: The machine cannot carry it, or a part of it does not come up.
    """
    running = node.up(state, app_port=port)
    ready = images.ensure(running, state)
    node.install_addons(running, ready, dns_rules)
    return Platform(running.kubeconfig, running.context, ready, running)


def named(context: str) -> Platform:
    """A cluster of the user's own, by the context of their kubeconfig; it need not be the current one.

    Raises:
        Problem: No such context.
    """
    from kubernetes import config as kube  # noqa: PLC0415 (takes longer to load than most commands run)

    try:
        contexts, _ = kube.list_kube_config_contexts()
    except kube.ConfigException as error:
        remedy = "name its file with KUBECONFIG, or leave KUBE_CONTEXT out for the embedded node"
        raise Problem(
            f"There is no kubeconfig to take the context {context!r} from.", why=str(error), remedy=remedy
        ) from error
    known = [str(item["name"]) for item in cast("list[dict[str, Any]]", contexts)]
    if context not in known:
        raise Problem(
            f"The kubeconfig has no context {context!r}.",
            where="KUBE_CONTEXT",
            why=f"it has: {', '.join(known) or 'none'}",
            remedy="name one of them, or leave KUBE_CONTEXT out for the embedded node",
        )
    return Platform(None, context, {}, None)
