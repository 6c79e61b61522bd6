"""What is printed is printed as it was said: text that comes from elsewhere is no markup."""

import time
from io import StringIO

import pytest
from rich.console import Console

from operations import console

SAID = "write 'pxl:key: VALUE' [red] [/red] :fire:"


def test_words_between_colons_stay_words(capsys: pytest.CaptureFixture[str]) -> None:
    console.say(SAID)
    console.warn(SAID)
    assert capsys.readouterr().err == f"{SAID}\nwarning: {SAID}\n", "a key of the settings is no emoji"


def test_results_keep_their_words_too(capsys: pytest.CaptureFixture[str]) -> None:
    console.show(SAID)
    assert capsys.readouterr().out == f"{SAID}\n", "a log line is shown as it is"


def test_a_step_may_wait_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr(console, "console", Console(file=screen, force_terminal=True, width=120, highlight=False))
    with console.step("building", hint="[/red] pxl:key:"):
        time.sleep(0.5)
    assert "building · [/red] pxl:key:" in screen.getvalue(), "brackets in it must not end the display"
