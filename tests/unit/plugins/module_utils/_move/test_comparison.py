# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source held against what is known of its revision, and what SQLite's own catalogue tells of odd tables."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.comparison import (
    EXCLUDED,
    LeftOut,
    as_target,
    compare,
    excluded_tables,
    find_unknown_tables,
    miss_steps,
    remarks,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import (
    FILLED_COLUMNS,
    FILLED_TABLES,
    is_known_table,
    known_tables,
    likely_revision,
    made_by_steps,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, RowReader, TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import REVISIONS, STEPS
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, one_line
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import fold, open_source

HEAD = "0bd252b206fb"
FTS = ("CREATE VIRTUAL TABLE Docs USING fts5(body)", "CREATE TABLE docs_mine (id TEXT)", "CREATE TABLE docs_notes (id TEXT)")


@pytest.fixture
def opened(make_source):
    """opened("CREATE TABLE …") -> a source, as long as the test lasts"""
    contexts = []

    def open_it(*statements: str):
        contexts.append(open_source(make_source(*statements)))
        return contexts[-1].__enter__()

    yield open_it
    for context in contexts:
        context.__exit__(None, None, None)


# What is known of revisions


def test_what_is_known_grows_from_step_to_step():
    assert known_tables("b2c3d4e5f6a7") is None
    assert known_tables("ffffffffffff") is None
    assert known_tables(None) is None
    assert len(known_tables(HEAD)) == 47
    assert "app" not in known_tables("b8f2c6d91a04")
    user = known_tables(HEAD)["user"]
    assert (user["username"].type, user["username"].length) == ("character varying", 50)
    member = known_tables(HEAD)["channel_member"]
    assert member["joined_at"].not_null
    assert not member["joined_at"].has_default
    assert member["is_active"].has_default


def test_what_a_step_has_dropped_is_not_asked_for():
    assert "user_ids" in made_by_steps("922e7a387820")["group"]
    assert "user_ids" not in made_by_steps(HEAD)["group"]
    for revision in REVISIONS:
        for columns in made_by_steps(revision).values():
            assert len(columns) == len(set(columns))


def test_what_steps_fill_is_what_they_bring():
    for table, origin in FILLED_TABLES.items():
        assert table in made_by_steps(origin.step)
        assert all(is_known_table(parent) for parent in origin.tables)
    for (table, column), step in FILLED_COLUMNS.items():
        assert column in made_by_steps(step)[table]
        assert column not in made_by_steps(STEPS[STEPS.index(step) - 1]).get(table, ())


def test_the_revision_that_a_file_is_really_at(opened, complete):
    source = opened(*complete)
    assert likely_revision(source, ["b8f2c6d91a04", HEAD, "zzzz"]) == HEAD
    assert likely_revision(source, ["zzzz"]) is None


def test_a_file_that_lacks_the_newer_of_two(opened, complete):
    source = opened(*complete, "DROP TABLE app")
    assert likely_revision(source, ["b8f2c6d91a04", HEAD]) == "b8f2c6d91a04"


# Comparing


def compared(source, excluded=()):
    surplus, lacks = Findings(), Findings()
    result = compare(source, as_target(known_tables(HEAD)), HEAD, excluded, surplus, lacks)
    return result, [problem.message for problem in surplus.problems], [problem.message for problem in lacks.problems]


def test_a_whole_file_has_neither_too_much_nor_too_little(opened, complete):
    result, surplus, lacks = compared(opened(*complete))
    assert (surplus, lacks) == ([], [])
    assert len(result.plans) == 47
    assert remarks(result.left_out) == []


def test_upper_and_lower_case_are_the_same(opened, complete):
    result, surplus, lacks = compared(opened(*complete, "ALTER TABLE note RENAME TO x", "ALTER TABLE x RENAME TO NOTE"))
    assert (surplus, lacks) == ([], [])
    assert "note" in result.plans


def test_only_letters_of_ascii_are_folded():
    assert fold("ÄA[Z]") == "Äa[z]"


def test_a_virtual_table_and_its_content_are_one(opened, complete):
    source = opened(*complete, *FTS, "INSERT INTO docs VALUES ('x')", "INSERT INTO docs_mine VALUES ('x')")
    assert source.virtual_tables() == {"Docs": "fts5"}
    assert set(source.shadow_tables()) == {"Docs_data", "Docs_idx", "Docs_content", "Docs_docsize", "Docs_config"}
    _result, surplus, _lacks = compared(source)
    assert [message.split(" holds ")[0] for message in surplus] == ["table Docs, a virtual table of the module fts5,", "table docs_mine"]
    findings = Findings()
    assert excluded_tables(source, ["docs"], findings) == {"Docs", *source.shadow_tables()}
    assert findings.total == 0


def test_an_empty_virtual_table_is_empty_though_its_content_has_rows(opened, complete):
    result, surplus, _lacks = compared(opened(*complete, *FTS))
    assert surplus == []
    assert "Docs does not move: empty, and the target has no such table" in remarks(result.left_out)


def test_tables_of_an_older_release(opened):
    source = opened("CREATE TABLE mine (id)", "INSERT INTO mine VALUES (1)", "CREATE TABLE memory (id)", "INSERT INTO memory VALUES (1)")
    findings, left_out = Findings(), []
    find_unknown_tables(source, {"auth"}, left_out, findings)
    assert [problem.table for problem in findings.problems] == ["mine"]
    assert left_out == [LeftOut("auth", None, EXCLUDED, 0)]


def test_steps_that_an_older_file_has_not_taken(opened):
    source = opened("INSERT INTO chat VALUES ('c', 'u', '{}')")
    findings, left_out = Findings(), []
    miss_steps(source, "a1b2c3d4e5f6", left_out, findings)
    missing = {(problem.table, problem.column) for problem in findings.problems}
    assert ("chat_message", None) in missing
    assert ("chat", "meta") in missing
    assert ("folder", None) not in missing
    assert any(item.table == "folder" for item in left_out)


@pytest.mark.parametrize("name", ["alembic_version", "Alembic_Version", "migratehistory"])
def test_what_never_moves_cannot_be_left_out(opened, name):
    findings = Findings()
    assert excluded_tables(opened("CREATE TABLE migratehistory (id)"), [name, "chat"], findings) == {"chat"}
    (problem,) = findings.problems
    assert (problem.kind, problem.table) == ("exclude", name)
    assert problem.message.startswith(f"exclude_tables names {name}, which never moves: it belongs to the migrations of Open WebUI itself")


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_an_empty_name_means_no_table(opened, name):
    findings = Findings()
    assert excluded_tables(opened(), [name], findings) == set()
    assert [(problem.kind, problem.message) for problem in findings.problems] == [
        ("exclude", "exclude_tables holds an empty name; remove it")
    ]


# Odd files


def test_an_order_that_is_not_known_does_not_spoil_the_check_for_damage(make_source):
    import sqlite3
    from contextlib import closing

    path = make_source()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_collation("backwards", lambda one, other: (one < other) - (one > other))
        for statement in (
            "CREATE TABLE t (n TEXT)",
            "CREATE INDEX i ON t (n COLLATE backwards)",
            "INSERT INTO t VALUES ('a'), ('b'), ('c')",
        ):
            connection.execute(statement)
    with open_source(path) as source:
        assert source.count("t") == 3
        assert source.integrity() == []
        assert source.unchecked == ["t"]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("CREATE TABLE t (id TEXT PRIMARY KEY, v) WITHOUT ROWID", "k"),
        ("CREATE TABLE t (rowid TEXT, id TEXT, v)", "rowid 1"),
        ("CREATE TABLE t (rowid TEXT, oid TEXT, _rowid_ TEXT, id TEXT, v)", "(a row without a key)"),
    ],
)
def test_a_row_is_named_also_where_the_target_has_no_key(opened, table, key):
    source = opened(table, "INSERT INTO t (id, v) VALUES ('k', 'no number')")
    findings = Findings()
    plan = TablePlan("t", (TargetColumn("v", "bigint"),), (), 1)
    assert list(RowReader(source, plan, Repairs(), findings, thorough=True).rows()) == []
    assert [(problem.key, problem.rule) for problem in findings.problems] == [(key, "integer")]


def test_how_a_row_is_numbered(opened):
    source = opened(
        "CREATE TABLE a (rowid TEXT)",
        "CREATE TABLE b (rowid TEXT, oid TEXT, _ROWID_ TEXT)",
        "CREATE TABLE c (id TEXT PRIMARY KEY) WITHOUT ROWID",
    )
    assert [source.rowid(table) for table in ("chat", "a", "b", "c")] == ["rowid", "_rowid_", None, None]


def test_stamps(opened):
    source = opened("INSERT INTO alembic_version VALUES ('b8f2c6d91a04')")
    assert source.revisions() == ["0bd252b206fb", "b8f2c6d91a04"]
    assert source.revision() is None


def test_a_name_with_more_than_one_line_is_told_on_one():
    assert one_line("table a\nb\u2028c é…") == "table a\\nb\\u2028c é…"
    findings = Findings()
    findings.add("table", "table a\nb")
    assert findings.problems[0].message == "table a\\nb"
