"""Why a rollout stalls, in words: which pod, which container, which probe and what it answered.

``explain`` looks once; ``watch`` runs beside a command and says what changes. Both only read.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from kubernetes.client.exceptions import ApiException

from operations.errors import Problem
from operations.rollout.diagnosis import Snapshot, diagnose
from operations.rollout.model import Answer, Explanation
from operations.rollout.progress import Progress
from operations.rollout.reader import Reader, api_words, connect

__all__ = [
    "Answer",
    "Explanation",
    "Reader",
    "Snapshot",
    "api_words",
    "connect",
    "diagnose",
    "explain",
    "watch",
]

_SILENCE = (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError)


def explain(
    kubeconfig: Path | None, context: str | None, namespace: str, labels: str = "", timeout: float = 5.0
) -> Explanation:
    """Why the workloads of a namespace are not done, as of now.

    Args:
        kubeconfig: The kubeconfig file; None for the user's own, and then ``context`` must be given.
        context: The context's name.
        namespace: Where to look.
        labels: A label selector for the workloads; "" for all of them.
        timeout: Seconds for one request. With a cluster that is gone the whole call takes about as long.

    Returns:
        The explanation; ``problem`` is set instead of an exception when the cluster cannot be asked, because
        whoever calls this is already reporting another failure.
    """
    try:
        reader = Reader(connect(kubeconfig, context), namespace, labels, timeout)
        return diagnose(reader.snapshot(), reader)
    except Problem as problem:
        return Explanation(namespace, problem=f"{problem.what}: {problem.why}" if problem.why else problem.what)
    except _SILENCE as error:
        return Explanation(namespace, problem=api_words(error))


@contextmanager
def watch(
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    *,
    say: Callable[[str], None],
    labels: str = "",
    every: float = 3.0,
) -> Iterator[None]:
    """While the body runs, says what the workloads of a namespace wait for: only changes, every few seconds.

    A cluster that does not answer is not an error here: the command that is being watched reports it.

    Args:
        kubeconfig: As for ``explain``.
        context: As for ``explain``.
        namespace: Where to look; it need not exist yet.
        say: Takes one line; called from a thread of its own.
        labels: As for ``explain``.
        every: Seconds between two looks.
    """
    stop = threading.Event()
    reader = Reader(connect(kubeconfig, context), namespace, labels, timeout=min(every, 3.0))
    thread = threading.Thread(target=_look, args=(reader, say, every, stop), name="rollout-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # A request may be under way; it ends within its time-out, and a daemon holds nobody up after that.
        thread.join(timeout=1.0)


def _look(reader: Reader, say: Callable[[str], None], every: float, stop: threading.Event) -> None:
    progress = Progress()
    while not stop.wait(every):
        try:
            news = progress.news(reader.snapshot(), reader)
        except _SILENCE:
            continue
        for line in news:
            if not stop.is_set():
                say(line)
