"""The app's own database user, made by a Job in the cluster: the master password never leaves AWS and the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components.deployment import service_account
from pxl_components.destructive import GUARD_SQL
from pxl_components.endpoints import Target
from pxl_components.environment import CA_FILE, CA_KEY, from_secret
from pxl_components.external import external_secret, remote
from pxl_components.images import ImageReference
from pxl_components.labels import Identity
from pxl_components.links import Links, Pods, declare
from pxl_components.pods import Container, config_file, pod_spec, scanner_notes, scratch
from pxl_components.secrets import SecretKeyRef
from pxl_components.workload import ResourceSpec

VERSION_ANNOTATION = "pxl.dev/password-version"
_USER = 999
_DEADLINE_SECONDS = 900
_RESOURCES = ResourceSpec("50m", None, "64Mi", "64Mi", "16Mi", "64Mi")
_SKIPS = {
    "CKV_K8S_8": "a Job ends by itself or at its deadline",
    "CKV_K8S_9": "a Job receives no traffic",
}
# \password hashes on this side: the server, and its log, see a SCRAM verifier and never the password.
# The owner of a database may create in its schema public; before Postgres 15 everybody might.
_SCRIPT = r"""
set -eu
until pg_isready -q; do echo "waiting for $PGHOST"; sleep 2; done
psql -X -q -v ON_ERROR_STOP=1 -v app="$APP_USER" -v db="$PGDATABASE" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'app') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'app') \gexec
GRANT :"app" TO CURRENT_USER;
ALTER DATABASE :"db" OWNER TO :"app";
REVOKE CONNECT, TEMPORARY ON DATABASE :"db" FROM PUBLIC;
SQL
printf '%s\n%s\n' "$APP_PASSWORD" "$APP_PASSWORD" | psql -X -q -v ON_ERROR_STOP=1 -c "\\password $APP_USER" >/dev/null
PGPASSWORD="$APP_PASSWORD" psql -X -q -U "$APP_USER" -c 'SELECT 1' >/dev/null
# A user of RDS who may install event triggers is no superuser; elsewhere it takes one.
if psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
@GUARD@
SQL
then echo "what loses data is refused in database $PGDATABASE, unless it is meant"
else echo "nothing in database $PGDATABASE stops what loses data: the guard could not be installed (see above)"
fi
echo "user $APP_USER owns database $PGDATABASE, and its password works"
"""


@dataclass(frozen=True)
class Database:
    """Where the user is made.

    Attributes:
        host: Name of the server, as its certificate has it.
        port: TCP port.
        cidrs: Its address ranges.
        name: Name of the database.
        username: Name of the app's user.
        password: Where the app's password is.
        ca_config_map: ConfigMap with the authority of its certificate; None for those of the image.
    """

    host: Input[str]
    port: int
    cidrs: Input[list[str]]
    name: str
    username: str
    password: SecretKeyRef
    ca_config_map: Input[str] | None


@dataclass(frozen=True)
class Admin:
    """Whose master password it takes.

    Attributes:
        secret_arn: The secret of Secrets Manager, JSON with ``username`` and ``password``.
        store_name: The store object that reads it.
        store_kind: Its kind.
    """

    secret_arn: Input[str]
    store_name: str
    store_kind: str


def user_identity(name: str, owner: Mapping[str, str]) -> Identity:
    """Whose the Job's pods are."""
    return Identity("postgres-user", name, "database-user", owner)


def make_user(
    parent: pulumi.Resource,
    name: str,
    *,
    namespace: Input[str],
    owner: Mapping[str, str],
    image: ImageReference,
    database: Database,
    admin: Admin,
    version: Input[str],
) -> kubernetes.batch.v1.Job:
    """Declares the Job, the Secret that it reads the master password from, and its way to the server.

    Args:
        parent: The component.
        name: Its name.
        namespace: Where the Job runs.
        owner: Owner labels.
        image: An image with ``psql``.
        database: Where the user is made.
        admin: Whose master password it takes.
        version: Changes when the app's password changes; a new Job then sets it.
    """
    identity = user_identity(name, owner)
    target = Target(name, database.port, None, None, database.cidrs)
    policies = declare(parent, f"{name}-user", Pods(identity, namespace), Links([target], [], []))
    secret = _admin_secret(parent, name, namespace, identity, admin)
    account = service_account(parent, f"{name}-user", identity, namespace)
    container = _container(database, secret, image)
    pod = pod_spec(container, account)
    pod["restart_policy"] = "Never"
    notes = {VERSION_ANNOTATION: version}
    wait = f"{_DEADLINE_SECONDS + 60}s"
    return kubernetes.batch.v1.Job(
        f"{name}-user",
        metadata=identity.metadata(namespace, notes={**scanner_notes(container), "pulumi.com/replaceUnready": "true"}),
        spec={
            "backoff_limit": 4,
            "active_deadline_seconds": _DEADLINE_SECONDS,
            "template": {"metadata": {"labels": identity.labels, "annotations": notes}, "spec": pod},
        },
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=policies,
            replace_on_changes=["spec"],
            delete_before_replace=True,
            custom_timeouts=pulumi.CustomTimeouts(create=wait, update=wait),
        ),
    )


def _admin_secret(
    parent: pulumi.Resource, name: str, namespace: Input[str], identity: Identity, admin: Admin
) -> pulumi.Output[str]:
    keys = [remote(key, admin.secret_arn, part=key) for key in ("username", "password")]
    store = (admin.store_kind, admin.store_name)
    return external_secret(parent, f"{name}-admin", identity, namespace, store=store, keys=keys, refresh="1h")


def _container(database: Database, secret: Input[str], image: ImageReference) -> Container:
    trust = [] if database.ca_config_map is None else [config_file("ca", database.ca_config_map, CA_FILE, CA_KEY)]
    plain: dict[str, Input[str]] = {
        "APP_USER": database.username,
        "PGCONNECT_TIMEOUT": "10",
        "PGDATABASE": database.name,
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": CA_FILE if trust else "system",
    }
    secrets = {
        "APP_PASSWORD": database.password,
        "PGPASSWORD": SecretKeyRef(name=secret, key="password"),
        "PGUSER": SecretKeyRef(name=secret, key="username"),
    }
    return Container(
        name="psql",
        image=image,
        resources=_RESOURCES,
        user=_USER,
        env=[
            *({"name": key, "value": value} for key, value in sorted(plain.items())),
            *(from_secret(key, ref) for key, ref in sorted(secrets.items())),
        ],
        command=["sh", "-c", _SCRIPT.replace("@GUARD@", GUARD_SQL)],
        mounts=[scratch("tmp", "/tmp", "16Mi"), *trust],
        skips=_SKIPS,
    )
