"""The project's own stacks, made on the real engine as far as that goes without a cluster."""

import json

import pytest

from tests.engine.workbench import Workbench

pytestmark = pytest.mark.engine

CANARY = "canary-7f3a9e51c2d84b60-of-at-least-thirty-two"


def test_a_secret_shows_in_no_detail_of_a_preview_and_in_no_log(workbench: Workbench) -> None:
    workbench.select("dev")
    workbench.hide(CANARY)
    done = workbench.pulumi("preview", "--diff", "--logtostderr", "-v=3")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "secrets" in done.stdout, "the preview must show the Secret, or nothing could leak"
    assert CANARY not in done.stdout + done.stderr
    assert workbench.files_with(CANARY) == [], "nothing may hold it in plain text"


def test_a_stack_without_a_release_makes_what_it_stands_on(workbench: Workbench) -> None:
    workbench.select("dev")
    workbench.rewrite(lambda config: config.pop("pxl:release"))
    done = workbench.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    kinds = [step["urn"].split("::")[2] for step in json.loads(done.stdout)["steps"]]
    assert any(kind.endswith("pxl:index:ContainerRegistry") for kind in kinds), "the registry must come before a digest"
    assert not any("pxl:index:Api" in kind for kind in kinds), "there is nothing to run yet"


def test_a_generated_secret_is_encrypted_in_the_state(workbench: Workbench) -> None:
    workbench.select("dev")
    done = workbench.pulumi(
        "up", "--yes", "--skip-preview", "--target", "**AppSecrets::secrets", "--target", "**RandomPassword**"
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    plain = json.loads(workbench.pulumi("stack", "export", "--stack", "dev", "--show-secrets").stdout)
    drawn = [
        json.loads(item["outputs"]["result"]["plaintext"])
        for item in plain["deployment"]["resources"]
        if item["type"].endswith("RandomPassword")
    ]
    assert len(drawn) == 3, "database, Redis and token secrets are drawn"
    assert len(set(drawn)) == 3, "each its own"
    stored = workbench.pulumi("stack", "export", "--stack", "dev").stdout
    stored += "".join(
        path.read_text(errors="replace") for path in (workbench.folder / "pulumi").rglob("*") if path.is_file()
    )
    assert not any(value in stored for value in drawn), "the state must hold them encrypted only"


def test_what_holds_data_in_prod_is_neither_replaced_nor_destroyed(workbench: Workbench) -> None:
    workbench.select("prod")
    workbench.rewrite(lambda config: config.pop("pxl:release"))
    managed = ["--exclude", "**kubernetes:**"]
    done = workbench.pulumi("up", "--yes", "--skip-preview", *managed)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    kept = workbench.pulumi(
        "destroy", "--yes", "--skip-preview", "--stack", "prod", "--config-file", str(workbench.file)
    )
    assert kept.returncode != 0, "the engine itself refuses"
    assert "protected" in kept.stdout + kept.stderr
    state = json.loads(workbench.pulumi("stack", "export", "--stack", "prod").stdout)["deployment"]["resources"]
    protected = {item["type"] for item in state if item.get("protect")}
    assert protected >= {
        "aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup", "aws:kms/key:Key",
        "aws:ecr/repository:Repository", "aws:backup/vault:Vault",
    }, f"these hold what nobody can make again: {protected}"  # fmt: skip

    workbench.select("prod", postgres={"database": "another"})
    workbench.rewrite(lambda config: config.pop("pxl:release"))
    replaced = workbench.pulumi("preview", *managed)
    assert replaced.returncode != 0, "another name of the database is another database"
    assert "protect" in replaced.stdout + replaced.stderr
