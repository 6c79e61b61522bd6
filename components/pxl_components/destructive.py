"""Statements that lose data are stopped in the database: migrations may be code, which nobody can read beforehand.

Event triggers abort the transaction of a drop or of a change of a column's type, with the statement in the message,
unless the migration says that it is meant. Sessions that say nothing of it (the app, people) are left alone.
"""

from pxl_components.environment import CA_FILE, CA_KEY, EnvironmentSpec, from_secret
from pxl_components.images import ImageReference
from pxl_components.pods import Container, config_file, scratch
from pxl_components.workload import ResourceSpec

_USER = 999
_RESOURCES = ResourceSpec("50m", None, "64Mi", "64Mi", "16Mi", "64Mi")
# The reason 4 of a rewrite: the type of a column changes. What goes by CASCADE is no original object, but a normal one.
GUARD_SQL = r"""
BEGIN;
CREATE OR REPLACE FUNCTION pxl_refuse_destructive() RETURNS event_trigger
  LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE
  lost record;
  meant constant text := 'set migrations.allowDestructive for the release that means it';
BEGIN
  IF coalesce(current_setting('pxl.allow_destructive', true), '') <> 'off' THEN RETURN; END IF;
  IF tg_event = 'table_rewrite' THEN
    IF pg_event_trigger_table_rewrite_reason() & 4 <> 0 THEN
      RAISE EXCEPTION 'refused: the type of a column of % would change by: %; %',
        pg_event_trigger_table_rewrite_oid()::regclass, left(current_query(), 1000), meant;
    END IF;
    RETURN;
  END IF;
  FOR lost IN
    SELECT object_type, object_identity FROM pg_event_trigger_dropped_objects()
    WHERE (original OR normal) AND NOT is_temporary
      AND object_type IN ('table', 'table column', 'schema', 'materialized view', 'foreign table', 'sequence')
  LOOP
    RAISE EXCEPTION 'refused: the % % would be dropped by: %; %',
      lost.object_type, lost.object_identity, left(current_query(), 1000), meant;
  END LOOP;
END $guard$;
DROP EVENT TRIGGER IF EXISTS pxl_refuse_drops;
CREATE EVENT TRIGGER pxl_refuse_drops ON sql_drop EXECUTE FUNCTION pxl_refuse_destructive();
DROP EVENT TRIGGER IF EXISTS pxl_refuse_rewrites;
CREATE EVENT TRIGGER pxl_refuse_rewrites ON table_rewrite EXECUTE FUNCTION pxl_refuse_destructive();
COMMIT;
"""
# An event trigger takes a superuser. Where the app is none, whoever makes its user has put the guard there, or nobody.
_SCRIPT = rf"""
set -eu
until pg_isready -q; do echo "waiting for $PGHOST"; sleep 2; done
super="$(psql -X -Atq -v ON_ERROR_STOP=1 -c "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")"
case "$super" in
  t)
    psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
{GUARD_SQL}
SQL
    ;;
esac
found="$(psql -X -Atq -v ON_ERROR_STOP=1 -c "SELECT count(*) FROM pg_event_trigger WHERE evtname ~ '^pxl_refuse_'")"
case "$found" in
  2) echo "what loses data is refused in database $PGDATABASE, unless it is meant" ;;
  *) echo "nothing in database $PGDATABASE stops what loses data: a superuser has to install the guard" ;;
esac
"""


def options(*, allow: bool, lock_timeout_seconds: int) -> str:
    """What ``PGOPTIONS`` tells each session of a migration; drivers that follow libpq read it, ``pg`` of Node too.

    Args:
        allow: Whether what loses data is meant.
        lock_timeout_seconds: How long it may wait for a lock, and with it everybody behind it.
    """
    return f"-c lock_timeout={lock_timeout_seconds}s -c pxl.allow_destructive={'on' if allow else 'off'}"


def guard(environment: EnvironmentSpec, image: ImageReference) -> Container:
    """What puts the guard into the app's database before a migration, where the app's user may.

    Args:
        environment: That of the migration, which names the database.
        image: An image with ``psql``.
    """
    names = {
        "PGHOST": "dbHost",
        "PGPORT": "dbPort",
        "PGDATABASE": "dbName",
        "PGUSER": "dbUsername",
        "PGSSLMODE": "dbSslMode",
        "PGSSLROOTCERT": "caFile",
    }
    plain = {name: environment.plain[concept] for name, concept in names.items() if concept in environment.plain}
    if "PGSSLMODE" in plain:
        plain.setdefault("PGSSLROOTCERT", "system")
    trust = []
    if environment.ca_config_map is not None:
        trust = [config_file("postgres-ca", environment.ca_config_map, CA_FILE, CA_KEY)]
    return Container(
        name="guard",
        image=image,
        resources=_RESOURCES,
        user=_USER,
        env=[
            *({"name": name, "value": value} for name, value in sorted(plain.items())),
            {"name": "PGCONNECT_TIMEOUT", "value": "10"},
            from_secret("PGPASSWORD", environment.concealed["dbPassword"]),
        ],
        command=["sh", "-c", _SCRIPT],
        mounts=[scratch("guard-tmp", "/tmp", "16Mi"), *trust],
    )
