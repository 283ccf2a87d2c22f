# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the server can tell is found by the rehearsal, which leaves no trace and is in nobody's way."""

from __future__ import annotations

import json
import random
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from lab.source import SourceFile
from psycopg import sql

SECRET = "the deepest secret of all"

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF NEW.title LIKE 'bad%' THEN RAISE 'not %', NEW.summary{state}; END IF; RETURN NEW; END$$;
"""


def incompressible(characters: int) -> str:
    dice = random.Random(characters)
    return "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _each in range(characters))


class Refusal(NamedTuple):
    """What a target refuses a chat for, and what is told of it."""

    ddl: str
    words: str
    title: str = "bad"
    kind: str = "server"


REFUSALS = {
    "b-tree": Refusal(
        "CREATE INDEX too_long ON chat (title)",
        "a value is too long for a b-tree index, which takes 2,704 bytes after compression (too_long on title",
        incompressible(1200),
    ),
    "b-tree, more than any index takes": Refusal(
        "CREATE INDEX too_long ON chat (title)",
        "a value is too long for an index; a b-tree takes 2,704 bytes after compression (too_long on title",
        incompressible(2900),
    ),
    "b-tree on an expression": Refusal(
        "CREATE UNIQUE INDEX too_long ON chat (upper(title), id)",
        "a value is too long for a b-tree index, which takes 2,704 bytes after compression (too_long on upper(title)",
        incompressible(1201),
    ),
    "full text": Refusal(
        "CREATE INDEX words ON chat USING gin (to_tsvector('simple', title))",
        "a text is too long for full text search",
        " ".join(f"w{number}" for number in range(200_000)),
    ),
    "GIN": Refusal(
        "CREATE INDEX parts ON chat USING gin (string_to_array(title, ','))",
        "a value is too long for an index; a b-tree takes 2,704 bytes after compression (parts on string_to_array",
        incompressible(3500),
    ),
    "row": Refusal(
        "ALTER TABLE chat ALTER title SET STORAGE PLAIN", "the row is wider than a page of the server takes", incompressible(3000)
    ),
    "check": Refusal("ALTER TABLE chat ADD CONSTRAINT good CHECK (title <> 'bad')", "violates the check constraint good", kind="check"),
    "check on JSON": Refusal(
        "ALTER TABLE chat ADD CONSTRAINT good CHECK (title <> 'bad' OR chat::text = '')", "a check constraint is violated (good)"
    ),
    "exclusion": Refusal(
        "ALTER TABLE chat ADD CONSTRAINT one EXCLUDE USING hash (title WITH =) WHERE (title = 'bad')",
        "an exclusion constraint is violated (one on title)",
    ),
    "generated column": Refusal(
        "ALTER TABLE chat ADD shortness int GENERATED ALWAYS AS (100 / (length(title) - 3)) STORED",
        "a function or an index of the target divides by zero",
    ),
    "trigger": Refusal(
        REFUSE.format(state="") + "CREATE TRIGGER refuse BEFORE INSERT ON chat FOR EACH ROW EXECUTE FUNCTION refuse()",
        "a trigger or function of the target refuses it (function public.refuse)",
    ),
    "trigger with a state of its own": Refusal(
        REFUSE.format(state=" USING ERRCODE = 'MY001'")
        + "CREATE TRIGGER refuse AFTER INSERT ON chat FOR EACH ROW EXECUTE FUNCTION refuse()",
        "the server, or a trigger or function of the target, refuses it (function public.refuse)",
    ),
    "trigger at the commit": Refusal(
        REFUSE.format(state="") + "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON chat DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
        "a trigger or function of the target refuses it (function public.refuse)",
    ),
    "trigger that looks into another table": Refusal(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN IF NEW.title = 'bad' THEN PERFORM 1 FROM tag; END IF; RETURN NEW; END$$;"
        "CREATE TRIGGER look BEFORE INSERT ON chat FOR EACH ROW EXECUTE FUNCTION look()",
        "refers to something that is not there, or not by its full name (function public.look)",
    ),
}


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    file = SourceFile(webui_db)
    file.add_user("u")
    file.add_chat("c", chat='{"title": "hello"}')
    return file


@pytest.fixture
def migrate(run_module):
    def run(source, target, check=False, **options):
        return run_module("webui_pg_migrate", {"path": str(source.path), **target.options, **options}, check=check)

    return run


def alter(target, ddl: str) -> None:
    with target.connect() as connection:
        connection.execute(ddl)


def state(target) -> list:
    """All that there is in the database: definitions, files, sizes, positions of sequences, and rows."""
    with target.admin() as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname), c.relkind, c.relfilenode, pg_relation_size(c.oid)"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND nspname NOT LIKE 'pg\\_temp%' ORDER BY 1"
        ).fetchall()
        seen = list(tables)
        seen += connection.execute("SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_t%' ORDER BY 1").fetchall()
        seen += connection.execute("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2").fetchall()
        for name, kind, *_facts in tables:
            if kind == "r":
                seen += connection.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1").fetchall()
            if kind == "S":
                seen += connection.execute(f"SELECT last_value, is_called FROM {name}").fetchall()
        return seen


def told(result) -> list[tuple[str, str, str]]:
    assert result.get("failed"), result
    return sorted((problem["kind"], problem["table"], problem.get("key", "")) for problem in result["problems"])


# Whatever the server refuses


def test_a_tag_too_long_for_its_key_is_found_by_the_rehearsal(migrate, source, any_schema_target):
    key = incompressible(2900)
    source.insert_row("tag", id=key, name="long", user_id="u")
    before = state(any_schema_target)
    rehearsed = migrate(source, any_schema_target, check=True)
    (problem,) = rehearsed["problems"]
    assert problem["table"] == "tag"
    assert "a value is too long for an index; a b-tree takes 2,704 bytes after compression" in problem["message"]
    assert " (pk_id_user_id on id, user_id) (SQLSTATE 54000)" in problem["message"]
    assert problem["key"] == key[:59] + "…"
    assert key[:60] not in json.dumps(rehearsed, ensure_ascii=False) + rehearsed.stdout
    assert state(any_schema_target) == before
    assert migrate(source, any_schema_target)["problems"] == rehearsed["problems"]
    assert state(any_schema_target) == before


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_every_row_that_the_server_refuses_is_named_by_rehearsal_and_run_alike(migrate, source, any_schema_target, refusal):
    alter(any_schema_target, refusal.ddl)
    for number in range(30):
        source.add_chat(f"fine-{number:02}", title=f"fine {number}")
    keys = [f"refused-{number}" for number in (1, 2)]
    for key in keys:
        source.add_chat(key, title=refusal.title, summary=SECRET)
    before = state(any_schema_target)
    rehearsed = migrate(source, any_schema_target, check=True)
    # Of two rows that exclude each other, the second one is refused.
    expected = keys[1:] if "exclusion" in refusal.words else keys
    assert told(rehearsed) == [(refusal.kind, "chat", key) for key in expected]
    assert all(refusal.words in problem["message"] for problem in rehearsed["problems"])
    assert SECRET not in json.dumps(rehearsed) + rehearsed.stdout + rehearsed.stderr
    assert state(any_schema_target) == before
    assert migrate(source, any_schema_target)["problems"] == rehearsed["problems"]
    assert state(any_schema_target) == before


def test_offenders_of_all_kinds_and_tables_come_together(migrate, source, schema_target):
    alter(schema_target, REFUSALS["b-tree"].ddl)
    source.add_chat("long", title=incompressible(2900))
    source.add_chat("broken", chat="not json")
    source.insert_row("tag", id=incompressible(2901), name="long", user_id="u")
    result = migrate(source, schema_target, check=True)
    assert [(kind, table) for kind, table, _key in told(result)] == [("server", "chat"), ("server", "tag"), ("value", "chat")]


def test_a_trigger_for_the_statement_blames_no_row(migrate, source, schema_target):
    alter(
        schema_target,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;"
        "CREATE TRIGGER no BEFORE INSERT ON chat FOR EACH STATEMENT EXECUTE FUNCTION no()",
    )
    assert told(migrate(source, schema_target, check=True)) == [("server", "chat", "")]


@pytest.mark.parametrize("moment", ["BEFORE", "AFTER"])
def test_a_trigger_that_keeps_a_table_from_being_emptied_is_named(migrate, source, schema_target, moment):
    alter(
        schema_target,
        "CREATE FUNCTION fine() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;"
        "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;"
        "CREATE TRIGGER fine BEFORE TRUNCATE ON chat FOR EACH STATEMENT EXECUTE FUNCTION fine();"
        f"CREATE TRIGGER keep {moment} TRUNCATE ON tag FOR EACH STATEMENT EXECUTE FUNCTION never()",
    )
    for check in (True, False):
        (problem,) = migrate(source, schema_target, check=check)["problems"]
        assert (problem["kind"], problem["table"]) == ("server", "tag")
        assert problem["message"] == (
            "a trigger or function of the target refuses it (function public.never) while emptying tag (SQLSTATE P0001); drop or disable"
            " for the migration: trigger keep on tag"
        )


def test_a_trigger_that_changes_rows_is_caught_by_the_rehearsals_proof(migrate, source, schema_target):
    alter(
        schema_target,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.title := upper(NEW.title); RETURN NEW; END$$;"
        "CREATE TRIGGER shout BEFORE INSERT ON chat FOR EACH ROW EXECUTE FUNCTION shout()",
    )
    assert told(migrate(source, schema_target, check=True)) == [("proof", "chat", "")]


def test_a_full_disk_is_found_before_anything_is_stopped(migrate, source, schema_target):
    alter(
        schema_target,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE '' USING ERRCODE = 'disk_full'; END$$;"
        "CREATE TRIGGER full_disk AFTER INSERT ON chat FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
    )
    result = migrate(source, schema_target, check=True)
    assert "the server's disk is full (function public.full_disk) while rehearsing, loading chat" in result["msg"]


# Without a trace


def test_a_rehearsal_proves_everything_and_leaves_the_target_as_it_was(migrate, source, any_schema_target):
    source.insert_row("config_old", id=41, data="{}", version=0)
    source.insert_row("config", key="ui.name", value='"mine"', updated_at=1)
    alter(any_schema_target, "INSERT INTO config (key, value, updated_at) VALUES ('ui.name', '\"default\"', 1)")
    before = state(any_schema_target)
    rehearsed = migrate(source, any_schema_target, check=True)
    assert (rehearsed["changed"], rehearsed["rehearsed"], rehearsed["run_id"]) == (True, "load", None)
    assert set(rehearsed["seconds"]) == {"plan", "scan", "load", "prove", "total"}
    assert state(any_schema_target) == before
    real = migrate(source, any_schema_target)
    assert [(table["name"], table["digest"]) for table in real["tables"]] == [
        (table["name"], table["digest"]) for table in rehearsed["tables"]
    ]


@pytest.mark.parametrize("check", [True, False])
def test_sequences_are_where_they_were_after_all_that_is_undone(migrate, source, any_schema_target, check):
    """What is drawn from a sequence is not given back by a rollback: by a default, by a trigger, owned or not."""
    alter(
        any_schema_target,
        "CREATE SEQUENCE loose; CREATE SEQUENCE counted;"
        "ALTER TABLE chat ADD place bigint DEFAULT nextval('loose'), ADD number bigserial,"
        " ADD identity bigint GENERATED BY DEFAULT AS IDENTITY;"
        "CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM nextval('public.counted'); IF NEW.title = 'bad' THEN RAISE 'no'; END IF; RETURN NEW; END$$;"
        "CREATE TRIGGER count_up BEFORE INSERT ON chat FOR EACH ROW EXECUTE FUNCTION count_up()",
    )
    source.add_chat("refused", title="bad")
    before = state(any_schema_target)
    assert told(migrate(source, any_schema_target, check=check)) == [("server", "chat", "refused")]
    assert state(any_schema_target) == before


def test_a_scan_is_enough_where_a_load_would_cost_too_much(migrate, source, schema_target):
    source.insert_row("tag", id=incompressible(2900), name="long", user_id="u")
    alter(schema_target, REFUSALS["trigger"].ddl)
    source.add_chat("bad", title="bad")
    result = migrate(source, schema_target, check=True, rehearse="scan")
    assert (result["changed"], result["rehearsed"]) == (True, "scan")
    assert "load" not in result["seconds"]


# What will have been dealt with


def test_orphans_are_left_out_and_everything_else_is_found(migrate, source, any_schema_target):
    """Messages whose chat is gone go, and so does what refers to them; a group whose parent is gone loses it."""
    alter(any_schema_target, "CREATE INDEX too_long ON chat_message (role)")
    long = incompressible(2900)
    message = {"user_id": "u", "role": "user", "created_at": 1, "updated_at": 1}
    source.insert_row("chat_message", id="orphan", chat_id="gone", **{**message, "role": long})
    source.insert_row("chat_message", id="broken-orphan", chat_id="gone", **{**message, "content": "not json"})
    result = migrate(source, any_schema_target, check=True)
    assert {problem["kind"] for problem in result["problems"]} == {"orphan"}
    source.insert_row("chat_message", id="kept", chat_id="c", **{**message, "role": long})
    result = migrate(source, any_schema_target, check=True)
    assert {(problem["kind"], problem.get("key")) for problem in result["problems"]} == {("orphan", None), ("server", "kept")}


def test_a_foreign_key_that_only_the_target_has_is_not_taken_for_dealt_with(migrate, source, schema_target):
    alter(schema_target, 'ALTER TABLE chat ADD CONSTRAINT strict FOREIGN KEY (user_id) REFERENCES "user" (id)')
    source.add_chat("homeless", user_id="gone")
    result = migrate(source, schema_target, check=True)
    assert {kind for kind, _table, _key in told(result)} == {"orphan", "server"}
    assert "a foreign key is violated (strict)" in result["msg"]


def test_a_parent_that_the_target_changes_is_told_by_its_children(migrate, source, schema_target):
    """Only the server can tell: the source has all parents, and a trigger gives one of them another key."""
    for statement in (
        "CREATE TABLE p (id TEXT PRIMARY KEY)",
        "CREATE TABLE c (id TEXT PRIMARY KEY, p TEXT REFERENCES p (id))",
        "INSERT INTO p VALUES ('ab'), ('CD')",
        "INSERT INTO c VALUES ('1', 'CD'), ('2', 'ab'), ('3', NULL), ('4', 'ab')",
    ):
        source.execute(statement)
    alter(
        schema_target,
        "CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE c (id text PRIMARY KEY, p text CONSTRAINT child REFERENCES p);"
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := upper(NEW.id); RETURN NEW; END$$;"
        "CREATE TRIGGER shout BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION shout()",
    )
    for check in (True, False):
        result = migrate(source, schema_target, check=check)
        assert told(result) == [("server", "c", "2"), ("server", "c", "4")]
        assert "c 2: a foreign key is violated (child), since the target would not have the row of p that it refers to" in result["msg"]


# In nobody's way


def test_a_live_source_is_rehearsed_from_one_moment_of_it(migrate, source, schema_target):
    source.execute("PRAGMA journal_mode = WAL")
    with source.connect() as writer:
        writer.execute("INSERT INTO chat (id, user_id, title, chat, meta) VALUES ('later', 'u', 't', '{}', '{}')")
        result = migrate(source, schema_target, check=True, live=True)
    assert (result["changed"], result["rehearsed"]) == (True, "load")
    assert {table["name"]: table["rows"] for table in result["tables"]}["chat"] == 1


def test_a_target_in_use_is_not_locked(migrate, source, any_schema_target):
    """Somebody reads, and would be waited for; the rehearsal goes into copies, which take no more than the tables."""
    source.insert_row("tag", id=incompressible(2900), name="long", user_id="u")
    source.add_chat("twin-1", title="twin")
    source.add_chat("twin-2", title="twin")
    alter(
        any_schema_target,
        "INSERT INTO chat (id, title, meta) VALUES ('theirs', 't', '{}'); CREATE SEQUENCE loose;"
        "CREATE UNIQUE INDEX once ON chat (lower(title)); ALTER TABLE chat ADD place bigint NOT NULL DEFAULT nextval('loose')",
    )
    before = state(any_schema_target)
    with closing(any_schema_target.connect()) as reader:
        reader.execute("SELECT count(*) FROM chat")
        result = migrate(source, any_schema_target, check=True, target_data="replace")
    assert [(kind, table) for kind, table, _key in told(result)] == [("server", "tag"), ("unique", "chat")]
    source.execute("DELETE FROM tag")
    source.execute("DELETE FROM chat WHERE id = 'twin-2'")
    with closing(any_schema_target.connect()) as reader:
        reader.execute("SELECT count(*) FROM chat")
        result = migrate(source, any_schema_target, check=True, target_data="replace")
    assert (result.get("changed"), result.get("rehearsed")) == (True, "copies")
    assert any("others are connected to it" in str(warning) for warning in result["warnings"])
    assert state(any_schema_target) == before


def test_a_table_that_somebody_reads_is_not_waited_for(migrate, source, schema_target):
    with closing(schema_target.admin()) as reader:
        reader.execute("SELECT count(*) FROM chat")
        result = migrate(source, schema_target, check=True)
    assert result.get("rehearsed") == "copies", result
    assert any("others are using tables" in str(warning) for warning in result["warnings"])


def test_where_no_copies_may_be_made_the_values_are_looked_at(migrate, source, pg18, schema_target):
    with schema_target.admin() as connection:
        database = sql.Identifier(schema_target.login_db)
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC, webui").format(database))
    with closing(schema_target.admin()) as reader:
        reader.execute("SELECT count(*) FROM chat")
        result = migrate(source, schema_target, check=True)
    assert result.get("rehearsed") == "scan", result
    assert any("may not create temporary tables" in str(warning) for warning in result["warnings"])
    assert migrate(source, schema_target, check=True)["rehearsed"] == "load"
    assert migrate(source, schema_target).get("changed")
