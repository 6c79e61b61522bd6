"""The pods that a proof needs besides the stack's own, for as long as it runs.

A pod without labels in the stack's namespace, one in another namespace, one in the network of each node of the stack
where the cluster admits such pods, and one with the labels of each client that has links and no running pod.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from kubernetes.client.exceptions import ApiException

from operations import rollout
from operations.console import say, step
from operations.errors import Problem
from operations.proof.isolation import owned
from operations.proof.isolation.cluster import Cluster, Object
from operations.proof.isolation.declared import Declared
from operations.proof.isolation.manifests import namespace_of, pod_of, pull_secret_of
from operations.proof.isolation.model import Kind, Place
from operations.proof.isolation.removal import remove
from operations.proof.isolation.survey import Survey, place_of, running_container

UNLABELLED = "unlabelled pod"
FOREIGN = "foreign pod"
NODE = "node"
_SECONDS = 120.0
_EVERY_SECONDS = 0.5

Say = Callable[[str], None]


@dataclass
class Temporary:
    """What was made.

    Attributes:
        places: The pods, all of which run.
        missing: Pods that had to be made and could not be.
        notes: What the cluster does not admit, and need not.
    """

    places: list[Place] = field(default_factory=list[Place])
    missing: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


@contextmanager
def temporary(cluster: Cluster, declared: Declared, survey: Survey) -> Iterator[Temporary]:
    """Makes them, and takes them away again, whatever happens.

    Raises:
        Problem: If the cluster refuses them, or they do not start.
    """
    with step("looking for what an earlier proof left") as current:
        remove(cluster, declared.namespace, current.update)
    try:
        with step("starting temporary pods") as current:
            made = _Maker(cluster, declared, survey).make(current.update)
        yield made
    finally:
        with step("removing the temporary pods") as current:
            _remove_for_sure(cluster, declared.namespace, current.update)


def _remove_for_sure(cluster: Cluster, namespace: str, tell: Say) -> None:
    """Removes them also when it is interrupted; once more, and it gives up."""
    try:
        remove(cluster, namespace, tell)
    except KeyboardInterrupt:
        say("the temporary pods are still removed; interrupt once more to leave them to the next proof")
        remove(cluster, namespace, tell)
        raise


@dataclass(frozen=True)
class _Wanted:
    """A pod that was asked for, and what it will be."""

    namespace: str
    name: str
    group: str
    kind: Kind


class _Maker:
    def __init__(self, cluster: Cluster, declared: Declared, survey: Survey) -> None:
        self._cluster, self._declared, self._survey = cluster, declared, survey
        self._prefix = f"{owned.PREFIX}{secrets.token_hex(3)}"
        self._image = survey.app["spec"]["containers"][0]["image"]
        self._pull = [one["name"] for one in survey.app["spec"].get("imagePullSecrets") or []]
        self._made = Temporary()
        self._wanted: list[_Wanted] = []

    def make(self, tell: Say) -> Temporary:
        try:
            own = self._declared.namespace
            self._pod(own, UNLABELLED, Kind.STRANGER, marked=False)
            for group, labels in self._survey.roles_without_pods(self._declared).items():
                self._role(own, group, labels)
            self._pod(self._space("foreign", "restricted"), FOREIGN, Kind.STRANGER)
        except ApiException as error:
            raise Problem(
                "the cluster refuses a temporary pod",
                why=rollout.api_words(error),
                remedy="use an account that may make namespaces and pods",
            ) from error
        self._nodes()
        for wanted in self._wanted:
            self._await(wanted, tell)
        return self._made

    def _space(self, name: str, level: str) -> str:
        """A temporary namespace that pods can be made in: with its default account, and what images are pulled with."""
        space = f"{self._prefix}-{name}"
        self._cluster.make_namespace(namespace_of(space, self._declared.namespace, self._survey.labels, level))
        end = time.monotonic() + _SECONDS
        while self._cluster.get(f"/api/v1/namespaces/{space}/serviceaccounts/default") is None:
            if time.monotonic() > end:
                raise Problem(
                    f"the namespace {space} gets no default ServiceAccount",
                    remedy="see whether the controller manager runs: kubectl get --raw '/readyz?verbose'",
                )
            time.sleep(_EVERY_SECONDS)
        for secret in self._pull:
            found = self._cluster.get(f"/api/v1/namespaces/{self._declared.namespace}/secrets/{secret}")
            if found is not None:
                self._cluster.make_secret(pull_secret_of(found, space))
        return space

    def _role(self, namespace: str, group: str, labels: Mapping[str, str]) -> None:
        if any(selector.items() <= labels.items() for selector in self._survey.services):
            self._made.missing.append(
                f"no pod of {group} runs, and one for the proof would get the traffic of its Service"
            )
            return
        self._pod(namespace, group, Kind.STACK, labels=labels)

    def _nodes(self) -> None:
        nodes = sorted({place.node for place in self._survey.pods if place.node})
        try:
            space = self._space("node", "privileged")
            for node in nodes:
                self._pod(space, NODE, Kind.CLUSTER, node=node)
        except ApiException as error:
            if error.status not in (400, 403, 422):
                raise
            self._made.notes.append(f"the node as a source is not shown: {rollout.api_words(error)}")

    def _pod(
        self,
        namespace: str,
        group: str,
        kind: Kind,
        *,
        labels: Mapping[str, str] | None = None,
        marked: bool = True,
        node: str = "",
    ) -> None:
        name = f"{self._prefix}-{group.split(' ', maxsplit=1)[0]}-{len(self._wanted)}"
        all_labels = {**(labels or {}), owned.MARK: owned.VALUE} if marked else None
        pod = pod_of(name, namespace, self._image, labels=all_labels, pull_secrets=self._pull, node=node)
        self._cluster.make_pod(pod)
        self._wanted.append(_Wanted(namespace, name, group, kind))

    def _await(self, wanted: _Wanted, tell: Say) -> None:
        """Waits until a pod runs; one in the network of its node may also fail to."""
        end = time.monotonic() + _SECONDS
        why = ""
        while time.monotonic() < end:
            pod = self._cluster.pod(wanted.namespace, wanted.name)
            if pod is None or pod["status"].get("phase") in ("Failed", "Succeeded"):
                why = "it is gone" if pod is None else _waits_for(pod)
                break
            if running_container(pod):
                self._made.places.append(place_of(pod, wanted.group, wanted.kind))
                return
            why = _waits_for(pod)
            tell(f"{wanted.group}: {why}")
            time.sleep(_EVERY_SECONDS)
        if wanted.kind is Kind.CLUSTER:
            self._made.notes.append(f"the node as a source is not shown: its pod does not start ({why})")
            return
        raise Problem(
            f"the {wanted.group} for the proof does not start",
            where=f"pod {wanted.namespace}/{wanted.name}, image {self._image}",
            why=why,
            remedy="free resources on the cluster, or see what it lacks: kubectl describe pod",
        )


def _waits_for(pod: Object) -> str:
    status = pod["status"]
    for container in status.get("containerStatuses") or []:
        if waiting := container["state"].get("waiting"):
            return f"{waiting.get('reason', 'waiting')} {waiting.get('message', '')}".strip()
    reasons = [one.get("message", "") for one in status.get("conditions") or [] if one["status"] == "False"]
    return "; ".join(filter(None, [status.get("reason", ""), status.get("message", ""), *reasons])) or "it is pending"
