"""EKS: pod identity associations, and clusters whose API server is a real one."""

import secrets
import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.eks import urls
from moto.eks.responses import EKSResponse

from local.aws.additions.common import kept, refuse, take_over
from local.aws.tags import AUTHORITY_TAG, ENDPOINT_TAG

ADDITIONS = {
    "eks CreatePodIdentityAssociation, DescribePodIdentityAssociation, ListPodIdentityAssociations, "
    "UpdatePodIdentityAssociation, DeletePodIdentityAssociation": "moto has none of them",
    "eks DescribeCluster": (
        f"the tags {ENDPOINT_TAG} and {AUTHORITY_TAG} name a real API server; moto makes an address up"
    ),
}
"""What is added, and why."""

_PATH = r"/clusters/(?P<name>[^/]+)/pod-identity-associations"


class _Handler(EKSResponse):
    def __init__(self) -> None:
        super().__init__()
        self.automated_parameter_parsing = True

    def create_cluster(self) -> ActionResult:
        """Puts the cluster where its subnets are, as AWS does."""
        answer = super().create_cluster()
        cluster: Any = self.eks_backend.clusters[self._get_param("name")]
        tags = cluster.tags or {}
        cluster.endpoint = tags.get(ENDPOINT_TAG, cluster.endpoint)
        if AUTHORITY_TAG in tags:
            cluster.certificate_authority = {"data": tags[AUTHORITY_TAG]}
        network = dict(cluster.resources_vpc_config or {})
        if network.get("subnetIds"):
            network["vpcId"] = self._vpc_of(network["subnetIds"][0])
        network.setdefault("clusterSecurityGroupId", (network.get("securityGroupIds") or [None])[0])
        cluster.resources_vpc_config = {key: value for key, value in network.items() if value is not None}
        return answer

    def _vpc_of(self, subnet: str) -> str | None:
        from moto.ec2.models import ec2_backends  # noqa: PLC0415 - half a second that only clusters need

        found = ec2_backends[self.current_account][self.region].describe_subnets(subnet_ids=[subnet])
        return found[0].vpc_id if found else None

    def _associations(self) -> dict[str, Any]:
        return kept(self.eks_backend, "pod_identities")

    def create_pod_identity_association(self) -> ActionResult:
        """Gives the pods of a service account a role."""
        name = self._get_param("clusterName")
        self.eks_backend.describe_cluster(name=name)
        space, account = self._get_param("namespace"), self._get_param("serviceAccount")
        for found in self._associations().values():
            if (found["clusterName"], found["namespace"], found["serviceAccount"]) == (name, space, account):
                raise refuse("ResourceInUseException", f"Association already exists: {found['associationId']}")
        number = f"a-{secrets.token_hex(9)[:17]}"
        owner = f"arn:aws:eks:{self.region}:{self.current_account}"
        made = {
            "clusterName": name,
            "namespace": space,
            "serviceAccount": account,
            "roleArn": self._get_param("roleArn"),
            "associationArn": f"{owner}:podidentityassociation/{name}/{number}",
            "associationId": number,
            "tags": self._get_param("tags") or {},
            "createdAt": utcnow(),
            "modifiedAt": utcnow(),
            "externalId": str(uuid.uuid4()),
        }
        self._associations()[number] = made
        return ActionResult({"association": made})

    def describe_pod_identity_association(self) -> ActionResult:
        """One of them."""
        return ActionResult({"association": self._association()})

    def list_pod_identity_associations(self) -> ActionResult:
        """Those of a cluster, by namespace and service account where they are given."""
        wanted = {key: self._get_param(key) for key in ("clusterName", "namespace", "serviceAccount")}
        found = [
            entry
            for entry in self._associations().values()
            if all(value is None or entry[key] == value for key, value in wanted.items())
        ]
        return ActionResult({"associations": found})

    def update_pod_identity_association(self) -> ActionResult:
        """Gives another role."""
        found = self._association()
        found.update(roleArn=self._get_param("roleArn") or found["roleArn"], modifiedAt=utcnow())
        return ActionResult({"association": found})

    def delete_pod_identity_association(self) -> ActionResult:
        """Takes the role away."""
        return ActionResult({"association": self._associations().pop(self._association()["associationId"])})

    def _association(self) -> Any:
        found = self._associations().get(self._get_param("associationId"))
        if found is None or found["clusterName"] != self._get_param("clusterName"):
            raise refuse("ResourceNotFoundException", "No pod identity association found")
        return found


def install() -> None:
    """Has this module answer for EKS."""
    take_over(urls, _Handler, rf"{_PATH}/?$", rf"{_PATH}/(?P<association>[^/]+)/?$")
