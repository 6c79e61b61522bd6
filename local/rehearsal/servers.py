"""The pods that answer for managed stores: Postgres and Redis, TLS only, under the name of their endpoint."""

from typing import Any

NAMESPACE = "pxl-aws"
"""Where they run: apart from every stack, as AWS is."""
MANAGER = "pxl-rehearsal"
_USER = 999
_SUPERUSER = "rdsadmin"
_HBA = "local all all trust\nhostssl all all all scram-sha-256\n"
# As on RDS, the master user may make roles and databases, and is no superuser.
_SETUP = r"""
until psql -q -d postgres -c 'SELECT 1' >/dev/null 2>&1; do sleep 1; done
psql -q -d postgres -v user="$MASTER_USER" -v db="$DATABASE" -v secret="$MASTER_PASSWORD" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN CREATEROLE CREATEDB', :'user')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
ALTER ROLE :"user" PASSWORD :'secret';
SELECT format('CREATE DATABASE %I OWNER %I', :'db', :'user')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'db') \gexec
SQL
exec sleep infinity
"""


def namespace() -> dict[str, Any]:
    """The namespace of all of them."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def postgres(
    name: str, image: str, *, certificate: tuple[str, str], database: str, master: tuple[str, str], connections: int
) -> list[dict[str, Any]]:
    """A Postgres.

    Args:
        name: The instance's identifier, which the DNS leads to.
        image: The platform's Postgres.
        certificate: Certificate and key, as PEM.
        database: The database that the master user owns.
        master: Name and password of the master user.
        connections: Connections that it accepts.
    """
    values = {
        "tls.crt": certificate[0], "tls.key": certificate[1], "pg_hba.conf": _HBA,
        "user": master[0], "password": master[1],
    }  # fmt: skip
    settings = {
        "ssl": "on", "ssl_cert_file": "/tls/tls.crt", "ssl_key_file": "/tls/tls.key", "hba_file": "/tls/pg_hba.conf",
        "max_connections": str(connections),
    }  # fmt: skip
    server = {
        "name": "postgres",
        "image": image,
        "args": [word for key, value in settings.items() for word in ("-c", f"{key}={value}")],
        "env": [
            {"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"},
            {"name": "POSTGRES_USER", "value": _SUPERUSER},
            _from_secret("POSTGRES_PASSWORD", name, "password"),
        ],
        "volumeMounts": [
            _mount("tls", "/tls"),
            _mount("data", "/var/lib/postgresql/data"),
            _mount("run", "/run/postgresql"),
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
    }  # fmt: skip
    setup = {
        "name": "setup",
        "image": image,
        "command": ["sh", "-c", _SETUP],
        "env": [
            {"name": "PGHOST", "value": "/run/postgresql"},
            {"name": "PGUSER", "value": _SUPERUSER},
            {"name": "DATABASE", "value": database},
            _from_secret("MASTER_USER", name, "user"),
            _from_secret("MASTER_PASSWORD", name, "password"),
        ],
        "volumeMounts": [_mount("run", "/run/postgresql")],
    }
    return _objects(name, 5432, values, [server, setup], ["data", "run"])


def redis(name: str, image: str, *, certificate: tuple[str, str], token: str) -> list[dict[str, Any]]:
    """A Redis.

    Args:
        name: The replication group's identifier, which the DNS leads to.
        image: The platform's Redis.
        certificate: Certificate and key, as PEM.
        token: Its AUTH token.
    """
    values = {"tls.crt": certificate[0], "tls.key": certificate[1], "token": token}
    settings = {
        "port": "0", "tls-port": "6379", "tls-cert-file": "/tls/tls.crt", "tls-key-file": "/tls/tls.key",
        "tls-auth-clients": "no", "requirepass": "$(TOKEN)", "maxmemory-policy": "noeviction", "dir": "/data",
    }  # fmt: skip
    server = {
        "name": "redis",
        "image": image,
        "command": ["redis-server"],
        "args": [word for key, value in settings.items() for word in (f"--{key}", value)],
        "env": [_from_secret("TOKEN", name, "token")],
        "volumeMounts": [_mount("tls", "/tls"), _mount("data", "/data")],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
    }
    return _objects(name, 6379, values, [server], ["data"])


def _objects(
    name: str, port: int, values: dict[str, str], containers: list[dict[str, Any]], scratch: list[str]
) -> list[dict[str, Any]]:
    labels = {"app.kubernetes.io/name": name}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    pod = {
        "securityContext": {"runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER, "runAsNonRoot": True},
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "containers": containers,
        "volumes": [
            # Postgres takes no key that others may read.
            {"name": "tls", "secret": {"secretName": name, "defaultMode": 0o440}},
            *({"name": each, "emptyDir": {}} for each in scratch),
        ],
    }
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    service = {"selector": labels, "ports": [{"port": port, "targetPort": port}]}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path, "readOnly": name == "tls"}


def _from_secret(variable: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
