"""The example app's own tests: it is what the proofs are made with."""

import shutil
import subprocess
from pathlib import Path

from tests.e2e.harness import ROOT

_SECONDS = 400


def test_the_apps_own_tests_pass(tmp_path: Path):
    app = tmp_path / "app"
    shutil.copytree(ROOT / "examples" / "app", app, ignore=shutil.ignore_patterns("node_modules", ".test-build"))
    for argv in (["npm", "ci"], ["npx", "tsc"]):
        run(app, argv)
    tests = sorted(str(file) for file in (app / ".test-build" / "test").glob("*.test.js"))
    said = run(app, ["node", "--test", *tests])
    assert "# fail 0" in said and "# pass 0" not in said, "and there are some"


def run(app: Path, argv: list[str]) -> str:
    done = subprocess.run(argv, cwd=app, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout[-4000:]}{done.stderr[-2000:]}"
    return done.stdout
