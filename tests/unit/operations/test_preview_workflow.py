"""The workflow of pull requests: what it may do, and for whom it does it."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from operations.errors import Problem
from operations.preview.place import place
from operations.stacks import Project

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
PREVIEW = (ROOT / ".github" / "workflows" / "preview.yml").read_text(encoding="utf-8")
# YAML 1.1 takes "on" for true.
WORKFLOW = yaml.safe_load(PREVIEW.replace("\non:\n", "\n'on':\n"))
JOBS = WORKFLOW["jobs"]
OWN = "github.event.pull_request.head.repo.full_name == github.repository"


def test_it_runs_on_pull_requests_and_never_with_the_rights_of_the_target():
    assert WORKFLOW["on"] == {"pull_request": None}, "pull_request_target gives a fork's code this repository's rights"


@pytest.mark.parametrize("name", JOBS)
def test_no_job_runs_for_a_fork(name):
    assert JOBS[name]["if"] == OWN, "a condition that is only part of another one may come out otherwise"


def test_a_job_has_the_permissions_that_it_names_and_no_others():
    assert WORKFLOW["permissions"] == {}, "what is not named here would be the repository's default"
    assert JOBS["stacks"]["permissions"] == {"contents": "read"}
    assert JOBS["preview"]["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(path):
    used = re.findall(r"uses:\s*(\S+)(.*)", path.read_text(encoding="utf-8"))
    for action, comment in used:
        assert re.fullmatch(r"(actions|aws-actions)/[\w-]+@[0-9a-f]{40}", action), f"{action} can change under us"
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}: nobody can tell which version that is"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_that_others_write_becomes_a_part_of_a_command(path):
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "a name of a branch or a file could be a command: by env only"


def test_no_secret_is_handed_to_it_and_none_stays_in_the_checkout():
    assert "secrets." not in PREVIEW, "the role is taken with GitHub's own token"
    for job in JOBS.values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, "the program that runs could read them"
            if "local" not in step.get("run", "") and "comment" not in step.get("run", ""):
                assert "GH_TOKEN" not in step.get("env", {}), "only what writes the comment needs it"


def test_every_step_of_substance_is_a_make_target_that_exists():
    runs = "\n".join(step.get("run", "") for step in JOBS["preview"]["steps"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)", runs))
    assert targets == {"preview", "comment"}
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_list_of_stacks_has_every_stack_but_dev_and_no_other_file(tmp_path):
    for name in ("dev", "staging", "eu-prod", "x'; touch forged; '"):
        (tmp_path / f"Pulumi.{name}.yaml").touch()
    (tmp_path / "Pulumi.yaml").touch()
    script = next(step for step in JOBS["stacks"]["steps"] if step.get("id") == "list")["run"]
    if subprocess.run(["sh", "-c", "command -v jq"], capture_output=True, check=False).returncode != 0:
        # What comes before jq is what matters for safety.
        listing = script.split("\n")[1].rstrip(" |")
        done = subprocess.run(["bash", "-c", listing], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["eu-prod", "staging"]
        return
    output = tmp_path / "output"
    env = {"PATH": "/usr/bin:/bin", "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, check=True)
    assert output.read_text() == (
        'stacks=[{"stack":"eu-prod","variable":"PREVIEW_ROLE_EU_PROD"},'
        '{"stack":"staging","variable":"PREVIEW_ROLE_STAGING"}]\n'
    )


def test_a_job_learns_where_its_stack_lies_from_the_stack_file(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: pxl\n")
    file = tmp_path / "Pulumi.staging.yaml"
    aws = 'config:\n  pxl:aws: {{account: "123456789012", region: "{}", cluster: main}}\n'
    file.write_text(aws.format("eu-central-1"))
    assert place(Project(tmp_path), "staging") == {
        "region": "eu-central-1",
        "cluster": "main",
        "context": "staging",
        "backend": "s3://pxl-staging-state-123456789012-eu-central-1?region=eu-central-1",
    }
    file.write_text(aws.format("x\\nbackend=s3://forged"))
    with pytest.raises(Problem, match="not said where"):
        place(Project(tmp_path), "staging")
