"""What a security scanner says of the manifests that are deployed."""

import re
import subprocess

import pytest

from tests.e2e.harness import ROOT


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_checkov_finds_nothing_that_is_not_explained(stack):
    done = subprocess.run(
        ["make", "checkov", f"STACK={stack}"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    counts = re.search(r"Passed checks: (\d+), Failed checks: (\d+), Skipped checks: (\d+)", done.stdout)
    assert counts, f"the scanner must have scanned: {done.stdout[-1000:]}"
    passed, failed, _ = map(int, counts.groups())
    assert passed > 100, "an empty scan proves nothing"
    assert failed == 0, done.stdout[-4000:]
