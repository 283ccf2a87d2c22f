# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows differ between a file and a snapshot of it, to the byte and to the type."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Callable, NamedTuple

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.differences import (
    MUCH_CHANGED,
    NO_KEY,
    NO_ROWID,
    Differences,
    Unfit,
    attach,
    changed_schema,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import omit_nothing
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Orphans

NOTE = "CREATE TABLE note (id TEXT PRIMARY KEY, body)"


class Found(NamedTuple):
    whole: str | None
    gone: list
    come: list


class Pair:
    """A file, and a snapshot of how it was before."""

    def __init__(self, make_source: Callable[..., str], *statements: str) -> None:
        self.path = make_source(*statements)
        self.snapshot = str(Path(self.path).parent.parent / "snapshot.db")
        shutil.copy(self.path, self.snapshot)

    def run(self, *statements: str | tuple, pragma: str = "") -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            for statement in statements:
                db.execute(*(statement if isinstance(statement, tuple) else (statement,)))

    def find(self, table: str = "note", columns: tuple[str, ...] = ("id", "body"), has_key: bool = True, omit: bool = False) -> Found:
        files = [Path(self.path), Path(self.snapshot)]
        before = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files], sorted(Path(self.path).parent.iterdir())
        with open_source(self.path) as source:
            rows = source.count(table)
            plan = TablePlan(table, tuple(TargetColumn(name, "text") for name in columns), ("id",), rows)
            before_omit = after_omit = omit_nothing
            if omit:
                ours = Orphans(source, None)
                with open_source(self.snapshot) as snapshot:
                    theirs = Orphans(snapshot, None)
                    theirs.tell(source, "theirs")
                source.connection.text_factory = bytes

                def before_omit(name: str, alias: str):
                    return theirs.omission(name, alias, "theirs")

                after_omit = ours.omission
            attach(source, self.snapshot)
            differences = Differences(source, before_omit, after_omit)
            found = differences.find(plan, has_key)
            gone, come = [], []
            if found.whole is None:
                for reader, into in (
                    (differences.gone(plan, Repairs(replace_invalid=True), Findings()), gone),
                    (differences.come(plan, Repairs(replace_invalid=True), Findings()), come),
                ):
                    into += sorted(tuple(fields) for fields in reader.rows())
                assert (found.gone, found.come) == (len(gone), len(come))
                assert found.is_any == bool(gone or come)
        assert before == ([hashlib.sha256(file.read_bytes()).hexdigest() for file in files], sorted(Path(self.path).parent.iterdir()))
        return Found(found.whole, gone, come)


@pytest.fixture
def pair(make_source) -> Pair:
    return Pair(make_source, NOTE, "INSERT INTO note VALUES ('a', 'one'), ('b', 'two'), ('c', NULL)")


def test_nothing_differs(pair):
    assert pair.find() == (None, [], [])


def test_rows_come_go_and_change(pair):
    pair.run("INSERT INTO note VALUES ('d', 'four')", "DELETE FROM note WHERE id = 'a'", "UPDATE note SET body = 'TWO' WHERE id = 'b'")
    assert pair.find() == (None, [(b"a", b"one"), (b"b", b"two")], [(b"b", b"TWO"), (b"d", b"four")])


def test_a_key_that_changes_is_a_row_that_goes_and_one_that_comes(pair):
    pair.run("UPDATE note SET id = 'z' WHERE id = 'a'")
    assert pair.find() == (None, [(b"a", b"one")], [(b"z", b"one")])


def test_two_rows_that_swap_their_keys(pair):
    pair.run(
        "UPDATE note SET id = 'x' WHERE id = 'a'", "UPDATE note SET id = 'a' WHERE id = 'b'", "UPDATE note SET id = 'b' WHERE id = 'x'"
    )
    assert pair.find() == (None, [(b"a", b"one"), (b"b", b"two")], [(b"a", b"two"), (b"b", b"one")])


def test_a_row_number_that_another_key_uses_again(pair):
    pair.run("DELETE FROM note WHERE id = 'c'", "INSERT INTO note VALUES ('new', NULL)")
    assert pair.find() == (None, [(b"c", b"\\N")], [(b"new", b"\\N")])


@pytest.mark.parametrize("change", ["UPDATE note SET rowid = rowid + 100", "VACUUM", "PRAGMA incremental_vacuum"])
def test_other_row_numbers_alone_are_no_difference(pair, change):
    pair.run(change)
    assert pair.find() == (None, [], [])


def test_another_page_size_is_no_difference(pair):
    pair.run("PRAGMA page_size = 8192", "VACUUM")
    assert pair.find() == (None, [], [])


UNLIKE = {
    "integer and real": (1, 1.0),
    "integer and text": (1, "1"),
    "real and text": (1.5, "1.5"),
    "text and blob": ("a", b"a"),
    "zeros": (0.0, -0.0),
    "zero and NULL": (0, None),
    "empty and NULL": ("", None),
    "empty text and empty blob": ("", b""),
    "upper and lower case": ("a", "A"),
    "a blank at the end": ("a", "a "),
    "NUL and what follows": ("a\0b", "a\0c"),
    "NUL at the end": ("a", "a\0"),
    "combining marks": ("\u00e9", "e\u0301"),
    "infinities": (float("inf"), float("-inf")),
    "the largest integers": (2**63 - 1, 2**63 - 2),
    "an integer beyond what a real can tell": (2**53 + 1, float(2**53)),
    "the last bit of a real": (0.1, 0.1 + 2**-56),
}


@pytest.mark.parametrize("declared", ["", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "JSON", "INTEGER", "REAL", "BLOB"])
@pytest.mark.parametrize("values", UNLIKE.values(), ids=list(UNLIKE))
def test_what_only_sqlite_takes_for_equal(make_source, declared, values):
    pair = Pair(make_source, f"CREATE TABLE note (id TEXT PRIMARY KEY, body {declared})", "INSERT INTO note VALUES ('a', NULL), ('b', 1)")
    with closing(sqlite3.connect(pair.snapshot)) as db:
        db.execute("UPDATE note SET body = ? WHERE id = 'a'", values[:1])
        db.commit()
        stored = db.execute("SELECT typeof(body), quote(body), CAST(body AS BLOB) FROM note WHERE id = 'a'").fetchone()
        zero = str(db.execute("SELECT body FROM note WHERE id = 'a'").fetchone()[0])
    pair.run(("UPDATE note SET body = ? WHERE id = 'a'", values[1:]))
    with closing(sqlite3.connect(pair.path)) as db:
        now = db.execute("SELECT typeof(body), quote(body), CAST(body AS BLOB) FROM note WHERE id = 'a'").fetchone()
        zero_now = str(db.execute("SELECT body FROM note WHERE id = 'a'").fetchone()[0])
    # Some declarations make both values the same before they are stored. Then there is nothing to find.
    is_same = stored == now and zero == zero_now
    with open_source(pair.path) as source:
        attach(source, pair.snapshot)
        plan = TablePlan("note", (TargetColumn("id", "text"), TargetColumn("body", "text")), ("id",), 2)
        found = Differences(source).find(plan, has_key=True)
    assert (found.gone, found.come) == ((0, 0) if is_same else (1, 1))


def test_invalid_utf8(pair):
    for file, value in ((pair.snapshot, b"\xff\xfe"), (pair.path, b"\xff\xfd")):
        with closing(sqlite3.connect(file)) as db:
            db.execute("UPDATE note SET body = CAST(? AS TEXT) WHERE id = 'a'", (value,))
            db.commit()
    found = pair.find()
    assert len(found.gone) == len(found.come) == 1


@pytest.mark.parametrize("collation", ["NOCASE", "RTRIM"])
def test_keys_that_the_collation_takes_for_equal(make_source, collation):
    pair = Pair(
        make_source, f"CREATE TABLE note (id TEXT COLLATE {collation} PRIMARY KEY, body)", "INSERT INTO note VALUES ('a', 1), ('b', 2)"
    )
    pair.run("UPDATE note SET id = 'A  ' WHERE id = 'a'" if collation == "RTRIM" else "UPDATE note SET id = 'A' WHERE id = 'a'")
    found = pair.find()
    assert [row[0] for row in found.gone] == [b"a"]
    assert [row[0].strip() for row in found.come] == [b"A"]


@pytest.mark.parametrize("was", ["1", "1.0", "'1'", "x'31'"])
@pytest.mark.parametrize("now", ["1", "1.0", "'1'", "x'31'"])
def test_keys_of_different_types(make_source, was, now):
    pair = Pair(make_source, "CREATE TABLE note (id PRIMARY KEY, body)", f"INSERT INTO note VALUES ({was}, 'b')")
    pair.run(f"UPDATE note SET id = {now}")
    found = pair.find()
    assert len(found.gone) == len(found.come) == (was != now)


def test_a_column_whose_declaration_lies(make_source):
    pair = Pair(make_source, NOTE, "INSERT INTO note VALUES ('a', '01')")
    pair.run("UPDATE note SET body = '1'")
    for file in (pair.path, pair.snapshot):
        with closing(sqlite3.connect(file)) as db:
            db.execute("PRAGMA writable_schema = ON")
            db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE note (id TEXT PRIMARY KEY, body INTEGER)' WHERE name = 'note'")
            db.commit()
    assert pair.find() == (None, [(b"a", b"01")], [(b"a", b"1")])


def test_only_the_columns_that_move_matter(make_source):
    pair = Pair(make_source, "CREATE TABLE note (id TEXT PRIMARY KEY, body, extra)", "INSERT INTO note VALUES ('a', 1, 1)")
    pair.run("UPDATE note SET extra = 2")
    assert pair.find() == (None, [], [])


def test_a_generated_column_that_moves_is_compared(make_source):
    pair = Pair(make_source, "CREATE TABLE note (id TEXT PRIMARY KEY, seed, body AS (seed + 1))", "INSERT INTO note VALUES ('a', 1)")
    pair.run("UPDATE note SET seed = 2")
    assert pair.find() == (None, [(b"a", b"2")], [(b"a", b"3")])


def test_a_table_without_a_key_in_sqlite_is_compared_by_row_numbers(make_source):
    pair = Pair(make_source, "CREATE TABLE note (id, body)", "INSERT INTO note VALUES ('a', 1), ('b', 2)")
    pair.run("UPDATE note SET body = 3 WHERE id = 'b'")
    assert pair.find() == (None, [(b"b", b"2")], [(b"b", b"3")])


def test_a_numbered_key_and_columns_that_take_the_names_of_row_numbers(make_source):
    pair = Pair(make_source, 'CREATE TABLE note (id INTEGER PRIMARY KEY, rowid, "oid")', "INSERT INTO note VALUES (1, 1, 1), (2, 2, 2)")
    pair.run("UPDATE note SET rowid = 5 WHERE id = 2", "DELETE FROM note WHERE id = 1")
    assert pair.find(columns=("id", "rowid", "oid")) == (None, [(b"1", b"1", b"1"), (b"2", b"2", b"2")], [(b"2", b"5", b"2")])


def test_a_key_of_two_columns(make_source):
    pair = Pair(make_source, "CREATE TABLE note (id, body, PRIMARY KEY (id, body))", "INSERT INTO note VALUES ('a', 1), ('a', 2), ('b', 1)")
    pair.run("DELETE FROM note WHERE id = 'a' AND body = 2", "INSERT INTO note VALUES ('b', 2)")
    assert pair.find() == (None, [(b"a", b"2")], [(b"b", b"2")])


@pytest.mark.parametrize(
    ("table", "has_key", "why"),
    [("(id TEXT PRIMARY KEY, body) WITHOUT ROWID", True, NO_ROWID), ("(id TEXT PRIMARY KEY, body)", False, NO_KEY)],
)
def test_what_cannot_be_compared_is_loaded_anew(make_source, table, has_key, why):
    pair = Pair(make_source, f"CREATE TABLE note {table}", "INSERT INTO note VALUES ('a', 1)")
    assert pair.find(has_key=has_key).whole == why


def test_a_table_that_was_emptied_is_loaded_anew(make_source):
    many = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO note SELECT 'k' || i, i FROM n"
    pair = Pair(make_source, NOTE, many)
    pair.run("DELETE FROM note")
    assert pair.find().whole == MUCH_CHANGED


def test_a_table_that_has_grown_much_is_not(make_source):
    pair = Pair(make_source, NOTE, "INSERT INTO note VALUES ('a', 1)")
    pair.run("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO note SELECT 'k' || i, i FROM n")
    found = pair.find()
    assert (found.whole, len(found.gone), len(found.come)) == (None, 0, 3000)


# Orphans on either side

FAMILY = (
    "CREATE TABLE parent (id TEXT PRIMARY KEY)",
    "CREATE TABLE note (id TEXT PRIMARY KEY, body TEXT, owner TEXT REFERENCES parent (id) ON DELETE {deed})",
    "INSERT INTO parent VALUES ('p'), ('q')",
    "INSERT INTO note VALUES ('a', 'x', 'p'), ('b', 'x', 'gone'), ('c', 'x', 'q')",
)
COLUMNS = ("id", "body", "owner")


@pytest.fixture(params=["CASCADE", "SET NULL"])
def family(make_source, request) -> tuple[Pair, bool]:
    return Pair(make_source, *(statement.format(deed=request.param) for statement in FAMILY)), request.param == "CASCADE"


def test_orphans_that_stay_orphans_are_no_difference(family):
    pair, _cascades = family
    assert pair.find(columns=COLUMNS, omit=True) == (None, [], [])


def test_a_row_whose_parent_goes_goes_with_it(family):
    pair, cascades = family
    pair.run("DELETE FROM parent WHERE id = 'p'")
    found = pair.find(columns=COLUMNS, omit=True)
    assert found == (None, [(b"a", b"x", b"p")], [] if cascades else [(b"a", b"x", b"\\N")])


def test_an_orphan_whose_parent_comes_comes_with_it(family):
    pair, cascades = family
    pair.run("INSERT INTO parent VALUES ('gone')")
    found = pair.find(columns=COLUMNS, omit=True)
    assert found == (None, [] if cascades else [(b"b", b"x", b"\\N")], [(b"b", b"x", b"gone")])


def test_an_orphan_that_changes_is_no_difference_as_long_as_it_is_left_out(family):
    pair, cascades = family
    pair.run("UPDATE note SET body = 'y' WHERE id = 'b'")
    found = pair.find(columns=COLUMNS, omit=True)
    assert found == (None, [] if cascades else [(b"b", b"x", b"\\N")], [] if cascades else [(b"b", b"y", b"\\N")])


def test_an_orphan_of_another_parent_that_is_gone_is_no_difference(family):
    pair, _cascades = family
    pair.run("UPDATE note SET owner = 'gone too' WHERE id = 'b'")
    assert pair.find(columns=COLUMNS, omit=True) == (None, [], [])


@pytest.mark.parametrize("seed", range(20))
def test_less_what_went_and_with_what_came_the_snapshot_is_the_file(make_source, seed):
    dice = random.Random(seed)

    def value() -> object:
        return dice.choice((None, 0, 1, 0.0, -0.0, 1.0, "", "1", "a", "A", "a\0", b"", b"a", 2**60, "x" * 5000))

    pair = Pair(make_source, "CREATE TABLE note (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, body)")
    with closing(sqlite3.connect(pair.snapshot, isolation_level=None)) as db:
        for _row in range(60):
            db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (f"k{dice.randrange(80)}", value()))
    shutil.copy(pair.snapshot, pair.path)
    for _step in range(60):
        key = f"{dice.choice('kK')}{dice.randrange(80)}"
        pair.run(
            dice.choice(
                [
                    ("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value())),
                    ("DELETE FROM note WHERE id = ?", (key,)),
                    ("UPDATE OR REPLACE note SET id = ? WHERE rowid = ?", (key, dice.randrange(60))),
                ]
            )
        )
    with open_source(pair.path) as source:
        attach(source, pair.snapshot)
        plan = TablePlan("note", (TargetColumn("id", "text"), TargetColumn("body", "text")), ("id",), 60)
        differences = Differences(source)
        differences.find(plan, has_key=True)

        def rows(database: str, only: str = "1") -> list[str]:
            query = f"SELECT id, typeof(body), body FROM {database}.note WHERE {only}"
            return sorted(map(repr, source.connection.execute(query)))

        marked = "rowid IN (SELECT {} FROM temp.webui_difference_1)"
        rest = rows("webui_snapshot", "rowid NOT IN (SELECT gone FROM temp.webui_difference_1 WHERE gone IS NOT NULL)")
        assert sorted(rest + rows("main", marked.format("come"))) == rows("main")


def test_files_of_different_encodings_are_not_compared(pair):
    Path(pair.snapshot).unlink()
    with closing(sqlite3.connect(pair.snapshot)) as db:
        db.execute("PRAGMA encoding = 'UTF-16'")
        db.execute(NOTE)
    with open_source(pair.path) as source, pytest.raises(Unfit, match="cannot be opened together"):
        attach(source, pair.snapshot)


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("ALTER TABLE note ADD COLUMN more", "note"),
        ("CREATE TABLE another (id)", "another"),
        ("DROP TABLE note", "note"),
        ("CREATE INDEX quick ON note (body)", None),
        ("ANALYZE", None),
    ],
)
def test_a_schema_that_was_touched(pair, change, table):
    pair.run(change)
    with open_source(pair.path) as source:
        attach(source, pair.snapshot)
        assert changed_schema(source) == table


def test_rows_that_are_still_in_the_log_count(make_source):
    pair = Pair(make_source, NOTE, "INSERT INTO note VALUES ('a', 1)")
    held = str(Path(pair.path).with_name("held.db"))
    shutil.copy(pair.path, held)
    with closing(sqlite3.connect(held, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("INSERT INTO note VALUES ('b', 2)")
        shutil.copy(held, pair.path)
        shutil.copy(held + "-wal", pair.path + "-wal")
    assert pair.find() == (None, [], [(b"b", b"2")])
