"""Generated settings: each is refused with a clear error, or is a stack that the real API server would take.

``PXL_FUZZ`` says how many (default 200), ``PXL_FUZZ_SEED`` which (default 0). A failure is shrunk by hypothesis and
printed as the stack file that shows it; the same seed and number generate the same stacks. ``PXL_FUZZ_CRDS`` names a
folder with CustomResourceDefinitions to judge custom kinds by; without it only their metadata is judged.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings

from local import node
from local.paths import State
from tests.e2e.harness import free_port
from tests.fuzz.admission import Admission
from tests.fuzz.program import judge
from tests.fuzz.stacks import CHOSEN, Stack, stacks
from tests.fuzz.stacks import Path as Setting
from tests.fuzz.tally import Tally

NUMBER = int(os.environ.get("PXL_FUZZ", "200"))
SEED = int(os.environ.get("PXL_FUZZ_SEED", "0"))
CRDS = Path(os.environ["PXL_FUZZ_CRDS"]) if os.environ.get("PXL_FUZZ_CRDS") else None
# From its eleventh example on, hypothesis mostly varies those that it has; short series stay different.
_SERIES = max(1, min(7, NUMBER // len(CHOSEN)))
_ENOUGH_FOR_EVERY_SETTING = 1000


@pytest.fixture(scope="module")
def admission(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admission]:
    """The API server of a node without a stack: no port of its Services is taken."""
    if os.geteuid() != 0:
        pytest.skip("the embedded node needs root")
    state = State(tmp_path_factory.mktemp("fuzz"))
    try:
        judge_of_all = Admission(node.up(state, app_port=free_port()).kubeconfig)
        for file in sorted(CRDS.glob("*.yaml")) if CRDS else []:
            judge_of_all.define(file)
        yield judge_of_all
        judge_of_all.close()
    finally:
        node.down(state)


def run(focus: Setting, number: int, admission: Admission, folder: Path, tally: Tally) -> None:
    """One series of stacks that have a setting in common."""

    @seed(SEED * 10_007 + number)
    @settings(
        max_examples=_SERIES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(stacks(focus))
    def test(stack: Stack) -> None:
        note(f"stack {stack.name}, its file:\n{stack.yaml()}")
        outcome = judge(stack, folder)
        said = admission.objections(outcome.objects) if outcome.objects else []
        few = "\n".join(said[:5])
        assert few == "", f"the check accepts what the API server refuses, {len(said)} objections:\n{few}"
        tally.count(stack, outcome)

    try:
        test()
    except BaseException as error:
        error.add_note(f"again: make fuzz FUZZ={NUMBER} SEED={SEED} (series {number}, on {'.'.join(focus)})")
        raise


def test_every_generated_stack_is_refused_clearly_or_would_be_taken_by_the_api_server(admission, tmp_path):
    tally = Tally()
    print(f"\n  seed {SEED}, {NUMBER} stacks")
    for number in range(-(-NUMBER // _SERIES)):
        run(CHOSEN[number % len(CHOSEN)], number, admission, tmp_path, tally)
    print(tally.table(admission))
    never, never_accepted = tally.missing()
    assert never == [], "a setting that is never generated is not tested"
    assert tally.accepted > tally.generated / 4, "the API server has to see something"
    assert tally.refused > tally.generated / 10, "and so has whoever reads messages"
    if NUMBER >= _ENOUGH_FOR_EVERY_SETTING:
        assert never_accepted == [], "no good value of it is known: add one to tests/fuzz/values.py"


def test_the_api_server_would_refuse_what_is_wrong(admission):
    """The judge judges: without this, a run that never asked would be green."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pxl-x", "labels": labels}}
    pod = {"serviceAccountName": "x", "containers": [{"name": "app", "image": "r.example.com/a"}]}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template, "replica": 1}
    wrong = {
        "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
        "metadata": {"name": "x", "namespace": "pxl-x", "labels": {"pxl.dev/owner": "x" * 64}},
    }  # fmt: skip
    for part, word in (("replica", "replica"), ("labels", "63"), ("", "violates PodSecurity")):
        said = "\n".join(admission.objections([namespace, wrong]))
        assert word in said, f"it must refuse for {word}: {said}"
        spec.pop(part, None)
        wrong["metadata"] = {key: value for key, value in wrong["metadata"].items() if key != part}
