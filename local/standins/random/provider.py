"""The random provider's resources over the plugin protocol; values live in the engine's state only."""

from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.standins.random import generate
from local.standins.serve import Failed, Host, Provider, rpc
from local.standins.values import UNKNOWN, Secret, decode, encode, has_unknown, plain


def _kind(urn: str) -> str:
    token = urn.split("::")[2].rpartition("$")[2]
    kind = token.rpartition(":")[2]
    if kind not in generate.COMPUTED:
        known = ", ".join(sorted(generate.COMPUTED))
        raise Failed(f"the local stand-in for random has no {token}; it has {known}")
    return kind


class RandomProvider(Provider):
    """RandomPassword, RandomString, RandomId, RandomUuid and RandomBytes; every changed input replaces."""

    def __init__(self, host: Host) -> None:
        super().__init__("random", host)

    @rpc
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses inputs that cannot hold, by trying them."""
        kind, given = _kind(request.urn), plain(decode(request.news))
        response = provider_pb2.CheckResponse(inputs=request.news)
        if not has_unknown(given):
            try:
                generate.results(kind, given)
            except (ValueError, KeyError) as error:
                response.failures.add(property="length" if "length" in given else "", reason=str(error))
        return response

    @rpc
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Every input is part of the value's identity, so any change replaces (the new value comes first)."""
        old = plain(decode(request.old_inputs))
        new = plain(decode(request.news))
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        kinds = provider_pb2.PropertyDiff
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=changed,
            diffs=changed,
            detailedDiff={key: kinds(kind=kinds.UPDATE_REPLACE, inputDiff=True) for key in changed},
            hasDetailedDiff=True,
        )

    @rpc
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Draws the value, or says in a preview that it will be drawn."""
        kind, inputs = _kind(request.urn), decode(request.properties)
        if request.preview:
            secret = generate.COMPUTED[kind]
            computed = {key: Secret(UNKNOWN) if secret[key] else UNKNOWN for key in secret}
            return provider_pb2.CreateResponse(properties=encode({**inputs, **computed}))
        resource_id, computed = generate.results(kind, plain(inputs))
        return provider_pb2.CreateResponse(id=resource_id, properties=encode({**inputs, **computed}))

    @rpc
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The state is the only place where the value lives: a refresh finds what is recorded."""
        if not request.properties.fields:
            raise Failed("the local stand-in for random cannot import; set the value as a secret setting instead")
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    @rpc
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Unreached while every change replaces."""
        raise Failed(f"{_kind(request.urn)} is never updated in place")

    @rpc
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Nothing exists outside the state."""
        return empty_pb2.Empty()
