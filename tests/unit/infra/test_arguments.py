"""What a stack's settings become as arguments of the components."""

from types import SimpleNamespace
from typing import Any

import yaml

from infra import arguments
from infra.settings import Settings, from_stack_file
from infra.workloads import Workloads

DIGEST = "sha256:" + "a" * 64


def settings_of(tmp_path: Any, **config: Any) -> Settings:
    path = tmp_path / "Pulumi.try.yaml"
    given = {"environment": "dev", "release": {"digest": DIGEST}, **config}
    path.write_text(yaml.safe_dump({"config": {f"pxl:{key}": value for key, value in given.items()}}))
    return from_stack_file(path)


def api_of(settings: Settings) -> Any:
    return workloads_of(settings).api()


def workloads_of(settings: Settings) -> Any:
    store: Any = SimpleNamespace(endpoint={}, connection={})
    secrets: Any = SimpleNamespace(ref=lambda key: {"name": "secrets", "key": key})
    assert settings.release is not None
    return Workloads(settings, "try", settings.release, "pxl-try", (store, store, secrets))


def test_anybody_may_call_where_nobody_is_named(tmp_path):
    assert api_of(settings_of(tmp_path))["ingress_from"] == [{"name": "clients", "cidrs": ["0.0.0.0/0"]}]


def test_an_ingress_controller_is_let_in_by_its_namespace_and_nobody_else(tmp_path):
    network = {"ingressNamespaces": ["gateway", "gateway"]}
    callers = api_of(settings_of(tmp_path, network=network))["ingress_from"]
    assert callers == [{"name": "gateway-pods", "namespace": "gateway"}], "once, and no range of addresses beside it"


def test_addresses_and_namespaces_may_be_named_together(tmp_path):
    network = {"ingressNamespaces": ["gateway"], "ingressCidrs": ["203.0.113.0/24"]}
    names = [caller["name"] for caller in api_of(settings_of(tmp_path, network=network))["ingress_from"]]
    assert names == ["gateway-pods", "clients"]


def test_a_node_port_that_keeps_its_clients_addresses_may_be_kept_to_some_of_them(tmp_path):
    api = {"nodePort": 30080, "externalTrafficPolicy": "Local"}
    args = api_of(settings_of(tmp_path, api=api, network={"ingressCidrs": ["203.0.113.0/24"]}))
    assert args["external_traffic_policy"].value == "Local", "else the policy would see the node's address"


def test_a_destination_needs_no_holes(tmp_path):
    mail = {"name": "mail", "cidr": "203.0.113.0/24", "ports": [587]}
    (egress,) = api_of(settings_of(tmp_path, network={"egress": [mail]}))["external_egress"]
    assert egress == {"name": "mail", "cidr": "203.0.113.0/24", "ports": [587]}, "an empty list would be refused"
    holes = {"network": {"egress": [{**mail, "except": ["203.0.113.7/32"]}]}}
    (egress,) = api_of(settings_of(tmp_path, **holes))["external_egress"]
    assert egress["except_cidrs"] == ["203.0.113.7/32"], "and what is to stay closed does"


def test_a_cluster_may_have_its_dns_elsewhere(tmp_path):
    network = {"dnsNamespace": "dns", "dnsCidrs": ["169.254.20.10/32"]}
    args: Any = arguments.namespace(settings_of(tmp_path, network=network), "try")
    assert (args["dns_namespace"], args["dns_cidrs"]) == ("dns", ["169.254.20.10/32"])
    assert "dns_cidrs" not in arguments.namespace(settings_of(tmp_path), "try"), "an empty list would be refused"


def test_a_further_secret_reaches_the_pods_by_reference(tmp_path):
    settings = settings_of(
        tmp_path, secrets={"variables": ["SMTP_TOKEN"]}, appSecrets={"secure": "v1:encrypted-by-the-engine"}
    )
    environment = api_of(settings)["environment"]
    assert environment["secrets"] == {"SMTP_TOKEN": {"name": "secrets", "key": "smtp-token"}}, "never by value"
    drawn = arguments.secrets(settings, "try", "pxl-try")
    assert "smtp-token" in drawn["values"], "and the Secret that the stack writes holds it"


def test_a_further_secret_is_fetched_from_the_store(tmp_path):
    elsewhere: dict[str, Any] = {
        "postgres": {"kind": "external", "host": "db.example.internal", "cidrs": ["10.0.0.0/16"]},
        "redis": {"kind": "external", "host": "redis.example.internal", "cidrs": ["10.0.0.0/16"], "tls": False},
        "registry": {"kind": "none"},
        "image": {"repository": "registry.example.com/pxl/app"},
    }
    secrets = {"store": {"name": "vault"}, "variables": ["SMTP_TOKEN"], "generate": False}
    settings = settings_of(tmp_path, environment="staging", secrets=secrets, **elsewhere)
    fetched = arguments.secrets(settings, "s", "pxl-s")
    assert "smtp-token" in fetched["external_keys"], "under its own key, beside the built-in ones"


def test_a_private_registry_is_logged_in_to(tmp_path):
    settings = settings_of(tmp_path, image={"pullSecrets": ["registry-login"]})
    assert api_of(settings)["pull_secrets"] == ["registry-login"], "the API's image comes from there"


def test_bounds_are_scaled_between_on_cpu_and_on_memory_where_it_is_asked_for(tmp_path):
    bounds = {"min": 2, "max": 6}
    scaled = api_of(settings_of(tmp_path, api={"replicas": bounds}))
    assert scaled["autoscaling"] == {"min_replicas": 2, "max_replicas": 6, "cpu_percent": 70}
    assert "replicas" not in scaled, "a fixed number would undo the autoscaler's"
    both = api_of(settings_of(tmp_path, api={"replicas": {**bounds, "memoryPercent": 80}}))
    assert both["autoscaling"]["memory_percent"] == 80


def test_a_migration_has_its_guard_where_there_is_an_image_to_install_it_with(tmp_path):
    image = f"registry.example.com/postgres@{DIGEST}"
    settings = settings_of(tmp_path, images={"postgres": image}, migrations={"allowDestructive": True})
    wanted = workloads_of(settings).migrations()
    assert (wanted["guard_image"], wanted["allow_destructive"]) == (image, True)


REPORTS = {"queues": ["reports"], "concurrency": 1, "resources": {"cpu": "1", "memory": "1Gi"}}


def test_a_group_of_workers_has_its_own_and_the_rest_from_the_others(tmp_path):
    worker = {"queues": ["jobs"], "drainSeconds": 45}
    settings = settings_of(tmp_path, worker=worker, workers={"reports": REPORTS})
    groups = {name: workloads_of(settings).worker(one, None) for name, one in settings.worker_groups.items()}
    assert list(groups) == ["worker", "worker-reports"]
    ours = groups["worker-reports"]
    assert (ours["queues"], ours["concurrency"], ours["resources"]["cpu_request"]) == (["reports"], 1, "1")
    assert ours["drain_seconds"] == 45 and ours["command"] == groups["worker"]["command"], "as in worker"
    assert groups["worker"]["queues"] == ["jobs"], "and that one stays as it is"


def test_groups_stay_where_the_api_runs_the_other_queues(tmp_path):
    settings = settings_of(tmp_path, worker={"enabled": False}, workers={"reports": REPORTS})
    assert list(settings.worker_groups) == ["worker-reports"]
    assert "queues" not in api_of(settings)
    named = settings_of(tmp_path, worker={"enabled": False, "queues": ["jobs"]}, workers={"reports": REPORTS})
    assert api_of(named)["queues"] == ["jobs"], "and takes none of theirs"


def test_workers_scale_on_their_queues_by_keda_and_on_cpu_otherwise(tmp_path):
    metrics: Any = SimpleNamespace(url="http://metrics")
    worker = {"queues": ["jobs"], "replicas": {"min": 1, "max": 4}, "targetSeconds": 10, "jobMilliseconds": 20}
    settings = settings_of(tmp_path, worker=worker, autoscaling={"engine": "keda"})
    args = workloads_of(settings).worker(settings.worker, metrics)
    assert args["queue_scaling"] == {
        "min_replicas": 1, "max_replicas": 4, "queues": ["jobs"], "metrics_url": "http://metrics", "target_seconds": 10,
        "job_milliseconds": 20,
    }  # fmt: skip
    plain = settings_of(tmp_path, worker=worker)
    assert workloads_of(plain).worker(plain.worker, None)["autoscaling"]["max_replicas"] == 4


def test_the_queues_of_every_group_are_told_about_to_keda_and_whoever_is_named(tmp_path):
    settings = settings_of(
        tmp_path,
        worker={"queues": ["jobs"]},
        workers={"reports": REPORTS},
        autoscaling={"engine": "keda", "kedaNamespace": "scaling"},
        queues={"metricsNamespaces": ["monitoring"]},
    )
    told = workloads_of(settings).queue_metrics()
    assert told["queues"] == ["jobs", "reports"]
    assert [one["namespace"] for one in told["ingress_from"]] == ["monitoring", "scaling"]
    assert settings_of(tmp_path, worker={"queues": ["jobs"]}).measured_queues == [], (
        "nothing tells unless it is asked to"
    )
