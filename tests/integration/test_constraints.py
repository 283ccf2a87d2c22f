# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is set aside while rows are loaded comes back to the letter, whatever somebody has made of the schema."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

import psycopg
import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.constraints import SetAside
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import connect

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
