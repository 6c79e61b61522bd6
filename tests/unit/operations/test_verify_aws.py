"""``make verify-aws``: its plan, and what it says of a run; no account was ever asked."""

import re
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML
from typer.main import get_command

from infra.settings import check_stack_file
from operations.command_line import app
from operations.errors import Problem
from operations.stacks import Project
from operations.verify_aws import __main__ as verify
from operations.verify_aws import claims, plan

ROOT = Path(__file__).resolve().parents[3]
LIKE = """\
secretsprovider: awskms://alias/pxl-staging-state?region=eu-central-1
encryptedkey: abc
config:
  pxl:environment: staging
  pxl:aws: {account: "111111111111", region: eu-central-1, cluster: main}
  pxl:ingress: {kind: alb, hostname: app.example.com}
  pxl:postgres: {ca: PEM, protect: true}
  pxl:jwtSecret: {secure: v1:abc}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: pxl\n")
    (tmp_path / "Pulumi.staging.yaml").write_text(LIKE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_plan_names_every_row_that_was_never_run(project: Path, capsys: pytest.CaptureFixture[str]):
    assert verify.main(["staging", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert claims.never_run(), "a page without such a row would prove nothing"
    for claim in claims.never_run():
        assert claim.capability in said, f"{claim.name}: shown or not, it has to be said"
    assert list(project.glob("Pulumi.verify-*")) == [], "a dry run makes nothing"


def test_what_it_is_like_is_not_touched_and_its_secrets_and_names_are_not_taken(project: Path):
    document = verify.settings_of(Project(project), "staging", "verify-1")
    config = document["config"]
    assert config["pxl:aws"]["account"] == "111111111111", "it lands in the same place"
    assert "pxl:ingress" not in config, "two stacks with one host name would take it from each other"
    assert "pxl:jwtSecret" not in config and "encryptedkey" not in document, "they are under the other stack's key"
    assert config["pxl:postgres"] == {"protect": False, "ca": "PEM"}, "it has to be able to go again"


def test_an_app_is_tried_as_it_is_and_from_where_its_image_lies(tmp_path: Path):
    document = YAML().load((ROOT / "Pulumi.staging.yaml").read_text())
    assert "pxl:release" not in document["config"], "else this would not need to add one"
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    document["config"] |= {
        "pxl:release": {"digest": "sha256:" + "c" * 64},
        "pxl:app": {"contract": "framework"},
        "pxl:postgres": {"engineVersion": "16"},
    }
    with (tmp_path / "Pulumi.staging.yaml").open("w") as text:
        YAML().dump(document, text)
    config = verify.settings_of(Project(tmp_path), "staging", "verify-1")["config"]
    assert config["pxl:registry"] == {"kind": "none"}, "a registry of its own would be empty"
    assert config["pxl:image"]["repository"] == "111111111111.dkr.ecr.eu-central-1.amazonaws.com/pxl/staging/app"
    assert config["pxl:app"] == {"contract": "framework"}, "another contract is another app"
    assert config["pxl:postgres"] == {"engineVersion": "16", "protect": False}
    assert "pxl:ingress" not in config
    file = tmp_path / "Pulumi.verify-1.yaml"
    with file.open("w") as text:
        YAML().dump({"config": config}, text)
    assert check_stack_file(file) == [], "and it holds"


def test_nothing_is_said_to_be_shown_that_is_left_out():
    shown = [pattern for step in plan.steps("verify-1", "F") for pattern in step.shows]
    for left_out in ("ingress.kind: alb", "Ingress", "registry.kind: ecr"):
        assert not [pattern for pattern in shown if re.fullmatch(pattern, left_out)], left_out


def test_a_stack_that_lands_nowhere_is_refused(project: Path):
    (project / "Pulumi.dev.yaml").write_text("config:\n  pxl:environment: dev\n")
    with pytest.raises(Problem, match="lands nowhere"):
        verify.settings_of(Project(project), "dev", "verify-1")


def test_after_a_failure_nothing_more_is_tried_but_everything_is_taken_away(project: Path, capsys):
    ran: list[str] = []

    def run(argv):
        ran.append(" ".join(argv[:2]))
        return 1 if argv[:2] == ("pxlctl", "up") else 0

    assert verify.main(["staging"], run) == 1, "who asked must see that it failed"
    assert ran == ["pxlctl check", "pulumi stack", "pxlctl up", "pxlctl down", "pulumi stack"]
    assert "| real |" not in capsys.readouterr().out, "what failed is not shown"
    assert list(project.glob("Pulumi.verify-*")) == [], "its file goes with it"


def test_the_file_stays_when_something_may_still_be_there(project: Path):
    assert verify.main(["staging"], lambda argv: int(argv[1] == "down")) == 1
    assert len(list(project.glob("Pulumi.verify-*"))) == 1, "without it nothing could be taken away any more"


def test_a_whole_run_prints_the_new_rows_of_the_page(project: Path, monkeypatch, tmp_path: Path, capsys):
    page = tmp_path / "fidelity.md"
    page.write_text("## Choices\n\n| capability | shown | how |\n| --- | --- | --- |\n"
                    "| `secrets.delivery: externalSecrets` | never | previewed |\n| arm64 | never | |\n")  # fmt: skip
    monkeypatch.setattr(claims.never_run, "__defaults__", (page,))
    assert verify.main(["staging"], lambda _: 0) == 0
    said = capsys.readouterr().out
    assert "| `secrets.delivery: externalSecrets` | real | `make verify-aws`" in said
    assert "arm64" not in said, "nothing of the plan shows it"


def test_every_command_of_the_plan_exists():
    for step in plan.steps("verify-1", "F"):
        if step.argv[0] == "pxlctl":
            command = get_command(app)
            for word in step.argv[1:3]:
                command = getattr(command, "commands", {}).get(word, command if word == "verify-1" else None)
                assert command is not None, f"{' '.join(step.argv[:3])} does not exist"


def test_its_secrets_are_put_under_the_key_that_is_there(project: Path):
    ran: list[str] = []
    verify.main(["staging"], lambda argv: ran.append(" ".join(argv)) or 0)
    (init,) = [command for command in ran if "stack init" in command]
    assert "--secrets-provider awskms://alias/pxl-staging-state" in init, "else it would ask for a passphrase"


def test_the_file_is_one_that_the_engine_reads(project: Path):
    kept: list[dict] = []

    def run(argv):
        if argv[:2] == ("pxlctl", "check"):
            kept.append(yaml.safe_load(Path(argv[-1]).read_text()))
        return 0

    verify.main(["staging"], run)
    assert kept[0]["config"]["pxl:environment"] == "staging"
