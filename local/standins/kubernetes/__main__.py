"""Started by the engine as ``pulumi-resource-kubernetes``."""

from local.standins.kubernetes.provider import KubernetesProvider
from local.standins.serve import serve

serve(KubernetesProvider)
