"""Which autoscalers a stack needs. Pure."""

from infra.settings import Settings
from infra.settings.workloads import AutoscalingEngine

METRICS_SERVER = "metrics-server"
KEDA = "keda"


def needed(settings: Settings) -> tuple[str, ...]:
    """The names of what has to be in the cluster for these settings to scale anything.

    Args:
        settings: The stack's settings.
    """
    workers = any(one.replicas.scaled for one in settings.worker_groups.values())
    by_keda = settings.autoscaling.engine is AutoscalingEngine.KEDA
    found = [METRICS_SERVER] if settings.api.replicas.scaled or (workers and not by_keda) else []
    return (*found, KEDA) if workers and by_keda else tuple(found)
