"""The AWS provider's operations over the plugin protocol."""

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.standins.aws import catalogue, check, config, diff, errors, state
from local.standins.aws.reaching import ENDPOINT_VARIABLE, Aws, local_endpoint
from local.standins.aws.types import Change, Name, Obj, Type
from local.standins.serve import Failed, Host, InitFailed, Provider, rpc
from local.standins.values import UNKNOWN, decode, encode, plain

_Result = TypeVar("_Result")


class AwsProvider(Provider):
    """The types that the program uses, against an endpoint of this machine; see the README beside this package."""

    def __init__(self, host: Host) -> None:
        super().__init__("aws", host)
        self._settings = config.Settings()
        self._endpoint: str | None = None
        self._regions: dict[str | None, Aws] = {}
        self._lock = threading.Lock()
        self._judged = False

    # --- configuration ------------------------------------------------------------------------------------------

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes the word of the engine that it says which calls of functions are of a preview."""
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True
        )

    @rpc
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """No change of the settings replaces what was made; a region that is moved to is a resource's own matter."""
        old, new = plain(decode(request.olds)), plain(decode(request.news))
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        response = provider_pb2.DiffResponse
        return response(changes=response.DIFF_SOME if changed else response.DIFF_NONE, diffs=changed)

    @rpc
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes the settings; refuses an endpoint elsewhere before anything is sent to it."""
        self.host.info("using the local stand-in for the AWS provider (see local/standins/README.md)")
        self._endpoint = local_endpoint(os.environ.get(ENDPOINT_VARIABLE))
        self._settings = config.read(plain(decode(request.args)))
        if self._endpoint is None:
            self.host.warn(f"{ENDPOINT_VARIABLE} is not set: no AWS has checked what this run shows")
        return super().Configure(request, context)

    def _aws(self, region: Any = None) -> Aws:
        name = region if isinstance(region, str) else self._settings.region
        with self._lock:
            return self._regions.setdefault(name, Aws(self._endpoint, name))

    def _allowed(self, region: Any = None) -> Aws:
        aws = self._aws(region)
        if not self._judged:
            self._settings.judge(aws.account)
            self._judged = True
        return aws

    # --- operations ---------------------------------------------------------------------------------------------

    @rpc
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Fills in defaults, the provider's tags and a drawn name."""
        kind = catalogue.type_of(request.urn)
        try:
            checked = check.complete(
                kind,
                decode(request.news),
                plain(decode(request.olds)),
                default_tags=self._settings.default_tags,
                draw=lambda wanted: _name(request, wanted),
            )
        except _NoName as error:
            failure = provider_pb2.CheckFailure(property=error.field, reason=str(error))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        return provider_pb2.CheckResponse(inputs=encode(checked))

    @rpc
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compares the recorded inputs with the program's; what AWS adds never counts."""
        kind = catalogue.type_of(request.urn)
        old, new = plain(decode(request.old_inputs)), plain(decode(request.news))
        found = diff.compare(kind, old, new)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=[entry.name for entry in found],
            replaces=[entry.name for entry in found if entry.replaces],
            deleteBeforeReplace=diff.deletes_first(kind, found, old, new),
            detailedDiff={
                entry.name: provider_pb2.PropertyDiff(kind=_diff_kind(entry), inputDiff=True) for entry in found
            },
            hasDetailedDiff=True,
        )

    @rpc
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Makes it, completes it, and reads what came of it."""
        kind, inputs = catalogue.type_of(request.urn), decode(request.properties)
        given = plain(check.without_marks(inputs))
        if request.preview:
            shown = state.of_preview(kind, inputs, {}, self._settings.region)
            return provider_pb2.CreateResponse(properties=encode(shown))
        aws, what = self._allowed(given.get("region")), f"create {_title(request.urn)}"
        made = _tried(lambda: kind.create(aws, given), what)
        live: Obj = {}
        try:
            if kind.completes and kind.update:
                _tried(lambda: kind.update and kind.update(aws, made, Change({}, given)), what)
            live = self._live(kind, aws, made, given, what)
        except Failed as error:
            # It is there: unless it is recorded, the next run makes a second one.
            raise InitFailed(made, state.outputs(kind, inputs, {}, aws.region), [str(error)]) from error
        return provider_pb2.CreateResponse(id=made, properties=encode(state.outputs(kind, inputs, live, aws.region)))

    @rpc
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Carries out a change, or finishes what a run before could not."""
        kind, inputs, recorded = catalogue.type_of(request.urn), decode(request.news), decode(request.olds)
        if request.preview:
            shown = state.of_preview(kind, inputs, recorded, self._settings.region)
            return provider_pb2.UpdateResponse(properties=encode(shown))
        new, old = plain(check.without_marks(inputs)), plain(check.without_marks(decode(request.old_inputs)))
        aws, what = self._allowed(new.get("region")), f"update {_title(request.urn)}"
        # Without a difference, the engine repairs what a run left unfinished: everything is set again.
        is_repair = not diff.compare(kind, old, new)
        change = Change({} if is_repair else old, new, plain(recorded))
        _tried(lambda: kind.update and kind.update(aws, request.id, change), what)
        live = self._live(kind, aws, request.id, {**plain(recorded), **new}, what)
        return provider_pb2.UpdateResponse(properties=encode(state.outputs(kind, inputs, live, aws.region)))

    def _live(self, kind: Type, aws: Aws, resource_id: str, known: Obj, what: str) -> Obj:
        live = _tried(lambda: kind.read(aws, resource_id, known), what)
        if live is None:
            raise Failed(f"could not {what}: it was made, and AWS does not know {resource_id}")
        return live

    @rpc
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The live resource, for refresh and import; what is gone has no id."""
        kind, inputs = catalogue.type_of(request.urn), decode(request.inputs)
        known = {**plain(check.without_marks(inputs)), **plain(decode(request.properties))}
        aws = self._allowed(known.get("region"))
        live = _tried(lambda: kind.read(aws, request.id, known), f"read {_title(request.urn)}")
        if live is None:
            return provider_pb2.ReadResponse()
        found = state.live_inputs(kind, inputs, live)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=encode(state.outputs(kind, found, live, aws.region)),
            inputs=encode(found),
        )

    @rpc
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Deletes it; what is gone already is deleted."""
        kind = catalogue.type_of(request.urn)
        known = {**plain(decode(request.properties)), **plain(check.without_marks(decode(request.old_inputs)))}
        aws = self._allowed(known.get("region"))
        _tried(
            lambda: errors.absent_is_none(lambda: kind.delete(aws, request.id, known)), f"delete {_title(request.urn)}"
        )
        return empty_pb2.Empty()

    @rpc
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What the program asks AWS about; a preview without an endpoint leaves it open."""
        function, arguments = catalogue.function(request.tok), plain(decode(request.args))
        aws = self._aws(arguments.get("region"))
        if not aws.reachable and request.preview:
            return _answer({**arguments, **dict.fromkeys(function.unknown, UNKNOWN)})
        found = _tried(
            lambda: function.call(self._allowed(arguments.get("region")), arguments),
            f"ask {request.tok.rpartition(':')[2]}",
        )
        return _answer({**arguments, **found})


def _answer(results: Obj) -> Any:
    answer = provider_pb2.InvokeResponse()
    getattr(answer, "return").CopyFrom(encode(results))  # a word of Python's
    return answer


class _NoName(Exception):  # noqa: N818
    def __init__(self, name: str) -> None:
        super().__init__("auto-naming is disabled, so a name is required")
        self.field = name


def _name(request: Any, wanted: Name) -> str:
    if request.HasField("autonaming"):
        options = provider_pb2.CheckRequest.AutonamingOptions
        if request.autonaming.mode == options.DISABLE:
            raise _NoName(wanted.field)
        return request.autonaming.proposed_name
    return check.draw_name(request.urn.rpartition("::")[2], wanted, request.randomSeed)


def _title(urn: str) -> str:
    token, _, name = urn.rpartition("::")
    return f"{token.rpartition('::')[2].rpartition('$')[2]} {name}"


def _diff_kind(entry: diff.Difference) -> Any:
    name = f"{entry.change.upper()}{'_REPLACE' if entry.replaces else ''}"
    return getattr(provider_pb2.PropertyDiff, name)


def _tried(work: Callable[[], _Result], what: str) -> _Result:
    try:
        return work()
    except (ClientError, BotoCoreError) as error:
        raise errors.explain(error, what) from error
