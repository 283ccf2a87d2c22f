#!/usr/bin/env bash
# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Start PostgreSQL; initialise the data folder first when it is empty. Behaves as the published image does.
set -euo pipefail

fail() {
    printf 'Error: %s\n' "$@" >&2
    exit 1
}

# The value of a variable, or the content of the file that the variable with _FILE appended names.
from_file() {
    local name="$1" file="$1_FILE" default="${2:-}"
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        fail "both $name and $file are set (but are exclusive)"
    fi
    if [ -n "${!file:-}" ]; then
        default="$(<"${!file}")"
    fi
    export "$name=${!name:-$default}"
    unset "$file"
}

is_mount() {
    local place
    while read -r _ _ _ _ place _; do
        [ "$place" != "$1" ] || return 0
    done </proc/self/mountinfo
    return 1
}

# From 18 on the volume is one level higher. A mount at the old place would stay unused and the data be lost with the container.
refuse_old_place() {
    local old=/var/lib/postgresql/data
    [ "$PG_MAJOR" -ge 18 ] || return 0
    if [ -s "$old/PG_VERSION" ]; then
        fail "in 18+, data is kept in $PGDATA, but there is PostgreSQL data in $old." \
            "Mount the volume at /var/lib/postgresql and upgrade that data."
    fi
    if [ "$PGDATA" != "$old" ] && is_mount "$old"; then
        fail "in 18+, data is kept in $PGDATA, but there is an unused mount at $old." \
            "Mount the volume at /var/lib/postgresql instead."
    fi
}

own_folders() {
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
    mkdir -p /var/run/postgresql
    find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
}

initialise() {
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    local method="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}"
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
        fail "the database is not initialised and no password of the superuser is given." \
            "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE to a value that is not empty."
    fi
    # The arguments are a command line by contract: quotes in them count.
    eval "initdb --username=\"\$POSTGRES_USER\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") $POSTGRES_INITDB_ARGS"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    # A first start on the socket alone, for what must be there before anybody may connect.
    PGUSER="$POSTGRES_USER" pg_ctl --options "-c listen_addresses='' ${*@Q}" --wait start
    if [ "$POSTGRES_DB" != postgres ]; then
        # On standard input, because psql puts no variables into what --command says.
        printf 'CREATE DATABASE :"db";\n' |
            psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=db="$POSTGRES_DB" --username "$POSTGRES_USER" --dbname postgres
    fi
    run_scripts
    pg_ctl --mode fast --wait stop
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

run_scripts() {
    local file
    local sql=(psql --no-psqlrc --set=ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER" --dbname "$POSTGRES_DB")
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh) bash "$file" ;;
            *.sql) "${sql[@]}" --file "$file" ;;
            *.sql.gz) gunzip --stdout "$file" | "${sql[@]}" ;;
        esac
    done
}

if [ "${1:0:1}" = '-' ]; then
    set -- postgres "$@"
fi
if [ "$1" = postgres ]; then
    # Secrets are read as root, so that nobody else needs to be able to.
    for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS; do
        from_file "$name"
    done
    if [ "$(id -u)" = 0 ]; then
        own_folders
        exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        refuse_old_place
        initialise "${@:2}"
    fi
fi
exec "$@"
