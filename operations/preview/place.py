"""Where a stack lies, as ``key=value`` lines for a workflow: region, cluster, context, and the place of its state.

python -m operations.preview.place staging >> "$GITHUB_OUTPUT"
"""

import re
import sys
from pathlib import Path

from operations.console import say, show
from operations.errors import Problem
from operations.init.names import Names
from operations.stacks import Project, read_yaml, setting


def place(project: Project, stack: str) -> dict[str, str]:
    """What a job needs before it can preview a stack.

    Raises:
        Problem: The stack file does not say it, or says what cannot stand on a line.
    """
    path = project.stack_file(stack)
    config = read_yaml(path).get("config") or {}
    found = {key: str(setting(config, f"pxl:aws.{key}", "")) for key in ("account", "region", "cluster")}
    found["context"] = str(setting(config, "pxl:kubernetes.context", stack))
    for key, value in found.items():
        # The file comes from a pull request: a value with a line break would be a further output.
        if not re.fullmatch(r"[A-Za-z0-9._:/@-]+", value):
            raise Problem(
                f"it is not said where stack {stack} lies", where=f"{path.name}: {key}", remedy=f"pxlctl init {stack}"
            )
    names = Names(str(project.definition().get("name")), stack, found.pop("account"), found["region"])
    return {**found, "backend": names.backend}


if __name__ == "__main__":
    try:
        for _key, _value in place(Project.find(Path()), sys.argv[1]).items():
            show(f"{_key}={_value}")
    except Problem as _problem:
        say(str(_problem))
        sys.exit(1)
