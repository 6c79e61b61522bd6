"""What the app's processes share, whether they serve, work or migrate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components.contracts import EnvironmentContract
from pxl_components.drain import Drain
from pxl_components.environment import CA_FILE, CA_KEY, EnvironmentSpec, Process
from pxl_components.images import ImageReference
from pxl_components.labels import Identity
from pxl_components.links import Links
from pxl_components.pods import Container, Mount, config_file, scratch
from pxl_components.validation import Arguments
from pxl_components.workload import NO_PROBES, ContainerProbes, ResourceSpec

DIGEST_ANNOTATION = "pxl.dev/image-digest"
_HIGHEST_USER = 2_000_000_000
_FRAMEWORK_GRACEFUL_SECONDS = 30
_OBJECT_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclass(frozen=True)
class AppSpec:
    """The args that API, worker and migrations have in common, checked."""

    identity: Identity
    namespace: Input[str]
    image: ImageReference
    environment: EnvironmentSpec
    command: list[str]
    resources: ResourceSpec
    user: int
    pull_secrets: list[str]
    working_dir: str
    empty_env_file: bool
    links: Links
    priority_class: str | None = None

    @staticmethod
    def read(args: Arguments, identity: Identity, command: Sequence[str], links: Links) -> "AppSpec":
        """Reads them.

        Args:
            args: The component's args.
            identity: Whose pods they are.
            command: Default command.
            links: The links that the component has read.
        """
        return AppSpec.of(
            args,
            identity,
            environment=EnvironmentSpec.read(args),
            command=args.command("command", command),
            resources=ResourceSpec.read(args, cpu="100m", memory="256Mi"),
            links=links,
        )

    @staticmethod
    def of(
        args: Arguments,
        identity: Identity,
        *,
        environment: EnvironmentSpec,
        command: list[str],
        resources: ResourceSpec,
        links: Links,
    ) -> "AppSpec":
        """Reads only what every pod has, for one whose environment, command and resources are not the app's.

        Args:
            args: The component's args.
            identity: Whose pods they are.
            environment: What the process finds in its environment.
            command: What it runs.
            resources: What it may use.
            links: The links that the component has read.
        """
        return AppSpec(
            identity=identity,
            namespace=args.text_input("namespace"),
            image=args.image(),
            environment=environment,
            command=command,
            resources=resources,
            user=args.integer("run_as_user", 10001, 1, _HIGHEST_USER),
            pull_secrets=_pull_secrets(args),
            working_dir=args.path_text("working_dir", "/app"),
            empty_env_file=args.boolean("empty_env_file"),
            links=links,
            priority_class=_priority_class(args),
        )

    def process(
        self,
        *,
        port: int | None = None,
        drain: Drain | None = None,
        workers: int | None = None,
        jobs: int | None = None,
        queues: Sequence[str] = (),
    ) -> Process:
        """What one kind of process is told; see ``Process``."""
        graceful = None if drain is None else drain.graceful_milliseconds
        return Process(str(self.image.digest), port, graceful, workers, jobs, tuple(queues))


def _pull_secrets(args: Arguments) -> list[str]:
    names = args.strings("pull_secrets", [])
    for number, name in enumerate(names):
        if not _OBJECT_NAME.fullmatch(name):
            remedy = "name a Secret of type kubernetes.io/dockerconfigjson: lower-case letters, digits, - and ."
            raise args.error(f"pull_secrets[{number}]", name, "is not the name of a Secret", remedy)
    return names


def _priority_class(args: Arguments) -> str | None:
    form = "the name of a PriorityClass (lower-case letters, digits, - and .)"
    return args.text("priority_class", "", _OBJECT_NAME, form) or None


def read_drain(args: Arguments, *, receives_traffic: bool) -> Drain:
    """The drain of a workload, refused where the app cannot keep to it.

    The framework closes within 30 s and takes no other limit from its environment: where only its contract is read,
    a shorter drain would be a promise that the kubelet breaks with a kill.

    Raises:
        ArgumentError: out of bounds, or shorter than the framework's own limit.
    """
    drain = Drain.read(args, receives_traffic=receives_traffic)
    given = args.mapping("environment").get("contract")
    framework = given in (EnvironmentContract.FRAMEWORK, EnvironmentContract.FRAMEWORK.value)
    if framework and drain.drain_seconds < _FRAMEWORK_GRACEFUL_SECONDS:
        problem = f"is shorter than the {_FRAMEWORK_GRACEFUL_SECONDS} s that the framework takes to close"
        remedy = "raise it to 30 or more; only an app that reads GRACEFUL_TIMEOUT_MS (contract guide) can close sooner"
        raise args.error("drain_seconds", drain.drain_seconds, problem, remedy)
    return drain


def read_cluster_workers(args: Arguments, environment: EnvironmentSpec) -> int | None:
    """How many processes the framework's cluster mode has; None for a single process without it.

    Process 1 of a container gets no signal that it has no handler for, and the framework has one in cluster mode only.

    Raises:
        ArgumentError: out of bounds.
    """
    default = 1 if environment.kind is EnvironmentContract.FRAMEWORK else 0
    return args.integer("cluster_workers", default, 0, 64) or None


def app_container(
    parent: pulumi.Resource,
    name: str,
    spec: AppSpec,
    process: Process,
    *,
    command: Sequence[str] | None = None,
    probes: ContainerProbes = NO_PROBES,
    drain: Drain | None = None,
    skips: dict[str, str] | None = None,
) -> Container:
    """The container of one of the app's processes; the ConfigMap of an empty ``.env`` comes with it.

    Args:
        parent: The component.
        name: Its name.
        spec: What the app's processes share.
        process: What this one is told.
        command: What it runs; default that of ``spec``.
        probes: How its health is asked for.
        drain: How it ends; None for a process that ends by itself.
        skips: Checks that do not fit this process, for the scanner: id to reason.
    """
    return Container(
        name="app",
        image=spec.image,
        resources=spec.resources,
        user=spec.user,
        env=spec.environment.variables(process),
        command=spec.command if command is None else command,
        port=process.port,
        probes=probes,
        drain=drain,
        mounts=_mounts(parent, name, spec),
        working_dir=spec.working_dir,
        sidecars=[] if spec.environment.redis_proxy is None else [spec.environment.redis_proxy.container()],
        skips=skips or {},
    )


def pod_notes(spec: AppSpec) -> dict[str, str]:
    """Annotations of the app's pods: which build runs. Never a label: selectors are made of those."""
    return {DIGEST_ANNOTATION: spec.image.digest}


def _mounts(parent: pulumi.Resource, name: str, spec: AppSpec) -> list[Mount]:
    mounts = [scratch("tmp", "/tmp", spec.resources.storage_request)]
    if spec.environment.ca_config_map is not None:
        mounts.append(config_file("postgres-ca", spec.environment.ca_config_map, CA_FILE, CA_KEY))
    if spec.empty_env_file:
        path = f"{spec.working_dir.rstrip('/')}/.env"
        mounts.append(config_file("empty-env", _empty_env(parent, name, spec), path, ".env"))
    return mounts


def _empty_env(parent: pulumi.Resource, name: str, spec: AppSpec) -> Input[str]:
    opts = pulumi.ResourceOptions(parent=parent)
    metadata = spec.identity.metadata(spec.namespace)
    made = kubernetes.core.v1.ConfigMap(
        f"{name}-empty-env", metadata=metadata, data={".env": ""}, immutable=True, opts=opts
    )
    return made.metadata.apply(lambda known: str(known.name))
