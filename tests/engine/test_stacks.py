"""Every stack on the real engine, without a cluster: previews, refusals, secrets."""

import json

import pytest
import yaml

from infra.environments import ENVIRONMENTS
from tests.engine.workbench import API_SERVER, KUBECONFIG

pytestmark = pytest.mark.engine

CANARY = "canary-7f3a9e51c2d84b60-of-at-least-thirty-two"


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_stack_previews_without_a_cluster_and_shows_no_secret(workbench, stack):
    workbench.select(stack)
    workbench.hide(CANARY)
    done = workbench.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    steps = json.loads(done.stdout)["steps"]
    kinds = {step["urn"].split("::")[2].split("$")[-1] for step in steps}
    holds = "kubernetes:core/v1:Secret" if stack == "dev" else "aws:secretsmanager/secretVersion:SecretVersion"
    assert holds in kinds, "the preview must show what holds the secrets, or nothing could leak"
    assert CANARY not in done.stdout + done.stderr, "a secret of the settings must be one in the preview"
    assert workbench.files_with(CANARY) == [], "nothing may hold it in plain text"
    for wanted in ("kubernetes:core/v1:Namespace", "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"):
        assert wanted in kinds, f"{stack} must hold a {wanted}; it has {sorted(kinds)}"
    stores = "kubernetes:apps/v1:StatefulSet" in kinds
    assert stores is (stack == "dev"), "only dev runs its own stores"


def test_a_bare_pulumi_up_refuses_before_any_resource(workbench):
    workbench.select(
        "dev", api={"drainSecond": 5}, postgres={"tls": True}, release={"digest": "latest"}, colour="red"
    )  # fmt: skip
    done = workbench.pulumi("up", "--yes", "--skip-preview")
    said = done.stdout + done.stderr
    assert done.returncode != 0, "a bad setting must stop the engine"
    misspelled = ["Pulumi.dev.yaml", "pxl:api.drainSecond", "pxl:api.drainSeconds"]
    for word in [*misspelled, "pxl:postgres.tls", "pxl:release.digest", "latest", "pxl:colour"]:
        assert word in said, f"the message must name {word}, whatever else is wrong:\n{said[-3000:]}"
    assert "Traceback" not in said, "a user's mistake is no crash"
    state = json.loads(workbench.pulumi("stack", "export", "--stack", "dev").stdout)
    made = [item["type"] for item in state["deployment"].get("resources", [])]
    assert [kind for kind in made if not kind.startswith("pulumi:pulumi:Stack")] == [], "nothing may have been made"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"account": "333333333333"}, ["pxl:aws.account = 333333333333", "111111111111", "AWS_PROFILE"]),
        ({"region": "us-east-1"}, ["pxl:aws.region = us-east-1", "AWS_REGION = eu-central-1", "unset AWS_REGION"]),
        ({"cluster": "another"}, ["pxl:aws.cluster = another", "not to be found"]),
    ],
    ids=["another account", "another region", "a cluster that the account has not"],
)
def test_credentials_that_lead_elsewhere_are_refused_at_the_preview(workbench, wrong, words):
    workbench.select("staging")
    workbench.rewrite(lambda config: config["pxl:aws"].update(wrong))
    done = workbench.pulumi("preview")
    said = done.stdout + done.stderr
    assert done.returncode != 0, "nothing may be planned for another account, region or cluster"
    for word in words:
        assert word in said, f"the message must name {word}:\n{said[-3000:]}"
    assert "Traceback" not in said, said[-3000:]


def test_a_kubeconfig_that_leads_to_another_cluster_is_refused_by_name(workbench):
    workbench.select("staging")
    other = json.loads(json.dumps(KUBECONFIG))
    other["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:2"
    (workbench.folder / "other").write_text(yaml.safe_dump(other))
    workbench.rewrite(lambda config: config["pxl:kubernetes"].update(kubeconfig=str(workbench.folder / "other")))
    done = workbench.pulumi("preview")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for word in ("pxl:aws.cluster = staging", API_SERVER, "https://127.0.0.1:2", "aws eks update-kubeconfig"):
        assert word in said, f"the message must name {word}:\n{said[-3000:]}"
