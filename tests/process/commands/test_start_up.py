"""Commands start quickly: what takes longer to load than most of them run is loaded by who needs it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["operations.command_line", "local.__main__", "pxl_components"])
def test_no_command_loads_the_sdks_of_clouds_and_clusters_before_it_needs_them(module: str) -> None:
    slow = ("pulumi", "pulumi_kubernetes", "pulumi_aws", "kubernetes", "boto3", "moto")
    program = f"import sys, {module}; print([name for name in {slow!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
