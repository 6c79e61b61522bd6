"""The Kubernetes provider's operations over the plugin protocol."""

import functools
import os
import threading
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.standins.kubernetes import apply, check, diff, names, state, waiting
from local.standins.kubernetes.client import ApiError, Cluster, NoKind
from local.standins.kubernetes.kubeconfig import Unreachable, replacing_arguments, target
from local.standins.kubernetes.objects import (
    Obj,
    annotation,
    id_of,
    is_autonamed,
    is_namespaced,
    kind_of,
    parse_id,
    reference,
    to_api,
)
from local.standins.kubernetes.readiness import is_awaited, verdict
from local.standins.serve import Failed, Host, InitFailed, Provider, rpc
from local.standins.values import UNKNOWN, decode, encode, has_unknown, plain

_FLAGS = ("deleteUnreachable", "enableConfigMapMutable", "enablePatchForce", "enableSecretMutable",
          "upsertExistingObjects")  # fmt: skip
_NOT_SUPPORTED = ("renderYamlToDirectory", "skipUpdateUnreachable")


class KubernetesProvider(Provider):
    """Any kind, by the API server's own discovery; see the README beside this package for what is left out."""

    def __init__(self, host: Host) -> None:
        super().__init__("kubernetes", host)
        self._arguments: dict[str, Any] = {}
        self._flags: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._reached: Cluster | Unreachable | None = None
        self._recorded: set[str] = set()
        # Whose engine this is. Without it, what a killed run left cannot be told from another checkout's.
        self._owner = os.environ.get("PXL_STANDIN_OWNER", "")

    # --- configuration ------------------------------------------------------------------------------------------

    @rpc
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Replaces everything when the cluster becomes another one: by ``clusterIdentifier``, else by its address."""
        old, new = decode(request.olds), decode(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if plain(old.get(key)) != plain(new.get(key)))
        replaces = replacing_arguments(plain(old), plain(new), changed)
        response = provider_pb2.DiffResponse
        kind = response.DIFF_SOME if changed else response.DIFF_NONE
        return response(changes=kind, diffs=changed, replaces=replaces)

    @rpc
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes the provider's arguments; the cluster is reached when something is asked of it."""
        self._arguments = plain(decode(request.args))
        self._flags = frozenset(flag for flag in _FLAGS if self._arguments.get(flag) in (True, "true"))
        refused = [key for key in _NOT_SUPPORTED if self._arguments.get(key) not in (None, "", False, "false")]
        if refused:
            raise Failed(f"the local stand-in for kubernetes does not support {', '.join(refused)}")
        self.host.info("using the local stand-in for the Kubernetes provider (see local/standins/README.md)")
        threading.Thread(target=self._reach, daemon=True).start()
        return super().Configure(request, context)

    def _reach(self) -> Cluster | Unreachable:
        with self._lock:
            if self._reached is None:
                try:
                    given = self._arguments
                    where = target(given.get("kubeconfig"), given.get("context"), given.get("cluster"))
                    cluster = Cluster(where, self.host.warn)
                    cluster.probe()
                    self._reached = cluster
                except Unreachable as error:
                    self._reached = error
                    self.host.warn(f"configured Kubernetes cluster is unreachable: {error}")
            return self._reached

    def _cluster(self) -> Cluster:
        reached = self._reach()
        if isinstance(reached, Unreachable):
            raise Failed(f"configured Kubernetes cluster is unreachable: {reached}")
        return reached

    def _default_namespace(self, api_version: str, kind: str) -> str | None:
        namespaced = is_namespaced(api_version, kind)
        reached = None if namespaced is False else self._reach()
        if namespaced is None and isinstance(reached, Cluster):
            try:
                namespaced = reached.resource(api_version, kind).namespaced
            except (NoKind, ApiError, Unreachable):
                namespaced = None  # Its definition may come in this run; create corrects a wrong guess.
        if namespaced is False:
            return None
        of_context = reached.where.namespace if isinstance(reached, Cluster) else "default"
        return self._arguments.get("namespace") or of_context

    # --- operations ---------------------------------------------------------------------------------------------

    @rpc
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Fills in name, namespace, apiVersion and kind."""
        new, old = decode(request.news), decode(request.olds)
        if old:
            self._recorded.add(request.urn)
        try:
            api_version, kind = kind_of(request.urn, new)
            checked = check.complete(
                new,
                plain(old),
                api_version=api_version,
                kind=kind,
                name_for_new=lambda: self._orphan(request.urn, new, api_version, kind) or _name(request, kind),
                default_namespace=self._default_namespace(api_version, kind),
            )
        except check.Unacceptable as error:
            failure = provider_pb2.CheckFailure(property=error.path, reason=error.reason)
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        except ValueError as error:
            raise Failed(str(error)) from error
        return provider_pb2.CheckResponse(inputs=encode(checked))

    def _orphan(self, urn: str, new: Obj, api_version: str, kind: str) -> str | None:
        """The name that a killed run drew for a resource and could not record: its object is there, and is taken up.

        A second one beside it would do harm: two databases behind one Service.
        """
        namespace = plain(new.get("metadata", {})).get("namespace")
        # What is recorded is being replaced: the old object keeps its name until it is deleted.
        if urn in self._recorded or has_unknown(namespace) or not self._owner:
            return None
        if not isinstance(reached := self._reach(), Cluster):
            return None
        manager = self._manager({}, urn, new)
        try:
            found = reached.list(api_version, kind, namespace or self._default_namespace(api_version, kind))
        except (ApiError, NoKind, Unreachable):
            return None
        left = [live["metadata"] for live in found if is_autonamed(live) and apply.is_managed_by(live, manager)]
        return next((metadata["name"] for metadata in left if "deletionTimestamp" not in metadata), None)

    @rpc
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compares the recorded inputs with the program's; what the server adds never counts."""
        old = plain(decode(request.old_inputs)) or plain(decode(request.olds)).get("__inputs", {})
        new = plain(decode(request.news))
        mutable = frozenset(kind for kind in ("Secret", "ConfigMap") if f"enable{kind}Mutable" in self._flags)
        found = diff.compare(old, new, mutable)
        if self._is_to_be_replaced_unready(new):
            found.append(diff.Difference(("metadata", "annotations", "pulumi.com/replaceUnready"), "update", True))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=[entry.text() for entry in found if entry.replaces],
            deleteBeforeReplace=diff.deletes_first(found, new, old),
            detailedDiff={
                entry.text(): provider_pb2.PropertyDiff(kind=_diff_kind(entry), inputDiff=True) for entry in found
            },
            hasDetailedDiff=True,
        )

    def _is_to_be_replaced_unready(self, new: Obj) -> bool:
        if annotation(new, "pulumi.com/replaceUnready") != "true" or new.get("kind") != "Job" or has_unknown(new):
            return False
        reached = self._reach()
        live = apply.find(reached, new) if isinstance(reached, Cluster) else None
        return live is not None and not verdict(live).ready

    @rpc
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Applies a new object and waits until it is ready; a preview is a dry run where the server can do one."""
        inputs = decode(request.properties)
        obj, manager = to_api(plain(inputs)), self._manager({}, request.urn, inputs)
        if request.preview:
            shown = self._previewed(inputs, lambda cluster: apply.preview_create(cluster, obj, manager))
            properties = state.outputs(inputs, shown, manager) if shown else inputs
            return provider_pb2.CreateResponse(properties=encode(properties))
        cluster, tell = self._cluster(), self._teller(request.urn)
        made = _refusals_as_failures(
            lambda: apply.create(
                cluster,
                obj,
                manager,
                force=apply.is_forced(obj, "enablePatchForce" in self._flags),
                upsert="upsertExistingObjects" in self._flags,
                take_up=bool(self._owner),
                cancelled=self.cancelled,
                tell=tell,
            )
        )
        live = self._ready(cluster, request, inputs=inputs, made=made, manager=manager, done="was created")
        return provider_pb2.CreateResponse(id=id_of(live), properties=encode(state.outputs(inputs, live, manager)))

    @rpc
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Applies a changed object and waits until it is ready."""
        inputs = decode(request.news)
        obj, manager = to_api(plain(inputs)), self._manager(decode(request.olds), request.urn, inputs)
        force = apply.is_forced(obj, "enablePatchForce" in self._flags)
        change = functools.partial(apply.update, obj=obj, manager=manager, force=force)
        ignored = list(request.ignoreChanges)
        if request.preview:
            shown = self._previewed(inputs, lambda cluster: change(cluster, ignored=ignored, dry_run=True))
            return provider_pb2.UpdateResponse(
                properties=encode(state.outputs(inputs, shown, manager) if shown else inputs)
            )
        cluster = self._cluster()
        changed = _refusals_as_failures(lambda: change(cluster, ignored=ignored, dry_run=False))
        live = self._ready(cluster, request, inputs=inputs, made=changed, manager=manager, done="was updated")
        return provider_pb2.UpdateResponse(properties=encode(state.outputs(inputs, live, manager)))

    def _previewed(self, inputs: Obj, dry_run: Any) -> Obj | None:
        reached = None if has_unknown(inputs) else self._reach()
        if not isinstance(reached, Cluster):
            return None
        try:
            reached.resource(inputs["apiVersion"], inputs["kind"])
        except NoKind:
            return None
        shown = _refusals_as_failures(lambda: dry_run(reached))
        return state.of_preview(shown, plain(inputs), UNKNOWN) if shown else None

    def _ready(self, cluster: Cluster, request: Any, *, inputs: Obj, made: Obj, manager: str, done: str) -> Obj:
        try:
            seconds = waiting.timeout_of(made, request.timeout)
            return waiting.until_ready(cluster, made, seconds, self.cancelled, self._teller(request.urn))
        except waiting.NotReady as error:
            first = f"{id_of(made)} {done}, but did not become ready: {error.reasons[0]}"
            reasons = [first, *error.reasons[1:]]
            raise InitFailed(id_of(made), state.outputs(inputs, error.live, manager), reasons) from error

    @rpc
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The live object, for refresh and import; what is gone has no id."""
        inputs, olds = decode(request.inputs), decode(request.properties)
        known = plain(inputs) or plain(olds)
        api_version, kind = kind_of(request.urn, known)
        reached = self._reach()
        if isinstance(reached, Unreachable):
            return self._unreachable_read(reached)
        try:
            live = apply.find(reached, reference(api_version, kind, request.id))
        except NoKind:
            live = None
        if live is None:
            return provider_pb2.ReadResponse()
        manager = self._manager(olds, request.urn, inputs)
        found = state.live_inputs(inputs, live)
        properties = state.outputs(found, live, manager)
        if inputs and is_awaited(live) and not waiting.is_skipped(known):
            self._raise_if_not_ready(reached, request.id, live, properties, found)
        return provider_pb2.ReadResponse(id=id_of(live), properties=encode(properties), inputs=encode(found))

    def _unreachable_read(self, why: Unreachable) -> Any:
        if "deleteUnreachable" in self._flags:
            return provider_pb2.ReadResponse()
        raise Failed(
            f"failed to read resource state due to unreachable cluster: {why}. If the cluster was deleted, set "
            "PULUMI_K8S_DELETE_UNREACHABLE=true to let the stack forget what was in it"
        )

    def _raise_if_not_ready(self, cluster: Cluster, resource_id: str, live: Obj, properties: Obj, found: Obj) -> None:
        now = verdict(live, waiting.related(cluster, live))
        if not now.ready:
            raise InitFailed(
                resource_id, properties, [f"{resource_id} is not ready: {now.failed or now.waiting}"], found
            )

    @rpc
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Deletes an object with what it owns, and waits until it is gone."""
        olds = plain(decode(request.properties))
        namespace, name = parse_id(request.id)
        api_version, kind = kind_of(request.urn, olds)
        reached = self._reach()
        if isinstance(reached, Unreachable) and "deleteUnreachable" in self._flags:
            return empty_pb2.Empty()
        cluster = self._cluster()
        try:
            live = apply.find(cluster, reference(api_version, kind, request.id))
            if live is None:
                return empty_pb2.Empty()
            cluster.delete(api_version, kind, namespace, name)
        except NoKind:
            return empty_pb2.Empty()
        except ApiError as error:
            if error.status == 404:
                return empty_pb2.Empty()
            raise Failed(f"the API server refused to delete {kind} {request.id}: {error}") from error
        if not waiting.is_skipped(live):
            try:
                seconds = waiting.timeout_of(live, request.timeout)
                waiting.until_gone(cluster, live, seconds, self.cancelled, self._teller(request.urn))
            except waiting.NotReady as error:
                raise Failed(str(error)) from error
        return empty_pb2.Empty()

    # --- small things -------------------------------------------------------------------------------------------

    def _teller(self, urn: str) -> Any:
        return functools.partial(self.host.status, urn=urn)

    def _manager(self, olds: Obj, urn: str, inputs: Obj) -> str:
        chosen = annotation(plain(inputs), "pulumi.com/patchFieldManager")
        return chosen or olds.get("__fieldManager") or names.field_manager(urn, self._owner)


def _name(request: Any, kind: str) -> str:
    if request.HasField("autonaming"):
        options = provider_pb2.CheckRequest.AutonamingOptions
        if request.autonaming.mode == options.DISABLE:
            raise check.Unacceptable("metadata.name", "auto-naming is disabled, so a name is required")
        return request.autonaming.proposed_name
    return names.draw(request.urn.rpartition("::")[2], kind, request.randomSeed)


def _diff_kind(entry: diff.Difference) -> Any:
    name = f"{entry.change.upper()}{'_REPLACE' if entry.replaces else ''}"
    return getattr(provider_pb2.PropertyDiff, name)


def _refusals_as_failures(work: Any) -> Any:
    try:
        return work()
    except (apply.Refused, ApiError, NoKind, Unreachable) as error:
        raise Failed(str(error)) from error
