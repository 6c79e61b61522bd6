"""The worker serves nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi_recording import IMAGE, Recording
from pxl_components import Worker

ARGS = {"namespace": "apps", "image": IMAGE}
Deployed = Callable[[type, dict[str, Any]], Recording]


def test_it_runs_the_queues_and_nothing_listens(deployed: Deployed):
    recording = deployed(Worker, ARGS)
    container = recording.one("Deployment").container
    assert container["command"] == ["node", "dist/queue-worker.js"]
    assert "ports" not in container
    assert recording.of("Service") == [], "nobody sends it anything"
    assert not [name for name in recording.one("Deployment").env if name in ("PORT", "PXL_WEB_PORT")]


def test_without_a_port_its_process_is_its_health(deployed: Deployed):
    deployment = deployed(Worker, ARGS).one("Deployment")
    assert not [key for key in deployment.container if key.endswith("Probe")]
    notes = " ".join(deployment.metadata["annotations"].values())
    for check in ("CKV_K8S_8=", "CKV_K8S_9="):
        assert check in notes, "the scanner is told why there is no probe"


def test_a_health_port_brings_probes(deployed: Deployed):
    args = {**ARGS, "port": 9000, "probes": {"readiness_path": "/healthz"}}
    deployment = deployed(Worker, args).one("Deployment")
    assert deployment.container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": 9000}
    assert deployment.container["livenessProbe"]["tcpSocket"] == {"port": 9000}
    assert deployment.env["PORT"] == "9000", "the app listens where it is asked"


def test_its_concurrency_is_told_to_the_app(deployed: Deployed):
    assert deployed(Worker, {**ARGS, "concurrency": 20}).one("Deployment").env["QUEUE_CONCURRENCY"] == "20"
    assert "QUEUE_CONCURRENCY" not in deployed(Worker, ARGS).one("Deployment").env, "the app's own default stands"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probes": {"readiness_path": "/x"}}, ["probes have no port to ask", "give port"]),
        ({"concurrency": 0}, ["concurrency = 0"]),
        ({"node_port": 30080}, ["node_port = 30080 does not exist"]),
        ({"port": 99999}, ["port = 99999"]),
    ],
)
def test_what_could_not_work_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Worker, {**ARGS, **change}, *words)


def test_its_images_are_pulled_with_the_secrets_that_are_named(deployed: Deployed):
    account = deployed(Worker, {**ARGS, "pull_secrets": ["registry-login"]}).one("ServiceAccount")
    assert account.inputs["imagePullSecrets"] == [{"name": "registry-login"}], "a private registry asks who pulls"
    assert "imagePullSecrets" not in deployed(Worker, ARGS).one("ServiceAccount").inputs, "and nothing else is sent"


def test_a_pull_secret_that_is_no_name_is_refused(deployed: Deployed):
    with pytest.raises(ValueError, match=r"pull_secrets\[0\].*dockerconfigjson"):
        deployed(Worker, {**ARGS, "pull_secrets": ["user:password"]})
