# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not Open WebUI's own schema of the day, in the file and in the target: oddities, other types, missing steps, tables left out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import known_tables
from lab.source import SourceFile

HEAD = "0bd252b206fb"


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    file = SourceFile(webui_db)
    file.add_user("u")
    file.add_chat("c")
    return file


@pytest.fixture
def migrate(run_module):
    def run(source, target, check=False, **options):
        return run_module("webui_pg_migrate", {"path": str(source.path), **target.options, **options}, check=check)

    return run


def messages(answer: dict) -> list[str]:
    """What webui_sqlite_check has found, in words."""
    assert answer["problems_total"] == len(answer["problems"])
    return [problem["message"] for problem in answer["problems"]]


@pytest.fixture
def examine(run_module):
    def run(source, **options):
        before = source.path.read_bytes()
        answer = run_module("webui_sqlite_check", {"path": str(source.path), **options})
        assert source.path.read_bytes() == before
        return answer

    return run


@pytest.fixture
def both(migrate):
    """Rehearse, then run: what is refused is refused in the same words, and nothing is written by either."""

    def run(source, target, **options):
        rehearsal = migrate(source, target, check=True, **options)
        real = migrate(source, target, **options)
        assert bool(rehearsal.get("failed")) == bool(real.get("failed")), (rehearsal, real)
        if real.get("failed"):
            assert rehearsal["problems"] == real["problems"]
            assert held(target, "SELECT count(*) FROM chat") == [(0,)]
        return real

    return run


def held(target, query: str) -> list[tuple]:
    with target.connect() as connection:
        return connection.execute(query).fetchall()


def execute(target, *statements: str) -> None:
    with target.connect() as connection:
        for statement in statements:
            connection.execute(statement)


def texts(value: object) -> list[str]:
    """All texts in an answer. Releases of Ansible wrap a warning in more or less."""
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in texts(item)] if isinstance(value, list) else [str(value)]


# Tables that are oddly made


ODD = {
    "no types": ("CREATE TABLE kv (k, v)", "INSERT INTO kv VALUES ('a', 1), (NULL, x'00')"),
    "no types, no rows": ("CREATE TABLE kv (k, v)",),
    "names": (
        """CREATE TABLE "it's ""odd"" [x] `y` %s\n{0} é" ("select" TEXT, "a""b" TEXT, "c]d" TEXT, "e%f" TEXT, "g\nh" TEXT)""",
        """INSERT INTO "it's ""odd"" [x] `y` %s\n{0} é" VALUES ('1', '2', '3', '4', '5')""",
    ),
    "generated": (
        "CREATE TABLE g (id INTEGER PRIMARY KEY, a TEXT, b TEXT GENERATED ALWAYS AS (upper(a)) VIRTUAL, c TEXT AS (a || a) STORED)",
        "INSERT INTO g (a) VALUES ('x')",
    ),
    "without rowid": ("CREATE TABLE w (id TEXT PRIMARY KEY, v) WITHOUT ROWID", "INSERT INTO w VALUES ('1', 2)"),
    "strict": ("CREATE TABLE s (id INTEGER PRIMARY KEY, v ANY) STRICT", "INSERT INTO s VALUES (1, 'x')"),
    "rowid taken": ("CREATE TABLE r (rowid TEXT, oid TEXT, _rowid_ TEXT)", "INSERT INTO r VALUES ('1', '2', '3')"),
    "full-text": ("CREATE VIRTUAL TABLE docs USING fts5(body)", "INSERT INTO docs VALUES ('hello')"),
}


@pytest.mark.parametrize("statements", ODD.values(), ids=ODD)
def test_an_odd_table_is_named_and_can_be_left_out(examine, both, source, schema_target, statements):
    for statement in statements:
        source.execute(statement)
    name = source.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid DESC LIMIT 1")[0][0]
    name = "docs" if name.startswith("docs") else name
    has_rows = len(statements) > 1
    answer = examine(source)
    assert not answer.get("failed"), answer
    shown = name.replace("\n", "\\n")
    assert ([problem for problem in messages(answer) if shown in problem] != []) == has_rows
    assert answer["ready"] is not has_rows
    assert not any("\n" in problem for problem in messages(answer))
    assert bool(examine(source, fail_on=["tables"]).get("failed")) == has_rows
    other_case = "".join(character.upper() if character.isascii() else character for character in name)
    assert examine(source, exclude_tables=[other_case])["ready"]
    result = both(source, schema_target)
    assert bool(result.get("failed")) == has_rows
    if has_rows:
        (problem,) = result["problems"]
        assert (problem["kind"], problem["table"]) == ("table", name)
        result = both(source, schema_target, exclude_tables=[name])
        rows = {item["table"]: item["rows"] for item in result["left_out"] if item["why"] == "left out by exclude_tables"}
        assert rows[name] == source.rows('SELECT count(*) FROM "{}"'.format(name.replace('"', '""')))[0][0]
        assert any(shown in text for text in texts(result["warnings"]))
    assert result["changed"]


def test_an_odd_table_moves_where_the_target_has_it(both, source, any_schema_target):
    source.execute('CREATE TABLE "Kv ""x"" %s" (K, "a b" TEXT, g AS (upper(k)), only_here AS (1))')
    source.execute('INSERT INTO "Kv ""x"" %s" (k, "a b") VALUES (\'k1\', 2), (NULL, \'two\')')
    execute(any_schema_target, 'CREATE TABLE "kv ""x"" %s" (k text, "A b" text, g text, own int GENERATED ALWAYS AS (7) STORED)')
    result = both(source, any_schema_target)
    assert result.get("changed"), result
    assert held(any_schema_target, 'SELECT * FROM "kv ""x"" %s" ORDER BY k') == [("k1", "2", "K1", 7), (None, "two", None, 7)]


def test_a_table_with_as_many_columns_as_postgresql_takes(both, source, schema_target):
    names = [f"c{number}" for number in range(1590)]
    source.execute(f"CREATE TABLE wide (id TEXT PRIMARY KEY, {' TEXT, '.join(names)} TEXT)")
    source.execute("INSERT INTO wide (id, c0, c1589) VALUES ('k', '1', 2)")
    execute(schema_target, f"CREATE TABLE wide (id text PRIMARY KEY, {' text, '.join(names)} text)")
    assert both(source, schema_target).get("changed")
    assert held(schema_target, "SELECT c0, c1, c1589 FROM wide") == [("1", None, "2")]


def test_a_column_that_both_sides_compute(both, source, schema_target):
    source.execute("CREATE TABLE g (id TEXT PRIMARY KEY, a TEXT, b TEXT AS (a || '!') STORED)")
    source.execute("INSERT INTO g (id, a) VALUES ('1', 'x')")
    execute(schema_target, "CREATE TABLE g (id text PRIMARY KEY, a text, b text GENERATED ALWAYS AS (a || '!') STORED)")
    assert both(source, schema_target).get("changed")
    assert held(schema_target, "SELECT id, a, b FROM g") == [("1", "x", "x!")]


def spoil(path: Path) -> None:
    """Tables that only another program can work with: an order, a function, a module of its own."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_collation("custom", lambda one, other: (one < other) - (one > other))
        connection.create_function("foo", 1, lambda value: value, deterministic=True)
        for statement in (
            "CREATE TABLE t (id TEXT PRIMARY KEY, n TEXT COLLATE custom)",
            "CREATE INDEX t_n ON t (n)",
            "INSERT INTO t VALUES ('1', 'x'), ('2', 'y')",
            "CREATE TABLE f (id TEXT PRIMARY KEY, n TEXT CHECK (foo(n) IS NOT NULL))",
            "CREATE INDEX f_n ON f (foo(n))",
            "INSERT INTO f VALUES ('1', 'x')",
            "CREATE VIEW broken AS SELECT * FROM nowhere",
            "PRAGMA writable_schema = ON",
            "INSERT INTO sqlite_master VALUES ('table', 'vec', 'vec', 0, 'CREATE VIRTUAL TABLE vec USING vec0(e float[3])')",
        ):
            connection.execute(statement)


def test_what_only_another_program_can_work_with(examine, both, source, schema_target):
    spoil(source.path)
    answer = examine(source)
    assert not answer.get("failed"), answer
    assert {"name": "vec", "rows": None} in answer["tables"]
    assert {"name": "t", "rows": 2} in answer["tables"]
    told = "\n".join(messages(answer))
    for name in ("table t holds 2 rows", "table f holds 1 rows", "table vec, a virtual table of the module vec0, holds rows"):
        assert name in told
    assert "table f could not be checked for damage" in told
    excluded = {"exclude_tables": ["t", "f", "vec"]}
    assert examine(source, **excluded)["ready"]
    result = both(source, schema_target)
    assert {problem["table"] for problem in result["problems"]} == {"t", "f", "vec"}
    assert both(source, schema_target, **excluded)["changed"]


def test_an_order_that_sqlite_does_not_know_is_no_reason_not_to_move(both, source, schema_target):
    spoil(source.path)
    execute(schema_target, "CREATE TABLE t (id text PRIMARY KEY, n text)")
    assert both(source, schema_target, exclude_tables=["f", "vec"])["changed"]
    assert held(schema_target, "SELECT id, n FROM t ORDER BY id") == [("1", "x"), ("2", "y")]


def test_a_definition_that_sqlite_cannot_read_is_named(examine, migrate, source, schema_target):
    with closing(sqlite3.connect(source.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_master VALUES ('table', 'newer', 'newer', 3, 'CREATE TABLE newer (id TEXT) FANCY')")
    for answer in (examine(source), migrate(source, schema_target)):
        assert answer["failed"]
        assert "cannot read how newer is defined" in answer["msg"]
        assert "restore it from a backup" not in answer["msg"]


def test_a_view_where_open_webui_has_a_table(examine, both, source, schema_target):
    source.execute("DROP TABLE tag")
    source.execute("CREATE VIEW tag AS SELECT id, 'x' AS name, user_id, NULL AS meta FROM chat")
    answer = examine(source)
    assert not answer["ready"]
    assert any(problem.startswith("tag is a view in the source") for problem in messages(answer))
    assert [problem["message"].split(",")[0] for problem in both(source, schema_target)["problems"]] == ["tag is a view in the source"]


IN_PLACE = {
    "tag": ("a view", "CREATE VIEW tag AS SELECT 'x'::text AS id, 'n'::text AS name"),
    "memory": ("a materialized view", "CREATE MATERIALIZED VIEW memory AS SELECT 'x'::text AS id"),
    "feedback": ("a foreign table", "CREATE FOREIGN TABLE feedback (id text) SERVER elsewhere"),
    "function": ("a sequence", "CREATE SEQUENCE function"),
    "model": ("an index", "CREATE INDEX model ON chat (title)"),
    "tool": ("a composite type", "CREATE TYPE tool AS (id text, name text)"),
}


def test_something_else_in_the_target_where_open_webui_has_a_table(both, source, schema_target):
    """Also where there is nothing to move into it: Open WebUI could not write there."""
    with schema_target.admin() as connection:
        connection.execute("CREATE FOREIGN DATA WRAPPER nowhere")
        connection.execute("CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere")
        connection.execute("GRANT USAGE ON FOREIGN SERVER elsewhere TO PUBLIC")
    execute(schema_target, f"DROP TABLE {', '.join(IN_PLACE)} CASCADE", *(statement for _kind, statement in IN_PLACE.values()))
    execute(schema_target, "CREATE VIEW mine AS SELECT 'x'::text AS id")
    source.insert_row("tag", id="t", name="t", user_id="u")
    source.execute("CREATE TABLE mine (id TEXT)")
    result = both(source, schema_target)
    assert {problem["table"]: (problem["kind"], problem["message"]) for problem in result["problems"]} == {
        name: (
            "table",
            f"{name} is {kind} in the target, where Open WebUI needs a table to write to; make it a table again, or let Open WebUI create"
            " its schema in an empty database",
        )
        for name, (kind, _statement) in IN_PLACE.items()
    }
    source.execute("INSERT INTO mine VALUES ('x')")
    (problem,) = both(source, schema_target, exclude_tables=list(IN_PLACE))["problems"]
    words = "table mine holds 1 rows, and the target has no such table: mine is a view there; if it is not Open WebUI's, leave it out"
    assert problem["message"].startswith(words)


def test_a_view_of_revisions_in_the_target(both, source, schema_target):
    execute(schema_target, "ALTER TABLE alembic_version RENAME TO stamp", "CREATE VIEW alembic_version AS SELECT * FROM stamp")
    (problem,) = both(source, schema_target)["problems"]
    assert problem["kind"] == "bootstrap"
    assert "has no table alembic_version, which is a view there; make it a table again" in problem["message"]


def test_a_view_in_the_target_where_the_source_has_lost_the_table(both, source, schema_target):
    execute(schema_target, "DROP TABLE tag", "CREATE VIEW tag AS SELECT id FROM chat")
    source.execute("DROP TABLE tag")
    (problem,) = both(source, schema_target)["problems"]
    assert problem["message"].startswith("tag is a view in the target, where Open WebUI needs a table")


# Types that Open WebUI itself never creates


TYPES = [
    (
        "numeric(24,12)",
        [1, -0.5, 0.1, "123456789012.123456789012", "1e3", None],
        ["1.000000000000", "-0.500000000000", "0.100000000000", "123456789012.123456789012", "1000.000000000000", None],
    ),
    (
        "numeric",
        [1, "1.10", "-0.00", "NaN", 1e22, "1e-5", ".5"],
        ["1", "1.10", "0.00", "NaN", "10000000000000000000000", "0.00001", "0.5"],
    ),
    ("numeric(5,0)", [12345, "-1.0"], ["12345", "-1"]),
    ("double precision", [0.1, 1e15, 1e16, 5e-324, 2.0**-44, 1.7976931348623157e308, float("inf"), "-inf", "NaN", 7, -3.5], None),
    ("real", [0.1, 0.5, 1e10, 0.10000000149011612, float("-inf"), 3], ["0.1", "0.5", "1e+10", "0.1", "-Infinity", "3"]),
    ("smallint", [-32768, 32767, "5"], ["-32768", "32767", "5"]),
    ("bigint", [-(2**63), 2**63 - 1], [str(-(2**63)), str(2**63 - 1)]),
    (
        "jsonb",
        ['{"b": 1.10, "a": [1e2, "x\\ny", null, true]}', "null", 5, 0.5, '"\\ud83d\\ude00"'],
        ['{"a": [100, "x\\ny", null, true], "b": 1.10}', "null", "5", "0.5", '"\U0001f600"'],
    ),
    (
        "uuid",
        ["6F1C0B6E8D1F4E35B7A95F0C0B6E8D1F", "{6f1c0b6e-8d1f-4e35-b7a9-5f0c0b6e8d1f}", bytes(range(16)), None],
        [*["6f1c0b6e-8d1f-4e35-b7a9-5f0c0b6e8d1f"] * 2, "00010203-0405-0607-0809-0a0b0c0d0e0f", None],
    ),
    (
        "timestamptz",
        ["2024-02-29 23:30:00.120000-02:00", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05.000001", "2024-01-02"],
        ["2024-03-01 01:30:00.12+00", "2024-01-02 03:04:05+00", "2024-01-02 03:04:05.000001+00", "2024-01-02 00:00:00+00"],
    ),
    ("timestamp(3)", ["2024-01-02 03:04:05.120"], ["2024-01-02 03:04:05.12"]),
    ("date", ["2024-02-29"], ["2024-02-29"]),
    ("time", ["03:04:05.500", "23:59"], ["03:04:05.5", "23:59:00"]),
    ("timetz", ["03:04:05+05:30", "03:04:05-07", "03:04:05"], ["03:04:05+05:30", "03:04:05-07", "03:04:05+00"]),
    ("bytea", [b"\x00\xff\\\n", b"", "text"], ["\\x00ff5c0a", "\\x", "\\x74657874"]),
    (
        "text[]",
        ['["a", "b c", "", "NULL", null, "q\\"\\\\{},", "\u00e9\\n\u2028"]', "[]", None],
        ['{a,"b c","","NULL",NULL,"q\\"\\\\{},","\u00e9\n\u2028"}', "{}", None],
    ),
    ("varchar(3)[]", ['["abc"]'], ["{abc}"]),
    ("char(4)", ["ab", "abcd", "abc ", 7], ["ab  ", "abcd", "abc ", "7   "]),
    ("mood", ["so so", None], ["so so", None]),
    ("amount", ["1.50", None], ["1.50", None]),
]


@pytest.mark.parametrize(("declared", "stored", "expected"), TYPES, ids=[declared for declared, _stored, _expected in TYPES])
def test_other_types_move_without_loss(both, source, any_schema_target, declared, stored, expected):
    source.execute("CREATE TABLE plugin (id INTEGER PRIMARY KEY, v)")
    for number, value in enumerate(stored):
        source.insert_row("plugin", id=number, v=value)
    execute(
        any_schema_target,
        "CREATE TYPE mood AS ENUM ('so so', 'fine')",
        "CREATE DOMAIN amount AS numeric(6,2) CHECK (VALUE > 0)",
        f"CREATE TABLE plugin (id integer PRIMARY KEY, v {declared})",
        "ALTER ROLE CURRENT_USER SET extra_float_digits = -5",
        "ALTER ROLE CURRENT_USER SET bytea_output = 'escape'",
    )
    try:
        result = both(source, any_schema_target)
    finally:
        execute(any_schema_target, "ALTER ROLE CURRENT_USER RESET ALL")
    assert result.get("changed"), result
    assert result["repairs"]["total"] == 0
    with any_schema_target.connect(options="-c TimeZone=UTC -c extra_float_digits=1") as connection:
        # A char loses its blanks when it is cast, so it is not.
        column = "concat('[', v, ']')" if declared == "char(4)" else "v::text"
        found = [value for (value,) in connection.execute(f"SELECT {column} FROM plugin ORDER BY id").fetchall()]
    if expected is None:
        assert [repr(float(value)) for value in found] == [repr(float(value)) for value in stored]
    elif declared == "char(4)":
        assert found == [f"[{value}]" for value in expected]
    else:
        assert found == expected


REFUSED = [
    ("numeric(6,2)", 1.005, "rounded"),
    ("numeric(6,2)", 10000, "overflow"),
    ("numeric(6,2)", float("inf"), "overflow"),
    ("numeric", "twelve", "number"),
    ("numeric", "", "number"),
    ("double precision", 2**53 + 1, "rounded"),
    ("double precision", "1e400", "overflow"),
    ("real", 0.123456789, "rounded"),
    ("real", 1e39, "overflow"),
    ("real", 1e-50, "overflow"),
    ("smallint", 32768, "range"),
    ("jsonb", "{'a': 1}", "json"),
    ("jsonb", "1e200000", "overflow"),
    ("uuid", "6f1c", "uuid"),
    ("timestamptz", "2024-02-30 00:00:00", "timestamp"),
    ("timestamptz(0)", "2024-01-02 03:04:05.5", "rounded"),
    ("timestamp(0)", "2024-01-02 03:04:05.5", "rounded"),
    ("time", "25:00:00", "time"),
    ("bytea", 5, "bytes"),
    ("text[]", "{a,b}", "array"),
    ("text[]", '[["a"]]', "array"),
    ("varchar(3)[]", '["abcd"]', "length"),
    ("char(4)", "ab ", "blanks"),
    ("char(4)", "abcd ", "length"),
    ("mood", "bad", "label"),
]


@pytest.mark.parametrize(("declared", "value", "rule"), REFUSED, ids=[f"{declared} {value}" for declared, value, _rule in REFUSED])
def test_what_another_type_would_lose_is_refused_by_name(both, source, schema_target, declared, value, rule):
    source.execute("CREATE TABLE plugin (id INTEGER PRIMARY KEY, v)")
    source.insert_row("plugin", id=7, v=value)
    execute(
        schema_target,
        "CREATE TYPE mood AS ENUM ('so so', 'fine')",
        f"CREATE TABLE plugin (id integer PRIMARY KEY, v {declared})",
    )
    (problem,) = both(source, schema_target)["problems"]
    assert (problem["table"], problem["key"], problem["column"], problem["rule"]) == ("plugin", "7", "v", rule)


def test_what_jsonb_drops_is_a_repair(both, source, schema_target, tmp_path):
    source.execute("CREATE TABLE plugin (id INTEGER PRIMARY KEY, v)")
    source.insert_row("plugin", id=1, v='{"a": 1, "a": 2, "n": "x\\u0000y"}')
    execute(schema_target, "CREATE TABLE plugin (id integer PRIMARY KEY, v jsonb NOT NULL)")
    refused = both(source, schema_target, repair=False)
    assert {problem["rule"] for problem in refused["problems"]} <= {"json_escape", "json_duplicate"}
    result = both(source, schema_target, quarantine=str(tmp_path / "quarantine"))
    assert [item["rule"] for item in result["repairs"]["listed"]] == ["json_escape+json_duplicate"]
    assert held(schema_target, "SELECT v::text FROM plugin") == [('{"a": 2, "n": "xy"}',)]


@pytest.mark.parametrize("declared", ["interval", "money", "inet", "integer[]", "bit(3)", "tsvector", "int4range", "xml", "pair", "mood[]"])
def test_any_other_type_is_refused_in_the_same_words_by_both(both, source, schema_target, declared):
    source.execute("CREATE TABLE plugin (id INTEGER PRIMARY KEY, v)")
    source.insert_row("plugin", id=1, v=None)
    execute(
        schema_target,
        "CREATE TYPE mood AS ENUM ('so so')",
        "CREATE TYPE pair AS (a int, b int)",
        f"CREATE TABLE plugin (id integer PRIMARY KEY, v {declared})",
    )
    source.insert_row("plugin", id=2, v="1")
    (problem,) = both(source, schema_target)["problems"]
    assert (problem["kind"], problem["table"], problem["column"]) == ("type", "plugin", "v")
    assert f"{declared} in the target, which cannot be filled without loss" in problem["message"]
    assert "exclude_tables" in problem["message"]
    source.execute("UPDATE plugin SET v = NULL")
    result = both(source, schema_target)
    assert result.get("changed"), result
    assert held(schema_target, "SELECT id, v::text FROM plugin ORDER BY id") == [(1, None), (2, None)]


def test_a_null_where_there_must_be_none(both, source, schema_target):
    source.execute("CREATE TABLE plugin (id INTEGER PRIMARY KEY, v)")
    source.insert_row("plugin", id=1, v=None)
    execute(schema_target, "CREATE TABLE plugin (id integer PRIMARY KEY, v text[] NOT NULL)")
    (problem,) = both(source, schema_target)["problems"]
    assert (problem["rule"], problem["column"]) == ("null", "v")


# Tables left out


def test_a_name_that_means_no_table_is_a_finding(examine, both, source, schema_target):
    (problem,) = both(source, schema_target, exclude_tables=["plugn"])["problems"]
    assert problem["kind"] == "exclude"
    assert "exclude_tables names plugn" in problem["message"]
    assert not examine(source, exclude_tables=["plugn"])["ready"]


def test_a_table_of_open_webui_can_be_left_out_and_is_named_loudly(examine, both, source, schema_target):
    source.insert_row("config", key="k", value="1", updated_at=1)
    execute(schema_target, "INSERT INTO config (key, value, updated_at) VALUES ('of bootstrap', '1', 1)")
    answer = examine(source, exclude_tables=["config"])
    assert answer["ready"]
    line = "table config does not move, and its 1 rows stay behind: left out by exclude_tables"
    assert line in messages(answer)
    result = both(source, schema_target, exclude_tables=["config"])
    assert line in texts(result["warnings"])
    assert {"table": "config", "column": None, "why": "left out by exclude_tables", "rows": 1} in result["left_out"]
    assert "config" not in [table["name"] for table in result["tables"]]
    assert held(schema_target, "SELECT key FROM config") == [("of bootstrap",)]


def test_rows_that_refer_to_a_table_that_is_left_out(examine, both, source, schema_target):
    source.insert_row("chat_message", id="m", chat_id="c", role="user")
    (problem,) = both(source, schema_target, exclude_tables=["chat"])["problems"]
    assert (problem["kind"], problem["table"], problem["column"]) == ("exclude", "chat_message", "chat_id")
    examined = messages(examine(source, exclude_tables=["chat"]))
    assert any("chat_message.chat_id: 1 rows refer to chat, which exclude_tables leaves out" in line for line in examined)
    result = both(source, schema_target, exclude_tables=["chat", "chat_message"])
    assert result.get("changed"), result
    assert held(schema_target, 'SELECT (SELECT count(*) FROM chat), (SELECT count(*) FROM "user")') == [(0, 1)]


def test_rows_whose_parent_is_one_for_sqlite_only(both, source, schema_target):
    for statement in (
        "CREATE TABLE p (id TEXT PRIMARY KEY COLLATE NOCASE, part TEXT)",
        "CREATE TABLE c (id TEXT PRIMARY KEY, p TEXT REFERENCES p (id), q TEXT, part TEXT)",
        "INSERT INTO p VALUES ('AB', 'x')",
        "INSERT INTO c VALUES ('small', 'ab', NULL, NULL), ('fine', 'AB', 'AB', 'x'), ('half', NULL, 'AB', NULL)",
    ):
        source.execute(statement)
    execute(
        schema_target,
        "CREATE TABLE p (id text PRIMARY KEY, part text, UNIQUE (id, part))",
        "CREATE TABLE c (id text PRIMARY KEY, p text REFERENCES p, q text, part text,"
        " CONSTRAINT whole FOREIGN KEY (q, part) REFERENCES p (id, part) MATCH FULL)",
    )
    problems = {problem["column"]: problem for problem in both(source, schema_target)["problems"]}
    assert {problem["kind"] for problem in problems.values()} == {"foreign_key"}
    assert set(problems) == {"p", "q, part"}
    assert problems["p"]["message"].endswith("write both alike, with Open WebUI stopped (small)")
    assert "the foreign key whole of the target does not take (MATCH FULL)" in problems["q, part"]["message"]
    assert problems["q, part"]["message"].endswith("(half)")
    source.execute("UPDATE c SET p = 'AB', q = NULL WHERE id <> 'fine'")
    assert both(source, schema_target).get("changed")


def test_rows_whose_parent_is_one_for_both_sides_by_their_order(both, source, schema_target_pg15):
    """PostgreSQL 18 from PyPI is built without ICU, without which it has no such order."""
    for statement in (
        "CREATE TABLE p (id TEXT PRIMARY KEY COLLATE NOCASE)",
        "CREATE TABLE c (id TEXT PRIMARY KEY, p TEXT REFERENCES p (id))",
        "INSERT INTO p VALUES ('AB')",
        "INSERT INTO c VALUES ('small', 'ab')",
    ):
        source.execute(statement)
    execute(
        schema_target_pg15,
        "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE p (id text COLLATE any_case PRIMARY KEY)",
        "CREATE TABLE c (id text PRIMARY KEY, p text COLLATE any_case REFERENCES p)",
    )
    result = both(source, schema_target_pg15)
    assert result.get("changed"), result


def test_orphans_in_a_table_that_is_left_out_do_not_matter(examine, both, source, schema_target):
    source.insert_row("chat_message", id="m", chat_id="gone", role="user")
    assert not examine(source)["ready"]
    assert examine(source, exclude_tables=["chat_message"])["ready"]
    assert both(source, schema_target, exclude_tables=["chat_message"])["changed"]


# Revisions, and what they stand for


@pytest.mark.parametrize("other", ["b8f2c6d91a04", "0000", "zzzz"])
def test_two_revisions_are_both_named(examine, both, source, schema_target, other):
    source.execute("INSERT INTO alembic_version VALUES (?)", other)
    (problem,) = both(source, schema_target)["problems"]
    assert problem["kind"] == "revision"
    answer = examine(source, upgrade_to=HEAD)
    assert answer["failed"]
    for message in (problem["message"], answer["msg"], *(obstacle["message"] for obstacle in answer["upgrade"]["obstacles"])):
        assert other in message
        assert "0bd252b206fb (Open WebUI 0.12.1 to 0.12.4)" in message
        assert "its tables and columns are those of 0bd252b206fb" in message
    source.execute("DELETE FROM alembic_version WHERE version_num = ?", other)
    assert examine(source)["ready"]


def test_two_revisions_in_the_target(both, source, schema_target):
    execute(schema_target, "INSERT INTO alembic_version VALUES ('b8f2c6d91a04')")
    (problem,) = both(source, schema_target)["problems"]
    assert problem["message"].startswith("the target is stamped with 2 revisions in alembic_version, 0bd252b206fb")


def test_an_empty_table_of_revisions(examine, both, source, schema_target):
    source.execute("DELETE FROM alembic_version")
    (problem,) = both(source, schema_target)["problems"]
    assert problem["message"].startswith("the source has no alembic revision: its table alembic_version is empty")
    assert "insert the true one, with Open WebUI stopped (its tables and columns are those of 0bd252b206fb" in problem["message"]
    assert "table alembic_version is empty" in examine(source)["msg"]


def test_a_step_that_never_ran_and_had_data_to_move(examine, both, source, schema_target):
    source.execute("DROP TABLE chat_message")
    result = both(source, schema_target)
    (problem,) = result["problems"]
    assert (problem["kind"], problem["table"]) == ("incomplete", "chat_message")
    assert "step 8452d01d26d7" in problem["message"]
    assert "not Open WebUI's" not in result["msg"]
    answer = examine(source)
    assert answer["failed"]
    assert not answer["ready"]
    assert any("table chat_message is missing in the source" in line for line in messages(answer))


def test_a_step_that_never_ran_and_had_nothing_to_move(examine, both, source, schema_target):
    source.execute("DELETE FROM chat")
    source.execute("DROP TABLE chat_message")
    source.execute("DROP TABLE chat_file")
    source.execute("DROP TABLE calendar")
    result = both(source, schema_target)
    assert result.get("changed"), result
    for name in ("chat_message", "chat_file", "calendar"):
        line = f"table {name} is missing in the source, though its revision has it; it will be empty"
        assert line in texts(result["warnings"])
        assert line in messages(examine(source))
    assert examine(source)["ready"]


def test_columns_that_a_revision_has(examine, both, source, schema_target):
    source.execute("ALTER TABLE chat DROP COLUMN summary")
    source.execute("ALTER TABLE user DROP COLUMN bio")
    source.execute("ALTER TABLE user DROP COLUMN gender")
    answer = examine(source)
    assert answer["ready"]
    assert "user lacks bio, gender in the source; each gets its default" in messages(answer)
    source.execute("ALTER TABLE chat DROP COLUMN current_message_id")
    answer = examine(source)
    assert answer["failed"]
    (problem,) = both(source, schema_target)["problems"]
    assert (problem["kind"], problem["table"], problem["column"]) == ("incomplete", "chat", "current_message_id")


def test_a_column_that_must_not_be_null_and_is_not_there(examine, both, source, schema_target):
    source.insert_row("tag", id="t", name="t", user_id="u")
    source.insert_row("folder", id="f", user_id="u", name="f", is_expanded=0, created_at=1, updated_at=1)
    source.execute("ALTER TABLE folder DROP COLUMN created_at")
    (problem,) = both(source, schema_target)["problems"]
    assert (problem["kind"], problem["table"], problem["column"]) == ("column", "folder", "created_at")
    assert problem["message"] in messages(examine(source))


def test_what_is_known_of_the_head_is_what_open_webui_makes(schema_target):
    known = known_tables(HEAD)
    found: dict[str, dict[str, tuple]] = {}
    for table, column, declared, not_null, has_default in held(
        schema_target,
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
        " AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'alembic_version'",
    ):
        found.setdefault(table, {})[column] = (declared, not_null, has_default)
    assert {
        table: {
            column.name: (column.type + (f"({column.length})" if column.length else ""), column.not_null, column.has_default)
            for column in columns.values()
        }
        for table, columns in known.items()
    } == found


def test_what_the_target_alone_would_refuse_is_found_without_it(examine, both, source, schema_target):
    """SQLite lets tag.user_id be NULL, PostgreSQL does not: the file's own declarations do not tell."""
    source.insert_row("tag", id="t", name="t", user_id=None)
    (problem,) = both(source, schema_target)["problems"]
    assert (problem["table"], problem["column"], problem["rule"]) == ("tag", "user_id", "null")
    assert examine(source)["value_findings"] == [
        {"table": "tag", "column": "user_id", "rule": "null", "rows": 1, "sample_keys": ["t, None"], "refused": True}
    ]
