"""Puts a page as the one comment of its stack under a pull request, with ``gh``.

python -m operations.preview.posting build/preview/staging.md --pull-request 12
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from operations.console import say
from operations.errors import Problem

_SECONDS = 60
_BOT = "github-actions[bot]"


def post(page: Path, pull_request: int) -> str:
    """Writes the comment, or the one that is there anew.

    Returns:
        Where it stands.

    Raises:
        Problem: ``gh`` is missing, or GitHub refuses.
    """
    if not page.is_file():
        raise Problem(f"there is no page {page}", remedy="make preview STACK=… MARKDOWN=" + str(page))
    mark = page.read_text(encoding="utf-8").partition("\n")[0]
    # Only one's own: anybody may write a comment that begins like this.
    author = _BOT if os.environ.get("GITHUB_ACTIONS") == "true" else _gh("user", "--jq", ".login")
    comments = f"repos/{{owner}}/{{repo}}/issues/{pull_request}/comments"
    wanted = f".[] | select(.user.login == {json.dumps(author)} and (.body | startswith({json.dumps(mark)}))) | .id"
    found = _gh("--paginate", comments, "--jq", wanted).split()
    where = ["--method", "PATCH", f"repos/{{owner}}/{{repo}}/issues/comments/{found[0]}"] if found else [comments]
    return _gh(*where, "--field", f"body=@{page}", "--jq", ".html_url")


def _gh(*arguments: str) -> str:
    if shutil.which("gh") is None:
        raise Problem("gh is not there", remedy="install GitHub's command line, then: gh auth login")
    try:
        done = subprocess.run(
            ["gh", "api", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem("gh cannot be asked", why=str(error)) from error
    if done.returncode != 0:
        raise Problem(
            "GitHub refuses the comment", why=done.stderr.strip()[:1000],
            remedy="in a workflow the job wants 'pull-requests: write' and GH_TOKEN; elsewhere: gh auth login",
        )  # fmt: skip
    return done.stdout.strip()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m operations.preview.posting", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--pull-request", type=int, required=True)
    given = parser.parse_args()
    try:
        say(f"the comment: {post(given.page, given.pull_request)}")
    except Problem as problem:
        say(str(problem))
        sys.exit(1)


if __name__ == "__main__":
    main()
