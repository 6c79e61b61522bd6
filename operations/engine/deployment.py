"""One stack to deploy, and everything that the engine needs for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Deployment:
    """One stack to deploy, and everything the engine needs for it.

    Attributes:
        project_dir: The folder with ``Pulumi.yaml``.
        stack: The stack's name.
        env: The engine's whole environment: ``PATH`` with the engine on it, backend, passphrase.
        config_file: The settings file, if not ``Pulumi.<stack>.yaml``; the engine writes into it.
        kubeconfig: The kubeconfig file that is watched; None for the user's own.
        context: Its context; None with no kubeconfig switches watching off.
        namespace: The namespace that is watched.
        labels: A label selector for the workloads that are watched; "" for all.
        watch_seconds: Between two looks at the cluster.
        cluster_check: The command that tells how the cluster itself is, for when it does not answer.
    """

    project_dir: Path
    stack: str
    env: Mapping[str, str]
    config_file: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = ""
    labels: str = ""
    watch_seconds: float = 3.0
    cluster_check: str = ""

    @property
    def watches(self) -> bool:
        """Whether there is a cluster to look at."""
        return bool(self.namespace) and (self.kubeconfig is not None or self.context is not None)

    @property
    def settings_file(self) -> Path:
        """Where the stack's settings stand."""
        return self.config_file or self.project_dir / f"Pulumi.{self.stack}.yaml"
