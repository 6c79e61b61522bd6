"""Migrations gate what comes after them."""

import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi_recording import DIGEST, IMAGE, OTHER_DIGEST, Recording, deploy
from pxl_components import Api, Migrations, Worker

ARGS = {"namespace": "apps", "image": IMAGE}
SEEDED = {**ARGS, "seed_command": ["node", "dist/scripts/seed.js"]}
STORE = {"name": "db", "host": "db", "port": 5432, "namespace": "apps", "pod_labels": {"app": "db"}}
Deployed = Callable[[type, dict[str, Any]], Recording]


def test_each_digest_has_its_own_job(deployed: Deployed):
    first = deployed(Migrations, ARGS).one("Job")
    second = deployed(Migrations, {**ARGS, "image": IMAGE.replace(DIGEST, OTHER_DIGEST)}).one("Job")
    assert first.name == "web-ab12ab12ab12"
    assert second.name == "web-cd34cd34cd34", "a new build migrates anew"
    assert "name" not in first.metadata, "auto-named: that of the digest before stands beside it"


def test_a_job_runs_the_migrations_and_ends(deployed: Deployed):
    job = deployed(Migrations, ARGS).one("Job")
    assert job.container["command"] == ["node", "dist/scripts/run-migrations.js"]
    assert job.pod["restartPolicy"] == "Never", "each attempt is a pod of its own, with its own log"
    assert job.spec["backoffLimit"] == 2
    assert job.spec["activeDeadlineSeconds"] == 600
    assert job.create_timeout == "660s", "the engine waits until the Job itself has given up"


def test_a_finished_job_stays(deployed: Deployed):
    assert "ttlSecondsAfterFinished" not in deployed(Migrations, ARGS).one("Job").spec, "its absence reads as drift"


def test_a_changed_job_takes_the_place_of_the_old_one(deployed: Deployed):
    job = deployed(Migrations, ARGS).one("Job")
    assert job.replace_on_changes == ("spec",), "a Job's pods cannot be updated"
    assert job.delete_before_replace, "two migrations at a time could spoil each other's work"


def test_a_job_that_failed_runs_again_at_the_next_deployment(deployed: Deployed):
    for job in deployed(Migrations, SEEDED).of("Job"):
        assert job.metadata["annotations"]["pulumi.com/replaceUnready"] == "true", "a failed Job stays failed"


def test_the_seed_runs_after_the_migrations(deployed: Deployed):
    seed = deployed(Migrations, SEEDED).named("web-seed-ab12ab12ab12")
    assert seed.container["command"] == ["node", "dist/scripts/seed.js"]
    assert "web-ab12ab12ab12" in seed.dependencies, "seeding needs the tables"


def test_without_a_seed_there_is_one_job(deployed: Deployed):
    assert len(deployed(Migrations, ARGS).of("Job")) == 1


def test_its_pods_are_in_no_ones_selector(deployed: Deployed):
    labels = deployed(Migrations, ARGS).one("Job").spec["template"]["metadata"]["labels"]
    for other in (Api, Worker):
        selector = deployed(other, ARGS).one("Deployment").spec["selector"]["matchLabels"]
        assert not selector.items() <= labels.items(), f"{other.__name__} would count the Job's pods as its own"


def test_it_reaches_its_stores_before_it_starts(deployed: Deployed):
    recording = deployed(Migrations, {**ARGS, "connects_to": [STORE]})
    job = recording.one("Job")
    assert {"web-to-db-egress", "web-to-db-ingress"} <= job.dependencies, "its attempts are few"
    selector = recording.named("web-to-db-egress").spec["podSelector"]["matchLabels"]
    assert selector.items() <= job.spec["template"]["metadata"]["labels"].items(), "the policy is about its pods"


def test_api_and_worker_change_only_after_it():
    def program() -> None:
        migrations = Migrations("migrate", SEEDED)
        after = pulumi.ResourceOptions(depends_on=[migrations])
        Api("web", ARGS, after)
        Worker("work", ARGS, after)

    recording = deploy(program)
    order = [resource.name for resource in recording]
    for deployment in ("web-deployment", "work-deployment"):
        for job in ("migrate-ab12ab12ab12", "migrate-seed-ab12ab12ab12"):
            assert order.index(job) < order.index(deployment), f"{deployment} was told before {job} had succeeded"
    gate = {"migrate-ab12ab12ab12", "migrate-seed-ab12ab12ab12"}
    assert gate <= recording.one("Api").dependencies, "and the engine knows of it"


def test_the_name_of_the_job_is_put_out():
    name = deploy(lambda: Migrations("web", ARGS).job_name).outputs
    assert re.fullmatch(r"web-ab12ab12ab12-\w+", name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deadline_seconds": 5}, ["deadline_seconds = 5", "10 to 86400"]),
        ({"backoff_limit": 11}, ["backoff_limit = 11"]),
        ({"seed_command": []}, ["seed_command = [] is empty"]),
        ({"image": "app:latest"}, ["image", "'latest' can move"]),
        ({"replicas": 2}, ["replicas = 2 does not exist"]),
    ],
)
def test_what_could_not_run_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Migrations, {**ARGS, **change}, *words)


GUARDED = {
    **ARGS,
    "guard_image": f"registry.example.com/pxl/postgres@{OTHER_DIGEST}",
    "environment": {
        "database": {
            "host": "db.example.internal",
            "port": 5432,
            "database": "shop",
            "username": "shop",
            "password_secret": {"name": "secrets", "key": "databasePassword"},
            "ssl_mode": "verify-full",
        }
    },
}


def test_the_guard_is_in_the_database_before_the_migrations_begin(deployed: Deployed):
    job = deployed(Migrations, GUARDED).one("Job")
    (guard,) = job.pod["initContainers"]
    env = {variable["name"]: variable.get("value") for variable in guard["env"]}
    assert (env["PGHOST"], env["PGUSER"], env["PGDATABASE"]) == ("db.example.internal", "shop", "shop")
    assert (env["PGSSLMODE"], env["PGSSLROOTCERT"]) == ("verify-full", "system"), (
        "verified, as the app's own connection"
    )
    for word in ("ON sql_drop", "ON table_rewrite", "pxl.allow_destructive"):
        assert word in guard["command"][-1]
    assert guard["securityContext"]["readOnlyRootFilesystem"], "every container of the pod is as restricted"
    assert "restartPolicy" not in guard, "it runs to its end; a sidecar would stay"


def test_the_seed_needs_no_guard_of_its_own(deployed: Deployed):
    seed = deployed(Migrations, {**GUARDED, "seed_command": ["node", "seed.js"]}).named("web-seed-ab12ab12ab12")
    assert "initContainers" not in seed.pod


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, "-c lock_timeout=5s -c pxl.allow_destructive=off"),
        ({"allow_destructive": True, "lock_timeout_seconds": 30}, "-c lock_timeout=30s -c pxl.allow_destructive=on"),
    ],
)
def test_each_session_of_a_migration_waits_shortly_for_locks_and_says_whether_it_means_to_lose_data(
    deployed: Deployed, given: dict[str, Any], options: str
):
    job = deployed(Migrations, {**GUARDED, **given}).one("Job")
    env = {variable["name"]: variable.get("value") for variable in job.container["env"]}
    assert env["PGOPTIONS"] == options


def test_a_guard_without_a_database_is_refused(refuses):
    refuses(Migrations, {**GUARDED, "environment": {}}, "guard_image", "environment.database")
