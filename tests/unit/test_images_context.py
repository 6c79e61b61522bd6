"""What of a checkout goes into an image, and what decides its digest."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.images.context import Context, IgnoreRules, hash_folder
from operations.errors import Problem


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("node_modules", "node_modules/a/b.js", True),
        ("node_modules", "src/node_modules/a.js", False),
        ("**/node_modules", "src/node_modules/a.js", True),
        ("**/node_modules", "node_modules/a.js", True),
        ("*.log", "npm.log", True),
        ("*.log", "logs/npm.log", False),
        ("**/*.log", "logs/deep/npm.log", True),
        ("/dist/", "dist/app.js", True),
        ("./dist", "dist/app.js", True),
        ("src/*.ts", "src/app.ts", True),
        ("src/*.ts", "src/routes/jobs.ts", False),
        ("src/**", "src/routes/jobs.ts", True),
        (".env*", ".env.local", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c].txt", "b.txt", True),
        ("[^a-c].txt", "b.txt", False),
        ("a.c", "abc", False),
        ("# dist", "dist/app.js", False),
        ("*\n!README.md", "README.md", False),
        ("*\n!README.md", "LICENSE", True),
        ("docs\n!docs/kept.md", "docs/kept.md", False),
        ("!docs/kept.md\ndocs", "docs/kept.md", True),
        ("", "anything", False),
    ],
)
def test_dockerignore_rules_mean_what_docker_says_they_mean(rules: str, path: str, ignored: bool) -> None:
    assert IgnoreRules(rules).ignores(path) is ignored, f"{rules!r} on {path!r}"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,6}(\.[a-z]{1,3})?", fullmatch=True), min_size=1, max_size=5))
def test_a_literal_path_is_ignored_by_itself_and_by_each_folder_above_it(parts: list[str]) -> None:
    path = "/".join(parts)
    for end in range(1, len(parts) + 1):
        rule = "/".join(parts[:end])
        assert IgnoreRules(rule).ignores(path), f"{rule!r} must take {path!r} with it"


def _app(folder: Path, *, umask: int = 0o022) -> Path:
    before = os.umask(umask)
    try:
        (folder / "src").mkdir(parents=True)
        (folder / "node_modules").mkdir()
        (folder / "Dockerfile").write_text("FROM scratch\n")
        (folder / ".dockerignore").write_text("node_modules\nDockerfile\n*.log\n!kept.log\n")
        (folder / "src" / "app.ts").write_text("start();\n")
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o777 & ~umask)
        (folder / "latest").symlink_to("src/app.ts")
        for name in ("node_modules/x.js", "npm.log", "kept.log"):
            (folder / name).write_text("x")
    finally:
        os.umask(before)
    return folder


def test_a_context_holds_what_dockerignore_lets_through_and_nothing_else(tmp_path: Path) -> None:
    context = Context.read(_app(tmp_path / "app"))
    assert context.files == (".dockerignore", "kept.log", "latest", "run.sh", "src/app.ts")
    context.lay_out(tmp_path / "copy")
    copied = sorted(str(p.relative_to(tmp_path / "copy")) for p in (tmp_path / "copy").rglob("*") if not p.is_dir())
    assert tuple(copied) == context.files, "the build must see exactly the files that were hashed"


def test_the_same_source_has_the_same_fingerprint_whatever_the_umask_dates_and_place(tmp_path: Path) -> None:
    first = _app(tmp_path / "a")
    second = _app(tmp_path / "elsewhere" / "b", umask=0o077)
    os.utime(second / "src" / "app.ts", (1, 1))
    assert Context.read(first).fingerprint() == Context.read(second).fingerprint()


def test_the_layout_does_not_depend_on_the_umask_of_the_checkout(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Context.read(_app(tmp_path / "app", umask=0o077)).lay_out(tmp_path / "copy")
    finally:
        os.umask(before)
    copy = tmp_path / "copy"
    modes = {name: (copy / name).stat().st_mode & 0o777 for name in (".", "src", "src/app.ts", "run.sh")}
    assert modes == {".": 0o755, "src": 0o755, "src/app.ts": 0o644, "run.sh": 0o755}
    assert (copy / "latest").readlink() == Path("src/app.ts"), "a link stays a link"


def _edit(app: Path) -> None:
    (app / "src" / "app.ts").write_text("stop();\n")


def _add(app: Path) -> None:
    (app / "src" / "more.ts").write_text("")


def _rename(app: Path) -> None:
    (app / "src" / "app.ts").rename(app / "src" / "main.ts")


def _change_dockerfile(app: Path) -> None:
    (app / "Dockerfile").write_text("FROM other\n")


def _make_executable(app: Path) -> None:
    (app / "src" / "app.ts").chmod(0o755)


def _redirect(app: Path) -> None:
    (app / "latest").unlink()
    (app / "latest").symlink_to("run.sh")


@pytest.mark.parametrize("change", [_edit, _add, _rename, _change_dockerfile, _make_executable, _redirect])
def test_whatever_a_build_can_see_changes_the_fingerprint(tmp_path: Path, change) -> None:
    app = _app(tmp_path / "app")
    before = Context.read(app).fingerprint()
    change(app)
    assert Context.read(app).fingerprint() != before, f"{change.__name__} must lead to a new build"


def test_what_is_ignored_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    app = _app(tmp_path / "app")
    before = Context.read(app).fingerprint()
    (app / "node_modules" / "y.js").write_text("y")
    (app / "other.log").write_text("y")
    assert Context.read(app).fingerprint() == before


def test_moving_content_between_files_changes_the_hash(tmp_path: Path) -> None:
    for name, parts in {"one": ("ab", "c"), "two": ("a", "bc")}.items():
        (tmp_path / name).mkdir()
        for file, text in zip("xy", parts, strict=True):
            (tmp_path / name / file).write_text(text)
    assert hash_folder(tmp_path / "one") != hash_folder(tmp_path / "two")


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_an_app_is_refused_with_what_to_do(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "nothing"
    if make:
        folder.mkdir()
    with pytest.raises(Problem) as refused:
        Context.read(folder)
    assert refused.value.where == str(folder)
    assert refused.value.remedy, "the message must say what to do"
