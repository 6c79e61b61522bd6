"""Variants of an app: a new build of it, and one whose migration fails."""

import shutil
from pathlib import Path

from operations.errors import Problem

_LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".test-build")
_LIST_END = "\n];\n"


def build(app: Path, folder: Path) -> Path:
    """The same app with another digest.

    Args:
        app: Folder of the app.
        folder: Where the variant is written; must not exist.
    """
    _copy(app, folder)
    (folder / "src" / "build-marker.ts").write_text(f"export const marker = '{folder.name}';\n", encoding="utf-8")
    return folder


def with_migration(app: Path, folder: Path, name: str, sql: str) -> Path:
    """The same app with one more migration.

    Args:
        app: Folder of the app; its migrations are a list in ``src/migrations.ts``.
        folder: Where the variant is written; must not exist.
        name: Id of the migration.
        sql: What it does.

    Raises:
        Problem: The app has no such list.
    """
    _copy(app, folder)
    file = folder / "src" / "migrations.ts"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if not text.endswith(_LIST_END):
        raise Problem(
            "a migration cannot be added to the app",
            where=str(app / "src" / "migrations.ts"),
            why="it does not end with the list that the example app has there",
            remedy="prove it with the example app",
        )
    entry = f'\n  {{ id: "{name}", sql: `{sql}` }},{_LIST_END}'
    file.write_text(text.removesuffix(_LIST_END) + entry, encoding="utf-8")
    return folder


def _copy(app: Path, folder: Path) -> None:
    shutil.copytree(app, folder, ignore=_LEFT_OUT)
