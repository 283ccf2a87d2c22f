# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is set aside while rows are loaded comes back to the letter, whatever somebody has made of the schema."""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move import loading, proof
from ansible_collections.openwebui.postgres.plugins.module_utils._move.constraints import SetAside
from ansible_collections.openwebui.postgres.plugins.module_utils._move.migration import migrate
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._move.wire import Wire
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import connect
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from lab.source import SourceFile

# Everything that can be said of a foreign key or an index, and some things that cannot be said again.
ODD = """
CREATE SCHEMA elsewhere;
CREATE COLLATION elsewhere.numeric_like FROM "C";
CREATE FUNCTION shorten(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT left($1, 3)$$;
CREATE TABLE p (id text PRIMARY KEY, a int, b int, word text, "odd ""name" text, doc jsonb DEFAULT '{}', span int4range);
ALTER TABLE p ADD CONSTRAINT p_pair UNIQUE (a, b) INCLUDE (word) WITH (fillfactor = 71);
ALTER TABLE p ADD CONSTRAINT "Late One" UNIQUE (b) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE p ADD CONSTRAINT late_two UNIQUE (word, a) DEFERRABLE;
COMMENT ON CONSTRAINT "Late One" ON p IS 'it''s late: 100%s \\ {}';
COMMENT ON INDEX "Late One" IS 'an index has words of its own';
CREATE UNIQUE INDEX p_lower ON p (lower(word) COLLATE elsewhere.numeric_like DESC NULLS LAST) WHERE a > 3 AND word <> '100%';
CREATE INDEX p_trigrams ON p USING gin (word gin_trgm_ops) WITH (fastupdate = off, gin_pending_list_limit = 128);
CREATE INDEX p_spans ON p USING gist (span);
CREATE INDEX p_hash ON p USING hash (word);
CREATE INDEX p_brin ON p USING brin (a int4_minmax_multi_ops (values_per_range = 16)) WITH (pages_per_range = 8);
CREATE INDEX p_pattern ON p (word text_pattern_ops, "odd ""name") INCLUDE (a);
CREATE INDEX p_expressions ON p ((a + b), (doc ->> 'k'), lower(word));
ALTER INDEX p_expressions ALTER COLUMN 1 SET STATISTICS 77;
ALTER INDEX p_expressions ALTER COLUMN 3 SET STATISTICS 0;
ALTER INDEX p_expressions RENAME TO "p Expressions";
CREATE INDEX p_renamed ON p ((word || 'x'));
ALTER TABLE p_renamed RENAME COLUMN expr TO odd;
CREATE INDEX p_own ON p (shorten(word));
ALTER TABLE p CLUSTER ON p_pattern;
ALTER TABLE p ALTER a SET NOT NULL;
CREATE UNIQUE INDEX p_identity ON p (a);
ALTER TABLE p REPLICA IDENTITY USING INDEX p_identity;
COMMENT ON INDEX p_identity IS 'names rows to others';
ALTER TABLE p ADD CONSTRAINT apart EXCLUDE USING gist (span WITH &&);
CREATE TABLE c (
    id int PRIMARY KEY, p text, a int, b int, x text, y text,
    CONSTRAINT plain FOREIGN KEY (p) REFERENCES p,
    CONSTRAINT cascading FOREIGN KEY (x) REFERENCES p (id) ON UPDATE CASCADE ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT full_pair FOREIGN KEY (b, a) REFERENCES p (b, a) MATCH FULL ON DELETE RESTRICT DEFERRABLE,
    CONSTRAINT itself FOREIGN KEY (a) REFERENCES c (id) ON DELETE SET NULL
);
COMMENT ON CONSTRAINT plain ON c IS 'a comment';
ALTER TABLE c ADD CONSTRAINT later FOREIGN KEY (y) REFERENCES p (id) NOT VALID;
CREATE TABLE elsewhere.others (p text REFERENCES p (id) ON DELETE CASCADE, n int);
CREATE TABLE twice (id text);
CREATE UNIQUE INDEX twice_id ON twice (id);
CREATE TABLE twin (t text, CONSTRAINT to_the_index FOREIGN KEY (t) REFERENCES twice (id));
ALTER TABLE twice ADD PRIMARY KEY (id);
ALTER TABLE twin ADD CONSTRAINT to_either FOREIGN KEY (t) REFERENCES twice (id);
CREATE TABLE parted (id int PRIMARY KEY, p text REFERENCES p (id), w text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE INDEX parted_w ON parted (w);
CREATE TABLE tops (id int PRIMARY KEY, w text UNIQUE);
CREATE VIEW of_tops AS SELECT id, w FROM tops GROUP BY id;
CREATE TABLE kept (id int PRIMARY KEY, w text);
CREATE INDEX kept_w ON kept (w);
ALTER INDEX kept_w DEPENDS ON EXTENSION pg_trgm;
"""
NEWER = """
ALTER TABLE p ADD CONSTRAINT nulls UNIQUE NULLS NOT DISTINCT (doc);
ALTER TABLE c ADD CONSTRAINT some_columns FOREIGN KEY (p, b) REFERENCES pairs (p, b) ON DELETE SET NULL (b);
"""
NEWEST = """
ALTER TABLE c ADD CONSTRAINT unenforced FOREIGN KEY (x) REFERENCES p (id) NOT ENFORCED;
"""

DEFINITIONS = (
    "SELECT conrelid::regclass::text, conname, contype, conindid::regclass::text, pg_get_constraintdef(oid), convalidated, condeferrable,"
    " condeferred, conislocal, coninhcount, connoinherit, obj_description(oid, 'pg_constraint')"
    " FROM pg_constraint WHERE conrelid <> 0 ORDER BY conrelid, conname",
    "SELECT pg_get_indexdef(x.indexrelid), x.indisunique, x.indisprimary, x.indisexclusion, x.indimmediate, x.indisclustered, x.indisvalid,"
    " x.indisready, x.indislive, x.indisreplident, x.indcollation::text, x.indclass::text, x.indoption::text, i.relowner, i.reltablespace,"
    " i.reloptions, i.relpersistence, obj_description(i.oid, 'pg_class'),"
    " (SELECT array_agg((a.attname, a.attnum, a.atttypid, a.attstattarget, a.attcollation)::text ORDER BY a.attnum)"
    "    FROM pg_attribute AS a WHERE a.attrelid = i.oid)"
    " FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid ORDER BY i.relnamespace, i.relname",
    "SELECT tgrelid::regclass::text, tgfoid, tgtype, tgenabled, tgdeferrable, tginitdeferred FROM pg_trigger ORDER BY 1, 2, 3, 4, 5, 6",
)


def schema_of(target) -> list:
    """All that can be known of the schema: as pg_dump writes it, and as the catalogue has it."""
    dumped = subprocess.run(
        [
            target.cluster.program("pg_dump"),
            "--schema-only",
            f"--host={target.login_host}",
            f"--port={target.login_port}",
            f"--username={target.cluster.superuser}",
            target.login_db,
        ],
        env={**os.environ, "PGPASSWORD": target.cluster.password},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # Newer releases put a word of chance there.
    lines = [line for line in dumped.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    with target.admin() as connection:
        return [lines, *(connection.execute(query).fetchall() for query in DEFINITIONS)]


@contextmanager
def transaction(target):
    with connect({**target.options, "ssl_mode": "prefer"}) as session:
        yield session, Target(session, "public")


def tables_of(target) -> list[str]:
    with target.admin() as connection:
        return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]


def names(parts) -> set[str]:
    return {part.name for part in parts}


@pytest.fixture
def odd_target(any_schema_target):
    with any_schema_target.admin() as connection:
        version = connection.info.server_version
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    with any_schema_target.connect() as connection:
        connection.execute(ODD)
        connection.execute("CREATE TABLE pairs (p text, b int, PRIMARY KEY (p, b))")
        for since, statements in ((150000, NEWER), (180000, NEWEST)):
            if version >= since:
                connection.execute(statements)
    return any_schema_target


def test_open_webuis_schema_is_the_same_afterwards(any_schema_target):
    before = schema_of(any_schema_target)
    with transaction(any_schema_target) as (session, target):
        aside = SetAside(target, tables_of(any_schema_target))
        aside.drop()
        assert len(aside.foreign_keys) == 19
        assert not target.rows("SELECT 1 FROM pg_constraint WHERE contype = 'f'")
        assert len(aside.indexes) > 60
        aside.restore()
        assert not aside.parts
        # In a container they would run out of shared memory.
        helpers = ("max_parallel_maintenance_workers", "max_parallel_workers_per_gather")
        assert [target.rows("SELECT current_setting(%s)", name) for name in helpers] == [[("0",)], [("0",)]]
        session.commit()
    assert schema_of(any_schema_target) == before


def test_an_odd_schema_is_the_same_afterwards(odd_target):
    before = schema_of(odd_target)
    with transaction(odd_target) as (session, target):
        aside = SetAside(target, tables_of(odd_target))
        aside.drop()
        gone = names(aside.parts)
        assert gone >= {
            *(
                "plain",
                "cascading",
                "full_pair",
                "itself",
                "others_p_fkey",
                "Late One",
                "late_two",
                "p_lower",
                "p_spans",
                "p_hash",
                "p_brin",
            ),
            *("p_trigrams", "p_pattern", "p Expressions", "p_identity", "tops_w_key"),
        }
        kept = {"p_pair", "p_pkey", "apart", "later", "p_own", "p_renamed", "kept_w", "parted_w", "parted_p_fkey", "twice_id", "unenforced"}
        assert not gone & kept
        aside.restore()
        session.commit()
    assert schema_of(odd_target) == before


def test_only_what_is_asked_for_goes(odd_target):
    before = schema_of(odd_target)
    with transaction(odd_target) as (session, target):
        aside = SetAside(target, ["c"], within=["c", "p"], indexes=False)
        aside.drop(trial=False)
        assert names(aside.parts) >= {"plain", "cascading", "full_pair", "itself"}
        assert "some_columns" not in names(aside.parts)
        aside.restore()
        session.commit()
    assert schema_of(odd_target) == before


def test_a_rollback_brings_everything_back(odd_target):
    before = schema_of(odd_target)
    with transaction(odd_target) as (session, target):
        SetAside(target, tables_of(odd_target)).drop()
        session.rollback()
        session.commit()
    assert schema_of(odd_target) == before


@pytest.mark.parametrize(
    ("rows", "table", "name", "error"),
    [
        ("INSERT INTO c (id, p) VALUES (1, 'gone')", "c", "plain", psycopg.errors.ForeignKeyViolation),
        ("INSERT INTO p (id, a, b) VALUES ('1', 1, 2), ('2', 2, 2)", "p", "Late One", psycopg.errors.UniqueViolation),
        ("INSERT INTO p (id, a, word) VALUES ('1', 4, 'W'), ('2', 5, 'w')", "p", "p_lower", psycopg.errors.UniqueViolation),
    ],
)
def test_rows_that_do_not_fit_are_told_by_table_and_name(odd_target, rows, table, name, error):
    before = schema_of(odd_target)
    with transaction(odd_target) as (_session, target):
        aside = SetAside(target, tables_of(odd_target))
        aside.drop()
        target.connection.execute(f"SET LOCAL search_path = public; {rows}; SET LOCAL search_path = pg_catalog, pg_temp")
        with pytest.raises(error) as caught:
            aside.restore()
        assert aside.current == table
        assert (caught.value.diag.table_name, caught.value.diag.constraint_name) == (table, name)
    assert schema_of(odd_target) == before


@pytest.mark.parametrize("what", ["event trigger", "no right to create", "somebody else's tables"])
def test_what_could_not_be_made_again_stays(any_schema_target, what):
    with any_schema_target.admin() as connection:
        for statement in {
            "event trigger": (
                "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$",
                "CREATE EVENT TRIGGER no ON ddl_command_end EXECUTE FUNCTION no()",
            ),
            "no right to create": (
                "ALTER SCHEMA public OWNER TO postgres",
                "REVOKE ALL ON SCHEMA public FROM PUBLIC, webui",
                "GRANT USAGE ON SCHEMA public TO PUBLIC",
            ),
            "somebody else's tables": ("REASSIGN OWNED BY webui TO postgres",),
        }[what]:
            connection.execute(statement)
    before = schema_of(any_schema_target)
    with transaction(any_schema_target) as (session, target):
        aside = SetAside(target, tables_of(any_schema_target))
        aside.drop()
        assert not aside.indexes
        assert bool(aside.foreign_keys) == (what == "no right to create")
        aside.restore()
        session.commit()
    assert schema_of(any_schema_target) == before


# A load that sets aside, and one that does not: only large tables are worth it, so that a test has to say which.


WAYS = {"in place": 1 << 60, "set aside": 0}


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    file = SourceFile(webui_db)
    file.add_user("u")
    for number in range(5):
        file.add_chat(f"c{number}", title=f"title {number}", chat='{"a": 1}')
    return file


@pytest.fixture
def move(source, monkeypatch):
    """move(target, "set aside", check=False) -> what the module answers, or its problems; and which parts were set aside"""

    def run(target, way: str, check: bool = False, **options):
        monkeypatch.setattr(loading, "WORTHWHILE", WAYS[way])
        gone = set()
        drop = SetAside.drop

        def noted(aside, *arguments):
            drop(aside, *arguments)
            gone.update((part.table, part.name) for part in aside.parts)

        with monkeypatch.context() as patched:
            patched.setattr(SetAside, "drop", noted)
            request = Request(str(source.path), {**target.options, "ssl_mode": "prefer"}, **options)
            try:
                return migrate(request, check, Progress(None)), gone
            except Refused as refused:
                return [problem.as_result() for problem in refused.problems], gone

    return run


def incompressible(characters: int) -> str:
    dice = random.Random(characters)
    return "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _each in range(characters))


@pytest.mark.parametrize("way", WAYS)
def test_a_move_leaves_the_schema_and_every_row_as_they_have_to_be(move, source, any_schema_target, way):
    source.insert_row("tag", id="t", name="t", user_id="u")
    source.insert_row("chat_message", id="m", chat_id="c1", user_id="u", role="user", content='"hi"', created_at=1, updated_at=1)
    before = schema_of(any_schema_target)
    rehearsed, tried = move(any_schema_target, way, check=True)
    assert schema_of(any_schema_target) == before
    answer, gone = move(any_schema_target, way)
    assert gone == tried
    assert bool(gone) == (way == "set aside")
    assert {table["digest"] for table in answer["tables"]} == {table["digest"] for table in rehearsed["tables"]}
    with any_schema_target.connect() as connection:
        connection.execute("DROP SCHEMA webui_migration CASCADE")
        assert connection.execute("SELECT id, title, chat::text FROM chat ORDER BY id").fetchall() == [
            (f"c{number}", f"title {number}", '{"a": 1}') for number in range(5)
        ]
        # What was made again is kept, too.
        with pytest.raises(psycopg.errors.ForeignKeyViolation), connection.transaction():
            connection.execute(
                "INSERT INTO chat_message (id, chat_id, user_id, role, created_at, updated_at) VALUES ('x', 'gone', 'u', 'r', 1, 1)"
            )
    assert schema_of(any_schema_target) == before


# What the target has besides, the statements that make the source's rows not fit, and a part of what is told.
REFUSED = {
    "unique": (
        "CREATE UNIQUE INDEX once ON chat (lower(title))",
        "UPDATE chat SET title = 'TITLE 1' WHERE id = 'c3'",
        "c1 and c3 are equal",
    ),
    "unique constraint": ("ALTER TABLE chat ADD CONSTRAINT once UNIQUE (title)", "UPDATE chat SET title = 'x'", "c0 and c1 and c2"),
    "deferred": (
        "ALTER TABLE chat ADD CONSTRAINT once UNIQUE (title) DEFERRABLE INITIALLY DEFERRED",
        "UPDATE chat SET title = 'x' WHERE id > 'c2'",
        "c3 and c4 are equal",
    ),
    "too long": ("CREATE INDEX long ON chat (title)", "UPDATE chat SET title = :long WHERE id = 'c2'", "chat c2: a value is too long"),
    "no number": (
        "CREATE INDEX odd ON chat ((100 / (length(title) - 3)))",
        "UPDATE chat SET title = 'bad' WHERE id = 'c4'",
        "divides by zero",
    ),
    "JSON": ("CREATE INDEX parts ON chat ((chat ->> 'a'))", "UPDATE chat SET chat = '[1' WHERE id = 'c0'", "is not JSON"),
    "two tables": (
        "CREATE UNIQUE INDEX once ON chat (lower(title)); CREATE INDEX names ON tag (name)",
        "UPDATE chat SET title = 'x'; INSERT INTO tag (id, name, user_id) VALUES ('t', :long, 'u')",
        "c0 and c1 and c2",
    ),
    "foreign key": (
        'ALTER TABLE chat ADD CONSTRAINT owner FOREIGN KEY (user_id) REFERENCES "user" (id) DEFERRABLE',
        "UPDATE chat SET user_id = 'gone' WHERE id = 'c1'",
        "refer to rows of user that are gone",
    ),
}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("ddl", "statements", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_alike_whichever_way_it_was_loaded(move, source, any_schema_target, ddl, statements, words, check):
    with any_schema_target.connect() as connection:
        connection.execute(ddl)
    for statement in statements.split("; "):
        source.execute(statement.replace(":long", "?"), *([incompressible(2900)] if ":long" in statement else []))
    before = schema_of(any_schema_target)
    told = {}
    for way in WAYS:
        told[way], _gone = move(any_schema_target, way, check=check)
        assert isinstance(told[way], list), told[way]
        assert schema_of(any_schema_target) == before
    assert told["set aside"] == told["in place"]
    assert words in str(told["set aside"])


def test_what_others_have_put_there_is_replaced_either_way(move, source, any_schema_target):
    before = schema_of(any_schema_target)
    for number, way in enumerate(WAYS):
        with any_schema_target.connect() as connection:
            connection.execute("DROP SCHEMA IF EXISTS webui_migration CASCADE")
            connection.execute("INSERT INTO chat (id, title, meta) VALUES (%s, 't', '{}')", (f"theirs {number}",))
        refused, _gone = move(any_schema_target, way)
        assert [problem["kind"] for problem in refused] == ["target_data"]
        answer, _gone = move(any_schema_target, way, replace_target=True)
        assert answer["changed"]
        with any_schema_target.connect() as connection:
            assert connection.execute("SELECT count(*) FROM chat").fetchone() == (5,)
            connection.execute("DROP SCHEMA webui_migration CASCADE")
        assert schema_of(any_schema_target) == before


def test_a_trigger_that_counts_on_an_index_has_it(move, source, schema_target):
    with schema_target.connect() as connection:
        connection.execute(
            "CREATE TABLE counted (title text UNIQUE, n int NOT NULL);"
            "CREATE FUNCTION count_titles() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.counted VALUES (NEW.title, 1)"
            " ON CONFLICT (title) DO UPDATE SET n = counted.n + 1; RETURN NULL; END$$;"
            "CREATE TRIGGER count_titles AFTER INSERT ON chat FOR EACH ROW EXECUTE FUNCTION count_titles()"
        )
    source.execute("UPDATE chat SET title = 'same'")
    answer, gone = move(schema_target, "set aside")
    assert answer["changed"]
    assert not gone
    with schema_target.connect() as connection:
        assert connection.execute("SELECT * FROM counted").fetchall() == [("same", 5)]


def test_only_tables_with_many_rows_are_worth_it(move, source, schema_target, monkeypatch):
    source.insert_row("tag", id="t", name="t", user_id="u")
    of_each = {"chat": "user_id_pinned_idx", "tag": "user_id_idx", "user": "uq_user_email_lower"}
    for rows, tables in ((5, {"chat"}), (1, {"chat", "tag", "user"}), (6, set())):
        monkeypatch.setitem(WAYS, "by rows", rows)
        answer, gone = move(schema_target, "by rows", check=True)
        assert answer["changed"]
        assert set(of_each.items()) & gone == {(table, of_each[table]) for table in tables}


# Rows of every type that goes in binary, and digests of runs from before


TYPES = {
    "text": ("TEXT", "'a\\b' || char(9) || 'é'"),
    "varchar(3)": ("TEXT", "'ééé'"),
    "json": ("JSON", "'{\"a\":  1.50}'"),
    "jsonb": ("JSON", '\'{"b":  1.50, "a": "é"}\''),
    "boolean": ("BOOLEAN", "1"),
    "smallint": ("INTEGER", "-32768"),
    "int": ("INTEGER", "2147483647"),
    "bigint": ("BIGINT", "-9223372036854775808"),
    "float8": ("REAL", "-0.1"),
    "bytea": ("BLOB", "x'00ff5c'"),
    "uuid": ("TEXT", "'00112233445566778899aabbccddeeff'"),
    "date": ("TEXT", "'1969-12-31'"),
    "timestamp": ("TEXT", "'1969-12-31 23:59:59.000001'"),
    "timestamp(2)": ("TEXT", "'2026-02-28T12:00:00.25'"),
    "timestamptz": ("TEXT", "'2026-02-28 12:00:00+05:30'"),
    "char(4)": ("TEXT", "'é'"),
    "mood": ("TEXT", "'so la la'"),
    "positive": ("INTEGER", "5"),
}


@pytest.mark.parametrize("odd", [False, True], ids=["binary", "text"])
def test_every_type_arrives_as_it_was(move, source, any_schema_target, odd):
    types = {**TYPES, "numeric(6, 2)": ("NUMERIC", "1.5")} if odd else TYPES
    source.execute(
        f"CREATE TABLE kinds (id INTEGER PRIMARY KEY, {', '.join(f'c{n} {kind}' for n, (kind, _value) in enumerate(types.values()))})"
    )
    source.execute(f"INSERT INTO kinds VALUES (1, {', '.join(value for _kind, value in types.values())})")
    source.execute("INSERT INTO kinds (id) VALUES (2)")
    with any_schema_target.connect() as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('so la la', 'fine'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
        connection.execute(f"CREATE TABLE kinds (id int PRIMARY KEY, {', '.join(f'c{n} {name}' for n, name in enumerate(types))})")
    answer, _gone = move(any_schema_target, "in place")
    assert isinstance(answer, dict), answer
    with any_schema_target.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET bytea_output = 'hex'")
        texts = ", ".join(f"c{number}::text" for number in range(len(types)))
        held, empty = connection.execute(f"SELECT {texts} FROM kinds ORDER BY id").fetchall()
    assert set(empty) == {None}
    expected = {
        "text": "a\\b\té",
        "varchar(3)": "ééé",
        "json": '{"a":  1.50}',
        "jsonb": '{"a": "é", "b": 1.50}',
        "boolean": "true",
        "smallint": "-32768",
        "int": "2147483647",
        "bigint": "-9223372036854775808",
        "float8": "-0.1",
        "bytea": "\\x00ff5c",
        "uuid": "00112233-4455-6677-8899-aabbccddeeff",
        "date": "1969-12-31",
        "timestamp": "1969-12-31 23:59:59.000001",
        "timestamp(2)": "2026-02-28 12:00:00.25",
        "timestamptz": "2026-02-28 06:30:00+00",
        "char(4)": "é",
        "mood": "so la la",
        "positive": "5",
        "numeric(6, 2)": "1.50",
    }
    assert dict(zip(types, held)) == {name: expected[name] for name in types}


def test_what_a_run_from_before_the_binary_format_has_recorded_is_recognised(move, source, schema_target, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(loading, "wire_for", Wire)
        patched.setattr(proof, "wire_for", Wire)
        first, _gone = move(schema_target, "in place")
    source.add_chat("later")
    second, _gone = move(schema_target, "in place")
    assert isinstance(second, dict), second
    assert second["changed"]
    digests = [{table["name"]: table["digest"] for table in answer["tables"]} for answer in (first, second)]
    assert digests[0]["user"] != digests[1]["user"]
    with schema_target.connect() as connection:
        connection.execute("UPDATE chat SET title = 'touched' WHERE id = 'c1'")
    source.add_chat("latest")
    refused, _gone = move(schema_target, "in place")
    assert [problem["kind"] for problem in refused] == ["target_data"]
