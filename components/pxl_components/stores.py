"""What Postgres, Redis and the registry share when they run in the cluster: one pod, one Service."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input
from pulumi_kubernetes.apps.v1 import StatefulSetSpecArgsDict
from pulumi_kubernetes.core.v1 import PersistentVolumeClaimArgsDict, ProbeArgsDict, ServiceSpecArgsDict

from pxl_components import quantities
from pxl_components.deployment import service_account
from pxl_components.environment import read_secret_ref
from pxl_components.labels import Identity
from pxl_components.pods import Container, pod_spec, scanner_notes
from pxl_components.secrets import SecretKeyRef, secret
from pxl_components.validation import Arguments
from pxl_components.workload import ContainerProbes, ResourceSpec

PASSWORD_KEY = "password"
_LOGS = 256
_MEBI = 2**20
_START_SECONDS = 300


@dataclass(frozen=True)
class Server:
    """One pod and how it is reached.

    Attributes:
        identity: Whose pod it is.
        namespace: Where it runs.
        service_name: The fixed name that clients use.
        port: TCP port of container and Service.
        container: What it runs.
        claim: A volume that outlives the pod; None for none.
        node_port: A port of every node that reaches it; None for none.
    """

    identity: Identity
    namespace: Input[str]
    service_name: str
    port: int
    container: Container
    claim: PersistentVolumeClaimArgsDict | None = None
    node_port: int | None = None


def serve(
    parent: pulumi.Resource, name: str, server: Server, after: Sequence[pulumi.Resource] = ()
) -> pulumi.Output[str]:
    """Writes ServiceAccount, Service and StatefulSet.

    The StatefulSet names its Service in plain text: were each to wait for the other, the Service would wait for pods
    that are not there yet.

    Returns:
        The name of the Service; whoever uses it also waits until the server is up.
    """
    account = service_account(parent, name, server.identity, server.namespace)
    service = kubernetes.core.v1.Service(
        f"{name}-service",
        metadata=server.identity.metadata(server.namespace, name=server.service_name),
        spec=_service(server),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    wait = f"{_START_SECONDS}s"
    pods = kubernetes.apps.v1.StatefulSet(
        f"{name}-server",
        metadata=server.identity.metadata(server.namespace, notes=scanner_notes(server.container)),
        spec=_stateful(server, account),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
        ),
    )
    # The URN is known in a preview, too; the name would not be.
    return pulumi.Output.all(service.urn, pods.urn).apply(lambda _: server.service_name)


@dataclass(frozen=True)
class Password:
    """Where a store's password comes from: a value that becomes a Secret, or a Secret that is there."""

    value: pulumi.Output[str] | None
    ref: SecretKeyRef | None

    @staticmethod
    def read(args: Arguments) -> "Password":
        """Reads ``password`` or ``password_secret``.

        Raises:
            ArgumentError: both, neither, or an empty one.
        """
        args.exactly_one("password", "password_secret")
        if args.has("password"):
            return Password(args.secret_input("password"), None)
        return Password(None, read_secret_ref(args, "password_secret"))

    def deliver(self, parent: pulumi.Resource, name: str, identity: Identity, namespace: Input[str]) -> SecretKeyRef:
        """Writes the Secret where there is none yet; the reference that pods take comes back."""
        if self.ref is not None:
            return self.ref
        values = {} if self.value is None else {PASSWORD_KEY: self.value}
        made = secret(parent, f"{name}-password", identity.metadata(namespace), values)
        return {"name": made, "key": PASSWORD_KEY}


def exec_probes(command: Sequence[str]) -> ContainerProbes:
    """Probes that run a command in the container; the start may take two minutes."""
    check: ProbeArgsDict = {"exec_": {"command": list(command)}, "timeout_seconds": 3}
    startup: ProbeArgsDict = {**check, "period_seconds": 2, "failure_threshold": 60}
    readiness: ProbeArgsDict = {**check, "period_seconds": 5, "failure_threshold": 3}
    liveness: ProbeArgsDict = {**check, "period_seconds": 10, "failure_threshold": 6}
    return ContainerProbes(startup, readiness, liveness)


def with_room_for(args: Arguments, storage: str, *, cpu: str, memory: str) -> ResourceSpec:
    """The ``resources`` of a pod that keeps ``storage`` in itself: what it stores counts against its disk limit.

    Raises:
        ArgumentError: a limit that would evict the pod before the storage is full.
    """
    room = f"{math.ceil(quantities.parse(storage) / _MEBI) + _LOGS}Mi"
    spec = ResourceSpec.read(args, cpu=cpu, memory=memory, storage=room)
    if quantities.parse(spec.storage_limit) < quantities.parse(storage):
        problem = f"is below the storage ({storage}): the pod would be evicted before it is full"
        remedy = "leave it out, or raise it"
        raise args.error("resources.ephemeral_storage_limit", spec.storage_limit, problem, remedy)
    return spec


def _service(server: Server) -> ServiceSpecArgsDict:
    service: ServiceSpecArgsDict = {
        "type": "ClusterIP",
        "selector": server.identity.selector,
        "ports": [{"name": "tcp", "port": server.port, "target_port": server.port, "protocol": "TCP"}],
    }
    if server.node_port is not None:
        service["type"] = "NodePort"
        service["ports"] = [
            {
                "name": "tcp",
                "port": server.port,
                "target_port": server.port,
                "protocol": "TCP",
                "node_port": server.node_port,
            }
        ]
    return service


def _stateful(server: Server, account: Input[str]) -> StatefulSetSpecArgsDict:
    spec: StatefulSetSpecArgsDict = {
        "replicas": 1,
        "service_name": server.service_name,
        "selector": {"match_labels": server.identity.selector},
        "template": {
            "metadata": {"labels": server.identity.labels},
            "spec": pod_spec(server.container, account),
        },
    }
    if server.claim is not None:
        spec["volume_claim_templates"] = [server.claim]
    return spec
