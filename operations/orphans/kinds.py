"""The kinds that the program makes, where the API has them, and which of them hold what no run can make again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        api_version: As the API spells it.
        name: The kind.
        plural: Its name in URLs.
        keeps: What would be lost with an object of it; "" if a run makes it again from nothing.
        namespaced: Whether its objects live in a namespace.
    """

    api_version: str
    name: str
    plural: str
    keeps: str = ""
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; "" for the core."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str) -> str:
        """The URL path of all objects of the kind, in a namespace if it has any."""
        prefix = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        return f"{prefix}/namespaces/{namespace}/{self.plural}" if self.namespaced else f"{prefix}/{self.plural}"


# A kind that is not listed here is never looked for, and so never deleted.
KINDS = (
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("apps/v1", "StatefulSet", "statefulsets", keeps="its pods may hold data"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("batch/v1", "Job", "jobs"),
    Kind("external-secrets.io/v1", "ExternalSecret", "externalsecrets", keeps="the operator's Secret goes with it"),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses", keeps="the load balancer and its address go with it"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("v1", "Namespace", "namespaces", keeps="everything in it would go, too", namespaced=False),
    Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", keeps="it holds data"),
    Kind("v1", "Secret", "secrets"),
    Kind("v1", "Service", "services"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy", "securitygrouppolicies"),
)
