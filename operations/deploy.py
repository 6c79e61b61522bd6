"""Deploys a stack: the engine as a subprocess, the cluster's progress beside it, the reason if it fails."""

import json
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from operations import orphans, rollout
from operations.console import say
from operations.engine import asking, damage, failure, lock, state, words
from operations.engine.deployment import Deployment
from operations.engine.process import Finished, find_engine, stream
from operations.errors import Problem

# What the engine prints to show that it lives; the cluster's progress says more.
_DOTS = re.compile(r"^@ [a-z ]+\.+$")
_BEGINS = re.compile(r" (creating|updating|deleting|replacing)( replacement| original)? \(\d")
# Behind the end of something the engine repeats what it waited for last.
_ENDED = re.compile(r"^(.* (?:created|updated|deleted|replaced)(?: replacement| original)? \([\d.]+m?s\)).*$")
# What the cluster says to a request that it refuses: an answer, too.
_ANSWERED = re.compile(r"\d{3} ")
_SECTION = re.compile(r"^\S.*:$")
_HEADING = re.compile(r"^  \S.*:$")
_MESSAGE = re.compile(r"^    \S")


class Interrupted(KeyboardInterrupt):
    """The user stopped a deployment; what there is to say about the state has been said."""

    def __init__(self, exit_code: int = 130) -> None:
        """For the exit code that the command is to end with."""
        super().__init__()
        self.exit_code = exit_code


def up(deployment: Deployment, extra: Sequence[str] = ()) -> None:
    """Makes the cluster what the stack says, whatever an earlier run left half done.

    Args:
        deployment: What to deploy.
        extra: Further arguments for ``pulumi up``.

    Raises:
        Problem: If it fails, with the engine's errors and why the rollout stalls.
        Interrupted: If the user stops it.
    """
    settle(deployment)
    # The outputs are data (``outputs``): the engine would print all of them at length, every time.
    _run(deployment, "up", ["--yes", "--skip-preview", "--suppress-outputs", *extra], watched=True)
    orphans.sweep(deployment)


def settle(deployment: Deployment) -> None:
    """Clears up what a run that was killed had begun: its outcome is looked up, and the next run goes on from there.

    Left to itself the engine would warn of unfinished creations in every run to come, and would take an update that
    was never recorded for one that was never made: taking the change back would then leave it in the cluster.

    Raises:
        Problem: The stack is in use, or its cluster cannot be asked.
        Interrupted: If the user stops it.
    """
    find_engine(deployment.env)
    damage.mend(deployment.env, deployment.project_dir, deployment.stack)
    found = state.read(deployment)
    if not found.pending or found.root is None:
        return
    said = ", ".join(sorted({operation.words() for operation in found.pending}))
    say(f"looking at what an earlier run was in the middle of: {said}")
    # What was being made is taken up by its creation, or swept: only what is recorded can be looked up here.
    refresh(
        deployment, {operation.urn for operation in found.pending if operation.verb != state.CREATING} or {found.root}
    )
    # A Job may still run, and its successor must not run beside it: two migrations at a time.
    orphans.sweep(deployment, kinds={"Job"})


def refresh(deployment: Deployment, urns: Iterable[str]) -> None:
    """Records how some resources are in the cluster, and forgets what a killed run was about to make.

    An ``up`` that is kept to some resources would do both in one, but writes states that the engine then refuses.

    Args:
        deployment: The stack.
        urns: The resources.

    Raises:
        Problem: If it fails.
        Interrupted: If the user stops it.
    """
    targets = [part for urn in sorted(urns) for part in ("--target", urn)]
    arguments = ["--yes", "--skip-preview", "--clear-pending-creates", "--suppress-outputs", *targets]
    _run(deployment, "refresh", arguments, watched=False)


def preview(deployment: Deployment, extra: Sequence[str] = (), out: Callable[[str], None] = say) -> None:
    """Says what ``up`` would change, and changes nothing.

    Args:
        deployment: What to preview.
        extra: Further arguments for ``pulumi preview``.
        out: Takes each line of it.

    Raises:
        Problem: If the engine fails.
        Interrupted: If the user stops it.
    """
    _run(deployment, "preview", list(extra), watched=False, out=out)


def destroy(deployment: Deployment, extra: Sequence[str] = ()) -> None:
    """Takes away everything that the stack made. It asks nobody: that is the caller's duty.

    Raises:
        Problem: If the engine fails.
        Interrupted: If the user stops it.
    """
    settle(deployment)
    identity = state.read(deployment).identity
    _run(deployment, "destroy", ["--yes", "--skip-preview", *extra], watched=False)
    orphans.sweep(deployment, identity)


def outputs(deployment: Deployment) -> dict[str, Any]:
    """The stack's outputs; secret ones as ``[secret]``.

    Raises:
        Problem: If the engine cannot read the state.
    """
    return json.loads(asking.ask(deployment, ["output", "--json"]) or "{}")


def _run(
    deployment: Deployment,
    verb: str,
    arguments: list[str],
    *,
    watched: bool,
    out: Callable[[str], None] = say,
) -> None:
    """One run of the engine; a second one if only a dead process stood in the way."""
    engine = find_engine(deployment.env)
    damage.mend(deployment.env, deployment.project_dir, deployment.stack)
    command = [engine, verb, "--stack", deployment.stack, "--non-interactive", "--color", "never", *arguments]
    if deployment.config_file is not None:
        command += ["--config-file", str(deployment.config_file.resolve())]
    finished = _attempt(deployment, command, watched, out)
    if finished.code != 0 and not finished.interrupted and _clear_stale_lock(deployment, finished):
        finished = _attempt(deployment, command, watched, out)
    if finished.interrupted:
        _say_state(deployment, verb, finished)
        raise Interrupted(finished.exit_code)
    if finished.code != 0:
        raise _failed(deployment, verb, finished, watched)


def _attempt(deployment: Deployment, command: list[str], watched: bool, out: Callable[[str], None]) -> Finished:
    printer = _Printer(out, hushed=watched and deployment.watches)
    watcher = nullcontext()
    if watched and deployment.watches:
        watcher = rollout.watch(
            deployment.kubeconfig,
            deployment.context,
            deployment.namespace,
            say=printer.progress,
            labels=deployment.labels,
            every=deployment.watch_seconds,
        )
    with watcher:
        return stream(command, cwd=deployment.project_dir, environment=deployment.env, say=printer.engine)


class _Printer:
    """Two voices on one terminal: the engine's lines are indented, the cluster's are marked."""

    def __init__(self, out: Callable[[str], None], *, hushed: bool) -> None:
        """``hushed`` leaves out what is told elsewhere.

        That something begins or goes on: the cluster's own lines say what it waits for. Errors among the
        diagnostics: the failure is told at the end, once, with what the cluster says.
        """
        self._out = out
        self.hushed = hushed
        self._diagnostics = _Diagnostics()
        self._turn = threading.Lock()
        self._blank = True

    def engine(self, line: str) -> None:
        """A line of the engine; its dots are left out, and of several empty lines in a row one is kept."""
        with self._turn:
            if _DOTS.match(line) or (self.hushed and _BEGINS.search(line)):
                return
            for kept in self._diagnostics.without_errors(_ENDED.sub(r"\1", line)) if self.hushed else [line]:
                if kept.strip() or not self._blank:
                    self._out(f"    {kept}" if kept.strip() else "")
                self._blank = not kept.strip()

    def progress(self, line: str) -> None:
        """A line about the cluster."""
        with self._turn:
            self._out(f"  … {line}")


class _Diagnostics:
    """The engine's section of that name, line by line."""

    def __init__(self) -> None:
        self._inside = self._error = False
        self._heading: list[str] = []

    def without_errors(self, line: str) -> list[str]:
        """What is to be shown for a line: nothing for one of an error, its resource too for its first other one."""
        if _SECTION.match(line):
            self._inside, self._error, self._heading = line == "Diagnostics:", False, []
            return ["", line]
        if self._inside and _HEADING.match(line):
            self._error, self._heading = False, [line]
            return []
        if self._inside and _MESSAGE.match(line):
            self._error = line.lstrip().startswith("error:")
        if self._error:
            return []
        shown = [*self._heading, line] if line.strip() else [line]
        self._heading = [] if line.strip() else self._heading
        return shown


def _clear_stale_lock(deployment: Deployment, finished: Finished) -> bool:
    """Clears the lock of dead processes of this machine; True if it is worth another try.

    Raises:
        Problem: If somebody else holds the lock, or it cannot be cleared.
    """
    found = lock.holders(finished.lines)
    if not found:
        return False
    alive = [holder for holder in found if not holder.is_gone()]
    if alive:
        raise Problem(
            f"the stack {deployment.stack} is in use",
            why="\n".join(f"locked by {holder.words()}" for holder in alive),
            remedy="wait until it ends. If it is certain that nothing runs there: "
            f"pulumi cancel --yes --stack {deployment.stack}",
        )
    for holder in found:
        say(f"the lock of {holder.words()} is cleared: that process no longer exists")
    done = asking.run(deployment, ["cancel", "--yes"], "the stale lock cannot be cleared")
    if done.returncode != 0:
        raise Problem("the stale lock cannot be cleared", why=words.failure(done.stderr.splitlines()))
    return True


def _say_state(deployment: Deployment, verb: str, finished: Finished) -> None:
    """After an interrupt: what the user can rely on."""
    if finished.killed:
        say(
            "the engine had to be killed: an object that it was just making may not be in its record. "
            "The next `up` looks it up"
        )
    elif verb == "preview":
        say("stopped; a preview changes nothing")
    else:
        say(f"stopped; what was done is recorded. `{verb}` again goes on from there")


def _failed(deployment: Deployment, verb: str, finished: Finished, watched: bool) -> Problem:
    said = words.failure(finished.lines)
    if finished.code < 0:
        killed = f"the engine was ended by signal {-finished.code}" + (
            ", perhaps for lack of memory" * (finished.code == -9)
        )
        said = f"{killed}\n{said}".strip()
    cluster = ""
    if watched and deployment.watches:
        explanation = rollout.explain(
            deployment.kubeconfig, deployment.context, deployment.namespace, deployment.labels
        )
        if explanation.problem and not _ANSWERED.match(explanation.problem):
            return failure.away(deployment, verb, said, explanation.text())
        if not explanation.done:
            explanation = explanation.concerning(said)
            cluster = explanation.text()
            said = words.without_pods(said, explanation.pods())
    return failure.problem(deployment, verb, said, cluster)
