"""The program that tries connections from inside a container, in the languages that one may have."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Agent:
    """One of them.

    Attributes:
        name: The program that runs it.
        script: Its file.
        arguments: What stands before the script on the command line.
        separator: What stands between the script and its own arguments.
    """

    name: str
    script: str
    arguments: tuple[str, ...]
    separator: tuple[str, ...] = ()

    def command(self, lifetime: int) -> list[str]:
        """What to run in the container, for at most ``lifetime`` seconds."""
        script = (_FOLDER / self.script).read_text(encoding="utf-8")
        return [self.name, *self.arguments, script, *self.separator, str(lifetime)]


AGENTS = (
    Agent("perl", "agent.pl", ("-e",)),
    Agent("node", "agent.js", ("-e",)),
    Agent("bash", "agent.sh", ("-c",), ("agent",)),
)
"""In the order in which they are tried: see README.md here."""
