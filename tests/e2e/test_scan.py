"""What a security scanner says of the manifests that are deployed."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT

# What none of the committed stacks has.
_MORE = """\
config:
  pxl:environment: dev
  pxl:autoscaling: {engine: keda}
  pxl:worker: {queues: [jobs], replicas: {min: 1, max: 3}}
  pxl:workers: {reports: {queues: [reports], replicas: {min: 2, max: 3}}}
"""


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_checkov_finds_nothing_that_is_not_explained(stack: str):
    scan(stack)


def test_nor_in_what_scales_on_queues(tmp_path: Path):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(_MORE)
    scan("dev", f"FILE={file}")
    rendered = {path.name.split("-", 1)[1] for path in (ROOT / "build" / "manifests" / "dev").iterdir()}
    assert {"deployment-queue-metrics-deployment.yaml", "scaledobject-worker-autoscaler.yaml"} <= rendered


def scan(stack: str, *more: str) -> None:
    argv = ["make", "checkov", f"STACK={stack}", *more]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    counts = re.search(r"Passed checks: (\d+), Failed checks: (\d+), Skipped checks: (\d+)", done.stdout)
    assert counts, f"the scanner must have scanned: {done.stdout[-1000:]}"
    passed, failed, _ = map(int, counts.groups())
    assert passed > 100, "an empty scan proves nothing"
    assert failed == 0, done.stdout[-4000:]
