"""One pod tells what waits in the queues, to those who may ask, and holds nothing that it does not need."""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi_recording import AUTO_NAME_SUFFIX, IMAGE, Recording
from pxl_components import QueueMetrics

REDIS = {"host": "redis.apps.svc", "port": 6379, "password_secret": {"name": "redis", "key": "password"}}
ARGS = {"namespace": "apps", "image": IMAGE, "redis": REDIS, "queues": ["jobs", "mail"]}
Deployed = Callable[[type, dict[str, Any]], Recording]


def test_it_is_told_which_queues_and_where(deployed: Deployed):
    env = deployed(QueueMetrics, {**ARGS, "prefix": "{pxl}"}).one("Deployment").env
    assert (env["QUEUES"], env["QUEUE_PREFIX"]) == ("jobs,mail", "{pxl}")
    assert (env["REDIS_HOST"], env["REDIS_PORT"], env["PORT"]) == ("redis.apps.svc", "6379", "9465")


def test_it_gets_the_password_of_redis_and_no_other_secret(deployed: Deployed):
    container = deployed(QueueMetrics, ARGS).one("Deployment").container
    secret = {one["name"] for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})}
    assert secret == {"REDIS_PASSWORD"}
    assert not [
        one["name"] for one in container["env"] if one["name"].startswith("DB_") and one["name"] != "DB_ENABLED"
    ]


def test_a_changed_program_is_a_changed_pod(deployed: Deployed):
    recording = deployed(QueueMetrics, ARGS)
    program = recording.one("ConfigMap")
    volumes = recording.one("Deployment").spec["template"]["spec"]["volumes"]
    mounted = [one["configMap"]["name"] for one in volumes if "configMap" in one]
    assert mounted == [program.name + AUTO_NAME_SUFFIX] and program.inputs["immutable"]
    assert "data" in program.replace_on_changes, "under another name, which the pod names"
    assert "bullmq_job_count" in program.inputs["data"]["queue_metrics.mjs"]


def test_nobody_may_ask_but_who_is_named(deployed: Deployed):
    assert [one.name for one in deployed(QueueMetrics, ARGS).of("NetworkPolicy")] == [], "default deny stands"
    asked = deployed(QueueMetrics, {**ARGS, "ingress_from": [{"name": "keda", "namespace": "keda"}]})
    (rule,) = asked.one("NetworkPolicy").spec["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "keda"}
    assert rule["ports"] == [{"protocol": "TCP", "port": 9465}]


def test_its_health_is_its_own_and_not_that_of_redis(deployed: Deployed):
    container = deployed(QueueMetrics, ARGS).one("Deployment").container
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz", "while Redis is away, it says so"


def test_through_tls_it_asks_the_proxy_beside_it(deployed: Deployed):
    proxy = {"image": IMAGE, "config_map": "redis-tls", "port": 6380}
    deployment = deployed(QueueMetrics, {**ARGS, "redis": {**REDIS, "tls_proxy": proxy}}).one("Deployment")
    assert (deployment.env["REDIS_HOST"], deployment.env["REDIS_PORT"]) == ("127.0.0.1", "6380")
    assert [one["name"] for one in deployment.spec["template"]["spec"]["initContainers"]] == ["redis-tls"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"queues": []}, ["queues is empty"]),
        ({"queues": ["a b"]}, ["queues[0]", "is not the name of a queue"]),
        ({"prefix": 'b"'}, ["prefix", "is not a prefix of keys"]),
        ({"redis": None}, ["redis is missing"]),
        ({"redis": {**REDIS, "port": 0}}, ["redis.port = 0"]),
        ({"port": 80}, ["port = 80"]),
        ({"environment": {}}, ["environment does not exist"]),
    ],
)
def test_what_could_not_work_is_refused(refuses: Any, change: Any, words: list[str]):
    refuses(QueueMetrics, {key: value for key, value in {**ARGS, **change}.items() if value is not None}, *words)
