"""A provider plugin as a process: the gRPC server, the engine's log, and errors in the engine's own terms."""

import contextlib
import functools
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from local.standins.values import encode

# More than any sensible --parallel: a thread is held for as long as a resource is waited for.
_THREADS = 256
_MESSAGE_BYTES = 400 * 1024 * 1024


class Failed(Exception):  # noqa: N818
    """An operation that failed and left nothing behind; the text is what the user reads."""


class InitFailed(Failed):
    """A resource that exists, but did not become ready: the engine records it and repairs it in the next run.

    Args:
        resource_id: The id to record.
        properties: The outputs to record.
        reasons: What went wrong, the most important first.
        inputs: The inputs to record, where they differ from what the program gave (a refresh).
    """

    def __init__(
        self, resource_id: str, properties: dict[str, Any], reasons: list[str], inputs: dict[str, Any] | None = None
    ) -> None:
        super().__init__(reasons[0])
        self.detail = provider_pb2.ErrorResourceInitFailed(
            id=resource_id,
            properties=encode(properties),
            reasons=reasons,
            inputs=encode(inputs) if inputs is not None else None,
        )


class Host:
    """The engine as a provider sees it: the place for messages about a resource."""

    def __init__(self, address: str) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def info(self, message: str, urn: str = "") -> None:
        """A line that stays in the run's diagnostics."""
        self._log(engine_pb2.INFO, message, urn)

    def warn(self, message: str, urn: str = "") -> None:
        """A warning in the run's diagnostics."""
        self._log(engine_pb2.WARNING, message, urn)

    def status(self, message: str, urn: str) -> None:
        """What the resource waits for right now; the next status replaces it."""
        self._log(engine_pb2.INFO, message, urn, ephemeral=True)

    def _log(self, severity: Any, message: str, urn: str, ephemeral: bool = False) -> None:
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        # An engine that goes away must not turn a message into the failure of a resource.
        with contextlib.suppress(grpc.RpcError):
            self._engine.Log(request, timeout=5)


def rpc(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turns ``Failed`` and ``InitFailed`` into the statuses that the engine understands."""

    @functools.wraps(method)
    def call(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except InitFailed as error:
            detail = any_pb2.Any()
            detail.Pack(error.detail)
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Failed as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception:  # The engine must hear of every defect, with where it is.
            context.abort(grpc.StatusCode.INTERNAL, f"a defect of the stand-in:\n{traceback.format_exc()}")

    return call


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """What every stand-in shares: plugin information, configuration that is taken as it is, refusals by name.

    Args:
        name: The package's name, such as ``random``.
        host: The engine's log.
    """

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self.host = host
        self.cancelled = threading.Event()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        """The version that the installed Python SDK of the package has."""
        return plugin_pb2.PluginInfo(version=version(f"pulumi-{self.name}"))

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        """No types: a stand-in takes what the SDK sends."""
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "{self.name}"}}')

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes every configuration."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """No change of configuration replaces resources."""
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Asks for secrets to be kept, previews of creates, and the user's auto-naming settings."""
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @rpc
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """No functions."""
        raise Failed(f"the local stand-in for {self.name} has no function {request.tok}")

    @rpc
    def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802
        """No remote components."""
        raise Failed(f"the local stand-in for {self.name} has no component {request.type}")

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Ends every wait soon."""
        self.cancelled.set()
        return empty_pb2.Empty()


def serve(make: Callable[[Host], Provider]) -> None:
    """Runs the plugin until the engine ends it: prints the port that it listens on, as the protocol has it.

    Args:
        make: Builds the provider from the engine's log.
    """
    # How the engine ends a plugin that has nothing left to do. A Ctrl-C at the terminal does not come here: it goes
    # to the engine, which sends Cancel first.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    address = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    if not address:
        sys.exit("this is a provider plugin; the Pulumi engine starts it")
    limits = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(Host(address)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=_exit_with_the_engine, daemon=True).start()
    server.wait_for_termination()


def _exit_with_the_engine() -> None:
    # A killed engine cannot end its plugins, and one that lives on would go on changing the cluster.
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(1)
