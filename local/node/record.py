"""Which process the sandbox is: a record that cannot be mistaken for somebody else's process."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ENDING = 0x4  # PF_EXITING, among the flags of a process


@dataclass(frozen=True)
class Record:
    """The sandbox's first process. Process ids are reused, start times within one boot are not.

    Args:
        pid: The process id, as the host sees it.
        start: Clock ticks between the boot and the start of the process.
        boot: The boot that both belong to.
        fingerprint: What the process was told to do; see ``spec.fingerprint``.
    """

    pid: int
    start: int
    boot: str
    fingerprint: str = ""

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        if _BOOT_ID.read_text().strip() != self.boot:
            return False
        found = process_state(self.pid)
        return found is not None and found[0] not in "ZX" and found[1] == self.start

    @property
    def began(self) -> float:
        """When the process started, in seconds since the epoch; of this boot's records only."""
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return booted + self.start / os.sysconf("SC_CLK_TCK")

    def text(self) -> str:
        """As ``read`` reads it."""
        return json.dumps(asdict(self))


def this_process(fingerprint: str = "") -> Record:
    """The process that asks."""
    state = process_state(os.getpid())
    assert state is not None, "this process runs"
    return Record(os.getpid(), state[1], _BOOT_ID.read_text().strip(), fingerprint)


def read(path: Path) -> Record | None:
    """The record in a file, or None when there is none or it is not whole."""
    try:
        found = json.loads(path.read_text())
        return Record(int(found["pid"]), int(found["start"]), str(found["boot"]), str(found["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def process_state(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process, or None when it does not exist; ``X`` is one that is ending."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name may hold spaces and brackets: count the fields after the last bracket.
    fields = text[text.rindex(")") + 1 :].split()
    # The first process of a sandbox ends only after all others have: for a while it looks as if it still ran.
    return "X" if int(fields[6]) & _ENDING else fields[0], int(fields[19])
