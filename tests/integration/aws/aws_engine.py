"""What the engine asks of the AWS stand-in, in its order, without the engine."""

from dataclasses import dataclass
from typing import Any

from pulumi.runtime.proto import provider_pb2

from local.standins.aws.provider import AwsProvider
from local.standins.values import decode, encode

REGION = "eu-central-1"
ACCOUNT = "222222222222"


class Context:
    """The gRPC context: an abort is an error here."""

    def abort(self, code: Any, text: str) -> None:
        raise AssertionError(text)

    def set_trailing_metadata(self, metadata: Any) -> None:
        """Nothing reads it here."""


class Quiet:
    """The engine's log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str, urn: str = "") -> None:
        self.lines.append(message)

    warn = info


@dataclass
class Made:
    """A resource as the engine records it."""

    token: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Engine:
    """What the engine asks of a provider, in its order."""

    def __init__(self, **arguments: Any) -> None:
        self.host = Quiet()
        self.provider = AwsProvider(self.host)  # pyright: ignore[reportArgumentType]
        given = encode({"region": REGION, **arguments})
        self.provider.Configure(provider_pb2.ConfigureRequest(args=given), Context())

    def check(self, token: str, inputs: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
        request = provider_pb2.CheckRequest(
            urn=urn(token), news=encode(inputs), olds=encode(old or {}), randomSeed=b"1"
        )
        return decode(self.provider.Check(request, Context()).inputs)

    def create(self, token: str, inputs: dict[str, Any]) -> Made:
        checked = self.check(token, inputs)
        answer = self.provider.Create(provider_pb2.CreateRequest(urn=urn(token), properties=encode(checked)), Context())
        return Made(token, answer.id, checked, decode(answer.properties))

    def diff(self, made: Made, inputs: dict[str, Any]) -> Any:
        checked = self.check(made.token, inputs, made.inputs)
        request = provider_pb2.DiffRequest(
            id=made.id,
            urn=urn(made.token),
            olds=encode(made.outputs),
            news=encode(checked),
            old_inputs=encode(made.inputs),
        )
        return self.provider.Diff(request, Context())

    def update(self, made: Made, inputs: dict[str, Any]) -> Made:
        checked = self.check(made.token, inputs, made.inputs)
        request = provider_pb2.UpdateRequest(
            id=made.id,
            urn=urn(made.token),
            olds=encode(made.outputs),
            news=encode(checked),
            old_inputs=encode(made.inputs),
        )
        answer = self.provider.Update(request, Context())
        return Made(made.token, made.id, checked, decode(answer.properties))

    def read(self, made: Made) -> Made | None:
        request = provider_pb2.ReadRequest(
            id=made.id, urn=urn(made.token), properties=encode(made.outputs), inputs=encode(made.inputs)
        )
        answer = self.provider.Read(request, Context())
        return Made(made.token, answer.id, decode(answer.inputs), decode(answer.properties)) if answer.id else None

    def delete(self, made: Made) -> None:
        request = provider_pb2.DeleteRequest(
            id=made.id, urn=urn(made.token), properties=encode(made.outputs), old_inputs=encode(made.inputs)
        )
        self.provider.Delete(request, Context())

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        answer = self.provider.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)), Context())
        return decode(getattr(answer, "return"))


def urn(token: str) -> str:
    return f"urn:pulumi:test::pxl::{token}::thing"
