"""The API and how it is reached."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi_recording import IMAGE, Recording, deploy
from pxl_components import Api, ExternalTrafficPolicy, Worker

ARGS = {"namespace": "apps", "image": IMAGE}
ANYBODY = [{"name": "anybody", "cidrs": ["0.0.0.0/0"]}]
OPEN = {**ARGS, "node_port": 30080, "ingress_from": ANYBODY}
Deployed = Callable[[type, dict[str, Any]], Recording]


def test_it_runs_the_app(deployed: Deployed):
    container = deployed(Api, ARGS).one("Deployment").container
    assert container["command"] == ["node", "dist/app.js"]
    assert container["workingDir"] == "/app"


@pytest.mark.parametrize(
    ("contract", "port", "path"),
    [("guide", 3000, "/ready"), ("framework", 3001, "/health/ready"), ("both", 3000, "/ready")],
)
def test_port_and_readiness_follow_the_contract(deployed: Deployed, contract: str, port: int, path: str):
    recording = deployed(Api, {**ARGS, "environment": {"contract": contract}})
    container = recording.one("Deployment").container
    assert container["readinessProbe"]["httpGet"] == {"path": path, "port": port}
    assert container["ports"][0]["containerPort"] == port
    (service,) = recording.one("Service").spec["ports"]
    assert (service["port"], service["targetPort"]) == (port, port), "policies know one port, so both are the same"


def test_liveness_looks_at_no_store_and_no_rate_limit(deployed: Deployed):
    container = deployed(Api, ARGS).one("Deployment").container
    assert container["livenessProbe"]["tcpSocket"] == {"port": 3000}, "a Redis that is away must not restart the API"
    assert container["startupProbe"]["tcpSocket"] == {"port": 3000}


def test_probes_give_up_before_they_pile_up(deployed: Deployed):
    probe = deployed(Api, ARGS).one("Deployment").container["readinessProbe"]
    assert probe["timeoutSeconds"] == 2, "an app that gives no answer must be noticed"
    assert probe["timeoutSeconds"] <= probe["periodSeconds"]


def test_paths_and_times_of_probes_are_settings(deployed: Deployed):
    probes = {
        "readiness_path": "/r",
        "startup_path": "/s",
        "liveness_path": "/l",
        "timeout_seconds": 3,
        "period_seconds": 7,
        "failure_threshold": 4,
        "startup_seconds": 25,
    }
    container = deployed(Api, {**ARGS, "port": 8080, "probes": probes}).one("Deployment").container
    paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("readiness", "startup", "liveness")]
    assert paths == ["/r", "/s", "/l"]
    startup, readiness, liveness = (container[f"{k}Probe"] for k in ("startup", "readiness", "liveness"))
    assert (readiness["periodSeconds"], readiness["failureThreshold"], readiness["timeoutSeconds"]) == (7, 4, 3)
    assert liveness["periodSeconds"] == 14, "restarting is slower than taking out of rotation"
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 25, "the start has all the time that was given"


def test_the_service_has_the_name_that_others_know(deployed: Deployed):
    recording = deployed(Api, ARGS)
    service = recording.one("Service")
    assert service.metadata["name"] == "web"
    assert service.spec["type"] == "ClusterIP", "nothing is opened unless it is asked for"
    assert service.spec["selector"] == recording.one("Deployment").spec["selector"]["matchLabels"]
    assert "sessionAffinity" not in service.spec


def test_a_node_port_is_fixed_and_open_to_those_declared(deployed: Deployed):
    recording = deployed(Api, {**OPEN, "external_traffic_policy": ExternalTrafficPolicy.LOCAL})
    service = recording.one("Service")
    assert service.spec["type"] == "NodePort"
    assert service.spec["ports"][0]["nodePort"] == 30080
    assert service.spec["externalTrafficPolicy"] == "Local", "the app sees its clients' addresses"
    assert recording.named("web-from-anybody-ingress").spec["ingress"] == [
        {"ports": [{"protocol": "TCP", "port": 3000}]}
    ], "anybody: a range would leave out IPv6, and with some network plugins every pod"


def test_callers_are_kept_to_their_addresses(deployed: Deployed):
    source = {"name": "office", "cidrs": ["203.0.113.0/24"]}
    (rule,) = deployed(Api, {**ARGS, "ingress_from": [source]}).named("web-from-office-ingress").spec["ingress"]
    assert rule["from"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]


def test_an_ingress_controller_is_named_by_its_namespace(deployed: Deployed):
    source = {"name": "ingress", "namespace": "gateway", "pod_labels": {"app": "gw"}}
    (rule,) = deployed(Api, {**ARGS, "ingress_from": [source]}).named("web-from-ingress-ingress").spec["ingress"]
    assert rule["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}},
            "podSelector": {"matchLabels": {"app": "gw"}},
        }
    ]


def test_a_sticky_client_keeps_its_pod(deployed: Deployed):
    spec = deployed(Api, {**ARGS, "sticky": True}).one("Service").spec
    assert spec["sessionAffinity"] == "ClientIP"
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_another_workload_can_connect_to_it():
    def program() -> None:
        api = Api("web", ARGS)
        Worker("work", {**ARGS, "connects_to": [api.endpoint]})

    recording = deploy(program)
    into = recording.named("work-to-web-ingress").spec
    assert into["podSelector"]["matchLabels"] == recording.named("web-deployment").spec["selector"]["matchLabels"]
    assert into["ingress"][0]["ports"][0]["port"] == 3000


@pytest.mark.parametrize("preview", [False, True])
def test_its_url_is_known_even_in_a_preview(preview: bool):
    def program() -> list[pulumi.Output[str]]:
        api = Api("web", ARGS)
        return [api.url, api.service_name]

    assert deploy(program, preview=preview).outputs == ["http://web.apps.svc:3000", "web"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"node_port": 30080}, ["node_port = 30080", "keep everybody from", "ingress_from="]),
        ({"node_port": 8080, "ingress_from": ANYBODY}, ["node_port = 8080", "30000 to 32767"]),
        ({"external_traffic_policy": "Local"}, ["external_traffic_policy = 'Local' has no effect"]),
        ({"port": 80}, ["port = 80", "1024 to 65535"]),
        ({"service_name": "api.v1"}, ["service_name = 'api.v1'", "DNS label"]),
        ({"sticky": 1}, ["sticky = 1 is neither true nor false"]),
        ({"probes": {"readiness_path": "ready"}}, ["probes.readiness_path = 'ready'", "start it with /"]),
        ({"probes": {"timeout_seconds": 9}}, ["probes.timeout_seconds = 9", "longer than period_seconds (5)"]),
        ({"probes": {"liveness": "/x"}}, ["probes.liveness", "did you mean 'liveness_path'?"]),
        ({"ingress_from": [{"name": "x"}]}, ["give cidrs or namespace"]),
        ({"ingress_from": [{"name": "x", "cidrs": ["10.0.0.0/8"], "pod_labels": {"a": "b"}}]}, ["selects pods in no"]),
    ],
)
def test_what_nobody_could_reach_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(Api, {**ARGS, **change}, *words)
