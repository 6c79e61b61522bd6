"""What a rollout drops, under load: the short form of ``make proof``."""

import pytest

from tests.e2e.harness import Platform

_SECONDS = 900


@pytest.mark.parametrize(
    "scenario",
    [
        "kill",
        "migration",
        "drain",
        "jobs",
        pytest.param("release", marks=pytest.mark.long),
        pytest.param("deaf", marks=pytest.mark.long),
        pytest.param("pace", marks=pytest.mark.long),
        pytest.param("backlog", marks=pytest.mark.long),
    ],
)
def test_the_stack_comes_through(platform: Platform, scenario: str):
    app = str(platform.checkout / "examples" / "app")
    done = platform.command("proof", "--short", "--only", scenario, "--app", app, timeout=_SECONDS)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    assert "✓" in done.stdout
