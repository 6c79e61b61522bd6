"""examples/postgres-only previews with nothing of this project but the library's wheel.

What the wheel depends on is this environment's: installing it anew takes minutes, and is a part of `make e2e`
(`tests/e2e/test_example_stack.py`).
"""

import json
import subprocess
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from local import engine
from local.paths import State
from tests.integration.engine.example_stack import copied, environment, run, wheel

pytestmark = pytest.mark.engine

IMAGE = "registry.example.com/library/postgres@sha256:" + "c" * 64
NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "none", "user": {"token": "none"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "current-context": "none",
}


@dataclass
class Example:
    """The example, and the engine that runs it."""

    folder: Path
    env: dict[str, str]
    wheel: Path
    python: Path

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = ["pulumi", *arguments, "--non-interactive"]
        return subprocess.run(
            argv, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    base = tmp_path_factory.mktemp("alone")
    state = State(tmp_path_factory.mktemp("state"))
    used = engine.ensure()
    used.plugins(state)
    built = wheel(base)
    venv = base / "venv"
    run(Path(sysconfig.get_path("scripts")) / "python", "-m", "venv", "--without-pip", venv)
    packages = Path(
        run(venv / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    with zipfile.ZipFile(built) as archive:
        archive.extractall(packages)
    # What is installed here from registries, and none of what is installed here from this checkout: the files that
    # lead to that are read in the environment's own folder only.
    (packages / "registries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (base / "kubeconfig").write_text(yaml.safe_dump(NOWHERE))
    made = Example(
        copied(base), environment(used.env(state), venv, base / "kubeconfig"), built, venv / "bin" / "python"
    )
    for arguments in (["stack", "init", "try"], ["config", "set", "image", IMAGE, "--stack", "try"]):
        done = made.pulumi(*arguments)
        assert done.returncode == 0, done.stderr[-2000:]
    return made


def test_nothing_of_this_project_is_around_it(example: Example):
    for name in ("infra", "operations", "local"):
        done = subprocess.run(
            [example.python, "-c", f"import {name}"], cwd=example.folder, capture_output=True, check=False
        )
        assert done.returncode != 0, f"{name} can be imported: then the preview below proves nothing"
    where = subprocess.run(
        [example.python, "-c", "import pxl_components; print(pxl_components.__file__)"],
        cwd=example.folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(example.python.parents[1])), f"the library has to be the wheel's: {where}"


def test_the_wheel_has_every_module_and_its_types(example: Example):
    there = {Path(name).name for name in zipfile.ZipFile(example.wheel).namelist()}
    source = Path(__file__).resolve().parents[3] / "components" / "pxl_components"
    wanted = {path.name for path in source.rglob("*.py")} | {"py.typed"}
    assert wanted <= there, f"forgotten in the wheel: {wanted - there}"


def test_it_previews_a_database_on_the_real_engine(example: Example):
    done = example.pulumi("preview", "--stack", "try", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    kinds = {step["urn"].split("::")[2].split("$")[-1] for step in json.loads(done.stdout)["steps"]}
    for wanted in (
        "pxl:index:Postgres",
        "kubernetes:apps/v1:StatefulSet",
        "kubernetes:core/v1:Service",
        "kubernetes:core/v1:Secret",
        "kubernetes:core/v1:Namespace",
    ):
        assert wanted in kinds, f"a database takes a {wanted}; there is {sorted(kinds)}"


def test_a_wrong_argument_is_refused_in_the_words_of_the_library(example: Example):
    done = example.pulumi("preview", "--stack", "try", "--config", "postgres-only:image=postgres:17")
    assert done.returncode != 0 and "ephemeral.image" in done.stdout + done.stderr, done.stdout[-1500:]
