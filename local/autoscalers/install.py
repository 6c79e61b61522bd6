"""Installs autoscalers on the node, and returns when they answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from local import images
from local.autoscalers import manifests
from local.autoscalers.need import KEDA, METRICS_SERVER
from local.node import Node
from local.paths import State
from operations.console import Step, step
from operations.errors import Problem

_READY_SECONDS = 180
_FIELD_MANAGER = "pxl-node"


@dataclass(frozen=True)
class Addon:
    """Something that is installed from a Go module.

    Attributes:
        name: Also that of its tool and of its image.
        module: Path of the module.
        folder: Where its kustomization is.
    """

    name: str
    module: str
    folder: str


ADDONS = {
    METRICS_SERVER: Addon(METRICS_SERVER, "sigs.k8s.io/metrics-server", "manifests/base"),
    KEDA: Addon(KEDA, "github.com/kedacore/keda/v2", "config/default"),
}


def ensure(node: Node, state: State, names: Iterable[str]) -> None:
    """Makes sure that autoscalers run on the node.

    Args:
        node: A running node.
        state: Its state folder.
        names: Which ones.

    Raises:
        Problem: One cannot be built, or does not come up.
    """
    for addon in (ADDONS[name] for name in names):
        image = images.ensure(node, state, [addon.name])[addon.name]
        with step(f"starting {addon.name}") as current:
            _install(node, addon, image, current)


def _install(node: Node, addon: Addon, image: str, current: Step) -> None:
    objects = manifests.with_image(manifests.read(addon.name, addon.module, addon.folder), image)
    apply = ["kubectl", "apply", "--server-side", "--force-conflicts", f"--field-manager={_FIELD_MANAGER}", "-f", "-"]
    _run(node, addon, apply, manifests.as_list(objects))
    for namespace, name in manifests.deployments(objects):
        current.update(f"deployment {name}")
        _wait(node, addon, ["rollout", "status", "--namespace", namespace, f"deployment/{name}"])
    for name in manifests.api_services(objects):
        current.update(f"API {name}")
        _wait(node, addon, ["wait", "--for=condition=Available", f"apiservice/{name}"])


def _wait(node: Node, addon: Addon, argv: list[str]) -> None:
    _run(node, addon, ["kubectl", *argv, f"--timeout={_READY_SECONDS}s"])


def _run(node: Node, addon: Addon, argv: list[str], data: bytes | None = None) -> None:
    done = node.run(argv, data=data, check=False)
    if done.returncode != 0:
        raise Problem(
            f"{addon.name} does not come up on the node",
            where=" ".join(argv[:4]),
            why=(done.stderr or done.stdout).decode(errors="replace").strip()[-1000:],
            remedy="make status; then run the same command again",
        )
