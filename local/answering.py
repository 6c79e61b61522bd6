"""Waits for an app to answer, by the way in that people use."""

import time
import urllib.error
import urllib.request

from infra.settings import Settings
from operations.console import step
from operations.errors import Problem


def readiness(settings: Settings) -> str:
    """The path that says whether the app can serve."""
    default = "/health/ready" if settings.app.contract.value == "framework" else "/ready"
    return settings.app.probes.readiness or default


def wait(url: str, seconds: float) -> None:
    """Returns when the app answers with 200.

    Args:
        url: Where, on 127.0.0.1.
        seconds: How long that may take.

    Raises:
        Problem: It does not; with what it said last.
    """
    deadline, last = time.monotonic() + seconds, ""
    with step("waiting for the app to answer", hint=url):
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=3) as answer:  # always http on 127.0.0.1
                    if answer.status == 200:
                        return
            except urllib.error.HTTPError as error:
                last = f"{error.code} {error.read(300).decode(errors='replace')}"
            except OSError as error:
                last = str(error)
            time.sleep(0.5)
        raise Problem("The app was rolled out, but does not answer.", where=url, why=last, remedy="make status")
