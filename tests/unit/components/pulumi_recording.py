"""Deploys components against a monitor that records what the engine would be told.

Everything is awaited before ``deploy`` returns, and what it returns is plain data: an assertion cannot get lost in an
``apply`` that nobody waits for, and an error in one fails the test.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pulumi
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

# Errors reach the test through deploy(). asyncio would log them once more whenever their futures are collected, and
# formatting a traceback within a collection crashes whatever parses Python at that moment (CPython 3.11).
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

SECRET_MARK = "4dabf18193072939515e22adb298388d"
AUTO_NAME_SUFFIX = "-0a1b2c3d"

DIGEST = "sha256:" + "ab12" * 16
OTHER_DIGEST = "sha256:" + "cd34" * 16
IMAGE = f"registry.example.com/pxl/app@{DIGEST}"


@dataclass(frozen=True)
class Recorded:
    """One resource as the engine would see it; secrets are unwrapped, and their paths kept."""

    type: str
    name: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    parent: str
    dependencies: frozenset[str]
    protect: bool
    replace_on_changes: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    delete_before_replace: bool
    create_timeout: str
    urn: str

    @property
    def kind(self) -> str:
        return self.type.rpartition(":")[2]

    @property
    def spec(self) -> dict[str, Any]:
        return self.inputs["spec"]

    @property
    def metadata(self) -> dict[str, Any]:
        return self.inputs["metadata"]

    @property
    def pod(self) -> dict[str, Any]:
        return self.spec["template"]["spec"]

    @property
    def container(self) -> dict[str, Any]:
        (only,) = self.pod["containers"]
        return only

    @property
    def env(self) -> dict[str, Any]:
        """Variable to value, or to where its value comes from."""
        return {item["name"]: item.get("value", item.get("valueFrom")) for item in self.container["env"]}


class Recording(list[Recorded]):
    """What was registered, in order, and the outputs that the deployed function returned."""

    outputs: Any = None

    def of(self, kind: str) -> list[Recorded]:
        return [resource for resource in self if resource.kind == kind]

    def one(self, kind: str, name: str | None = None) -> Recorded:
        found = [resource for resource in self.of(kind) if name is None or resource.name == name]
        assert len(found) == 1, f"exactly one {kind} {name or ''} was expected, there are {[r.name for r in found]}"
        return found[0]

    def named(self, name: str) -> Recorded:
        found = [resource for resource in self if resource.name == name]
        assert len(found) == 1, f"one resource named {name} was expected; there are {sorted(r.name for r in self)}"
        return found[0]


def deploy(program: Callable[[], Any], *, preview: bool = False) -> Recording:
    """Runs a program to its end and returns what it registered.

    Args:
        program: Declares components; its return value, with all Outputs resolved, becomes ``outputs``.
        preview: Leaves what a provider would compute unknown.
    """
    recording = Recording()
    monitor = _Monitor(recording)
    pulumi.runtime.set_mocks(monitor.mocks, project="pxl", stack="test", preview=preview, monitor=monitor)
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()

    async def resolve() -> None:
        recording.outputs = await pulumi.Output.from_input(program()).future()

    _sync_await(run_pulumi_func(lambda: _sync_await(resolve())))
    return recording


class _NoLookups(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        raise AssertionError(f"a component reads {args.name}: it must not look anything up")

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"a component called {args.token}: it must not look anything up")


class _Monitor(mocks.MockMonitor):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_NoLookups())
        self.recording = recording

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        secrets: set[str] = set()
        inputs = _plain(json_format.MessageToDict(request.object), "", secrets)
        self.recording.append(
            Recorded(
                type=request.type,
                name=request.name,
                inputs=inputs,
                secrets=frozenset(secrets),
                parent=request.parent.rpartition("::")[2],
                dependencies=frozenset(urn.rpartition("::")[2] for urn in request.dependencies),
                protect=request.protect,
                replace_on_changes=tuple(request.replaceOnChanges),
                ignore_changes=tuple(request.ignoreChanges),
                delete_before_replace=request.deleteBeforeReplace,
                create_timeout=request.customTimeouts.create,
                urn=urn,
            )
        )
        state = _provided(request.type, request.name, request.object)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id", object=state)


def _provided(kind: str, name: str, inputs: Any) -> Any:
    """The state that a provider would answer with: the inputs, and what it fills in."""
    state = struct_pb2.Struct()
    state.CopyFrom(inputs)
    if kind.startswith("kubernetes:"):
        metadata = state.fields["metadata"].struct_value
        if "name" not in metadata.fields:
            metadata.fields["name"].string_value = name + AUTO_NAME_SUFFIX
    if kind == "random:index/randomPassword:RandomPassword":
        state.fields["result"].string_value = f"drawn-for-{name}"
    if kind == "aws:secretsmanager/secretVersion:SecretVersion":
        # The official provider begins every id with the same letters.
        value = json.dumps(_plain(json_format.MessageToDict(inputs)["secretString"], "", set()))
        state.fields["versionId"].string_value = f"terraform-20261127{sha256(value.encode()).hexdigest()[:16]}"
    if kind == "docker-build:index:Image":
        state.fields["digest"].string_value = DIGEST
    return state


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    """Unwraps secrets and notes where they were; turns whole floats into integers, as YAML would."""
    if isinstance(value, dict):
        if SECRET_MARK in value:
            secrets.add(path)
            return _plain(value.get("value"), path, secrets)
        return {key: _plain(item, f"{path}.{key}" if path else key, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{i}]", secrets) for i, item in enumerate(value)]
    if isinstance(value, float) and value == int(value):
        return int(value)
    return value
