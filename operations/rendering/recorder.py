"""Runs a Pulumi program against a monitor that only records, and writes down what it asked for.

Started as a process of its own (``python -m operations.rendering.recorder``), because a program may do
anything to the interpreter that runs it. Reads a job from standard input, as JSON: ``{program, project,
stack, config, secrets, result}``; leaves ``{"resources": [...]}`` or ``{"error": {...}}`` in ``result``.
"""

import asyncio
import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks, proto, rpc
from pulumi.runtime.config import set_all_config
from pulumi.runtime.stack import run_pulumi_func

from operations.rendering import whereabouts
from operations.rendering.placeholders import SECRET, SECRET_TEXT, UNKNOWN, output_placeholders

# How the engine's protocol marks values inside a struct; fixed by the protocol, not by a version.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


class Recorder(mocks.MockMonitor):
    """A resource monitor that answers like a preview and keeps what was registered, as it arrived."""

    def __init__(self, config: dict[str, str]) -> None:
        """Begins without records.

        Args:
            config: What the program gets; questions about where it is are answered from it.
        """
        super().__init__(_Answers(config))
        self.records: list[dict[str, Any]] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        """Records one resource with its secrets and unknowns replaced, and what it depends on.

        The outputs are the inputs as they came, so that what is secret or unknown stays so.
        """
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return proto.resource_pb2.RegisterResourceResponse(urn=urn)
        self.records.append(
            {
                "urn": urn,
                "parent": request.parent,
                "type": request.type,
                "name": request.name,
                "custom": bool(request.custom),
                "inputs": blank(json_format.MessageToDict(request.object)),
                "dependencies": sorted(set(request.dependencies)),
            }
        )
        outputs = Struct()
        outputs.CopyFrom(request.object)
        if request.type.startswith("kubernetes:"):
            _name_object(outputs, request.name)
        elif request.custom:
            _fill_outputs(outputs, request)
        known = f"{request.name}-id" if request.custom else ""
        return proto.resource_pb2.RegisterResourceResponse(urn=urn, id=known, object=outputs)


class _Answers(mocks.Mocks):
    """Invokes and reads answer with what they were asked for, and with what the settings say."""

    def __init__(self, config: dict[str, str]) -> None:
        self._config = config

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.resource_id or f"{args.name}-id", whereabouts.platform(args.typ, dict(args.inputs))

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        return whereabouts.answer(args.token, dict(args.args), self._config), []


def _name_object(outputs: Struct, name: str) -> None:
    """A Kubernetes object without a name gets its logical one, always the same; the engine adds a suffix."""
    if not outputs.fields["metadata"].HasField("struct_value"):
        outputs.update({"metadata": {}})
    metadata = outputs.fields["metadata"].struct_value
    if _SIGNATURE in metadata.fields:
        return
    for key, value in (("name", name), ("uid", UNKNOWN), ("resourceVersion", UNKNOWN)):
        if key not in metadata.fields:
            metadata.update({key: value})


def _fill_outputs(outputs: Struct, request: Any) -> None:
    for key, text in output_placeholders(request.type, request.name).items():
        if key in request.additionalSecretOutputs:
            outputs.update({key: {_SIGNATURE: _SECRET_SIGNATURE, "value": SECRET_TEXT}})
        elif key not in outputs.fields:
            outputs.update({key: text})


def blank(value: Any) -> Any:  # noqa: PLR0911 (one case a kind of value)
    """Replaces what is secret or unknown, at any depth of a value as the protocol writes it."""
    if isinstance(value, dict):
        signature = value.get(_SIGNATURE)
        if signature == _SECRET_SIGNATURE or (signature == _OUTPUT_SIGNATURE and value.get("secret")):
            return _hide(value.get("value"))
        if signature == _OUTPUT_SIGNATURE:
            return blank(value["value"]) if "value" in value else UNKNOWN
        return {key: blank(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [blank(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and SECRET_TEXT in value:
        return SECRET
    if isinstance(value, str) and rpc.UNKNOWN in value:
        return UNKNOWN
    return value


def _hide(value: Any) -> Any:
    """A secret's shape without its contents: the keys of a map say what is needed, its values nothing."""
    if isinstance(value, dict) and _SIGNATURE not in value:
        return {key: _hide(item) for key, item in value.items()}
    return [_hide(item) for item in value] if isinstance(value, list) else SECRET


def run(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs the program of a job to its end and returns what it registered."""
    program = Path(job["program"])
    main = program / "__main__.py" if program.is_dir() else program
    os.environ["PULUMI_CONFIG"] = json.dumps(job["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(job["secrets"])
    set_all_config(job["config"], job["secrets"])
    asyncio.set_event_loop(asyncio.new_event_loop())
    recorder = Recorder(job["config"])
    mocks.set_mocks(recorder.mocks, job["project"], job["stack"], preview=True, monitor=recorder)
    # As the language host does it: the program's folder comes first on the path.
    sys.path.insert(0, str(main.parent))
    sys.argv = [str(main)]
    asyncio.get_event_loop().run_until_complete(run_pulumi_func(lambda: _execute(main)))
    return recorder.records


def _execute(main: Path) -> None:
    runpy.run_path(str(main), run_name="__main__")


def _error(error: BaseException) -> dict[str, Any]:
    """The error as data; a program that ends itself says why on its standard error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "runpy" not in frame.filename]
    last = own[-1] if own else None
    return {
        "type": type(error).__name__,
        "message": str(error),
        "at": f"{last.filename}:{last.lineno}" if last else "",
        "expected": isinstance(error, pulumi.RunError) or type(error).__name__ == "SettingsError",
    }


def main() -> int:
    """Runs the job from standard input; 0 when the program ended well."""
    job = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        answer = {"resources": run(job)}
    except KeyboardInterrupt:
        return 130
    except BaseException as error:
        answer = {"error": _error(error)}
    Path(job["result"]).write_text(json.dumps(answer), encoding="utf-8")
    # Whatever threads the program left behind do not hold the command up.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if "resources" in answer else 1)


if __name__ == "__main__":
    sys.exit(main())
