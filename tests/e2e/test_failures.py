# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fails, before and after the stop, leaves Open WebUI working on SQLite with all it had, and can be repeated."""

from __future__ import annotations

import contextlib
import sqlite3

from lab import webui_play
from lab.webui_snapshot import differences, repaired, snapshot
from psycopg import sql

from .conftest import HOSTILE_PASSWORD, SiteMaker

# As a driver that is missing would do: Open WebUI starts on SQLite and refuses to on PostgreSQL.
FAILS_ON_POSTGRESQL = """
if grep -q '^DATABASE_URL=postgresql:' "$WEBUI_ENV_FILE"; then echo 'ImportError: no driver' >&2; exit 3; fi
exec "$0"
"""


def test_a_failed_start_on_postgresql_goes_back_to_sqlite_and_a_later_run_takes_what_was_written_since(
    site: SiteMaker,
) -> None:
    place = site("refusing")
    start = place.variables["webui_command_start"]
    place.variables["webui_command_start"] = ["/bin/sh", "-c", FAILS_ON_POSTGRESQL, *start]
    client = place.start()
    before, orphans, env_file = snapshot(client, place.world, users=1), place.orphans(), place.service.env_file.read_text()

    run = place.play(webui_play.MIGRATE, "-vvv").failed_saying("runs on SQLite again", "ImportError: no driver")

    assert [secret for secret in place.secrets if secret in run.output] == []
    assert place.service.is_running()
    assert place.service.env_file.read_text() == env_file
    assert place.orphans() == orphans
    assert differences(before, snapshot(place.service.client(), place.world, users=1)) == []

    # Users go on working on SQLite. What they write now must not be missing later.
    me = place.service.client(place.world.admin.token)
    note = me.post("/api/v1/notes/create", {"title": "written between two attempts", "data": {}})
    later = snapshot(place.service.client(), place.world, users=1)
    place.variables["webui_command_start"] = start
    place.play().succeeded()
    assert place.database_url()
    assert me.get(f"/api/v1/notes/{note['id']}")["title"] == note["title"]
    assert differences(repaired(later), snapshot(place.service.client(), place.world, users=1)) == []


def test_rows_that_only_postgresql_refuses_are_named_and_open_webui_stays_on_sqlite(site: SiteMaker) -> None:
    """SQLite's lower() knows ASCII only, so these two addresses are different to its unique index."""
    place = site("colliding")
    with contextlib.closing(sqlite3.connect(place.service.database)) as connection:
        for key, email in (("key-one", "É@example.org"), ("key-two", "é@example.org")):
            connection.execute(
                'INSERT INTO "user" (id, name, email, role, last_active_at, updated_at, created_at)'
                " SELECT ?, name, ?, role, last_active_at, updated_at, created_at FROM user LIMIT 1",
                [key, email],
            )
        connection.commit()
    client = place.start()

    run = place.play().failed_saying("key-one", "key-two")

    assert "É@example.org" not in run.output
    assert place.service.is_running()
    assert not place.database_url()
    assert client.sign_in(place.world.admin.email, place.world.admin.password).get("/api/v1/auths/")["id"]


def test_what_cannot_work_is_said_before_anything_is_stopped(site: SiteMaker) -> None:
    """A wrong password, and no administrator to put it right."""
    place = site("locked")
    place.variables |= {"webui_postgres_admin_user": "", "webui_database_password": "wrong ' \" % one"}
    place.start()
    pid, content = place.service.pid, place.fingerprint()

    run = place.play(webui_play.MIGRATE, "-vvv").failed_saying("Nothing was stopped")

    assert "wrong ' \" % one" not in run.output
    assert (place.service.pid, place.fingerprint()) == (pid, content)


# What some administrators have: tables are made by others.
NO_TABLES = """
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'tables are made by the database team'; END $$;
CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse();
"""


def test_a_database_in_which_no_schema_can_be_made_says_why(site: SiteMaker) -> None:
    """All rights in the database and none to create in public; then a bootstrap that fails all the same."""
    place = site("granted")
    place.variables |= {"webui_postgres_admin_user": "", "webui_postgres_admin_password": ""}
    owner, database = (sql.Identifier(place.variables[f"webui_database_{what}"]) for what in ("user", "name"))
    place.server.create_role(place.variables["webui_database_user"], HOSTILE_PASSWORD)
    place.server.execute(
        sql.SQL("CREATE DATABASE {}").format(database),
        sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(database, owner),
    )
    place.start()
    pid, content = place.service.pid, place.fingerprint()

    lacks = ("may not create tables in the schema public", "it lacks CREATE there", "GRANT CREATE ON SCHEMA")
    place.play().failed_saying("Nothing was stopped", *lacks)

    with place.server.admin(place.variables["webui_database_name"], autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(owner))
        connection.execute(NO_TABLES)
    run = place.play(webui_play.MIGRATE, "-vvv").failed_saying("Nothing was stopped", "tables are made by the database team")

    assert "CREATE TABLE alembic_version" not in run.output
    assert [secret for secret in place.secrets if secret in run.output] == []
    assert (place.service.pid, place.fingerprint()) == (pid, content)


def test_an_audit_of_what_is_no_database_says_so(site: SiteMaker) -> None:
    place = site("nothing")
    (place.service.folder / "data" / "webui.db").write_bytes(b"notes, not a database")

    run = place.play(webui_play.AUDIT).succeeded()

    assert "NOT READY:" in run.said
    assert "READY to be moved." not in run.said
    assert "is not a SQLite database" in run.output
