"""A deployment runs the engine once, in order, and ends with the reason when it fails."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operations import deploy, rollout
from operations.deploy import Deployment
from operations.engine import process
from operations.errors import Problem

Engine = Callable[[str], Deployment]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Makes a deployment whose engine is a small script; ``calls`` records how it was started.

    The engine exports the state that is in ``state.json``; that is not recorded.
    """
    (tmp_path / "Pulumi.yaml").write_text("name: try\n")
    (tmp_path / "state.json").write_text('{"deployment": {}}')

    def make(script: str) -> Deployment:
        program = tmp_path / "bin" / "pulumi"
        program.parent.mkdir()
        export = f'[ "$1 $2" = "stack export" ] && exec cat "{tmp_path}/state.json"'
        program.write_text(f'#!/bin/sh\n{export}\necho "$@" >> "{tmp_path}/calls"\n{script}\n')
        program.chmod(0o755)
        env = {"PATH": f"{program.parent}:/usr/bin:/bin"}
        return Deployment(tmp_path, "dev", env)

    return make


def calls(deployment: Deployment) -> list[str]:
    return (deployment.project_dir / "calls").read_text().splitlines()


def test_up_asks_no_questions_and_skips_the_preview(engine: Engine) -> None:
    deployment = engine("echo done")
    deploy.up(deployment)
    (call,) = calls(deployment)
    assert call.startswith("up --stack dev --non-interactive")
    assert call.endswith("--yes --skip-preview --suppress-outputs")


def test_the_settings_file_is_the_one_that_is_named(engine: Engine, tmp_path: Path) -> None:
    base = engine("true")
    deploy.preview(Deployment(base.project_dir, "dev", base.env, config_file=tmp_path / "copy.yaml"))
    assert calls(base)[0].endswith(f"--config-file {tmp_path}/copy.yaml")


def test_the_engine_gets_exactly_the_environment_that_was_given(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "of-somebody")
    deploy.up(engine('echo "token: ${PULUMI_ACCESS_TOKEN:-none}"'))
    assert "token: none" in capsys.readouterr().err, "what was not given must not leak in"


def test_output_is_indented_and_without_the_engines_dots(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    deploy.up(engine("echo '@ updating....'; echo; echo; echo '+ created'"))
    assert capsys.readouterr().err == "    + created\n"


STACK = "urn:pulumi:dev::try::pulumi:pulumi:Stack::try-dev"
WORKER = "urn:pulumi:dev::try::pxl:index:Worker$kubernetes:apps/v1:Deployment::worker"
SECRET = "urn:pulumi:dev::try::kubernetes:core/v1:Secret::key"


def interrupted(deployment: Deployment, **pending: str) -> None:
    """Leaves a state with pending operations: ``creating=SECRET``."""
    operations = [{"type": verb, "resource": {"urn": urn}} for verb, urn in pending.items()]
    records = [{"type": "pulumi:pulumi:Stack", "urn": STACK}]
    state = {"deployment": {"resources": records, "pending_operations": operations}}
    (deployment.project_dir / "state.json").write_text(json.dumps(state))


def test_what_a_killed_run_was_changing_is_looked_up_before_the_next_one(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = engine("true")
    interrupted(deployment, creating=SECRET, updating=WORKER)
    deploy.up(deployment)
    refresh, up = calls(deployment)
    assert refresh.startswith("refresh --stack dev --non-interactive")
    assert "--clear-pending-creates" in refresh, "else every run to come would warn of them"
    assert refresh.endswith(f"--target {WORKER}"), "what is only begun has no record that could be refreshed"
    assert up.startswith("up ")
    assert "creating Secret key, updating Deployment worker" in capsys.readouterr().err


def test_creations_that_are_pending_alone_are_cleared_without_looking_at_everything(engine: Engine) -> None:
    deployment = engine("true")
    interrupted(deployment, creating=SECRET)
    deploy.up(deployment)
    assert calls(deployment)[0].endswith(f"--target {STACK}")


def test_a_preview_neither_clears_nor_refreshes(engine: Engine) -> None:
    deployment = engine("true")
    interrupted(deployment, creating=SECRET)
    deploy.preview(deployment)
    assert [call.split()[0] for call in calls(deployment)] == ["preview"]


def test_a_full_disk_is_named(engine: Engine) -> None:
    with pytest.raises(Problem) as raised:
        deploy.up(engine("echo 'error: writing snapshot: write /s/dev.json: no space left on device'; exit 255"))
    assert raised.value.what == "up of stack dev failed: a disk is full"
    assert "free space" in (raised.value.remedy or "")


def test_a_state_in_the_wrong_order_gets_the_command_that_repairs_it(engine: Engine) -> None:
    with pytest.raises(Problem, match="refuses the state of stack dev") as raised:
        deploy.up(engine("echo 'error: The Pulumi CLI encountered a snapshot integrity error.'; exit 255"))
    assert (raised.value.remedy or "").startswith("pulumi state repair --stack dev")


STALLED = """\
Updating (dev):
 +  kubernetes:core/v1:Service api created (5s) no ready pod behind it yet
 ~  kubernetes:apps/v1:Deployment api **updating failed** [diff: ~spec]; error: 2 errors occurred:
    pulumi:pulumi:Stack pxl-dev  2 messages
Diagnostics:
  kubernetes:apps/v1:Deployment (api):
    error: 2 errors occurred:
    \t* pxl-dev/api failed: ProgressDeadlineExceeded
    \t* pod api-1: container app: last log lines:
        line of the log
    \t* pod api-2: container app: last log lines:
        line of the log

  pulumi:pulumi:Stack (pxl-dev):
    said by the program
    error: update failed

Resources:
    1 unchanged
"""


@pytest.fixture
def stalled(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    """A deployment that is watched, and whose rollout stalls."""
    (tmp_path / "output").write_text(STALLED)
    base = engine(f"cat {tmp_path}/output; exit 255")
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],"
        " clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    pod = rollout.model.PodTrouble("api-1")
    found = (
        rollout.model.WorkloadTrouble("Job", "migrations-of-another-release", 0, 1),
        rollout.model.WorkloadTrouble("StatefulSet", "postgres", 0, 1),
        rollout.model.WorkloadTrouble("Deployment", "api", 0, 1, pods=(pod,)),
    )
    monkeypatch.setattr(rollout, "explain", lambda *_: rollout.Explanation("pxl-dev", found, looked_at=3))
    return Deployment(tmp_path, "dev", base.env, kubeconfig=kubeconfig, context="c", namespace="pxl-dev")


def test_the_reason_of_a_stall_is_told_once(stalled: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Problem) as raised:
        deploy.up(stalled)
    said = capsys.readouterr().err
    assert "line of the log" not in said, "the explanation at the end has the log"
    assert "said by the program" in said, "what is no error is told nowhere else"
    assert "Deployment (api)" not in said, "a heading without lines says nothing"
    assert "said by the program\n\n    Resources:\n        1 unchanged" in said, "what comes after an error is told"
    why = raised.value.why or ""
    assert why.startswith("deployment api: 0 of 1 ready\n  pod api-1"), "what the engine waited for comes first"
    assert "statefulset postgres: 0 of 1 ready" in why, "it may be why the other is not ready"
    assert "another-release" not in why, "a Job that failed in an earlier run did not stop this one"
    assert "ProgressDeadlineExceeded" in why, "what the engine alone says stays"
    assert "line of the log" not in why, "what it says of an explained pod is there already"


def test_what_was_waited_for_is_gone_once_it_is_there(stalled: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Problem):
        deploy.up(stalled)
    said = capsys.readouterr().err
    assert "Service api created (5s)\n" in said, "the engine repeats its last status behind the end"
    assert "**updating failed** [diff: ~spec]" in said


def test_a_failure_ends_with_the_engines_error(engine: Engine) -> None:
    with pytest.raises(Problem) as raised:
        deploy.up(engine("echo 'error: quota exceeded'; exit 255"))
    assert raised.value.what == "up of stack dev failed"
    assert raised.value.why == "error: quota exceeded"


def test_a_failure_ends_with_the_reason_that_the_cluster_gives(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = engine("echo 'error: timed out'; exit 255")
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],"
        " clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    found = rollout.Explanation("pxl-dev", problem="connection refused")
    monkeypatch.setattr(rollout, "explain", lambda *_: found)
    deployment = Deployment(tmp_path, "dev", base.env, kubeconfig=kubeconfig, context="c", namespace="pxl-dev")
    with pytest.raises(Problem) as raised:
        deploy.up(deployment)
    assert raised.value.why == f"{found.text()}\n\nthe engine says:\nerror: timed out"
    assert raised.value.what == "up of stack dev stopped: the cluster does not answer"
    assert "kubectl --context c get --raw /readyz" in (raised.value.remedy or "")


def test_a_cluster_that_refuses_to_tell_is_not_one_that_is_away(
    stalled: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "explain", lambda *_: rollout.Explanation("pxl-dev", problem="403 forbidden"))
    with pytest.raises(Problem, match=r"^up of stack dev failed\n") as raised:
        deploy.up(stalled)
    assert "403 forbidden" in (raised.value.why or "")


def test_a_stack_that_the_backend_does_not_know_gets_the_command_that_makes_it(engine: Engine) -> None:
    with pytest.raises(Problem) as raised:
        deploy.up(engine("echo \"error: no stack named 'dev' found\"; exit 255"))
    assert raised.value.remedy == "pulumi stack init dev"


def test_without_an_engine_it_is_said_that_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="the Pulumi engine is not on PATH"):
        deploy.up(Deployment(tmp_path, "dev", {"PATH": str(tmp_path)}))


LOCKED = (
    "echo 'error: the stack is currently locked by 1 lock(s)'; echo '  x: created by me@{} (pid {}) at {}'; exit 255"
)
LONG_AGO = "2020-01-01T00:00:00Z"


def test_the_lock_of_a_dead_process_is_cleared_and_the_engine_runs_once_more(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = LOCKED.format(socket.gethostname(), 4194304, LONG_AGO)
    deployment = engine(
        f'cd "$(dirname "$0")/.."; [ "$1" = cancel ] && touch free && exit; [ -f free ] || {{ {locked}; }}'
    )
    deploy.up(deployment)
    assert [call.split()[0] for call in calls(deployment)] == ["up", "cancel", "up"]
    assert "the lock of process 4194304 of me" in capsys.readouterr().err, "a lock is never cleared without a word"


def test_a_lock_that_comes_back_is_not_cleared_again(engine: Engine) -> None:
    deployment = engine('[ "$1" = cancel ] && exit; ' + LOCKED.format(socket.gethostname(), 4194304, LONG_AGO))
    with pytest.raises(Problem, match="up of stack dev failed"):
        deploy.up(deployment)
    assert [call.split()[0] for call in calls(deployment)] == ["up", "cancel", "up"], "it is retried once, not forever"


def test_the_lock_of_another_machine_is_respected_and_named(engine: Engine) -> None:
    deployment = engine(LOCKED.format("ci-runner-7", 12, LONG_AGO))
    with pytest.raises(Problem) as raised:
        deploy.up(deployment)
    assert "process 12 of me at ci-runner-7" in (raised.value.why or "")
    assert "pulumi cancel --yes --stack dev" in (raised.value.remedy or "")
    assert len(calls(deployment)) == 1


def interrupt_when(path: Path) -> None:
    """Sends Ctrl-C to this process once the engine runs."""

    def wait() -> None:
        while not path.exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_an_interrupt_is_passed_on_once_and_the_engine_may_finish(
    engine: Engine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    deployment = engine(
        'cd "$(dirname "$0")/.."; trap "echo saved; exit 1" INT; touch runs; while :; do sleep 0.02; done'
    )
    interrupt_when(tmp_path / "runs")
    with pytest.raises(deploy.Interrupted) as raised:
        deploy.up(deployment)
    said = capsys.readouterr().err
    assert raised.value.exit_code == 130
    assert "    saved" in said, "the engine must get the time to write its state"
    assert "stopped; what was done is recorded" in said, "the user has to know what state this leaves"


def test_an_interrupt_while_the_engine_is_being_started_reaches_it(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Slow(subprocess.Popen[str]):
        """Is interrupted before whoever starts it knows of it."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            if "up" not in arguments[0]:
                return
            while not (tmp_path / "runs").exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    monkeypatch.setattr(process.subprocess, "Popen", Slow)
    deployment = engine(
        'cd "$(dirname "$0")/.."; trap "echo saved; exit 1" INT; touch runs; while :; do sleep 0.02; done'
    )
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(deploy.Interrupted):
        deploy.up(deployment)
    assert "    saved" in capsys.readouterr().err, "an engine that nobody holds would be killed with this command"
    assert signal.getsignal(signal.SIGINT) is before


def test_an_engine_that_does_not_stop_is_killed_with_its_children(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.1)
    deployment = engine('cd "$(dirname "$0")/.."; trap "" INT; sleep 60 & echo $! > child; touch runs; wait')
    interrupt_when(tmp_path / "runs")
    with pytest.raises(deploy.Interrupted):
        deploy.up(deployment)
    assert "the engine had to be killed" in capsys.readouterr().err
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    assert not child.exists() or " Z " in child.read_text(), "no process may be left behind"


def test_an_engine_ends_with_a_command_that_is_killed(engine: Engine, tmp_path: Path) -> None:
    deployment = engine('cd "$(dirname "$0")/.."; echo $$ > engine; touch runs; sleep 60')
    context = multiprocessing.get_context("fork")
    command = context.Process(target=deploy.up, args=(deployment,))
    command.start()
    while not (tmp_path / "runs").exists():
        threading.Event().wait(0.01)
    command.kill()
    command.join()
    process_of_engine = Path("/proc", (tmp_path / "engine").read_text().strip())
    until = time.monotonic() + 5
    while process_of_engine.exists() and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert not process_of_engine.exists(), "it would go on changing the cluster, and hold the stack's lock"


def test_outputs_are_read_as_data(engine: Engine) -> None:
    assert deploy.outputs(engine('echo \'{"url": "http://x"}\'')) == {"url": "http://x"}


def test_outputs_of_an_unknown_stack_are_a_problem(engine: Engine) -> None:
    with pytest.raises(Problem, match="the backend knows no stack dev"):
        deploy.outputs(engine("echo \"error: no stack named 'dev' found\" >&2; exit 255"))
