"""The pod that every workload of this library runs in: Pod Security ``restricted``, and a read-only root."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pulumi import Input
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    EnvVarArgsDict,
    PodSecurityContextArgsDict,
    PodSpecArgsDict,
    SecurityContextArgsDict,
    TopologySpreadConstraintArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)

from pxl_components.drain import Drain
from pxl_components.images import ImageReference
from pxl_components.labels import skip_checks
from pxl_components.workload import NO_PROBES, ContainerProbes, ResourceSpec

_HIGH_USER = 10000
_SPREAD_OVER = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


@dataclass(frozen=True)
class Mount:
    """A volume and where the container finds it."""

    volume: VolumeArgsDict | str
    """The volume, or the name of a claim template of the StatefulSet."""
    path: str
    """Where the container finds it."""
    sub_path: str | None = None
    read_only: bool = False


def scratch(name: str, path: str, limit: str) -> Mount:
    """A folder that ends with the pod, for a process whose root file system is read-only."""
    return Mount({"name": name, "empty_dir": {"size_limit": limit}}, path)


def claimed(name: str, path: str) -> Mount:
    """A volume that the StatefulSet claims for each pod."""
    return Mount(name, path)


def config_file(name: str, config_map: Input[str], path: str, key: str) -> Mount:
    """One key of a ConfigMap as a read-only file."""
    return Mount({"name": name, "config_map": {"name": config_map}}, path, sub_path=key, read_only=True)


def config_folder(name: str, config_map: Input[str], path: str) -> Mount:
    """All keys of a ConfigMap as read-only files of a folder."""
    return Mount({"name": name, "config_map": {"name": config_map}}, path, read_only=True)


@dataclass(frozen=True)
class Container:
    """A container, and what runs beside it.

    Attributes:
        name: Its name within the pod.
        image: What it runs.
        resources: What it asks for and may use.
        user: Numeric user and group, not 0.
        env: Its environment.
        command: Replaces the image's entry point; None keeps it.
        arguments: Arguments of the entry point; None keeps the image's.
        port: TCP port that it listens on; None for none.
        probes: How the kubelet asks for its health.
        drain: How it ends; None for Kubernetes' own 30 s.
        mounts: Its volumes.
        working_dir: Where its process starts; None keeps the image's.
        port_name: Name of the port, for who has more than one in a pod.
        sidecars: What starts before it and ends after it.
        before: What runs to its end before it starts, one after the other.
    """

    name: str
    image: ImageReference
    resources: ResourceSpec
    user: int
    env: Sequence[EnvVarArgsDict] = ()
    command: Sequence[str] | None = None
    arguments: Sequence[str] | None = None
    port: int | None = None
    probes: ContainerProbes = NO_PROBES
    drain: Drain | None = None
    mounts: Sequence[Mount] = ()
    working_dir: str | None = None
    port_name: str = "tcp"
    sidecars: "Sequence[Container]" = ()
    before: "Sequence[Container]" = ()
    skips: dict[str, str] = field(default_factory=dict[str, str])


def pod_spec(container: Container, account: Input[str]) -> PodSpecArgsDict:
    """A pod of one container and its sidecars that Pod Security ``restricted`` admits.

    Args:
        container: What runs in it.
        account: Name of its ServiceAccount, of which it gets no token.
    """
    spec: PodSpecArgsDict = {
        "service_account_name": account,
        "automount_service_account_token": False,
        # Service links would add variables such as REDIS_PORT=tcp://…, which apps read as their own.
        "enable_service_links": False,
        "security_context": _pod_security(container.user),
        "containers": [_container(container)],
        "volumes": _volumes(container),
    }
    # A native sidecar: it outlives the container, and a Job does not wait for it.
    first: list[ContainerArgsDict] = [{**_container(each), "restart_policy": "Always"} for each in container.sidecars]
    first += [_container(each) for each in container.before]
    if first:
        spec["init_containers"] = first
    if container.drain is not None:
        spec["termination_grace_period_seconds"] = container.drain.termination_grace_seconds
    return spec


def _volumes(container: Container) -> list[VolumeArgsDict]:
    """Each volume once, also one that two containers mount."""
    mounts = [mount for each in (container, *container.sidecars, *container.before) for mount in each.mounts]
    by_name: dict[object, VolumeArgsDict] = {}
    for mount in mounts:
        if not isinstance(mount.volume, str):
            by_name.setdefault(mount.volume["name"], mount.volume)
    return list(by_name.values())


def spread(selector: dict[str, str]) -> list[TopologySpreadConstraintArgsDict]:
    """Spreads pods over nodes and zones where it can, without keeping one from starting where it cannot."""
    return [
        {
            "max_skew": 1,
            "topology_key": key,
            "when_unsatisfiable": "ScheduleAnyway",
            "label_selector": {"match_labels": selector},
            # Counts the pods of one revision only, so that a rollout ends as even as it began.
            "match_label_keys": ["pod-template-hash"],
        }
        for key in _SPREAD_OVER
    ]


def scanner_notes(container: Container) -> dict[str, str]:
    """Why a pod leaves out what the checkov scanner looks for, as annotations beside the resource."""
    reasons = {
        "CKV_K8S_15": "the image is a digest, so a pull can bring nothing else and IfNotPresent outlives an outage"
    }
    if container.resources.cpu_limit is None:
        reasons["CKV_K8S_11"] = "a CPU limit throttles requests and drains; the request guarantees the share"
    if any(_is_secret(variable) for variable in container.env):
        reasons["CKV_K8S_35"] = "the process reads its secrets from the environment"
    if container.user < _HIGH_USER:
        reasons["CKV_K8S_40"] = "the image's files belong to this user"
    if container.probes.liveness is None:
        reasons["CKV_K8S_8"] = "no port to ask: a process that ends is restarted"
    if container.probes.readiness is None:
        reasons["CKV_K8S_9"] = "no port to ask: nothing sends traffic to it"
    return skip_checks({**reasons, **container.skips})


def _is_secret(variable: EnvVarArgsDict) -> bool:
    source = variable.get("value_from")
    return isinstance(source, dict) and "secret_key_ref" in source


def _pod_security(user: int) -> PodSecurityContextArgsDict:
    return {
        "run_as_non_root": True,
        "run_as_user": user,
        "run_as_group": user,
        "fs_group": user,
        "fs_group_change_policy": "OnRootMismatch",
        "seccomp_profile": {"type": "RuntimeDefault"},
    }


def _container_security(user: int) -> SecurityContextArgsDict:
    return {
        "run_as_non_root": True,
        "run_as_user": user,
        "allow_privilege_escalation": False,
        "read_only_root_filesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
        "seccomp_profile": {"type": "RuntimeDefault"},
    }


def _container(container: Container) -> ContainerArgsDict:
    spec: ContainerArgsDict = {
        "name": container.name,
        "image": str(container.image),
        "image_pull_policy": "IfNotPresent",
        "env": list(container.env),
        "resources": container.resources.requirements(),
        "security_context": _container_security(container.user),
        "volume_mounts": [_mount(mount) for mount in container.mounts],
    }
    if container.command is not None:
        spec["command"] = list(container.command)
    if container.arguments is not None:
        spec["args"] = list(container.arguments)
    if container.port is not None:
        spec["ports"] = [{"name": container.port_name, "container_port": container.port, "protocol": "TCP"}]
    if container.working_dir is not None:
        spec["working_dir"] = container.working_dir
    if container.drain is not None and container.drain.pre_stop_seconds:
        spec["lifecycle"] = {"pre_stop": {"sleep": {"seconds": container.drain.pre_stop_seconds}}}
    _add_probes(spec, container.probes)
    return spec


def _add_probes(spec: ContainerArgsDict, probes: ContainerProbes) -> None:
    if probes.startup is not None:
        spec["startup_probe"] = probes.startup
    if probes.readiness is not None:
        spec["readiness_probe"] = probes.readiness
    if probes.liveness is not None:
        spec["liveness_probe"] = probes.liveness


def _mount(mount: Mount) -> VolumeMountArgsDict:
    name = mount.volume if isinstance(mount.volume, str) else mount.volume["name"]
    spec: VolumeMountArgsDict = {"name": name, "mount_path": mount.path}
    if mount.sub_path is not None:
        spec["sub_path"] = mount.sub_path
    if mount.read_only:
        spec["read_only"] = True
    return spec
