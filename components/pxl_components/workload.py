"""What API, worker, jobs and stores share: resources and probes."""

from dataclasses import dataclass
from typing import NamedTuple, NotRequired, TypedDict

from pulumi_kubernetes.core.v1 import ProbeArgsDict, ResourceRequirementsArgsDict

from pxl_components import quantities
from pxl_components.validation import Arguments

_STARTUP_PERIOD = 2


class Resources(TypedDict):
    """What one pod asks for and may use, as Kubernetes quantities."""

    cpu_request: NotRequired[str]
    """CPU that is set aside, such as ``100m``."""
    cpu_limit: NotRequired[str]
    """CPU that it may not exceed; default none, because throttling hurts latency more than it protects."""
    memory_request: NotRequired[str]
    """Memory that is set aside; default: the limit."""
    memory_limit: NotRequired[str]
    """Memory above which the container is killed, such as ``256Mi``."""
    ephemeral_storage_request: NotRequired[str]
    """Disk that is set aside for logs and temporary files; default ``64Mi``."""
    ephemeral_storage_limit: NotRequired[str]
    """Disk above which the pod is evicted; default ``512Mi``."""


class Probes(TypedDict):
    """How the kubelet asks a container for its health. Paths are those of the app."""

    readiness_path: NotRequired[str]
    """HTTP path that says whether to send traffic; default that of the environment contract."""
    startup_path: NotRequired[str]
    """HTTP path that says whether the start is over; default: the port is open."""
    liveness_path: NotRequired[str]
    """HTTP path that says whether to restart; default: the port is open. It must not look at a store."""
    timeout_seconds: NotRequired[int]
    """How long an answer may take, 1-60; default 2."""
    period_seconds: NotRequired[int]
    """Time between two readiness checks, 1-300; default 5. Liveness takes twice as long."""
    failure_threshold: NotRequired[int]
    """Failed checks in a row before it counts, 1-60; default 3."""
    startup_seconds: NotRequired[int]
    """How long the start may take, 5-3600; default 60."""


class ContainerProbes(NamedTuple):
    """The probes of one container; None where it has none."""

    startup: ProbeArgsDict | None
    readiness: ProbeArgsDict | None
    liveness: ProbeArgsDict | None


NO_PROBES = ContainerProbes(None, None, None)


@dataclass(frozen=True)
class ResourceSpec:
    """``Resources`` that have been checked, with every default filled in."""

    cpu_request: str
    cpu_limit: str | None
    memory_request: str
    memory_limit: str
    storage_request: str
    storage_limit: str

    @staticmethod
    def read(args: Arguments, *, cpu: str, memory: str, storage: str = "512Mi") -> "ResourceSpec":
        """Reads the ``resources`` of a component.

        Args:
            args: The args that hold ``resources``.
            cpu: Default request.
            memory: Default limit, and so the default request.
            storage: Default limit of ephemeral storage.

        Raises:
            ArgumentError: a malformed quantity, or a request above its limit.
        """
        given = args.group_or_empty("resources", Resources)
        memory_limit = read_quantity(given, "memory_limit", memory)
        storage_limit = read_quantity(given, "ephemeral_storage_limit", storage)
        spec = ResourceSpec(
            cpu_request=read_quantity(given, "cpu_request", cpu),
            cpu_limit=read_quantity(given, "cpu_limit", "1") if given.has("cpu_limit") else None,
            memory_request=read_quantity(given, "memory_request", memory_limit),
            memory_limit=memory_limit,
            storage_request=read_quantity(given, "ephemeral_storage_request", _smaller("64Mi", storage_limit)),
            storage_limit=storage_limit,
        )
        _ordered(given, "cpu_request", spec.cpu_request, spec.cpu_limit)
        _ordered(given, "memory_request", spec.memory_request, spec.memory_limit)
        _ordered(given, "ephemeral_storage_request", spec.storage_request, spec.storage_limit)
        return spec

    def requirements(self) -> ResourceRequirementsArgsDict:
        """As the container's spec has it."""
        limits = {"memory": self.memory_limit, "ephemeral-storage": self.storage_limit}
        requests = {
            "cpu": self.cpu_request,
            "memory": self.memory_request,
            "ephemeral-storage": self.storage_request,
        }
        if self.cpu_limit is not None:
            limits["cpu"] = self.cpu_limit
        return {"requests": requests, "limits": limits}


@dataclass(frozen=True)
class ProbeSpec:
    """``Probes`` that have been checked, for a container that listens on a port."""

    port: int
    readiness_path: str | None
    startup_path: str | None
    liveness_path: str | None
    timeout_seconds: int
    period_seconds: int
    failure_threshold: int
    startup_seconds: int

    @staticmethod
    def read(args: Arguments, port: int, readiness_path: str | None) -> "ProbeSpec":
        """Reads the ``probes`` of a component.

        Args:
            args: The args that hold ``probes``.
            port: The port to ask.
            readiness_path: Default path; None asks only whether the port is open.

        Raises:
            ArgumentError: out of bounds, or a timeout longer than the period.
        """
        given = args.group_or_empty("probes", Probes)
        spec = ProbeSpec(
            port=port,
            readiness_path=given.path_text("readiness_path", readiness_path or "") or None,
            startup_path=given.path_text("startup_path", "") or None,
            liveness_path=given.path_text("liveness_path", "") or None,
            timeout_seconds=given.integer("timeout_seconds", 2, 1, 60),
            period_seconds=given.integer("period_seconds", 5, 1, 300),
            failure_threshold=given.integer("failure_threshold", 3, 1, 60),
            startup_seconds=given.integer("startup_seconds", 60, 5, 3600),
        )
        if spec.timeout_seconds > spec.period_seconds:
            problem = f"is longer than period_seconds ({spec.period_seconds})"
            raise given.error("timeout_seconds", spec.timeout_seconds, problem, "lower it, or raise the period")
        return spec

    def probes(self) -> ContainerProbes:
        """The three probes of the container.

        The start may take ``startup_seconds``; only then do the others count. Liveness opens the port unless it has
        a path: it must not fail because a store is away or a rate limit answers.
        """
        startup = self._probe(self.startup_path)
        startup |= {"period_seconds": _STARTUP_PERIOD, "failure_threshold": -(-self.startup_seconds // _STARTUP_PERIOD)}
        readiness = self._probe(self.readiness_path)
        readiness |= {"period_seconds": self.period_seconds, "failure_threshold": self.failure_threshold}
        liveness = self._probe(self.liveness_path)
        liveness |= {"period_seconds": 2 * self.period_seconds, "failure_threshold": self.failure_threshold}
        return ContainerProbes(startup, readiness, liveness)

    def _probe(self, path: str | None) -> ProbeArgsDict:
        probe: ProbeArgsDict = {"timeout_seconds": self.timeout_seconds}
        if path is None:
            probe["tcp_socket"] = {"port": self.port}
        else:
            probe["http_get"] = {"path": path, "port": self.port}
        return probe


def read_quantity(args: Arguments, key: str, default: str) -> str:
    """A Kubernetes quantity as it was written.

    Raises:
        ArgumentError: malformed, or not above zero.
    """
    text = args.text(key, default)
    try:
        quantities.parse(text)
    except ValueError:
        raise args.error(key, text, "is not a quantity above zero", "write one such as 250m or 256Mi") from None
    return text


def _smaller(first: str, second: str) -> str:
    return min(first, second, key=quantities.parse)


def _ordered(args: Arguments, key: str, request: str, limit: str | None) -> None:
    if limit is not None and quantities.parse(request) > quantities.parse(limit):
        raise args.error(key, request, f"is above the limit ({limit})", "lower the request or raise the limit")
