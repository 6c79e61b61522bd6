"""What is not as declared counts when it is so twice, and silence when its witness still answers."""

from collections.abc import Callable, Sequence

from isolated_world import API_1, API_2, DATABASE, DECLARED, FOREIGN, NODE, PAIRS, as_declared

from operations.proof.isolation.judge import Judge, Judged, Verdict
from operations.proof.isolation.model import Outcome, Pair, Target, Try
from operations.proof.isolation.rounds import in_rounds

REACHED, SILENT = Try(Outcome.REACHED), Try(Outcome.SILENT)
LEAK = (FOREIGN, Target(DATABASE, 5432))
LOSS = (API_1, Target(DATABASE, 5432))
SPARE = Target(DATABASE, 18080, declared=False)


class Network:
    """What comes of tries, round by round; it keeps what was asked."""

    def __init__(self, *rounds: dict[Pair, Try | None]) -> None:
        self._rounds = rounds
        self.asked: list[list[Pair]] = []

    def __call__(self, pairs: Sequence[Pair]) -> dict[Pair, Try]:
        number = len(self.asked)
        self.asked.append(list(pairs))
        answers = {**as_declared(), **self._rounds[min(number, len(self._rounds) - 1)]}
        return {pair: one for pair in pairs if (one := answers[pair]) is not None}


def prove(network: Callable[..., dict[Pair, Try]]) -> tuple[dict[Pair, Judged], list[Pair]]:
    judged, recovered = in_rounds(
        PAIRS, network, lambda tried, ceased: Judge(DECLARED, PAIRS, tried, ceased=ceased), pause=0
    )
    return {(one.source, one.target): one for one in judged}, recovered


def test_what_differs_twice_counts() -> None:
    judged, recovered = prove(Network({LEAK: REACHED, LOSS: SILENT}))
    assert {pair for pair, one in judged.items() if one.differs} == {LEAK, LOSS}
    assert recovered == []


def test_what_differs_once_does_not_count_and_is_told() -> None:
    judged, recovered = prove(Network({LEAK: REACHED, LOSS: SILENT}, {}))
    assert not [pair for pair, one in judged.items() if one.differs]
    assert set(recovered) == {LEAK, LOSS}, "a policy that comes late is worth a word"


def test_what_could_not_be_tried_at_first_is_tried_again() -> None:
    judged, recovered = prove(Network({LEAK: None}, {}))
    assert judged[LEAK].verdict is Verdict.BLOCKED
    assert recovered == [LEAK]


def test_what_could_not_be_tried_twice_is_not_shown() -> None:
    judged, _ = prove(Network({LEAK: None}))
    assert judged[LEAK].verdict is Verdict.UNKNOWN


def test_a_leak_that_cannot_be_confirmed_is_a_leak() -> None:
    judged, _ = prove(Network({LEAK: REACHED}, {LEAK: None}))
    assert judged[LEAK].verdict is Verdict.UNDECLARED, "the pod that went away must not take it along"


def test_the_second_round_asks_for_what_differed_and_for_witnesses_of_what_is_blocked() -> None:
    network = Network({LEAK: REACHED})
    prove(network)
    first, second = network.asked
    assert first == PAIRS
    assert LEAK in second
    witnesses = {target for _, target in second}
    blocked = {
        target for pair, one in prove(Network({}))[0].items() if one.verdict is Verdict.BLOCKED for target in pair[1:]
    }
    assert blocked <= witnesses, "each target that somebody is kept from is seen to answer in the end"
    assert len(second) < len(first)


def test_a_listener_that_has_gone_shows_nothing() -> None:
    gone: dict[Pair, Try | None] = {pair: SILENT for pair in PAIRS if pair[1] == SPARE}
    judged, _ = prove(Network({}, gone))
    assert judged[API_1, SPARE].verdict is Verdict.UNKNOWN, "its silence may have begun before it was tried"
    assert judged[FOREIGN, SPARE].verdict is Verdict.UNKNOWN


def test_one_witness_of_two_is_enough() -> None:
    judged, _ = prove(Network({}, {(DATABASE, SPARE): SILENT}))
    assert judged[API_1, SPARE].verdict is Verdict.BLOCKED
    assert judged[DATABASE, SPARE].verdict is Verdict.ITSELF, "who was answered once is not judged by an echo"
    assert judged[NODE, SPARE].verdict is Verdict.REACHED
    assert judged[API_2, SPARE].verdict is Verdict.BLOCKED
