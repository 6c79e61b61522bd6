"""Migrations that lose data are stopped in the database, whatever code they are; the release before goes on serving."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.evidence import database
from tests.e2e.harness import NAMESPACE, Platform, request


@pytest.fixture
def release(platform: Platform) -> Iterator["Release"]:
    made = Release(platform)
    yield made
    made.restore()
    done = platform.up()
    assert done.returncode == 0, done.stderr[-3000:]


class Release:
    """The app with one more migration."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._file = platform.checkout / "examples" / "app" / "src" / "migrations.ts"
        self._original = self._file.read_text()

    def with_migration(self, name: str, sql: str) -> None:
        assert self._original.endswith("\n];\n")
        self._file.write_text(self._original.removesuffix("\n];\n") + f'\n  {{ id: "{name}", sql: `{sql}` }},\n];\n')

    def restore(self) -> None:
        self._file.write_text(self._original)


def psql(platform: Platform, sql: str, options: str = "") -> "subprocess.CompletedProcess[str]":
    """A session of its own, within a transaction that is never kept."""
    pod = database(platform)["metadata"]["name"]
    command = ["env", f"PGOPTIONS={options}", "psql", "-X", "-U", "pxl", "-At", "-v", "ON_ERROR_STOP=1", "pxl"]
    statements = [part for each in ("begin", sql, "rollback") for part in ("-c", each)]
    return platform.command("kubectl", "exec", "-n", NAMESPACE, pod, "--", *command, *statements, timeout=60)


def columns(platform: Platform) -> set[str]:
    query = "select column_name || ' ' || data_type from information_schema.columns where table_name = 'jobs'"
    done = psql(platform, query)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


MIGRATION = "-c lock_timeout=5s -c pxl.allow_destructive=off"
MOOD = "create type mood as enum ('well'); create table moods (id int, now mood); "


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("drop table jobs", "the table public.jobs would be dropped by: drop table jobs"),
        ("alter table jobs drop column payload", "the table column public.jobs.payload would be dropped"),
        (MOOD + "drop type mood cascade", "the table column public.moods.now would be dropped"),
        ("create schema s; create table s.t (id int); drop schema s cascade", "would be dropped"),
        ("alter table jobs alter column ms type bigint", "the type of a column of public.jobs would change"),
    ],
)
def test_a_migrations_session_cannot_lose_data(platform: Platform, sql: str, said: str):
    done = psql(platform, sql, MIGRATION)
    assert done.returncode != 0, "it must be refused"
    assert said in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("sql", "options"),
    [
        ("alter table jobs add column note text; create index on jobs (note)", MIGRATION),
        ("create index jobs_note on jobs (worker); drop index jobs_note", MIGRATION),
        ("create temp table t (id int); drop table t", MIGRATION),
        ("create view v as select 1; drop view v", MIGRATION),
        ("drop table jobs", "-c pxl.allow_destructive=on"),
        ("create table part (id int); drop table part", ""),
    ],
    ids=["what adds", "an index", "what is temporary", "a view", "what is meant", "the app itself"],
)
def test_nothing_else_is_in_its_way(platform: Platform, sql: str, options: str):
    done = psql(platform, sql, options)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "sql", "said"),
    [
        ("9001-drop", "alter table jobs drop column payload", "the table column public.jobs.payload would be dropped"),
        pytest.param(
            "9002-type",
            "alter table jobs alter column ms type bigint",
            "the type of a column of public.jobs would change",
            marks=pytest.mark.long,
        ),
    ],
)
def test_what_loses_data_is_refused_with_its_statement_and_the_release_before_serves(
    platform: Platform, release: Release, name: str, sql: str, said: str
):
    before, version = columns(platform), request(f"{platform.url}/version").body["digest"]
    release.with_migration(name, sql)
    done = platform.up()
    assert done.returncode != 0, "a release that loses data must not get through"
    told = re.sub(r"\s+", " ", done.stderr)
    for word in (said, sql, "migrations.allowDestructive"):
        assert word in told, f"the output of up must say {word!r}:\n{done.stderr[-4000:]}"
    assert columns(platform) == before, "and nothing of it may have happened"
    assert request(f"{platform.url}/version").body["digest"] == version, "the old release serves"


@pytest.mark.long
def test_what_is_meant_to_lose_data_goes_through_where_the_stack_says_so(platform: Platform, release: Release):
    release.with_migration("9003-meant", "create table scratch (id int); drop table scratch")
    with platform.settings(migrations={"allowDestructive": True}):
        done = platform.up()
    assert done.returncode == 0, done.stderr[-4000:]
    assert "what loses data is refused" not in done.stderr, "a log of what went well is noise"
