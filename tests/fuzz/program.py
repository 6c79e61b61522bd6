"""The check and the program, in this process: what either says of a stack, and what the program would deploy."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.settings import SETTINGS

from infra.settings import Mistake, check_stack_file, reading
from infra.settings.mistakes import model_in
from infra.settings.model import Settings
from local.paths import CHECKOUT
from operations import checking
from operations.rendering import config, recorder, whereabouts
from operations.rendering.manifests import Resource, manifest_object
from operations.stacks import read_yaml
from tests.fuzz.stacks import Stack, is_encrypted
from tests.fuzz.values import alias

_PROJECT = read_yaml(CHECKOUT / "Pulumi.yaml")
_IMAGE = f"r.example.com/pxl/image@sha256:{'ab12' * 16}"
_GROUPS = {alias(name, field) for name, field in Settings.model_fields.items() if model_in(field.annotation)}
_PLAIN = {alias(name, field) for name, field in Settings.model_fields.items()} - _GROUPS


@dataclass(frozen=True)
class Outcome:
    """What became of a stack.

    Attributes:
        mistakes: What the check says; empty when it was accepted.
        refused_by_engine: Whether the engine's own check of types comes before the program.
        objects: What the program would deploy.
    """

    mistakes: list[Mistake]
    refused_by_engine: bool
    objects: list[dict[str, Any]]


def judge(stack: Stack, folder: Path) -> Outcome:
    """Runs check and program, which must agree, and checks what they say.

    Args:
        stack: The stack.
        folder: Where its file is written.

    Raises:
        AssertionError: They do not agree, a message lacks something, or the program fails in any other way.
    """
    mistakes = _checked(stack, folder)
    for mistake in mistakes:
        _is_clear(mistake, stack)
    by_engine = _is_refused_by_engine(stack)
    assert mistakes or not by_engine, "the engine refuses a type that the check lets through"
    if mistakes:
        if not by_engine:
            _is_refused_by_program(stack, mistakes)
        return Outcome(mistakes, by_engine, [])
    objects = _deployed(stack, folder)
    return Outcome([], False, objects)


def _checked(stack: Stack, folder: Path) -> list[Mistake]:
    path = folder / f"Pulumi.{stack.name}.yaml"
    path.write_text(stack.yaml(), encoding="utf-8")
    try:
        found = check_stack_file(path)
    finally:
        path.unlink()
    text = checking.text(path, found)
    assert "Traceback" not in text, text
    assert "canary" not in text, f"a secret is shown: {text}"
    json.dumps(checking.data(stack.name, path, found)).encode()
    return found


def _is_clear(mistake: Mistake, stack: Stack) -> None:
    assert mistake.file == f"Pulumi.{stack.name}.yaml", f"which file: {mistake}"
    assert mistake.key.startswith("pxl:") or mistake.key == "(stack)", f"which key: {mistake}"
    assert mistake.problem.strip() and mistake.remedy.strip(), f"what is wrong, and what helps: {mistake}"
    given: Any = stack.raw
    for part in mistake.key.removeprefix("pxl:").split("."):
        given = given.get(part) if isinstance(given, dict) else None
    single = isinstance(given, bool | int | float) or (isinstance(given, str) and given)
    assert mistake.value or not single, f"which value: {mistake}"
    assert len(str(mistake)) < 2000, f"nobody reads that: {mistake}"


def _is_refused_by_engine(stack: Stack) -> bool:
    """The types of Pulumi.yaml: groups are objects, everything else that it lists is a text."""
    listed = {key.removeprefix("pxl:") for key in _PROJECT["config"]}
    for key, value in stack.raw.items():
        if key in _GROUPS & listed and not isinstance(value, dict):
            return True
        if key in _PLAIN & listed and isinstance(value, dict | list):
            return True
    return False


def _is_refused_by_program(stack: Stack, mistakes: list[Mistake]) -> None:
    read = reading.read(stack.yaml())["config"]
    values = {key: _handed_on(key.removeprefix("pxl:"), value, stack) for key, value in read.items()}
    for key in _PROJECT["config"]:
        values.setdefault(key, "{}" if key.removeprefix("pxl:") in _GROUPS else "")
    encrypted = [f"pxl:{key}" for key, value in stack.raw.items() if is_encrypted(value)]
    try:
        _run(stack, values, encrypted)
    except pulumi.RunError as refused:
        said = str(refused)
    else:
        raise AssertionError(f"the check refuses what the program takes: {[str(mistake) for mistake in mistakes]}")
    assert "canary" not in said, f"a secret is shown: {said}"
    for mistake in mistakes:
        assert mistake.key in said, f"the program does not name {mistake.key}: {said}"


def _handed_on(key: str, value: Any, stack: Stack) -> str:
    if is_encrypted(value):
        return stack.secrets.get(key, "canary")
    return json.dumps(value) if isinstance(value, dict | list) else reading.as_text(value)


def _deployed(stack: Stack, folder: Path) -> list[dict[str, Any]]:
    """What `pxlctl render` would write, with the secrets that the engine decrypts."""
    built = config.build(reading.read(stack.yaml())["config"], _PROJECT)
    here = whereabouts.kubeconfig(folder / "kubeconfig", built.values)
    decrypted = {f"pxl:{key}": text for key, text in stack.secrets.items()}
    try:
        resources = _run(stack, {**here, **decrypted}, built.secrets)
    except pulumi.RunError as refused:
        _is_about_secrets(str(refused), stack)
        return []
    objects = [manifest_object(one) for one in map(Resource.from_record, resources) if one.is_manifest]
    assert "canary" not in json.dumps(objects), "a secret stands in plain text"
    return objects


def _is_about_secrets(said: str, stack: Stack) -> None:
    """Only what the check could not see in the file may be refused: a secret that is too short, or no JSON."""
    hidden = [key for key, text in stack.secrets.items() if text == "canary"]
    assert hidden, f"the program refuses what the check lets through: {said}"
    assert "canary" not in said, f"a secret is shown: {said}"
    assert all(f"pxl:{key}" in said for key in hidden), f"{hidden} are not named: {said}"


def _run(stack: Stack, values: dict[str, str], encrypted: list[str]) -> list[dict[str, Any]]:
    job = {"program": str(CHECKOUT / "infra"), "project": "pxl", "stack": stack.name}
    with _kept():
        SETTINGS.rpc_manager.clear()
        SETTINGS.outputs.clear()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return recorder.run({**job, "config": values, "secrets": encrypted})


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """The interpreter as it was: a program is used to having one of its own."""
    path, argv, environ = list(sys.path), list(sys.argv), dict(os.environ)
    try:
        yield
    finally:
        sys.path[:], sys.argv[:] = path, argv
        os.environ.clear()
        os.environ.update(environ)
