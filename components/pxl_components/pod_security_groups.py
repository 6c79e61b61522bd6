"""Security groups of pods: on AWS a store can then let in one workload, and not all that its nodes run."""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components.access import read_groups
from pxl_components.endpoints import read_pod_labels
from pxl_components.labels import Identity
from pxl_components.tags import read_tags
from pxl_components.validation import Arguments

# One network interface carries five groups, and one of them is the pods' own.
_MOST_SHARED = 4


class GuardedPods(TypedDict):
    """Pods that get a group of their own."""

    name: str
    """Name of the group, a DNS label, such as ``api``."""
    pod_labels: dict[str, str]
    """The labels that select the pods."""


class PodSecurityGroupsArgs(TypedDict):
    """Arguments of ``PodSecurityGroups``."""

    namespace: Input[str]
    """The namespace of the pods."""
    vpc_id: Input[str]
    """The VPC of the cluster."""
    pods: list[GuardedPods]
    """Which pods get a group."""
    shared_group_ids: list[Input[str]]
    """1 to 4 groups that the pods carry, too, such as the nodes': probes, DNS and load balancers come by them."""
    tags: NotRequired[dict[str, str]]
    """Tags of the groups."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class PodSecurityGroups(pulumi.ComponentResource):
    """A security group for each kind of pod, and the SecurityGroupPolicy that gives it to them.

    Needs the VPC CNI with pod ENIs (``ENABLE_POD_ENI``) on instances that have them. A pod gets its groups when it is
    made: declare workloads ``depends_on`` this component.
    """

    group_ids: pulumi.Output[dict[str, str]]
    """The id of each group by its name; known when the pods that are made from then on carry it."""

    def __init__(self, name: str, args: PodSecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:PodSecurityGroups", name, {}, opts)
        ids = {pods: self._group(f"{name}-{pods}", pods, labels, spec) for pods, labels in spec.pods.items()}
        self.group_ids = pulumi.Output.all(**ids)
        self.register_outputs({"groupIds": self.group_ids})

    def _group(self, name: str, pods: str, labels: dict[str, str], spec: "_Spec") -> pulumi.Output[str]:
        opts = pulumi.ResourceOptions(parent=self)
        # It says who the pods are and allows nothing: what they carry besides does.
        group = aws.ec2.SecurityGroup(
            name, description=f"who the pods of {pods} are", vpc_id=spec.vpc_id, tags=spec.tags, opts=opts
        )
        policy = kubernetes.apiextensions.CustomResource(
            f"{name}-policy",
            api_version="vpcresources.k8s.aws/v1beta1",
            kind="SecurityGroupPolicy",
            metadata=spec.identity.metadata(spec.namespace),
            spec={
                "podSelector": {"matchLabels": labels},
                "securityGroups": {"groupIds": [group.id, *spec.shared]},
            },
            opts=opts,
        )
        return pulumi.Output.all(group.id, policy.urn).apply(lambda known: str(known[0]))


@dataclass(frozen=True)
class _Spec:
    identity: Identity
    namespace: Input[str]
    vpc_id: Input[str]
    pods: dict[str, dict[str, str]]
    shared: list[Input[str]]
    tags: dict[str, str]

    @staticmethod
    def read(name: str, args: PodSecurityGroupsArgs) -> "_Spec":
        given = Arguments.of("PodSecurityGroups", name, args, PodSecurityGroupsArgs)
        return _Spec(
            identity=Identity("pod-security-groups", name, "access", given.labels()),
            namespace=given.text_input("namespace"),
            vpc_id=given.text_input("vpc_id"),
            pods=_pods(given),
            shared=_shared(given),
            tags=read_tags(given),
        )


def _pods(args: Arguments) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in args.groups("pods", GuardedPods):
        name = one.dns_label("name", "")
        if name in found:
            raise one.error("name", name, "is given twice", "give each kind of pod a name of its own")
        labels = read_pod_labels(one)
        if not labels:
            raise one.error("pod_labels", None, "is empty, and would select every pod", "give the labels of the pods")
        found[name] = labels
    if not found:
        raise args.error("pods", None, "is empty", "name the pods that get a group")
    return found


def _shared(args: Arguments) -> list[Input[str]]:
    given = {str(number): value for number, value in enumerate(args.listed("shared_group_ids"))}
    if not 1 <= len(given) <= _MOST_SHARED:
        problem = "needs 1 to 4 groups: without the nodes' no probe reaches the pods, and an interface carries five"
        raise args.error("shared_group_ids", list(given.values()), problem, "name the group of the nodes")
    return list(read_groups(args, "shared_group_ids", given).values())
