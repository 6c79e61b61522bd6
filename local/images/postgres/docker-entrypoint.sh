#!/bin/sh
# Starts Postgres, after making a database cluster in PGDATA if there is none.
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE  password of the superuser, required for a new cluster
#   POSTGRES_USER                                its name (default postgres)
#   POSTGRES_DB                                  a database to make (default: named after the user)
#   POSTGRES_INITDB_ARGS                         more arguments for initdb
set -eu

fail() {
    echo "docker-entrypoint: $*" >&2
    exit 1
}

init_cluster() {
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi
    [ -n "${POSTGRES_PASSWORD:-}" ] || fail "no database in $PGDATA and POSTGRES_PASSWORD is not set"
    getent passwd "$(id -u)" > /dev/null || fail "user $(id -u) is unknown to this image: run it as 999"

    # Made aside and moved in at the end, PG_VERSION last: a kill in between leaves nothing that looks finished.
    aside=$PGDATA/.initialising
    rm -rf "$aside"
    mkdir -p "$aside" || fail "cannot write to $PGDATA: is the volume's group (fsGroup) 999?"
    # Postgres wants to own its data folder, and the root of a Kubernetes volume belongs to root.
    [ -O "$PGDATA" ] || fail "$PGDATA is not owned by user $(id -u): set PGDATA to a folder inside the volume"
    chmod 0700 "$PGDATA" "$aside"
    password_file=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$password_file"
    # shellcheck disable=SC2086  # several arguments in one variable, as in the official image
    initdb --pgdata="$aside" --username="$user" --pwfile="$password_file" --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    rm -f "$password_file"
    echo 'host all all all scram-sha-256' >> "$aside/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$aside/postgresql.conf"
    if [ "$database" != postgres ]; then
        quoted=$(printf '%s' "$database" | sed 's/"/""/g')
        printf 'CREATE DATABASE "%s"\n' "$quoted" | postgres --single -j -D "$aside" postgres > /dev/null
    fi
    for entry in "$aside"/*; do
        name=${entry##*/}
        [ "$name" = PG_VERSION ] && continue
        rm -rf "${PGDATA:?}/$name"
        mv "$entry" "$PGDATA/$name"
    done
    mv "$aside/PG_VERSION" "$PGDATA/PG_VERSION"
    rm -rf "$aside"
    echo "docker-entrypoint: database \"$database\" made"
}

case "${1:-}" in
    postgres) shift ;;
    -* | "") ;;
    *) exec "$@" ;;
esac

if [ ! -s "$PGDATA/PG_VERSION" ]; then init_cluster; fi
# A volume with fsGroup is opened to its group at every mount, and Postgres refuses a data folder that is writable by others.
chmod 0700 "$PGDATA"
[ -w /run/postgresql ] || set -- -c unix_socket_directories=/tmp "$@"
exec postgres "$@"
