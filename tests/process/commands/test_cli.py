"""The commands as a user meets them: what they print, where, and with which exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from operations import commands, deploy
from operations.cli import Terminated
from operations.command_line import app
from operations.errors import Problem
from operations.proof.isolation import command as isolation
from operations.proof.isolation.judge import Proof

GOOD = "config:\n  pxl:environment: dev\n"
BAD = "config:\n  pxl:environment: dev\n  pxl:colour: red\n  pxl:release: {digest: latest}\n  pxl:jwtSecret: hunter2\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: pxl\nruntime: python\nmain: infra/\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(GOOD)
    (tmp_path / "Pulumi.bad.yaml").write_text(BAD)
    (tmp_path / "Pulumi.prod.yaml").write_text("config:\n  pxl:environment: prod\n")
    return tmp_path


def pxlctl(project: Path, *arguments: str, **more: Any) -> Any:
    return CliRunner().invoke(app, ["--cwd", str(project), *arguments], **more)


@pytest.mark.parametrize(
    "command", ["check", "render", "doctor", "init", "up", "preview", "down", "explain", "proof isolation"]
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"Example: pxlctl {command}" in result.stdout, "an example says more than a grammar"


def test_good_settings_are_said_to_be_good(project: Path) -> None:
    result = pxlctl(project, "check", "dev")
    assert result.exit_code == 0
    assert result.stdout == "Pulumi.dev.yaml: no mistakes\n"


def test_check_says_all_mistakes_at_once_and_counts_them(project: Path) -> None:
    result = pxlctl(project, "check", "bad")
    assert result.exit_code == 1, "scripts must see that something is wrong"
    for key in ("pxl:colour", "pxl:release.digest", "pxl:jwtSecret"):
        assert f"Pulumi.bad.yaml: {key}" in result.stdout, "one run has to be enough to find everything"
    assert result.stdout.count("next: ") >= 3, "every mistake comes with its remedy"
    assert "mistakes in Pulumi.bad.yaml; nothing was touched" in result.stdout.splitlines()[-1]
    assert "hunter2" not in result.output, "a mistake in a secret does not print it"


def test_check_is_readable_by_scripts(project: Path) -> None:
    result = pxlctl(project, "check", "bad", "--json")
    data = json.loads(result.stdout)
    assert result.exit_code == 1
    assert data["ok"] is False
    assert {"file", "key", "value", "problem", "remedy"} == set(data["mistakes"][0])


def test_check_can_look_at_another_file(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy.yaml"
    other.write_text(BAD)
    result = pxlctl(project, "check", "dev", "--file", str(other))
    assert result.exit_code == 1
    assert "copy.yaml: pxl:colour" in result.stdout, "it must be said which file is meant"


def test_a_file_that_is_no_mapping_is_answered_with_what_to_write(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("- a list\n")
    result = pxlctl(project, "check", "dev")
    assert "write 'pxl:KEY: VALUE'" in result.stdout, "what stands between colons is a key, not an emoji"


def test_the_next_step_names_the_file_that_was_looked_at(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy.yaml"
    other.write_text(BAD)
    result = pxlctl(project, "render", "dev", "--file", str(other))
    assert f"pxlctl check dev --file {other}" in result.stderr, "Pulumi.dev.yaml holds no mistake"
    result = pxlctl(project, "doctor", "dev", "--file", str(other))
    assert f"pxlctl check dev --file {other}" in result.stdout


@pytest.mark.parametrize("command", ["check", "render", "doctor", "init", "up", "preview", "down"])
def test_a_settings_file_that_cannot_be_used_is_one_message(project: Path, command: str) -> None:
    missing = pxlctl(project, command, "dev", "--file", str(project / "none.yaml"))
    assert missing.exit_code == 1
    assert "none.yaml does not exist" in missing.stderr
    assert "next:" in missing.stderr
    folder = pxlctl(project, command, "dev", "--file", str(project))
    assert folder.exit_code == 1
    assert "is a folder, not a settings file" in folder.stderr, "it does exist"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["check", "dev"], ["check", "dev", "--json"]])
def test_a_result_that_cannot_be_written_is_one_message(project: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "operations", "--cwd", str(project), *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("the result cannot be written\n  why:   No space left on device\n"), done.stderr


def test_an_unknown_stack_is_answered_with_those_that_exist(project: Path) -> None:
    result = pxlctl(project, "check", "stagging")
    assert result.exit_code == 1
    assert "there is no stack 'stagging'" in result.stderr
    assert "these stacks exist: bad, dev, prod" in result.stderr
    assert result.stdout == "", "what scripts read stays clean"


def test_a_stack_name_cannot_leave_the_project(project: Path) -> None:
    result = pxlctl(project, "check", "../dev")
    assert result.exit_code == 1
    assert "there is no stack" in result.stderr


def test_outside_a_project_it_is_said_where_it_was_looked_for(tmp_path: Path) -> None:
    result = pxlctl(tmp_path, "check", "dev")
    assert result.exit_code == 1
    assert "there is no Pulumi.yaml here" in result.stderr
    assert "--cwd DIR" in result.stderr


def test_a_wrong_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2


def test_up_refuses_bad_settings_before_anything_else(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "up", lambda *_: pytest.fail("the engine must not start"))
    result = pxlctl(project, "up", "bad")
    assert result.exit_code == 1
    assert "the settings of stack bad cannot be used" in result.stderr


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (Terminated(15), 143)])
def test_an_interrupt_ends_cleanly(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(commands, "up", interrupted)
    result = pxlctl(project, "up", "dev")
    assert result.exit_code == code
    assert result.stderr.strip() == "interrupted", "no traceback for a Ctrl-C"


def test_a_problem_is_printed_without_a_traceback(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def problem(*_: Any) -> None:
        raise Problem("it broke", where="here", why="first\n\nsecond", remedy="mend it")

    monkeypatch.setattr(commands, "preview", problem)
    result = pxlctl(project, "preview", "dev")
    assert result.exit_code == 1
    assert result.stderr == ("it broke\n  where: here\n  why:   first\n\n         second\n  next:  mend it\n"), (
        "what, where, why and next, and nothing else"
    )


def test_down_refuses_production_even_if_confirmed(project: Path) -> None:
    result = pxlctl(project, "down", "prod", "--yes")
    assert result.exit_code == 1
    assert "stack prod is production" in result.stderr


def test_down_refuses_when_it_cannot_tell_whether_it_is_production(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    result = pxlctl(project, "down", "dev", "--yes")
    assert result.exit_code == 1
    assert "not clear that stack dev is not production" in result.stderr
    assert "pxl:environment is missing" in result.stderr, "None is a word of Python"


def test_down_asks_nobody_where_nobody_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "destroy", lambda *_: pytest.fail("nobody confirmed"))
    result = pxlctl(project, "down", "dev", input="y\n")
    assert result.exit_code == 1, "an answer that comes from a pipe was not meant"
    assert "add --yes if it is meant" in result.stderr


def test_down_with_yes_removes_the_stack(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[deploy.Deployment] = []
    monkeypatch.setattr(deploy, "destroy", removed.append)
    assert pxlctl(project, "down", "dev", "--yes").exit_code == 0
    assert [one.namespace for one in removed] == ["pxl-dev"]


def test_the_cluster_is_the_one_that_the_settings_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "Pulumi.dev.yaml").write_text(
        "config:\n  pxl:environment: dev\n  pxl:namespace: shop\n  pxl:kubernetes: {context: blue, kubeconfig: /k}\n"
    )
    seen: list[deploy.Deployment] = []
    monkeypatch.setattr(deploy, "up", seen.append)
    monkeypatch.setattr(deploy, "outputs", lambda _: {"url": "http://api", "links": {"links": []}})
    result = pxlctl(project, "up", "dev")
    assert result.exit_code == 0
    assert (seen[0].context, seen[0].kubeconfig, seen[0].namespace) == ("blue", Path("/k"), "shop")
    assert result.stdout == "url: http://api\n", "the outputs are the result of the command, what fits in a line"
    everything = {"url": "http://api", "links": {"links": []}}
    assert json.loads(pxlctl(project, "up", "dev", "--json").stdout) == everything, "scripts get all of them"


LINKS = {
    "namespace": "shop",
    "links": [
        {"name": "dns", "opens": ["egress"], "from": {"namespace": "shop"}, "to": {"namespace": "dns"}, "ports": [53]}
    ],
}


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What would be proved, and how; the result shows nothing."""
    seen: list[tuple[Any, Any]] = []

    def prove(stack: str, declared: Any, options: Any) -> Proof:
        seen.append((declared, options))
        return Proof(stack, declared, (), 0)

    monkeypatch.setattr(isolation, "prove", prove)
    return seen


def test_a_proof_looks_at_the_cluster_and_at_the_links_of_the_stack(
    project: Path, monkeypatch: pytest.MonkeyPatch, proved: list[tuple[Any, Any]]
) -> None:
    (project / "Pulumi.dev.yaml").write_text(
        "config:\n  pxl:environment: dev\n  pxl:kubernetes: {context: blue, kubeconfig: /k}\n"
    )
    monkeypatch.setattr(deploy, "outputs", lambda _: {"links": LINKS})
    pxlctl(project, "proof", "isolation", "dev", "--outside", "example.com:1", "--outside", "example.org:2")
    pxlctl(project, "proof", "isolation", "dev", "--kube-context", "green", "--timeout", "1")
    (declared, first), (_, second) = proved
    assert declared.namespace == "shop"
    assert (first.context, first.kubeconfig) == ("blue", Path("/k"))
    assert first.outside == ("example.com:1", "example.org:2")
    assert (first.metadata, first.seconds) == ("169.254.169.254:80", 3.0)
    assert (second.context, second.kubeconfig, second.seconds) == ("green", Path("/k"), 1.0)


def test_a_proof_that_shows_nothing_fails_and_says_so_to_scripts_too(
    project: Path, proved: list[tuple[Any, Any]], tmp_path: Path
) -> None:
    (tmp_path / "links.json").write_text(json.dumps(LINKS))
    named = ["proof", "isolation", "dev", "--links", str(tmp_path / "links.json"), "--kube-context", "blue"]
    page = tmp_path / "docs" / "page.md"
    result = pxlctl(project, *named, "--json", "--markdown", str(page))
    data = json.loads(result.stdout)
    assert result.exit_code == 1, "nothing tried is nothing shown"
    assert data["ok"] is False
    assert "no connection was tried" in data["gaps"]
    assert f"`pxlctl proof isolation dev --markdown {page}`" in page.read_text(), "the page says how it is written"
    assert proved[0][1].context == "blue", "and no engine was asked"


def test_a_proof_of_a_stack_that_declares_nothing_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, proved: list[tuple[Any, Any]]
) -> None:
    monkeypatch.setattr(deploy, "outputs", lambda _: {"url": "http://api"})
    result = pxlctl(project, "proof", "isolation", "dev", "--kube-context", "blue")
    assert result.exit_code == 1
    assert "pxlctl up dev" in result.stderr, "it has to be deployed by a program that says its links"
    assert not proved


def test_explain_refuses_to_guess_a_cluster() -> None:
    result = CliRunner().invoke(app, ["explain", "pxl-dev"])
    assert result.exit_code == 1
    assert "no cluster is named" in result.stderr, "the user's current context is never meant by default"


def test_a_kubeconfig_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["explain", "pxl-dev", "--kubeconfig", str(tmp_path / "kubeconfig")])
    assert result.exit_code == 1
    assert f"there is no kubeconfig {tmp_path}/kubeconfig" in result.stderr
    assert "make up" in result.stderr, "without its node, the embedded platform has none"
    result = CliRunner().invoke(app, ["doctor", "--kubeconfig", str(tmp_path / "kubeconfig")])
    assert f"there is no kubeconfig {tmp_path}/kubeconfig\n" in result.stdout, "and nothing of Python's after it"


def test_a_preview_goes_to_standard_output(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "preview", lambda _, out: out("+ created"))
    assert pxlctl(project, "preview", "dev").stdout == "+ created\n", "a pull request shows it, so CI must catch it"
