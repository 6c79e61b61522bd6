"""examples/postgres-only as its README says: an empty environment, the library's wheel, and a database that answers."""

import json
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from local import engine
from local.paths import State
from tests.e2e.harness import ROOT, Platform
from tests.integration.engine.example_stack import copied, environment, run, wheel

NAMESPACE = "postgres-only"


def test_one_component_runs_in_a_stack_of_its_own(platform: Platform, tmp_path: Path):
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", venv)
    pip = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.txt", timeout=900)
    run(*pip, "--no-index", "--no-deps", wheel(tmp_path))
    run(venv / "bin" / "pip", "check")

    used, state = engine.ensure(), State(tmp_path / "state")
    state.folder.mkdir()
    used.plugins(state)
    env = environment(used.env(state), venv, platform.state / "kubeconfig")
    folder = copied(tmp_path)
    # The image that `make up` built: the node pulls it from the stack's registry.
    config = YAML().load((platform.state / "Pulumi.dev.yaml").read_text())["config"]
    image = config["pxl:images"]["postgres"]

    def pulumi(*arguments: str) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", "try", "--non-interactive"],
            cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"pulumi {' '.join(arguments)}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        return done.stdout

    pulumi("stack", "init")
    pulumi("config", "set", "image", image)
    # The stand-in takes a cluster that is named, and never the machine's current context.
    pulumi("config", "set", "kubernetes:kubeconfig", str(platform.state / "kubeconfig"))
    try:
        pulumi("up", "--yes", "--skip-preview")
        outputs = json.loads(pulumi("stack", "output", "--json"))
        (pod,) = platform.kubectl("get", "pods", "-n", NAMESPACE)["items"]
        ready = {one["type"]: one["status"] for one in pod["status"]["conditions"]}["Ready"]
        assert ready == "True", "`pulumi up` must end when the database takes connections, not before"
        query = "select current_database(), current_user"
        answer = platform.command(
            "kubectl", "exec", "-n", NAMESPACE, pod["metadata"]["name"], "--",
            "psql", "-U", "shop", "-At", "-c", query, "shop", timeout=60,
        )  # fmt: skip
        assert answer.stdout.strip() == "shop|shop", f"the database must be there: {answer.stderr}"
        assert outputs["port"] == 5432 and NAMESPACE in outputs["host"], f"what others connect to: {outputs}"
        policies = platform.kubectl("get", "networkpolicies", "-n", NAMESPACE)["items"]
        assert policies, "nobody named it in connects_to, so nobody may reach it"
    finally:
        pulumi("destroy", "--yes", "--skip-preview")
    left = platform.command("kubectl", "get", "namespace", NAMESPACE, timeout=60)
    assert left.returncode != 0, "what the stack made must be gone with it"
