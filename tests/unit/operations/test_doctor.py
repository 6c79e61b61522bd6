"""The doctor says what is missing, with the command that mends it; it only looks, and never for long."""

import threading
import time
from typing import Any

from doctor_world import Answering, Bare, of, on

from operations.doctor import presenting
from operations.doctor.registry import CHECKS, Area, Check, Level, ok, run
from operations.doctor.subjects import Subject


def test_every_check_has_a_name_of_its_own() -> None:
    names = [one.name for one in CHECKS]
    assert len(names) == len(set(names)), "the names are what scripts look for"
    assert len(names) >= 20


def test_a_warning_or_failure_never_comes_without_a_remedy() -> None:
    for _, result in presenting.examine(on(Bare(root=False, free=1, missing_modules=["pulumi"]))):
        assert result.level is Level.OK or result.remedy, f"{result.name} leaves the user alone with it"


def test_a_check_that_hangs_does_not_hold_up_the_others() -> None:
    release = threading.Event()
    hanging = Check("hangs", Area.MACHINE, lambda _: ok(str(release.wait(30))))
    quick = Check("quick", Area.MACHINE, lambda _: ok("fine"))
    began = time.monotonic()
    results = [result for _, result in run([hanging, quick], on(Bare()), seconds=0.05)]
    release.set()
    assert time.monotonic() - began < 2, "probing is bounded in time"
    assert [(one.name, one.level) for one in results] == [("hangs", Level.WARN), ("quick", Level.OK)]


def test_a_check_that_breaks_is_reported_and_the_others_go_on() -> None:
    def broken(_: Subject) -> Any:
        raise RuntimeError("defect")

    results = [result for _, result in run([Check("broken", Area.MACHINE, broken)], on(Bare()))]
    assert "RuntimeError: defect" in results[0].detail


def test_the_report_goes_from_the_machine_to_the_cluster() -> None:
    areas = [check.area for check, _ in presenting.examine(of(Answering({"/version": {"gitVersion": "v1.36.3"}})))]
    order = list(Area)
    assert areas == sorted(areas, key=order.index), "what comes first mends what comes later"
