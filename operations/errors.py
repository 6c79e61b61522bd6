"""The one kind of failure that users are meant to see."""


class Problem(Exception):  # noqa: N818 (users read this word)
    """Something that went wrong and that the user can act on.

    Commands print it without a traceback and exit with 1. Anything else that escapes a command is a defect.

    Args:
        what: What happened, one sentence.
        where: The file, key, object or machine part concerned.
        why: The cause as far as it is known; may span lines (log lines, events).
        remedy: What to do next, ideally a command to copy.
    """

    def __init__(
        self, what: str, *, where: str | None = None, why: str | None = None, remedy: str | None = None
    ) -> None:
        """Takes the parts; see the class."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        """What, where, why and next, each on lines of its own."""
        parts = [self.what]
        for label, text in (("where", self.where), ("why", self.why), ("next", self.remedy)):
            if text:
                first, *rest = text.split("\n")
                parts.append(f"  {label + ':':<7}{first}")
                parts += [f"         {line}".rstrip() for line in rest]
        return "\n".join(parts)
