"""``pxlctl promote`` as a user meets it: a git repository, real registries, a served API server."""

import http.server
import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import released_world as w
from typer.testing import CliRunner

from operations.command_line import app
from operations.promotion.release import Block, short
from tests.process.promotion.registries import troubled
from tests.process.promotion.two_stacks import COMMENT, World, kubeconfig, settings


def test_what_staging_has_shown_to_work_becomes_the_release_of_prod(world: World) -> None:
    before = world.file("prod").read_text()
    result = world.promote()
    assert result.exit_code == 0, result.stderr
    block = world.release("prod")
    assert block is not None
    assert block["digest"] == world.image.digest
    assert block["provenIn"] == "staging" and block["promotedBy"] == "ada@example.com" and "reason" not in block
    age = datetime.now(UTC) - datetime.fromisoformat(block["healthySince"])
    assert timedelta(hours=29.9) < age < timedelta(hours=30.1)
    assert world.target.stored("pxl/prod/app", world.image.digest) == world.image.data, "the same image, byte for byte"
    after = world.file("prod").read_text()
    assert [line for line in after.splitlines() if line in before.splitlines()] == before.splitlines()
    assert COMMENT in after
    assert f"git commit -m 'prod: {short(world.image.digest)}' Pulumi.prod.yaml" in result.stdout
    assert "pulumi preview --stack prod" in result.stdout and "pulumi up --stack prod" in result.stdout


def test_what_is_written_is_what_the_program_takes(world: World) -> None:
    world.promote()
    checked = world.pxlctl("check", "prod")
    assert checked.exit_code == 0, checked.stdout


def test_scripts_read_what_was_done(world: World) -> None:
    data = json.loads(world.promote("--json").stdout)
    assert data["digest"] == world.image.digest and data["before"] is None
    assert data["changed"] is True and data["forced"] == [] and data["pods"] == 4 and data["soakHours"] == 24
    assert data["copied"]["manifests"] == 1 and data["copied"]["tag"] == f"release-{short(world.image.digest)}"
    assert data["release"] == world.release("prod")


def test_a_dry_run_checks_everything_and_changes_nothing(world: World) -> None:
    result = world.promote("--dry-run")
    assert result.exit_code == 0
    assert "nothing was changed" in result.stdout and world.image.digest in result.stdout
    assert world.git("status", "--porcelain") == ""
    assert world.target.stored("pxl/prod/app", world.image.digest) is None


def test_once_it_is_committed_the_same_again_changes_nothing(world: World) -> None:
    world.promote()
    world.commit("prod: a release")
    world.runs_since(40)
    result = world.promote()
    assert result.exit_code == 0, result.stderr
    assert "says so already" in result.stdout
    assert world.git("status", "--porcelain") == ""


def test_an_interrupted_copy_leaves_the_file_alone_and_is_gone_on_with(world: World) -> None:
    begun, over = threading.Event(), threading.Event()

    def held_up(handler: http.server.BaseHTTPRequestHandler, _: int) -> bool:
        if handler.command != "PUT":
            return False
        begun.set()
        return over.wait(20)

    with troubled(world.target, held_up) as host:
        world.file("prod").write_text(settings("prod", f"{host}/pxl/prod/app"))
        world.commit("behind a slow network")
        command = [sys.executable, "-m", "operations", "--cwd", str(world.folder), "promote", "staging", "prod"]
        process = subprocess.Popen(
            [*command, "--kubeconfig", str(world.folder / "kubeconfig")], stderr=subprocess.PIPE, text=True
        )
        assert begun.wait(30), "it must have begun to copy"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        over.set()
    assert process.returncode == 130, said
    assert "∎ copying" in said and said.rstrip().endswith("interrupted") and "Traceback" not in said
    assert world.git("status", "--porcelain") == ""
    world.file("prod").write_text(settings("prod", f"{world.target.host}/pxl/prod/app"))
    world.commit("a better network")
    assert world.promote().exit_code == 0


def refused(world: World, *arguments: str) -> str:
    """What is said; nothing may have changed."""
    before = world.git("status", "--porcelain")
    release = world.release("prod")
    result = world.promote(*arguments)
    assert result.exit_code == 1, f"must be refused: {result.stdout}"
    assert result.stdout == "", "a refusal is no result"
    assert world.git("status", "--porcelain") == before and world.release("prod") == release
    assert world.target.stored("pxl/prod/app", world.image.digest) is None, "nothing may have been copied"
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_tag_is_not_promoted_not_even_for_a_reason(world: World) -> None:
    world.set_release("staging", Block("v1.4.2"))
    assert "the release of stack staging is a tag" in refused(world)
    assert "the release of stack staging is a tag" in refused(world, "--reason", "urgent")


def test_a_stack_without_a_release_has_nothing_to_promote(world: World) -> None:
    world.set_release("staging", None)
    assert "nothing to promote" in refused(world)


def test_a_digest_that_never_ran_is_not_promoted_not_even_for_a_reason(world: World) -> None:
    world.runs_since(100, w.OTHER)
    said = refused(world)
    assert "never ran the digest" in said and "Deployment api runs b2b2b2b2b2b2" in said
    assert "never ran the digest" in refused(world, "--reason", "urgent")


def unready(world: World) -> None:
    world.snapshot.pods[0]["status"]["conditions"][0]["status"] = "False"


def test_what_is_unhealthy_is_promoted_for_a_reason_only(world: World) -> None:
    unready(world)
    said = refused(world)
    assert "is not healthy" in said and "pod api-1 is not ready" in said and "pxlctl explain pxl-staging" in said
    result = world.promote("--reason", "  the shop\n is down  ")
    assert result.exit_code == 0, result.stderr
    block = world.release("prod")
    assert block is not None and block["reason"] == "the shop is down"
    assert "healthySince" not in block, "nobody may read that it was healthy"
    assert world.pxlctl("check", "prod").exit_code == 0, "the program takes a reason"


def test_before_its_time_it_says_how_long_to_wait(world: World) -> None:
    world.runs_since(20.5)
    said = refused(world)
    assert "has been healthy for 20 h 3" in said and "asks for 24 h 00 min" in said
    assert "wait another 3 h 30 min" in said
    result = world.promote("--reason", "urgent", "--json")
    assert json.loads(result.stdout)["forced"] == ["soak"]
    assert (world.release("prod") or {})["reason"] == "urgent"


def test_a_clock_that_is_ahead_is_noticed(world: World) -> None:
    path = world.file("prod")
    path.write_text(path.read_text() + "  pxl:promotion: {soakHours: 0}\n")
    world.commit("no soak")
    world.runs_since(-1)
    assert "lies in the future" in refused(world), "the program would refuse it"
    world.runs_since(-0.01)
    assert world.promote().exit_code == 0, "half a minute is what clocks differ by"


def test_a_longer_soak_can_be_asked_for_and_a_shorter_one_cannot(world: World) -> None:
    assert "asks for 36 h 00 min" in refused(world, "--soak", "36h")
    assert "--soak 1 h 00 min is less than" in refused(world, "--soak", "1h")
    assert "is no length of time" in refused(world, "--soak", "soon")


def test_a_reason_that_was_not_needed_is_not_written_down(world: World) -> None:
    result = world.promote("--reason", "just in case")
    assert result.exit_code == 0
    assert "nothing had to be forced" in result.stderr
    assert "reason" not in (world.release("prod") or {}), "in the history it would read as if something was wrong"


def test_an_empty_reason_is_none(world: World) -> None:
    world.runs_since(1)
    assert "the reason is empty" in refused(world, "--reason", "  ")


def test_an_image_that_is_gone_from_the_source_is_refused_even_for_a_reason(world: World) -> None:
    gone = "sha256:" + "9" * 64
    world.set_release("staging", Block(gone))
    world.runs_since(30, gone)
    assert "does not have that image" in refused(world)
    assert "does not have that image" in refused(world, "--reason", "urgent")


def test_a_file_with_other_changes_is_refused_even_for_a_reason(world: World) -> None:
    path = world.file("prod")
    path.write_text(path.read_text() + "\n# half a thought\n")
    said = refused(world)
    assert "holds a change that is not committed" in said and "git diff Pulumi.prod.yaml" in said
    assert "not committed" in refused(world, "--reason", "urgent")
    world.git("add", "-A")
    assert "not committed" in refused(world), "what is staged is not committed either"


def test_a_change_elsewhere_does_not_matter(world: World) -> None:
    (world.folder / "README.md").write_text("new\n")
    assert world.promote().exit_code == 0


def test_a_file_that_was_never_committed_is_refused(world: World) -> None:
    world.git("rm", "-q", "--cached", "Pulumi.prod.yaml")
    world.git("commit", "-q", "-m", "without it")
    assert "was never committed" in refused(world)


def test_a_folder_that_is_no_repository_is_refused(world: World) -> None:
    (world.folder / ".git").rename(world.folder.parent / "was.git")
    result = world.promote()
    assert result.exit_code == 1 and "its history is the list of releases" in result.stderr


def test_a_stack_is_not_promoted_to_itself(world: World) -> None:
    result = world.pxlctl("promote", "prod", "prod", "--reason", "urgent")
    assert result.exit_code == 1 and "to itself" in result.stderr


def test_a_stack_without_a_registry_is_refused_even_for_a_reason(world: World) -> None:
    world.file("prod").write_text(settings("prod", None))
    world.commit("no registry")
    assert "stack prod has no registry" in refused(world)
    assert "stack prod has no registry" in refused(world, "--reason", "urgent")


def test_a_stack_with_another_mistake_is_refused_before_anything_is_copied(world: World) -> None:
    path = world.file("prod")
    path.write_text(path.read_text() + "  pxl:colour: red\n")
    world.commit("a mistake")
    assert "pxl:colour" in refused(world)


def test_a_release_that_no_longer_holds_does_not_stand_in_the_way_of_a_good_one(world: World) -> None:
    world.set_release("prod", Block(w.OTHER))
    assert world.pxlctl("check", "prod").exit_code == 1, "by hand, and without proof"
    result = world.promote()
    assert result.exit_code == 0, result.stderr
    assert world.pxlctl("check", "prod").exit_code == 0


def test_a_cluster_that_does_not_answer_is_a_problem_that_no_reason_forces(world: World) -> None:
    (world.folder / "kubeconfig").write_text(kubeconfig("http://127.0.0.1:9"))
    assert "cannot be asked" in refused(world, "--reason", "urgent")


def test_stacks_that_share_a_repository_copy_nothing(world: World) -> None:
    world.file("prod").write_text(settings("prod", f"{world.source.host}/pxl/staging/app"))
    world.commit("one repository")
    data = json.loads(world.promote("--json").stdout)
    assert data["copied"] is None and data["changed"] is True


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_each_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0 and f"Example: pxlctl {command}" in result.stdout
