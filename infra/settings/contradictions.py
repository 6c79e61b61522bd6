"""Settings that are fine alone and cannot hold together."""

import ipaddress
import json
import re
from collections.abc import Iterator

from pxl_components.contracts import CONTRACTS, EnvironmentContract

from infra.settings import app_secrets, landing, release_rules, store_rules
from infra.settings.contradiction import Contradiction, Rule
from infra.settings.model import (
    Contract,
    Delivery,
    EnvironmentName,
    RegistryKind,
    Settings,
)
from infra.settings.stores import StoreKind
from infra.settings.workloads import AutoscalingEngine, ExternalTrafficPolicy, Workload

_FRAMEWORK_DRAIN_SECONDS = 30
# Not MAX_TOKENS, and not what is said about a secret, such as TOKEN_TTL_SECONDS.
_SECRET_NAME = re.compile(
    r"(PASSWORD|SECRET|TOKEN|PRIVATE_KEY|API_KEY)(?!S)(?!.*_(TTL|MS|SECONDS|MINUTES|HOURS|DAYS|LENGTH|LIMIT|NAME)$)"
)


def find(settings: Settings, *, complete: bool) -> list[Contradiction]:
    """Every contradiction, in the order of ``RULES``.

    Args:
        settings: What parsed.
        complete: Whether what ``make up`` fills in must be there too.
    """
    rules = (*RULES, *COMPLETENESS) if complete else RULES
    return [found for rule in rules for found in rule(settings)]


def _workloads(settings: Settings) -> Iterator[tuple[str, Workload]]:
    """API and workers, each with the key that its settings stand under."""
    yield "api", settings.api
    for name, worker in settings.worker_groups.items():
        yield _key_of(name), worker


def _key_of(component: str) -> str:
    """The key of a worker's settings: ``worker``, or ``workers.reports`` for the component ``worker-reports``."""
    return component if component == "worker" else f"workers.{component.removeprefix('worker-')}"


def _replicas(settings: Settings) -> Iterator[Contradiction]:
    for name, workload in _workloads(settings):
        replicas = workload.replicas
        if replicas.min > replicas.max:
            yield Contradiction(
                (f"{name}.replicas.min", f"{name}.replicas.max"),
                replicas.min,
                f"is more than {name}.replicas.max ({replicas.max})",
                f"raise {name}.replicas.max or lower min",
            )


def _connections(settings: Settings) -> Iterator[Contradiction]:
    # Twice max while a rollout goes on: the old pods still drain, and keep their pools, while the new ones serve.
    processes = settings.app.cluster_workers or 1
    api = 2 * settings.api.replicas.max * processes * settings.api.pool_size
    worker = sum(2 * one.replicas.max * processes * one.pool_size for one in settings.worker_groups.values())
    free = settings.postgres.max_connections - settings.postgres.reserved_connections
    if api + worker > free:
        yield Contradiction(
            (
                "api.poolSize",
                "api.replicas",
                "worker.poolSize",
                "workers",
                "app.clusterWorkers",
                "postgres.maxConnections",
            ),
            settings.api.pool_size,
            f"during a rollout, when old pods still drain beside the new ones, they may open {api} (API) + {worker} "
            f"(worker) database connections, but only {free} are free (postgres.maxConnections "
            f"{settings.postgres.max_connections} - reservedConnections {settings.postgres.reserved_connections})",
            "lower poolSize or replicas, or raise postgres.maxConnections",
        )


def _secrets(settings: Settings) -> Iterator[Contradiction]:
    given = {
        "databasePassword": settings.database_password,
        "redisPassword": settings.redis_password,
        "jwtSecret": settings.jwt_secret,
    }
    external = settings.secrets.delivery is Delivery.EXTERNAL_SECRETS
    # With an account of its own, the stack writes the store that the operator reads.
    writes = settings.secrets.generate and settings.aws is not None
    if external:
        given["appSecrets"] = settings.app_secrets
    if external:
        if settings.secrets.store is None:
            yield Contradiction(
                ("secrets.store", "secrets.delivery"), None, "is missing, but secrets.delivery is externalSecrets",
                "pulumi config set --path 'pxl:secrets.store.name' <name of the ClusterSecretStore>",
            )  # fmt: skip
        if settings.secrets.generate and not writes:
            yield Contradiction(
                ("secrets.generate", "secrets.delivery", "aws.account"), True,
                "is set, but the operator fetches what the store holds, and without aws the stack does not write it",
                "set secrets.generate to false, or name the account under aws",
            )  # fmt: skip
        for key, value in given.items():
            if value is not None and not writes:
                yield Contradiction(
                    (key, "secrets.delivery"), value, "is set, but secrets.delivery is externalSecrets",
                    f"pulumi config rm pxl:{key}, and put it into the store",
                )  # fmt: skip
        return
    for key, value in given.items():
        if value is None and not settings.secrets.generate:
            yield Contradiction(
                (key, "secrets.generate"), None, "is a missing secret: secrets.generate is false and nothing is set",
                f"pulumi config set --secret pxl:{key}",
            )  # fmt: skip
    for store, key in (("postgres", "databasePassword"), ("redis", "redisPassword")):
        external = getattr(settings, store).kind is StoreKind.EXTERNAL
        if external and given[key] is None and settings.secrets.generate:
            yield Contradiction(
                (key, f"{store}.kind"), None, "would be generated, but an external server has its own",
                f"pulumi config set --secret pxl:{key}",
            )  # fmt: skip


def _app_secrets(settings: Settings) -> Iterator[Contradiction]:
    wanted = settings.secrets.variables
    keys = ("appSecrets", "secrets.variables")
    yield from _keys_twice(wanted)
    # Asked for, not given: a command line stays in the shell's history, and every process list shows it.
    how = f"pulumi config set --secret pxl:appSecrets, and when it asks: {json.dumps(dict.fromkeys(wanted, '...'))}"
    if settings.secrets.delivery is Delivery.EXTERNAL_SECRETS and not (settings.secrets.generate and settings.aws):
        return
    try:
        given = app_secrets.values_of(settings)
    except ValueError:
        yield Contradiction(keys, "", "is no JSON object from variable to text", how)
        return
    missing, unknown = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    if missing:
        yield Contradiction(keys, None, f"has no value for {', '.join(missing)} of secrets.variables", how)
    if unknown:
        yield Contradiction(
            keys, "", f"has a value for {', '.join(unknown)}, which secrets.variables does not list",
            "list it there, or leave it out",
        )  # fmt: skip


def _keys_twice(variables: list[str]) -> Iterator[Contradiction]:
    """Two variables that one key of the Secret would hold; the second would replace the first."""
    holder = {key: f"pxl:{setting}" for key, setting in app_secrets.KEYS.items()}
    for variable in dict.fromkeys(variables):
        key = app_secrets.key_of(variable)
        if key in holder:
            yield Contradiction(
                ("secrets.variables",), variable, f"would be kept under {key}, which holds {holder[key]}",
                "name it otherwise; app.envNames gives a variable that the app reads a built-in value",
            )  # fmt: skip
        holder[key] = variable


def _registry(settings: Settings) -> Iterator[Contradiction]:
    if settings.registry.kind is RegistryKind.NONE and settings.release and settings.image.repository is None:
        yield Contradiction(
            ("image.repository", "release.digest"), None, "is missing: a digest does not say where the image lies",
            "pulumi config set --path 'pxl:image.repository' registry.example.com/pxl/app",
        )  # fmt: skip
    if settings.registry.kind is not RegistryKind.NONE and settings.image.repository is not None:
        yield Contradiction(
            ("image.repository", "registry.kind"), settings.image.repository,
            f"is set, but with registry.kind {settings.registry.kind.value} it follows from the registry",
            "remove image.repository, or set registry.kind to none",
        )  # fmt: skip
    if settings.registry.kind is RegistryKind.CLUSTER and settings.api.node_port == settings.registry.node_port:
        yield Contradiction(
            ("api.nodePort", "registry.nodePort"), settings.api.node_port, "is also the registry's node port",
            "choose another one, from 30000 to 32767",
        )  # fmt: skip


def _egress(settings: Settings) -> Iterator[Contradiction]:
    taken = {"postgres", "redis"}
    for number, item in enumerate(settings.network.egress):
        where = f"network.egress[{number}]"
        if item.name in taken:
            yield Contradiction(
                (f"{where}.name",), item.name, "is the name of another destination", "give it one of its own"
            )
        taken.add(item.name)
        for hole in item.except_:
            outer, inner = ipaddress.ip_network(item.cidr), ipaddress.ip_network(hole)
            if outer.version != inner.version or not inner.subnet_of(outer):  # pyright: ignore[reportArgumentType]  # same version
                yield Contradiction(
                    (f"{where}.except", f"{where}.cidr"), hole, f"is not within {item.cidr}",
                    "leave it out: it is closed anyway",
                )  # fmt: skip
            elif inner == outer:
                yield Contradiction(
                    (f"{where}.except", f"{where}.cidr"), hole, "is all of it, so that nothing would be open",
                    "leave the whole destination out, or close a part of it",
                )  # fmt: skip


def _node_port(settings: Settings) -> Iterator[Contradiction]:
    local = settings.api.external_traffic_policy is ExternalTrafficPolicy.LOCAL
    if local and settings.api.node_port is None:
        yield Contradiction(
            ("api.externalTrafficPolicy", "api.nodePort"), "Local", "has no effect without api.nodePort", "remove it"
        )
    if settings.api.node_port is not None and settings.network.ingress_cidrs and not local:
        yield Contradiction(
            ("network.ingressCidrs", "api.externalTrafficPolicy"), settings.network.ingress_cidrs,
            "would be compared with the node's own address: that is where traffic through api.nodePort comes from",
            "set api.externalTrafficPolicy to Local, which keeps the clients' addresses",
        )  # fmt: skip


def _production(settings: Settings) -> Iterator[Contradiction]:
    if settings.environment is not EnvironmentName.PROD:
        return
    if settings.seed.enabled:
        yield Contradiction(
            ("seed.enabled", "environment"), True, "is set, but prod is never seeded", "set seed.enabled to false"
        )
    for name in ("postgres", "redis"):
        if getattr(settings, name).kind is StoreKind.EPHEMERAL:
            yield Contradiction(
                (f"{name}.kind", "environment"), "ephemeral", "would lose prod's data with its pod",
                f"set {name}.kind to managed, or to external and {name}.host to the server",
            )  # fmt: skip


def _seed(settings: Settings) -> Iterator[Contradiction]:
    if settings.seed.enabled and not settings.migrations.enabled:
        yield Contradiction(
            ("seed.enabled", "migrations.enabled"), True, "is set, but it runs after the migrations, and they are off",
            "set seed.enabled to false, or migrations.enabled to true",
        )  # fmt: skip


def _reserved_env(settings: Settings) -> Iterator[Contradiction]:
    for name in settings.app.env:
        if _SECRET_NAME.search(name.upper()):
            yield Contradiction(
                (f"app.env.{name}",), "[hidden]", "looks like a secret in plain text",
                "use pxl:databasePassword, redisPassword or jwtSecret, set with --secret",
            )  # fmt: skip


def _drain(settings: Settings) -> Iterator[Contradiction]:
    if settings.app.contract is not Contract.FRAMEWORK:
        return
    for name, workload in _workloads(settings):
        seconds = workload.drain_seconds
        if seconds < _FRAMEWORK_DRAIN_SECONDS:
            yield Contradiction(
                (f"{name}.drainSeconds", "app.contract"), seconds,
                f"is less than the {_FRAMEWORK_DRAIN_SECONDS} s that the framework takes, and it reads no other limit",
                f"set {name}.drainSeconds to {_FRAMEWORK_DRAIN_SECONDS} or more",
            )  # fmt: skip


def _queues(settings: Settings) -> Iterator[Contradiction]:
    keda = settings.autoscaling.engine is AutoscalingEngine.KEDA
    taken: dict[str, str] = {}
    for component, worker in settings.worker_groups.items():
        key = _key_of(component)
        if keda and worker.replicas.scaled and not worker.queues:
            yield Contradiction(
                (f"{key}.queues", "autoscaling.engine"), None, "names no queue, but keda scales on what waits in them",
                f"name those that it takes jobs from, such as pulumi config set --path 'pxl:{key}.queues[0]' jobs",
            )  # fmt: skip
        for queue in worker.queues:
            if queue in taken:
                yield Contradiction(
                    (f"{key}.queues",), queue, f"is also a queue of {taken[queue]}, and both would be scaled for it",
                    "give each queue to one group",
                )  # fmt: skip
            taken.setdefault(queue, key)
    if settings.workers and settings.worker.enabled and not settings.worker.queues:
        others = ", ".join(taken)
        yield Contradiction(
            ("worker.queues", "workers"), None, f"names no queue, so its pods would take jobs from {others}, too",
            "name those that are left to it, or set worker.enabled to false",
        )  # fmt: skip
    yield from _queue_metrics(settings, keda)


def _queue_metrics(settings: Settings, keda: bool) -> Iterator[Contradiction]:
    wanted = settings.queues
    if wanted.metrics and not settings.measured_queues:
        yield Contradiction(
            ("queues.metrics", "worker.queues", "worker.enabled", "workers"), True,
            "is set, but no worker pods name a queue to tell about",
            "name them in worker.queues, with worker.enabled, or in a group of workers",
        )  # fmt: skip
    if wanted.metrics and not keda and not wanted.metrics_namespaces:
        yield Contradiction(
            ("queues.metrics", "queues.metricsNamespaces"), True, "is set, but nobody may ask",
            "name the namespace of whoever does: pulumi config set --path 'pxl:queues.metricsNamespaces[0]' monitoring",
        )  # fmt: skip
    if wanted.metrics_namespaces and not (keda or wanted.metrics):
        yield Contradiction(
            ("queues.metricsNamespaces", "queues.metrics", "autoscaling.engine"), wanted.metrics_namespaces,
            "has no effect while nothing tells about queues", "set queues.metrics to true, or remove it",
        )  # fmt: skip


def _variables_twice(settings: Settings) -> Iterator[Contradiction]:
    names = {**CONTRACTS[EnvironmentContract(settings.app.contract.value)].names, **settings.app.env_names}
    concept_of: dict[str, str] = {}
    for concept, variables in names.items():
        for variable in variables:
            if variable in concept_of:
                yield Contradiction(
                    (f"app.envNames.{concept}",), variable, f"already carries {concept_of[variable]}", "name it once"
                )
            concept_of[variable] = concept
    for variable in settings.secrets.variables:
        if variable in concept_of:
            yield Contradiction(
                ("secrets.variables",), variable, f"is set already: it carries {concept_of[variable]}", "remove it"
            )
        concept_of[variable] = "a secret of secrets.variables"
    for variable in settings.app.env:
        if variable in concept_of:
            yield Contradiction(
                (f"app.env.{variable}",), settings.app.env[variable],
                f"is set already: it carries {concept_of[variable]}",
                f"remove it, or free the name with app.envNames.{concept_of[variable]}",
            )  # fmt: skip


RULES: tuple[Rule, ...] = (
    _replicas, _connections, *store_rules.RULES, *landing.RULES, _secrets, _app_secrets, _registry, _egress, _node_port,
    *release_rules.RULES, _production, _seed, _reserved_env, _drain, _queues, _variables_twice,
)  # fmt: skip


def _platform_images(settings: Settings) -> Iterator[Contradiction]:
    needed = {
        "postgres": settings.postgres.kind is StoreKind.EPHEMERAL,
        "redis": settings.redis.kind is StoreKind.EPHEMERAL,
        "registry": settings.registry.kind is RegistryKind.CLUSTER,
    }
    for name, runs in needed.items():
        if runs and getattr(settings.images, name) is None:
            yield Contradiction(
                (f"images.{name}", f"{name}.kind"), None, f"is missing, but the stack runs its own {name}",
                f"'make up' fills it in; elsewhere: pulumi config set --path 'pxl:images.{name}' repository@sha256:...",
            )  # fmt: skip


COMPLETENESS: tuple[Rule, ...] = (_platform_images,)
