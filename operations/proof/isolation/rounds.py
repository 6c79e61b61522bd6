"""Two rounds of tries: everything once, and once more what has to be certain."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from operations.proof.isolation.judge import Judge, Judged, Verdict
from operations.proof.isolation.model import Pair, Target, Try

Attempt = Callable[[Sequence[Pair]], Mapping[Pair, Try]]
"""Tries some connections; those that could not be tried are missing in what comes back."""
JudgeOf = Callable[[Mapping[Pair, Try], Collection[Target]], Judge]
"""The judge of what was tried, and of the targets that ceased to answer."""

# A plugin may take a moment to apply policies to a pod that has just started.
PAUSE_SECONDS = 3.0
_CONTROLS = 2


def in_rounds(
    pairs: Sequence[Pair], attempt: Attempt, judge_of: JudgeOf, pause: float = PAUSE_SECONDS
) -> tuple[list[Judged], list[Pair]]:
    """Tries everything, and again what was not as declared: only what is so twice counts.

    Those who show that a target answers are asked again, too, and after everybody else: a listener that has gone
    meanwhile would be taken for one that is well protected.

    Args:
        pairs: What to try.
        attempt: Tries some of it.
        judge_of: Judges what came of it.
        pause: Seconds before what differed is tried again.

    Returns:
        The judgement, and what was as declared only at the second try.
    """
    first = attempt(pairs)
    judge = judge_of(first, ())
    doubtful = [(one.source, one.target) for one in judge.judge() if _is_doubtful(one)]
    controls = judge.controls(_CONTROLS)
    asked = [(source, target) for target, sources in controls.items() for source in sources]
    time.sleep(pause if doubtful else 0)
    second = attempt(list(dict.fromkeys([*doubtful, *asked])))
    ceased = [
        target
        for target, sources in controls.items()
        if not any((source, target) in second and second[source, target].reached for source in sources)
    ]
    # A control that answered once has shown what it is for: only the doubtful are judged by their second try.
    final = {**first, **{pair: second[pair] for pair in doubtful if pair in second}}
    judged = judge_of(final, ceased).judge()
    settled = {(one.source, one.target) for one in judged if not _is_doubtful(one)}
    return judged, [pair for pair in doubtful if pair in settled]


def _is_doubtful(judged: Judged) -> bool:
    return judged.differs or judged.verdict is Verdict.UNKNOWN
