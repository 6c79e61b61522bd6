"""Staging and prod of AWS on a node of their own, and one image promoted by digest from one to the other.

AWS is moto, the stores are real servers with TLS; docs/rehearsal.md lists what stands for what.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from local.aws.boto import client
from local.rehearsal import profiles, servers, stage
from local.standins.kubernetes.kubeconfig import target
from tests.e2e.harness import Platform, copy_of_checkout, finished_job, free_port, request


class Rehearsal(Platform):
    """A checkout in which stacks of AWS are rehearsed."""

    def rehearse(self, stack: str) -> str:
        """``make rehearse STACK=…``; the URL that it prints."""
        done = self.command("rehearse", stack)
        assert done.returncode == 0, f"rehearsing {stack} failed:\n{done.stderr[-6000:]}"
        return done.stdout.strip()

    def promote(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        kubeconfig = self.state / "kubeconfig"
        where = ["--kubeconfig", str(kubeconfig), "--kube-context", target(str(kubeconfig)).context]
        accounts = ["--from-profile", "staging", "--to-profile", "prod"]
        return subprocess.run(
            [sys.executable, "-m", "operations", "promote", "staging", "prod", *accounts, *where, *arguments],
            cwd=self.checkout, capture_output=True, text=True, timeout=300, check=False,
            env={**self.env, "AWS_CONFIG_FILE": str(profiles.path(stage.State(self.state)))},
        )  # fmt: skip

    def git(self, *arguments: str) -> str:
        identity = {
            f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        env = {**os.environ, **identity}
        done = subprocess.run(
            ["git", *arguments], cwd=self.checkout, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def release(self, stack: str, block: dict[str, str]) -> None:
        """Writes the release block and commits it, as a pull request would."""
        path = self.checkout / f"Pulumi.{stack}.yaml"
        document = YAML().load(path.read_text())
        document["config"]["pxl:release"] = block
        with path.open("w") as file:
            YAML().dump(document, file)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"release to {stack}")

    def account(self, stack: str, service: str) -> Any:
        known = stage.read(stage.State(self.state), stack)
        assert known is not None
        return client(service, known.endpoint, known.region)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    if os.geteuid() != 0:
        pytest.skip("the embedded node needs root")
    base = tmp_path_factory.mktemp("rehearsal")
    made = Rehearsal(copy_of_checkout(base / "checkout"), base / "state", free_port())
    made.git("add", "--all")
    made.git("commit", "--quiet", "--allow-empty", "--message", "as it is")
    yield made
    done = made.command("down", timeout=300)
    assert done.returncode == 0, done.stderr
    assert not (base / "state").exists(), "what plays AWS ends with the node"


@pytest.fixture(scope="module")
def staging(rehearsal: Rehearsal) -> str:
    return rehearsal.rehearse("staging")


def version(url: str) -> str:
    return request(f"{url}/version").body["digest"]


def test_staging_comes_up_with_managed_stores_behind_tls(rehearsal: Rehearsal, staging: str):
    assert request(f"{staging}/ready").body == {"redis": True, "db": True}
    job = finished_job(Platform(rehearsal.checkout, rehearsal.state, int(staging.rpartition(":")[2])), {"payload": {}})
    assert job["state"] != "failed", "API, Redis, worker and Postgres work together through TLS"
    (database,) = rehearsal.account("staging", "rds").describe_db_instances()["DBInstances"]
    assert database["StorageEncrypted"] and not database["PubliclyAccessible"]
    pods = rehearsal.kubectl("get", "pods", "-n", "pxl-staging")["items"]
    apps = [pod for pod in pods if pod["metadata"]["labels"]["app.kubernetes.io/component"] in ("api", "worker")]
    for pod in apps:
        env = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
        assert env["PGSSLMODE"] == "verify-full" and env["REDIS_HOST"] == "127.0.0.1"
        assert pod["spec"]["containers"][0]["image"].startswith("111111111111.dkr.ecr."), "as on AWS"


def test_the_app_has_a_user_of_its_own_and_no_connection_without_tls(rehearsal: Rehearsal, staging: str):
    pods = rehearsal.kubectl("get", "pods", "-n", servers.NAMESPACE)["items"]
    name = next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("postgres"))

    def asked(query: str) -> str:
        command = ["psql", "-h", "/run/postgresql", "-U", "rdsadmin", "-At", "-c", query, "pxl"]
        done = rehearsal.command("kubectl", "exec", "-n", servers.NAMESPACE, name, "-c", "postgres", "--", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    connected = (
        "select distinct usename, ssl from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null"
    )
    assert asked(connected).split() == ["pxl|t"], "the app's own user, encrypted, and nobody else"
    owner = "select pg_get_userbyid(datdba) from pg_database where datname = 'pxl'"
    assert asked(owner).strip() == "pxl"
    assert asked("select rolsuper or rolcreaterole or rolcreatedb from pg_roles where rolname = 'pxl'").strip() == "f"


def test_again_changes_nothing_and_the_checkout_stays_clean(rehearsal: Rehearsal, staging: str):
    rehearsal.release("staging", {"digest": version(staging), "reason": "built here"})
    done = rehearsal.command("rehearse", "staging")
    assert done.returncode == 0, done.stderr[-4000:]
    assert " unchanged" in done.stderr and "changes." not in done.stderr, done.stderr[-2000:]
    assert rehearsal.git("status", "--short") == ""


def test_a_changed_password_reaches_the_database_and_every_pod(rehearsal: Rehearsal, staging: str):
    def given() -> tuple[str, str]:
        """The Secret that the API's pods take the password from, and what it holds."""
        selector = "app.kubernetes.io/component=api"
        (spec,) = rehearsal.kubectl("get", "deployments", "-n", "pxl-staging", "-l", selector)["items"]
        containers = spec["spec"]["template"]["spec"]["containers"]
        env = {item["name"]: item for container in containers for item in container["env"]}
        ref = env["DB_PASSWORD"]["valueFrom"]["secretKeyRef"]
        secret = rehearsal.kubectl("get", "secret", ref["name"], "-n", "pxl-staging")
        return ref["name"], base64.b64decode(secret["data"][ref["key"]]).decode()

    name, password = given()
    done = rehearsal.command("pulumi", "stack", "export", "--stack", "staging", timeout=60)
    resources = json.loads(done.stdout)["deployment"]["resources"]
    (drawn,) = [one["urn"] for one in resources if one["type"].endswith(":RandomPassword") and "database" in one["urn"]]
    done = rehearsal.command("pulumi", "state", "taint", drawn, "--stack", "staging", "--yes", timeout=60)
    assert done.returncode == 0, done.stderr
    rehearsal.rehearse("staging")
    new_name, new_password = given()
    assert new_password != password and new_name != name, "another value is another Secret, or no pod would roll"
    assert request(f"{staging}/ready").body == {"redis": True, "db": True}, "the database takes the new one"
    gone = rehearsal.command("kubectl", "get", "secret", name, "-n", "pxl-staging", timeout=60)
    assert gone.returncode != 0, "nobody reads the old one any more"


def test_what_staging_runs_is_promoted_and_prod_runs_the_same_digest(rehearsal: Rehearsal, staging: str):
    assert rehearsal.rehearse("prod") == "", "prod builds nothing: what it runs is promoted"
    before = (rehearsal.checkout / "Pulumi.prod.yaml").read_text()

    early = rehearsal.promote()
    assert early.returncode != 0 and "24 h" in early.stderr, f"it has not soaked: {early.stderr}"
    assert (rehearsal.checkout / "Pulumi.prod.yaml").read_text() == before, "a refusal changes nothing"

    done = rehearsal.promote("--reason", "a rehearsal does not wait", "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    changed = [line for line in rehearsal.git("diff", "--unified=0").splitlines() if line[:1] in "+-"]
    assert [line[:3] for line in changed[:2]] == ["---", "+++"]
    assert {line.split(":")[0].strip("+ ") for line in changed[2:]} == {
        "pxl", "digest", "provenIn", "healthySince", "promotedBy", "reason",
    }, "the diff in git is the release block"  # fmt: skip
    again = rehearsal.promote("--reason", "again")
    assert again.returncode != 0, "over a file with uncommitted changes nothing is promoted"
    rehearsal.git("commit", "--quiet", "--all", "--message", "promote")

    prod = rehearsal.rehearse("prod")
    assert request(f"{prod}/ready").status == 200
    assert version(prod) == version(staging), "one image, byte for byte"
    pods = rehearsal.kubectl("get", "pods", "-n", "pxl-prod", "-l", "app.kubernetes.io/component=api")["items"]
    assert all(pod["spec"]["containers"][0]["image"].startswith("222222222222.dkr.ecr.") for pod in pods)


def test_prod_refuses_a_digest_that_nobody_has_proven(rehearsal: Rehearsal, staging: str):
    path: Path = rehearsal.checkout / "Pulumi.prod.yaml"
    before = path.read_text()
    rehearsal.release("prod", {"digest": "sha256:" + "d" * 64})
    done = rehearsal.command("rehearse", "prod")
    path.write_text(before)
    assert done.returncode == 1
    assert "pxl:release" in done.stderr and "pxlctl promote" in done.stderr, done.stderr[-2000:]
