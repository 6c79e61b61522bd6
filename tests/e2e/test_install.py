"""The virtual environment that make works in."""

import os
import subprocess
import sys
from pathlib import Path

from local.paths import CHECKOUT


def test_an_environment_that_a_killed_run_left_half_made_is_made_anew(tmp_path: Path) -> None:
    made = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    (made / "half").touch()
    (tmp_path / "requirements.txt").write_text("")
    argv = [str(CHECKOUT / "local" / "install.sh"), str(made), str(tmp_path / "requirements.txt")]
    done = subprocess.run(argv, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (made / "bin" / "pip").exists(), "the next run must not trip over it"
    assert not (made / "half").exists()
