"""``pxlctl``: the entry. It loads almost nothing, so that an interrupt is answered cleanly from the first moment on.

Exit codes: 0 done, 1 a problem that is printed, 2 wrong usage, 130 interrupted, 143 told to end.
"""

import signal
import sys
from types import FrameType


class Terminated(KeyboardInterrupt):
    """Asked to end by SIGTERM or SIGHUP: handled like Ctrl-C, with an exit code of its own."""

    def __init__(self, number: int) -> None:
        """For a signal's number."""
        super().__init__()
        self.exit_code = 128 + number


def main() -> None:
    """The console script: runs the command line and ends the process with its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    try:
        from operations.command_line import app  # noqa: PLC0415 (takes most of a second)

        app(prog_name="pxlctl")
    except KeyboardInterrupt as error:
        # While modules were still being loaded, or while the answer to an earlier interrupt was under way.
        sys.stderr.write("interrupted\n")
        sys.exit(getattr(error, "exit_code", 130))


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


if __name__ == "__main__":
    main()
