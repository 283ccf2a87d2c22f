# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Structure of both sides, the target's data, privileges and settings, and whatever can happen on the way."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from lab.source import SourceFile
from psycopg import sql

CLOSE_BY = 120

# Lets the load get as far as the middle of chat, and no further while somebody holds the lock. The module's own limit on
# waiting for locks does not apply: the test decides how long this takes.
GATE = """
CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
CREATE TRIGGER gate BEFORE INSERT ON chat FOR EACH ROW WHEN (NEW.id = 'c100') EXECUTE FUNCTION wait_at_gate();
"""


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    file = SourceFile(webui_db)
    file.add_user("u")
    file.add_chat("c", chat='{"title": "hello"}')
    return file


@pytest.fixture
def large_source(webui_db: Path) -> SourceFile:
    """More than fits between client and server: in the middle of it, both are at work."""
    file = SourceFile(webui_db)
    file.add_user("u")
    document = json.dumps({"text": os.urandom(60_000).hex()})
    with file.connect() as connection:
        rows = ((f"c{number}", "u", "t", document, "{}") for number in range(200))
        connection.executemany("INSERT INTO chat (id, user_id, title, chat, meta) VALUES (?, ?, ?, ?, ?)", rows)
    return file


@pytest.fixture
def migrate(run_module):
    def run(source, target, check=False, **options):
        return run_module("webui_pg_migrate", {"path": str(source.path), **target.options, **options}, check=check)

    return run


def held(target, query: str, *parameters) -> list[tuple]:
    with target.connect() as connection:
        return connection.execute(query, parameters).fetchall()


def contents(target) -> str:
    """A digest of everything in the target, Open WebUI's tables and the bookkeeping."""
    digest = hashlib.sha256()
    with target.admin() as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        sequences = connection.execute("SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2").fetchall()
        digest.update(repr((tables, sequences)).encode())
        for (table,) in tables:
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.SQL(table)))
            digest.update(repr(rows.fetchall()).encode())
    return digest.hexdigest()


def kinds(result) -> set[str]:
    assert result.get("failed"), result
    return {problem["kind"] for problem in result["problems"]}


# The road itself


def test_everything_moves_and_the_run_is_recorded(migrate, source, any_schema_target):
    before = hashlib.sha256(source.path.read_bytes()).hexdigest(), sorted(os.listdir(source.path.parent))
    result = migrate(source, any_schema_target)
    assert result["changed"], result
    assert not result["already_migrated"]
    assert held(any_schema_target, "SELECT id, chat::text FROM chat") == [("c", '{"title": "hello"}')]
    rows = {table["name"]: table["rows"] for table in result["tables"]}
    assert rows["chat"] == rows["user"] == 1
    assert "alembic_version" not in rows
    assert all(len(table["digest"]) == 64 for table in result["tables"])
    assert set(result["seconds"]) == {"plan", "load", "prove", "commit", "analyze", "total"}
    (run,) = held(any_schema_target, "SELECT run_id::text, revision FROM webui_migration.run")
    assert run == (result["run_id"], result["revision"])
    assert before == (hashlib.sha256(source.path.read_bytes()).hexdigest(), sorted(os.listdir(source.path.parent)))


def test_a_second_run_is_recognised_also_after_people_have_worked(migrate, source, schema_target):
    first = migrate(source, schema_target)
    with schema_target.connect() as connection:
        connection.execute("UPDATE chat SET title = 'edited'")
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")
    before = contents(schema_target)
    second = migrate(source, schema_target)
    assert (second["changed"], second["already_migrated"], second["run_id"]) == (False, True, first["run_id"])
    assert second["tables"] == first["tables"]
    assert contents(schema_target) == before


def test_check_mode_writes_nothing(migrate, source, schema_target):
    source.add_chat("nan", chat="[NaN]")
    before = contents(schema_target)
    result = migrate(source, schema_target, check=True)
    assert result["changed"], result
    assert (result["run_id"], result["repairs"]["total"]) == (None, 1)
    assert contents(schema_target) == before


def test_python_39_moves_it_too(run_module, source, schema_target, python39):
    result = run_module("webui_pg_migrate", {"path": str(source.path), **schema_target.options}, python=python39)
    assert result["changed"], result
    assert held(schema_target, "SELECT count(*) FROM chat") == [(1,)]


# Structure


def test_orphans_are_listed_by_table_and_parent(migrate, source, schema_target):
    source.insert_row("chat_file", id="o1", user_id="u", chat_id="gone", file_id="gone", created_at=1, updated_at=1)
    source.insert_row("chat_message", id="o2", chat_id="gone", user_id="u", role="user", created_at=1, updated_at=1)
    result = migrate(source, schema_target)
    assert kinds(result) == {"orphan"}
    places = {(problem["table"], problem["column"]) for problem in result["problems"]}
    assert places == {("chat_file", "chat_id"), ("chat_file", "file_id"), ("chat_message", "chat_id")}


def test_a_child_that_is_stored_before_its_parent(migrate, source, any_schema_target):
    for key, parent in [("child", "parent"), ("parent", None)]:
        source.insert_row("group", id=key, user_id="u", name=key, description="", created_at=1, updated_at=1, parent_group_id=parent)
    result = migrate(source, any_schema_target)
    assert result.get("changed"), result
    assert held(any_schema_target, 'SELECT id, parent_group_id FROM "group" ORDER BY id') == [("child", "parent"), ("parent", None)]


def test_leftovers_are_left_out_and_named(migrate, source, schema_target):
    source.execute("CREATE TABLE _alembic_tmp_chat (id TEXT)")
    source.execute("CREATE TABLE migratehistory (id INTEGER PRIMARY KEY, name TEXT)")
    source.execute("CREATE TABLE modelfile (id INTEGER)")
    source.execute("INSERT INTO modelfile VALUES (1)")
    source.execute("ANALYZE")
    source.execute("ALTER TABLE chat ADD COLUMN old_chat TEXT")
    source.execute("UPDATE chat SET old_chat = '{}'")
    result = migrate(source, schema_target)
    assert result.get("changed"), result
    left = {(item["table"], item["column"]) for item in result["left_out"]}
    assert {("_alembic_tmp_chat", None), ("migratehistory", None), ("modelfile", None), ("chat", "old_chat")} <= left


def test_data_that_the_target_has_no_place_for(migrate, source, schema_target):
    source.execute("CREATE TABLE plugin_data (id TEXT)")
    source.execute("INSERT INTO plugin_data VALUES ('x')")
    source.execute("CREATE TABLE plugin_empty (id TEXT)")
    source.execute("ALTER TABLE chat ADD COLUMN mine TEXT")
    source.execute("UPDATE chat SET mine = 'x'")
    source.execute("ALTER TABLE chat ADD COLUMN unused TEXT")
    result = migrate(source, schema_target)
    named = {(problem["kind"], problem["table"], problem.get("column")) for problem in result["problems"]}
    assert named == {("table", "plugin_data", None), ("column", "chat", "mine")}
    source.execute("DROP TABLE plugin_data")
    source.execute("UPDATE chat SET mine = NULL")
    result = migrate(source, schema_target)
    assert result.get("changed"), result
    left = {(item["table"], item["column"]) for item in result["left_out"]}
    assert {("plugin_empty", None), ("chat", "mine"), ("chat", "unused")} <= left


def test_columns_that_only_the_target_has(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("ALTER TABLE chat ADD COLUMN flavour text NOT NULL DEFAULT 'plain', ADD COLUMN note text")
        connection.execute("CREATE TABLE extra (id int)")
    result = migrate(source, schema_target)
    assert result.get("changed"), result
    assert held(schema_target, "SELECT flavour, note FROM chat") == [("plain", None)]
    with schema_target.connect() as connection:
        connection.execute("ALTER TABLE chat ALTER COLUMN flavour DROP DEFAULT")
    result = migrate(source, schema_target, target_data="replace", path=str(source.path))
    assert result["already_migrated"]


def test_a_column_the_target_demands_and_the_source_lacks(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("ALTER TABLE chat ADD COLUMN flavour text NOT NULL")
    result = migrate(source, schema_target)
    assert [(problem["kind"], problem["table"], problem["column"]) for problem in result["problems"]] == [("column", "chat", "flavour")]


def test_only_the_named_schema_counts(migrate, source, pg18, schema_target):
    with schema_target.admin() as connection:
        connection.execute("CREATE SCHEMA decoy AUTHORIZATION webui")
        connection.execute("CREATE TABLE decoy.chat (id text)")
        connection.execute("INSERT INTO decoy.chat VALUES ('decoy')")
        connection.execute(
            sql.SQL("ALTER ROLE webui IN DATABASE {} SET search_path = decoy, public").format(sql.Identifier(schema_target.login_db))
        )
    assert migrate(source, schema_target).get("changed")
    with schema_target.admin() as connection:
        assert connection.execute("SELECT id FROM decoy.chat").fetchall() == [("decoy",)]
    assert held(schema_target, "SELECT id FROM public.chat") == [("c",)]
    assert kinds(migrate(source, schema_target, schema="decoy")) == {"bootstrap"}
    assert kinds(migrate(source, schema_target, schema="nowhere")) == {"bootstrap"}


def test_a_sequence_goes_on_after_the_highest_value(migrate, source, schema_target):
    source.insert_row("config_old", id=41, data="{}", version=0)
    assert migrate(source, schema_target).get("changed")
    with schema_target.connect() as connection:
        (following,) = connection.execute("INSERT INTO config_old (data, version) VALUES ('{}', 0) RETURNING id").fetchone()
    assert following == 42


NUMBERED = {
    # The definition of the column, the statements before and after it, the number in the source, and what follows.
    "of its own": ("serial", (), (), 41, 42),
    "always": ("int GENERATED ALWAYS AS IDENTITY", (), (), 41, 42),
    "named in a default only": ("int DEFAULT nextval('numbers')", ("CREATE SEQUENCE numbers",), (), 41, 42),
    "others have drawn from it": (
        "int DEFAULT nextval('numbers')",
        ("CREATE SEQUENCE numbers", "CREATE TABLE other (n int DEFAULT nextval('numbers'))"),
        ("SELECT setval('numbers', 99)",),
        41,
        100,
    ),
    "falling": ("int GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1)", (), (), -41, -42),
    "beyond what it gives": (
        "bigint DEFAULT nextval('numbers')",
        ("CREATE SEQUENCE numbers MAXVALUE 100",),
        ("ALTER SEQUENCE numbers OWNED BY numbered.id",),
        500,
        1,
    ),
    "fractions": (
        "numeric DEFAULT nextval('numbers')",
        ("CREATE SEQUENCE numbers",),
        ("ALTER SEQUENCE numbers OWNED BY numbered.id",),
        1.5,
        2,
    ),
    "texts": (
        "text DEFAULT nextval('numbers')::text",
        ("CREATE SEQUENCE numbers",),
        ("ALTER SEQUENCE numbers OWNED BY numbered.id",),
        "a",
        "1",
    ),
}


@pytest.mark.parametrize(("column", "before", "after", "number", "following"), NUMBERED.values(), ids=NUMBERED)
def test_a_sequence_of_any_kind_goes_on(migrate, source, any_schema_target, column, before, after, number, following):
    source.execute("CREATE TABLE numbered (id PRIMARY KEY, word TEXT)")
    source.execute("INSERT INTO numbered VALUES (?, 'w')", number)
    with any_schema_target.connect() as connection:
        for statement in (*before, f"CREATE TABLE numbered (id {column} PRIMARY KEY, word text)", *after):
            connection.execute(statement)
    assert not migrate(source, any_schema_target, check=True).get("failed")
    result = migrate(source, any_schema_target)
    assert result.get("changed"), result
    with any_schema_target.connect() as connection:
        assert connection.execute("INSERT INTO numbered (word) VALUES ('new') RETURNING id").fetchone() == (following,)


@pytest.mark.parametrize("check", [True, False])
def test_a_sequence_that_could_not_go_on_is_named(migrate, source, schema_target, check):
    source.insert_row("config_old", id=2**31 - 1, data="{}", version=0)
    (problem,) = migrate(source, schema_target, check=check)["problems"]
    assert (problem["kind"], problem["table"], problem["column"]) == ("sequence", "config_old", "id")
    assert "config_id_seq" in problem["message"]


def test_a_sequence_of_somebody_else_is_named(migrate, source, schema_target):
    source.execute("CREATE TABLE numbered (id INTEGER PRIMARY KEY)")
    source.execute("INSERT INTO numbered VALUES (41)")
    with schema_target.admin() as connection:
        connection.execute("CREATE SEQUENCE theirs; GRANT ALL ON SEQUENCE theirs TO webui")
    with schema_target.connect() as connection:
        connection.execute("CREATE TABLE numbered (id int PRIMARY KEY DEFAULT nextval('theirs'))")
    result = migrate(source, schema_target)
    (problem,) = result["problems"]
    assert (problem["kind"], problem["table"]) == ("privilege", "numbered")
    assert "theirs, which belongs to postgres" in problem["message"]


def test_a_table_in_partitions_is_filled_and_proven(migrate, source, any_schema_target):
    source.execute("CREATE TABLE parted (id INTEGER PRIMARY KEY, word TEXT)")
    source.execute("INSERT INTO parted VALUES (5, 'a'), (105, 'b')")
    with any_schema_target.connect() as connection:
        connection.execute("CREATE TABLE parted (id int PRIMARY KEY, word text) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)")
        connection.execute("CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)")
    assert not migrate(source, any_schema_target, check=True).get("failed")
    assert migrate(source, any_schema_target).get("changed")
    assert held(any_schema_target, "SELECT * FROM parted ORDER BY id") == [(5, "a"), (105, "b")]


def test_tables_that_a_crash_would_empty_are_warned_of(migrate, source, schema_target):
    with schema_target.connect() as connection:
        for statement in (
            "ALTER TABLE memory SET UNLOGGED",
            "ALTER TABLE alembic_version SET UNLOGGED",
            "CREATE UNLOGGED TABLE theirs (id text)",
            "DROP TABLE tag",
            "CREATE TABLE tag (id text, name text, user_id text, meta json) PARTITION BY HASH (id)",
            "CREATE UNLOGGED TABLE half PARTITION OF tag FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "CREATE TABLE rest PARTITION OF tag FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
            "CREATE UNLOGGED SEQUENCE loose",
            "ALTER TABLE chat ADD number bigint DEFAULT nextval('loose')",
        ):
            connection.execute(statement)
    for check in (True, False):
        result = migrate(source, schema_target, check=check)
        assert result.get("changed"), result
        told = "|".join(map(str, result["warnings"]))
        assert re.findall(r"(?:table|sequence) public[^'|]* is UNLOGGED in[^'|]*", told) == [
            f"{kind} {what} is UNLOGGED in the target, so PostgreSQL forgets what it holds after a crash;"
            f" ALTER {kind.upper()} {name} SET LOGGED"
            for kind, what, name in (
                ("table", "public.alembic_version", "public.alembic_version"),
                ("sequence", "public.loose, which chat draws from,", "public.loose"),
                ("table", "public.memory", "public.memory"),
                ("table", "public.half", "public.half"),
            )
        ]


@pytest.mark.parametrize("check", [True, False])
def test_a_row_that_a_domain_refuses_is_named(migrate, source, schema_target, check):
    source.execute("CREATE TABLE counted (id TEXT PRIMARY KEY, number INTEGER)")
    source.execute("INSERT INTO counted VALUES ('good', 1), ('bad', -2)")
    with schema_target.connect() as connection:
        connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
        connection.execute("CREATE TABLE counted (id text PRIMARY KEY, number positive, UNIQUE (number))")
    (problem,) = migrate(source, schema_target, check=check)["problems"]
    assert (problem["table"], problem["key"]) == ("counted", "bad")
    assert "positive_check" in problem["message"]


# Revisions and bootstrap


def test_revisions_that_differ_name_both(migrate, source, schema_target):
    source.execute("UPDATE alembic_version SET version_num = 'b8f2c6d91a04'")
    result = migrate(source, schema_target)
    assert kinds(result) == {"revision"}
    assert "0.12.0" in result["msg"]
    assert "0.12.1 to 0.12.4" in result["msg"]


@pytest.mark.parametrize("statement", ["DELETE FROM alembic_version", "UPDATE alembic_version SET version_num = 'deadbeef'"])
def test_a_source_without_a_known_revision(migrate, source, schema_target, statement):
    source.execute(statement)
    assert kinds(migrate(source, schema_target)) == {"revision"}


def test_a_target_with_a_revision_and_a_null(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("ALTER TABLE alembic_version DROP CONSTRAINT alembic_version_pkc")
        connection.execute("ALTER TABLE alembic_version ALTER version_num DROP NOT NULL")
        connection.execute("INSERT INTO alembic_version VALUES (NULL)")
    result = migrate(source, schema_target)
    assert kinds(result) == {"revision"}
    assert "the target has no alembic revision: its table alembic_version holds NULL" in result["msg"]


def test_a_target_that_is_not_or_half_bootstrapped(migrate, source, pg18, schema_target):
    assert kinds(migrate(source, pg18.create_database())) == {"bootstrap"}
    with schema_target.connect() as connection:
        connection.execute("DROP TABLE chat_message")
        connection.execute("DROP TABLE alembic_version")
    assert kinds(migrate(source, schema_target)) == {"bootstrap"}


# The target's own data


def test_what_bootstrap_left_is_replaced(migrate, source, schema_target):
    source.insert_row("config", key="ui.name", value='"mine"', updated_at=1)
    with schema_target.connect() as connection:
        connection.execute("INSERT INTO config (key, value, updated_at) VALUES ('ui.name', '\"default\"', 1), ('x', '1', 1)")
    assert migrate(source, schema_target).get("changed")
    assert held(schema_target, "SELECT key, value::text FROM config") == [("ui.name", '"mine"')]


def test_live_data_is_refused_and_replaced_only_when_told_so(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("INSERT INTO chat (id, title, meta) VALUES ('theirs', 't', '{}')")
    before = contents(schema_target)
    result = migrate(source, schema_target)
    assert kinds(result) == {"target_data"}
    assert contents(schema_target) == before
    source.add_chat("bad", chat="not json")
    assert kinds(migrate(source, schema_target, target_data="replace")) == {"value"}
    assert contents(schema_target) == before
    source.execute("DELETE FROM chat WHERE id = 'bad'")
    assert migrate(source, schema_target, target_data="replace").get("changed")
    assert held(schema_target, "SELECT id FROM chat") == [("c",)]


def test_what_an_earlier_run_loaded_may_be_replaced_while_nobody_has_touched_it(migrate, source, schema_target):
    first = migrate(source, schema_target)
    source.add_chat("later")
    second = migrate(source, schema_target)
    assert second.get("changed"), second
    assert second["run_id"] != first["run_id"]
    with schema_target.connect() as connection:
        connection.execute("UPDATE chat SET title = 'edited on PostgreSQL' WHERE id = 'c'")
    source.add_chat("latest")
    result = migrate(source, schema_target)
    assert kinds(result) == {"target_data"}
    assert "a migration of this source ended" in result["msg"]


def test_an_abandoned_run_may_be_replaced(migrate, source, schema_target):
    migrate(source, schema_target)
    with schema_target.connect() as connection:
        connection.execute("UPDATE chat SET title = 'touched by a start of Open WebUI'")
    assert migrate(source, schema_target, state="abandoned", check=True)["changed"]
    assert migrate(source, schema_target, state="abandoned")["changed"]
    assert not migrate(source, schema_target, state="abandoned")["changed"]
    result = migrate(source, schema_target)
    assert (result.get("changed"), result.get("already_migrated")) == (True, False)
    assert held(schema_target, "SELECT title FROM chat") == [("t",)]


def test_a_table_of_someone_else_that_refers_to_ours(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("CREATE TABLE report (chat_id varchar REFERENCES chat (id))")
    assert kinds(migrate(source, schema_target)) == {"table"}


# Connection, privileges, settings


def test_a_connection_that_cannot_be_had(migrate, source, schema_target, any_schema_target):
    secret = schema_target.login_password
    wrong = [
        {"login_port": 1},
        {"login_password": "not-" + secret},
        {"login_db": "nowhere"},
        {"login_user": "nobody"},
        {"login_host": "256.0.0.1"},
    ]
    for options in wrong:
        result = migrate(source, schema_target, **options)
        assert kinds(result) == {"connection"}, options
        assert "\n" not in result["msg"]
        assert secret not in json.dumps(result)


def test_a_password_has_its_own_option(migrate, source, schema_target):
    result = migrate(source, schema_target, connect_params={"password": schema_target.login_password})
    assert kinds(result) == {"connection"}
    assert "use login_password" in result["msg"]
    assert migrate(source, schema_target, connect_params={"connect_timeout": "10"}).get("changed")


def test_a_role_that_owns_nothing(migrate, source, pg18, schema_target):
    name, password = pg18.create_role()
    with schema_target.admin() as connection:
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(name)))
    result = migrate(source, schema_target, login_user=name, login_password=password)
    assert kinds(result) == {"privilege"}
    assert "belongs to webui" in result["msg"]


def test_a_database_that_is_not_utf8(migrate, source, pg18):
    assert kinds(migrate(source, pg18.create_database(encoding="LATIN1"))) == {"encoding"}


def set_for_role(target, settings: dict[str, str]) -> None:
    with target.admin() as connection:
        for name, value in settings.items():
            connection.execute(
                sql.SQL("ALTER ROLE webui IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(target.login_db), sql.Identifier(name), sql.Literal(value)
                )
            )


def test_settings_of_the_role_do_not_matter(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(2); RETURN NULL; END$$")
        connection.execute("CREATE TRIGGER linger AFTER INSERT ON chat FOR EACH STATEMENT EXECUTE FUNCTION linger()")
    # The limits on time hold for the module's first statements, too, and these may be slow on a busy machine.
    settings = {
        "statement_timeout": "1s",
        "transaction_timeout": "1s",
        "DateStyle": "German",
        "standard_conforming_strings": "off",
        "default_transaction_read_only": "on",
        "client_encoding": "LATIN1",
        "extra_float_digits": "-5",
    }
    set_for_role(schema_target, settings)
    source.add_user("born", date_of_birth="2001-02-03")
    result = migrate(source, schema_target)
    assert result.get("changed"), result
    with schema_target.admin() as connection:
        assert connection.execute("SELECT date_of_birth::text FROM \"user\" WHERE id = 'born'").fetchone() == ("2001-02-03",)


def test_a_source_in_use_is_refused_but_may_be_rehearsed(migrate, source, schema_target):
    with source.connect() as connection:
        connection.execute("SELECT count(*) FROM chat").fetchall()
        writer = os.open(source.path, os.O_RDWR)
        try:
            assert kinds(migrate(source, schema_target)) == {"in_use"}
            assert kinds(migrate(source, schema_target, check=True)) == {"in_use"}
            assert migrate(source, schema_target, check=True, live=True).get("changed")
        finally:
            os.close(writer)


# What can happen on the way


def wait_for_session(target, state: str) -> int:
    """Wait until a session of the module is in this state, and tell its process on the server."""
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'openwebui.postgres' AND {state}"
    deadline = time.monotonic() + CLOSE_BY
    with target.admin(autocommit=True) as connection:
        while time.monotonic() < deadline:
            session = connection.execute(query, (target.login_db,)).fetchone()
            if session:
                return session[0]
            time.sleep(0.01)
    raise AssertionError(f"there was no session with {state}")


@contextmanager
def held_while_loading(run_module, source, target):
    """A module process in the middle of its load, and its session on the server. It goes on when the block ends."""
    with target.connect() as connection:
        connection.execute(GATE)
    with closing(target.admin(autocommit=True)) as gate:
        gate.execute("SELECT pg_advisory_lock(1)")
        process = run_module.start("webui_pg_migrate", {"path": str(source.path), **target.options})
        yield process, wait_for_session(target, "query LIKE 'COPY%%FROM STDIN' AND wait_event_type = 'Lock'")


def test_killed_while_loading(run_module, migrate, large_source, any_schema_target):
    before = contents(any_schema_target)
    with held_while_loading(run_module, large_source, any_schema_target) as (process, _session):
        process.process.send_signal(signal.SIGKILL)
        process.process.wait()
    settle(any_schema_target)
    assert contents(any_schema_target) == before
    assert migrate(large_source, any_schema_target).get("changed")


def settle(target) -> None:
    """Wait until the server has noticed that the client is gone."""
    deadline = time.monotonic() + CLOSE_BY
    while time.monotonic() < deadline:
        with target.admin() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'openwebui.postgres'"
            if connection.execute(query, (target.login_db,)).fetchone() == (0,):
                return
        time.sleep(0.05)
    raise AssertionError("the server still has the session")


def test_the_connection_is_cut(run_module, migrate, large_source, schema_target):
    before = contents(schema_target)
    with held_while_loading(run_module, large_source, schema_target) as (process, session):
        with schema_target.admin() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (session,))
        result = process.result()
    assert kinds(result) <= {"connection", "server"}
    assert "loading" in result["msg"]
    assert contents(schema_target) == before
    assert migrate(large_source, schema_target).get("changed")


def test_the_server_is_stopped_at_once(run_module, migrate, large_source, pg18, schema_target):
    before = contents(schema_target)
    with held_while_loading(run_module, large_source, schema_target) as (process, _session):
        pg18.stop_immediate()
        result = process.result()
    assert kinds(result) <= {"connection", "server"}
    pg18.start()
    assert contents(schema_target) == before
    assert migrate(large_source, schema_target).get("changed")


def test_the_source_is_written_to_meanwhile(run_module, large_source, schema_target):
    before = contents(schema_target)
    with held_while_loading(run_module, large_source, schema_target) as (process, _session):
        os.utime(large_source.path)
    assert kinds(process.result()) == {"in_use"}
    assert contents(schema_target) == before


def test_two_at_once(run_module, migrate, large_source, schema_target):
    with held_while_loading(run_module, large_source, schema_target) as (first, _session):
        assert kinds(migrate(large_source, schema_target)) == {"busy"}
    assert first.result()["changed"]


@contextmanager
def waiting_for_a_table(run_module, source, target):
    """A module process that waits for a table which somebody holds until the block ends."""
    with closing(target.admin()) as holder:
        holder.execute("LOCK TABLE chat IN ACCESS SHARE MODE")
        process = run_module.start("webui_pg_migrate", {"path": str(source.path), **target.options})
        wait_for_session(target, "query LIKE 'LOCK TABLE%%' AND wait_event_type = 'Lock'")
        yield process


def test_a_table_that_someone_holds_is_waited_for_and_then_loaded(run_module, source, schema_target):
    with waiting_for_a_table(run_module, source, schema_target) as process:
        assert process.process.poll() is None
    assert process.result().get("changed")


def test_the_module_may_take_longer_than_the_role_may_be_idle(run_module, source, schema_target):
    set_for_role(schema_target, {"idle_in_transaction_session_timeout": "1s"})
    with waiting_for_a_table(run_module, source, schema_target) as process:
        process.process.send_signal(signal.SIGSTOP)
    wait_for_session(schema_target, "state = 'idle in transaction' AND state_change < now() - interval '2 s'")
    process.process.send_signal(signal.SIGCONT)
    result = process.result()
    assert result.get("changed"), result


def test_a_trigger_that_changes_rows_is_caught_by_the_proof(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute(
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.title := upper(NEW.title); RETURN NEW; END$$"
        )
        connection.execute("CREATE TRIGGER shout BEFORE INSERT ON chat FOR EACH ROW EXECUTE FUNCTION shout()")
    before = contents(schema_target)
    result = migrate(source, schema_target)
    assert kinds(result) == {"proof"}
    assert contents(schema_target) == before


def test_the_disk_of_the_server_is_full(migrate, large_source, schema_target):
    """No disk is filled here: the server raises, in the middle of the load, the very error that it raises then."""
    with schema_target.connect() as connection:
        connection.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE 'No space left on device' USING ERRCODE = 'disk_full'; END$$"
        )
        connection.execute("CREATE TRIGGER full_disk AFTER INSERT ON chat FOR EACH STATEMENT EXECUTE FUNCTION full_disk()")
    before = contents(schema_target)
    result = migrate(large_source, schema_target)
    assert "the server's disk is full" in result["msg"]
    assert contents(schema_target) == before


def test_no_row_content_is_told(migrate, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute("ALTER TABLE chat ADD CONSTRAINT no_secret CHECK (title <> 'my deepest secret')")
    source.add_chat("s", title="my deepest secret")
    result = migrate(source, schema_target)
    assert result["failed"]
    assert "deepest" not in json.dumps(result) + result.stdout + result.stderr


def test_tls_is_used_where_it_is_required(migrate, source, pg15, schema_target_pg15):
    # pg_hba.conf of this server rejects members of this role without TLS.
    pg15.execute(sql.SQL("GRANT tls_required TO webui"))
    try:
        plain = migrate(source, schema_target_pg15, ssl_mode="disable")
        assert kinds(plain) == {"connection"}
        assert "pg_hba.conf rejects" in plain["msg"]
        verified = migrate(source, schema_target_pg15, ssl_mode="verify-full", ca_cert=str(pg15.ca_cert))
        assert verified.get("changed"), verified
    finally:
        pg15.execute(sql.SQL("REVOKE tls_required FROM webui"))


def test_leftovers_are_warned_of(migrate, source, schema_target):
    source.execute("CREATE TABLE modelfile (id INTEGER)")
    result = migrate(source, schema_target)
    assert any("modelfile" in str(warning) for warning in result["warnings"])


def test_a_failed_analyze_is_a_warning_since_the_data_is_there(migrate, source, schema_target):
    """An index on an expression is evaluated by ANALYZE, too; here it works while loading and fails afterwards."""
    with schema_target.connect() as connection:
        connection.execute(
            "CREATE FUNCTION moody(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
            " $$BEGIN IF current_query() LIKE 'ANALYZE%' THEN RAISE 'not now'; END IF; RETURN $1; END$$"
        )
        connection.execute("CREATE INDEX moody ON chat (moody(title::text))")
    result = migrate(source, schema_target)
    assert result.get("changed"), result
    assert any("analysing" in str(warning) for warning in result["warnings"])
    assert held(schema_target, "SELECT count(*) FROM chat") == [(1,)]
