# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session: settings of the role, the database and the server make no difference, and a pooler keeps none of ours."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from lab.pooler import pooled
from lab.source import SourceFile
from psycopg import sql

# One by one, and in groups that cannot mask each other. A row of every kind of type is moved with them.
SETTINGS = {
    "quote_all_identifiers": {"quote_all_identifiers": "on"},
    "statement_timeout": {"statement_timeout": "1ms"},
    "lock_timeout": {"lock_timeout": "1ms"},
    "idle": {"idle_session_timeout": "50ms", "idle_in_transaction_session_timeout": "1ms"},
    "serializable": {"default_transaction_isolation": "serializable", "default_transaction_deferrable": "on"},
    "repeatable read, read only": {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"},
    "output": {
        "DateStyle": "German, DMY",
        "IntervalStyle": "iso_8601",
        "TimeZone": "Asia/Tokyo",
        "extra_float_digits": "-15",
        "bytea_output": "escape",
        "xmlbinary": "hex",
        "lc_monetary": "C.UTF-8",
    },
    "input": {
        "standard_conforming_strings": "off",
        "backslash_quote": "on",
        "escape_string_warning": "on",
        "array_nulls": "off",
        "transform_null_equals": "on",
        "client_encoding": "SQL_ASCII",
    },
    "places": {"default_tablespace": "pg_global", "temp_tablespaces": "pg_global", "search_path": "decoy, pg_catalog"},
    "noise": {"client_min_messages": "debug5", "exit_on_error": "on", "jit": "on", "jit_above_cost": "0", "synchronous_commit": "off"},
    "row_security": {"row_security": "on", "check_function_bodies": "off"},
}
NEWER = {"transaction_timeout": {"transaction_timeout": "1ms"}}

# What Open WebUI would notice of a session that somebody else has used before.
LEFT = "SELECT name, setting FROM pg_settings WHERE name <> 'application_name' ORDER BY name"


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    file = SourceFile(webui_db)
    file.add_user("u", date_of_birth="2001-02-03")
    file.add_chat("c", chat='{"title": "back\\\\slash"}', title="back\\slash ' \" é")
    return file


@pytest.fixture
def migrate(run_module):
    def run(source, target, check=False, **options):
        return run_module("webui_pg_migrate", {"path": str(source.path), **target.options, **options}, check=check)

    return run


def set_for_database(target, settings: dict[str, str]) -> None:
    database = sql.Identifier(target.login_db)
    with target.admin() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS decoy")
        connection.execute("CREATE TABLE IF NOT EXISTS decoy.chat (id text); GRANT ALL ON SCHEMA decoy TO webui")
        for name, value in settings.items():
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
            values = sql.SQL(", ").join(map(sql.Literal, value.split(", "))) if name == "search_path" else sql.Literal(value)
            connection.execute(statement.format(database, sql.Identifier(name), values))


def held(target) -> tuple:
    immune = "-c statement_timeout=0 -c lock_timeout=0 -c DateStyle=ISO -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0"
    with target.admin(client_encoding="UTF8", options=immune) as connection:
        chat = connection.execute("SELECT title, chat::text FROM public.chat").fetchone()
        return (*chat, connection.execute('SELECT date_of_birth::text FROM public."user"').fetchone()[0])


MOVED = ("back\\slash ' \" é", '{"title": "back\\\\slash"}', "2001-02-03")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_make_no_difference(migrate, source, any_schema_target, settings):
    set_for_database(any_schema_target, settings)
    rehearsed = migrate(source, any_schema_target, check=True)
    assert rehearsed.get("rehearsed") == "load", rehearsed
    result = migrate(source, any_schema_target)
    assert result.get("changed"), result
    assert held(any_schema_target) == MOVED
    assert not migrate(source, any_schema_target)["changed"]
    assert migrate(source, any_schema_target, state="abandoned")["changed"]


def test_a_server_that_logs_every_statement_logs_no_row(migrate, source, any_schema_target):
    set_for_database(any_schema_target, {"log_statement": "all", "log_min_duration_statement": "0", "log_error_verbosity": "verbose"})
    source.add_chat("s", title="the deepest secret", chat='{"text": "the deepest secret"}')
    # Other tests have used the same server, and some of them make it log what it refuses.
    before = any_schema_target.cluster.log.stat().st_size
    # A unique index that SQLite does not have: the probe has its share of statements.
    with any_schema_target.connect() as connection:
        connection.execute("CREATE UNIQUE INDEX once ON chat (lower(title))")
    assert migrate(source, any_schema_target, check=True).get("rehearsed") == "load"
    assert migrate(source, any_schema_target).get("changed")
    logged = any_schema_target.cluster.log.read_bytes()[before:].decode(errors="replace")
    assert 'COPY "public"."chat"' in logged
    assert "deepest" not in logged


@pytest.mark.parametrize("settings", NEWER.values(), ids=NEWER)
def test_settings_of_newer_servers_make_no_difference(migrate, source, schema_target, settings):
    set_for_database(schema_target, settings)
    assert migrate(source, schema_target, check=True).get("rehearsed") == "load"
    assert migrate(source, schema_target).get("changed")


def test_options_of_the_connection_make_no_difference(migrate, source, any_schema_target):
    options = {"connect_params": {"options": "-c quote_all_identifiers=on -c search_path=decoy -c default_transaction_read_only=on"}}
    assert migrate(source, any_schema_target, check=True, **options).get("rehearsed") == "load"
    assert migrate(source, any_schema_target, **options).get("changed")
    assert held(any_schema_target) == MOVED


# What cannot be made up for is named


def test_a_session_that_checks_no_foreign_keys(migrate, source, any_schema_target):
    set_for_database(any_schema_target, {"session_replication_role": "replica"})
    for check in (True, False):
        result = migrate(source, any_schema_target, check=check)
        assert "session_replication_role is not origin here" in result["msg"]
        assert "ALTER DATABASE" in result["msg"]


@pytest.mark.parametrize("table", ["chat", "alembic_version"])
def test_row_level_security_that_binds_the_owner(migrate, source, any_schema_target, table):
    with any_schema_target.connect() as connection:
        connection.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for check in (True, False):
        result = migrate(source, any_schema_target, check=check)
        (problem,) = result["problems"]
        assert (problem["kind"], problem["table"]) == ("privilege", table)
        assert f"table {table} of the target has row-level security" in problem["message"]
        assert f'ALTER TABLE "public"."{table}" NO FORCE ROW LEVEL SECURITY' in problem["message"]
    with any_schema_target.connect() as connection:
        connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    assert migrate(source, any_schema_target).get("changed")


def test_row_level_security_and_another_role(migrate, source, pg18, schema_target):
    name, password = pg18.create_role()
    with schema_target.admin() as connection:
        connection.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(name)))
        connection.execute("ALTER TABLE chat ENABLE ROW LEVEL SECURITY")
    result = migrate(source, schema_target, login_user=name, login_password=password)
    assert f"table chat of the target has row-level security: its policies bind the role {name}" in result["msg"]


def test_a_setting_that_makes_the_role_another_one(migrate, source, pg18, schema_target):
    name, _password = pg18.create_role()
    with schema_target.admin() as connection:
        role, database = sql.Identifier(name), sql.Identifier(schema_target.login_db)
        connection.execute(sql.SQL("GRANT {} TO webui; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role, role))
        connection.execute(sql.SQL("ALTER ROLE webui IN DATABASE {} SET role = {}").format(database, role))
    result = migrate(source, schema_target, check=True)
    assert f"the setting role of webui makes it act as {name}" in result["msg"]


# A pooler


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_keeps_nothing_of_ours(migrate, source, any_schema_target, mode):
    with pooled(any_schema_target, mode) as options:

        def next_client() -> list[tuple]:
            names = {"login_host": "host", "login_port": "port", "login_user": "user", "login_password": "password", "login_db": "dbname"}
            parameters = {names[name]: value for name, value in options.items()}
            with psycopg.connect(**parameters, prepare_threshold=None) as connection:
                connection.execute("SELECT count(*) FROM chat")
                return connection.execute(LEFT).fetchall()

        before = next_client()
        rehearsed = migrate(source, any_schema_target, check=True, **options)
        assert rehearsed.get("changed"), rehearsed
        assert next_client() == before
        source.insert_row("tag", id="k" * 50_000, name="fine when compressed", user_id="u")
        with any_schema_target.connect() as connection:
            connection.execute("ALTER TABLE tag ADD CONSTRAINT short CHECK (length(id) < 1000)")
        assert migrate(source, any_schema_target, check=True, **options).get("failed")
        assert migrate(source, any_schema_target, **options).get("failed")
        assert next_client() == before
        source.execute("DELETE FROM tag")
        result = migrate(source, any_schema_target, **options)
        assert result.get("changed"), result
        assert next_client() == before
        assert migrate(source, any_schema_target, **options)["already_migrated"]
        assert migrate(source, any_schema_target, state="abandoned", **options)["changed"]
        assert next_client() == before
    assert held(any_schema_target) == MOVED


def test_a_pooler_that_takes_transactions_apart_is_refused(migrate, source, schema_target):
    with pooled(schema_target, "statement") as options:
        result = migrate(source, schema_target, check=True, **options)
    assert "the pooler in between has pool_mode = statement" in result["msg"]


def test_a_pooler_that_does_not_take_an_option_says_so(migrate, source, schema_target):
    with pooled(schema_target, "transaction") as options:
        result = migrate(source, schema_target, check=True, connect_params={"options": "-c jit=off"}, **options)
    assert "unsupported startup parameter: options" in result["msg"]
    assert "ignore_startup_parameters" in result["msg"]
