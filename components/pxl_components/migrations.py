"""Migrations and seed: what must have succeeded before API and workers change."""

from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components import destructive
from pxl_components.app import AppSpec, app_container, pod_notes
from pxl_components.deployment import service_account
from pxl_components.endpoints import Endpoint
from pxl_components.environment import AppEnvironment
from pxl_components.labels import Identity
from pxl_components.links import Links, Pods, declare
from pxl_components.pods import Container, pod_spec, scanner_notes
from pxl_components.validation import Arguments
from pxl_components.workload import Resources

_SKIPS = {
    "CKV_K8S_8": "a Job ends by itself or at its deadline",
    "CKV_K8S_9": "a Job receives no traffic",
}
# A Job that has failed stays so: without this, every later deployment of the digest would find the same failure.
_AGAIN_AFTER_FAILURE = {"pulumi.com/replaceUnready": "true"}


class MigrationsArgs(TypedDict):
    """Arguments of ``Migrations``."""

    namespace: Input[str]
    """The namespace of the Jobs."""
    image: str
    """The app's image, by digest. A new digest is a new Job."""
    command: NotRequired[list[str]]
    """What migrates; default ``["node", "dist/scripts/run-migrations.js"]``."""
    seed_command: NotRequired[list[str]]
    """What seeds, after the migrations, idempotently; default: no seed."""
    environment: NotRequired[AppEnvironment]
    """What the processes find in their environment."""
    connects_to: NotRequired[list[Input[Endpoint]]]
    """What the Jobs may reach."""
    guard_image: NotRequired[str]
    """An image with ``psql``, by digest, that has the database refuse what loses data; default: no guard."""
    allow_destructive: NotRequired[bool]
    """Lets this release drop tables and columns and change the type of columns; default false."""
    lock_timeout_seconds: NotRequired[int]
    """How long a statement may wait for a lock, and everybody behind it, 1-600; default 5."""
    deadline_seconds: NotRequired[int]
    """How long each Job may take with all its attempts, 10-86400; default 600."""
    backoff_limit: NotRequired[int]
    """How often a failed pod is tried again, 0-10; default 2."""
    resources: NotRequired[Resources]
    """What a pod may use; default 100m CPU and 256Mi of memory."""
    pull_secrets: NotRequired[list[str]]
    """Names of Secrets in ``namespace`` that the kubelet logs in to the image's registry with; default none."""
    run_as_user: NotRequired[int]
    """Numeric user, not 0; default 10001."""
    working_dir: NotRequired[str]
    """Where the image's app is; default ``/app``."""
    empty_env_file: NotRequired[bool]
    """Mounts an empty ``.env`` into ``working_dir``, for apps that insist on loading one; default false."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class Migrations(pulumi.ComponentResource):
    """A Job for each image digest that migrates the database, and one that seeds it.

    API and worker belong behind it: give them ``depends_on`` with this component, and a failed migration stops both.
    """

    job_name: pulumi.Output[str]
    """Name of the migration Job."""
    pod_labels: dict[str, str]
    """The labels that select the pods of the Jobs."""

    def __init__(self, name: str, args: MigrationsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:Migrations", name, {}, opts)
        app = spec.app
        policies = declare(self, name, Pods(app.identity, app.namespace), app.links)
        account = service_account(self, name, app.identity, app.namespace, app.pull_secrets)
        process = replace(app.process(), database_options=spec.database_options)
        container = app_container(self, name, app, process, skips=_SKIPS)
        short = app.image.short
        guarded = container if spec.guard is None else replace(container, before=[spec.guard])
        migrate = self._job(f"{name}-{short}", spec, guarded, account, after=policies)
        if spec.seed_command is not None:
            seed = replace(container, command=spec.seed_command)
            self._job(f"{name}-seed-{short}", spec, seed, account, after=[migrate])
        self.job_name = migrate.metadata.apply(lambda metadata: str(metadata.name))
        self.pod_labels = app.identity.selector
        self.register_outputs({"jobName": self.job_name, "podLabels": self.pod_labels})

    def _job(
        self,
        name: str,
        spec: "_Spec",
        container: Container,
        account: Input[str],
        after: list[pulumi.Resource],
    ) -> kubernetes.batch.v1.Job:
        pod = pod_spec(container, account)
        pod["restart_policy"] = "Never"
        wait = f"{spec.deadline_seconds + 60}s"
        notes = pod_notes(spec.app)
        return kubernetes.batch.v1.Job(
            name,
            metadata=spec.app.identity.metadata(
                spec.app.namespace, notes={**notes, **scanner_notes(container), **_AGAIN_AFTER_FAILURE}
            ),
            # No ttl_seconds_after_finished: a Job that deletes itself reads as drift and would run again.
            spec={
                "backoff_limit": spec.backoff_limit,
                "active_deadline_seconds": spec.deadline_seconds,
                "template": {
                    "metadata": {"labels": spec.app.identity.labels, "annotations": notes},
                    "spec": pod,
                },
            },
            # A Job's pod template cannot change: another one takes its place. The old one goes first, because it may
            # still run after an interrupted deployment, and two migrations at a time must never be.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after,
                replace_on_changes=["spec"],
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
            ),
        )


@dataclass(frozen=True)
class _Spec:
    app: AppSpec
    seed_command: list[str] | None
    deadline_seconds: int
    backoff_limit: int
    guard: Container | None
    database_options: str

    @staticmethod
    def read(name: str, args: MigrationsArgs) -> "_Spec":
        given = Arguments.of("Migrations", name, args, MigrationsArgs)
        identity = Identity("pxl-app", name, "migrations", given.labels())
        links = Links.read(given, egress=False)
        app = AppSpec.read(given, identity, ("node", "dist/scripts/run-migrations.js"), links)
        return _Spec(
            app=app,
            seed_command=given.command("seed_command", ()) if given.has("seed_command") else None,
            deadline_seconds=given.integer("deadline_seconds", 600, 10, 86400),
            backoff_limit=given.integer("backoff_limit", 2, 0, 10),
            guard=_guard(given, app),
            database_options=destructive.options(
                allow=given.boolean("allow_destructive"),
                lock_timeout_seconds=given.integer("lock_timeout_seconds", 5, 1, 600),
            ),
        )


def _guard(given: Arguments, app: AppSpec) -> Container | None:
    if not given.has("guard_image"):
        return None
    if "dbHost" not in app.environment.plain:
        remedy = "give environment.database, or leave it out"
        raise given.error("guard_image", given.values["guard_image"], "has no database to guard", remedy)
    return destructive.guard(app.environment, given.image("guard_image"))
