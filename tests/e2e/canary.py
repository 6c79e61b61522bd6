"""A secret that can be recognised in every form, and searches for it: in texts, files and processes."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.settings.app_secrets import SETTING as APP_SECRETS
from infra.settings.model import Settings

# What is awkward in JSON, URLs, shells and configuration files: a value must arrive whole all the same.
_AWKWARD = """ "\\&%+/$x='ü"""
_DIGESTS = ("md5", "sha1", "sha256", "sha512")
# Hashes are cut when they become part of a name; so many characters of one are no coincidence.
_OF_A_DIGEST = 12


def secret_settings() -> list[str]:
    """Every setting of the model that is a secret."""
    fields = Settings.model_fields.items()
    return [field.alias or name for name, field in fields if "SecretStr" in str(field.annotation)]


@dataclass(frozen=True)
class Canary:
    """One random text, in the value of every secret setting.

    Attributes:
        core: The text: letters and digits, so that no encoding but those below changes it.
        variables: The variables that ``appSecrets`` holds.
    """

    core: str
    variables: tuple[str, ...]

    @classmethod
    def draw(cls, *variables: str) -> "Canary":
        """A new one."""
        return cls(f"canary{secrets.token_hex(12)}", variables)

    @property
    def values(self) -> dict[str, str]:
        """Each secret value by the setting or variable that holds it."""
        names = [name for name in secret_settings() if name != APP_SECRETS]
        return {name: f"{self.core}{_AWKWARD}{name}" for name in [*names, *self.variables]}

    @property
    def settings(self) -> dict[str, str]:
        """What each secret setting is set to."""
        values = self.values
        whole = json.dumps({name: values[name] for name in self.variables}, ensure_ascii=False)
        return {name: whole if name == APP_SECRETS else values[name] for name in secret_settings()}

    @property
    def forms(self) -> dict[str, bytes]:
        """What to look for, by its name. JSON, URLs and shells leave the core as it is."""
        core = self.core.encode()
        return {
            "plain": core,
            **{f"base64, shifted by {shift}": form for shift, form in enumerate(_base64(core))},
            "base64 of base64": _base64(base64.b64encode(b"xxx" + core)[4:])[0],
            "hex": core.hex().encode(),
            "HEX": core.hex().upper().encode(),
            "UTF-16": self.core.encode("utf-16-le"),
            "backwards": core[::-1],
        }

    @property
    def digests(self) -> dict[str, bytes]:
        """The beginning of each hash of each value."""
        found: dict[str, bytes] = {}
        for name, value in {**self.values, **self.settings, "core": self.core}.items():
            for kind in _DIGESTS:
                digest = hashlib.new(kind, value.encode())
                found[f"{kind} of {name}, hex"] = digest.hexdigest()[:_OF_A_DIGEST].encode()
                found[f"{kind} of {name}, base64"] = base64.b64encode(digest.digest())[:_OF_A_DIGEST]
        return found

    def traces(self, text: bytes | str) -> list[str]:
        """The forms in which it stands in a text."""
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        return [name for name, form in {**self.forms, **self.digests}.items() if form in data]

    def files(self, *folders: Path) -> list[Path]:
        """The files below these folders that hold it in any form."""
        patterns = b"\n".join({**self.forms, **self.digests}.values()) + b"\n"
        # Its own size limit or time limit would make holes; grep reads everything, once, for all forms.
        command = ["grep", "--recursive", "--devices=skip", "--files-with-matches", "--text", "--fixed-strings"]
        done = subprocess.run(
            [*command, "--file=-", "--", *map(str, folders)], input=patterns, capture_output=True, check=False
        )
        return sorted(Path(os.fsdecode(line)) for line in done.stdout.splitlines())


def _base64(core: bytes) -> list[bytes]:
    """How it looks within the base64 of something longer, at each of the three alignments, without what is around."""
    found: list[bytes] = []
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + core).rstrip(b"=")
        whole = (shift + len(core)) * 8 // 6
        found.append(text[-(-shift * 8 // 6) : whole])
    return found


@dataclass
class Sighting:
    """A process that held the canary.

    Attributes:
        name: The program.
        where: ``arguments`` or ``environment``.
        variable: Of the environment, its variable.
        contained: Whether the process is one of a pod.
    """

    name: str
    where: str
    variable: str
    contained: bool


@dataclass
class Watch:
    """What was seen in the process list while something ran.

    Attributes:
        sightings: By program, place and variable.
        samples: How often the list was read.
        processes: How many processes were read.
    """

    sightings: dict[tuple[str, str, str, bool], Sighting] = field(default_factory=dict)
    samples: int = 0
    processes: int = 0


@contextmanager
def process_list(canary: Canary) -> Iterator[Watch]:
    """Reads arguments and environment of every process of the machine, over and over, while the body runs."""
    watch, stop = Watch(), threading.Event()
    forms = list(canary.forms.values())

    def look() -> None:
        while not stop.is_set():
            for entry in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    _look_at(entry, forms, watch)
            watch.samples += 1
            stop.wait(0.02)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join(30)


def _look_at(entry: Path, forms: list[bytes], watch: Watch) -> None:
    watch.processes += 1
    for where, file in (("arguments", "cmdline"), ("environment", "environ")):
        data = (entry / file).read_bytes()
        for part in data.split(b"\0") if any(form in data for form in forms) else []:
            if any(form in part for form in forms):
                variable = part.partition(b"=")[0].decode(errors="replace") if where == "environment" else ""
                program = (entry / "comm").read_text(errors="replace").strip()
                contained = "kubepods" in (entry / "cgroup").read_text()
                key = (program, where, variable, contained)
                watch.sightings.setdefault(key, Sighting(*key))


def objects(get: Callable[[str], bytes]) -> Iterator[tuple[str, dict]]:
    """Every object that the API server can list, of every kind in every namespace, with where it was found.

    Args:
        get: Answers a GET of the API server.
    """
    groups = ["/api/v1"]
    for group in json.loads(get("/apis"))["groups"]:
        groups += [f"/apis/{version['groupVersion']}" for version in group["versions"]]
    for group in groups:
        for resource in json.loads(get(group))["resources"]:
            if "list" in resource["verbs"] and "/" not in resource["name"]:
                listed = json.loads(get(f"{group}/{resource['name']}"))
                for item in listed.get("items") or []:
                    metadata = item.get("metadata") or {}
                    where = f"{group}/{resource['name']} {metadata.get('namespace', '')}/{metadata.get('name', '')}"
                    yield where, {"kind": resource["kind"], **item}


def without_secret_data(obj: Mapping[str, object]) -> dict[str, object]:
    """An object without the one field that may hold a secret: ``data`` of a Secret."""
    hidden = {"data"} if obj["kind"] == "Secret" else set()
    return {key: value for key, value in obj.items() if key not in hidden}
