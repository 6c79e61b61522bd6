"""Pages that commands write for the documentation, or for a pull request."""

from pathlib import Path

from operations.errors import Problem


def write_page(path: Path, text: str) -> None:
    """Writes a page, and the folders above it.

    Raises:
        Problem: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path} cannot be written", why=error.strerror or str(error)) from error
