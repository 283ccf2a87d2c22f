# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orphans: which rows go, what becomes of them, and that they come back as they were."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import orphans as _orphans
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import clean
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.restore import restore

FILES = (
    "CREATE TABLE chat_file (id TEXT NOT NULL PRIMARY KEY, chat_id TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE)",
    "INSERT INTO chat (id) VALUES ('c1')",
    "INSERT INTO chat_file VALUES ('f1', 'c1'), ('f2', 'gone'), ('f3', 'gone')",
)
FOLDERS = (
    "CREATE TABLE folder (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES folder ON DELETE CASCADE)",
    "CREATE TABLE leaf (id TEXT PRIMARY KEY, folder INTEGER REFERENCES folder (id) ON DELETE SET NULL)",
    # 1 is a root, and 2 is in it. 11 refers to nothing, 12 to 11, 13 to 12.
    "INSERT INTO folder VALUES (1, NULL), (2, 1), (11, 10), (12, 11), (13, 12)",
    "INSERT INTO leaf VALUES ('a', 2), ('b', 13), ('c', NULL), ('d', 99)",
)


@pytest.fixture
def quarantine(tmp_path: Path) -> str:
    return str(tmp_path / "quarantine")


def rows(path: str, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute(query).fetchall()


def execute(path: str, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def content(path: str) -> dict[str, list[tuple]]:
    """All rows of all tables with their rowids and storage classes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        names = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for name in names:
            table = '"' + name.replace('"', '""') + '"'
            columns = [row[1].decode() for row in connection.execute(f"PRAGMA table_info({table})")]
            kinds = ", ".join('typeof("' + column.replace('"', '""') + '")' for column in columns)
            found[name] = connection.execute(f"SELECT _rowid_, *, {kinds} FROM {table} ORDER BY _rowid_").fetchall()
        return found


def records(result: dict) -> list[dict]:
    return [json.loads(line) for line in Path(result["quarantine_file"]).read_text(encoding="utf-8").splitlines()]


def counted(result: dict) -> tuple:
    removed = [(item["table"], item["parent"], item["rows"]) for item in result["removed"]]
    return removed, [(item["table"], item["parent"], item["column"], item["rows"]) for item in result["nulled"]]


def test_removes_rows_without_parent_and_no_others(make_source, quarantine):
    path = make_source(*FILES)
    result = clean(path, None, quarantine, check=False)
    assert result["changed"]
    assert counted(result) == ([("chat_file", "chat", 2)], [])
    assert rows(path, "SELECT id FROM chat_file") == [(b"f1",)]
    assert result["diff"] == {
        "before": {"chat_file": {"rows": 3, "orphans": 2}},
        "after": {"chat_file": {"rows": 1, "orphans": 0}},
    }


def test_goes_on_until_there_are_no_orphans_left(make_source, quarantine):
    path = make_source(*FOLDERS)
    result = clean(path, None, quarantine, check=False)
    assert counted(result) == ([("folder", "folder", 3)], [("leaf", "folder", "folder", 2)])
    assert rows(path, "SELECT id FROM folder") == [(1,), (2,)]
    assert rows(path, "SELECT * FROM leaf") == [(b"a", 2), (b"b", None), (b"c", None), (b"d", None)]
    assert rows(path, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_check_mode_tells_what_a_real_run_then_does_and_writes_nothing(make_source, quarantine, folder_state, journal_mode):
    path = make_source(*FILES, *FOLDERS, journal_mode=journal_mode)
    before = folder_state(path)
    rehearsal = clean(path, None, quarantine, check=True)
    assert folder_state(path) == before
    assert not os.path.exists(quarantine)
    assert rehearsal["quarantine_file"] is None
    real = clean(path, None, quarantine, check=False)
    assert {**rehearsal, "quarantine_file": real["quarantine_file"]} == real


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_second_run_changes_nothing_and_does_not_touch_the_file(make_source, quarantine, folder_state, journal_mode):
    path = make_source(*FILES, journal_mode=journal_mode)
    assert clean(path, None, quarantine, check=False)["changed"]
    before = folder_state(path)
    assert list(before) == ["webui.db"]
    result = clean(path, None, quarantine, check=False)
    assert not result["changed"]
    assert result["quarantine_file"] is None
    assert folder_state(path) == before
    assert len(os.listdir(quarantine)) == 1


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_keeps_the_journal_mode(make_source, quarantine, journal_mode):
    path = make_source(*FILES, journal_mode=journal_mode)
    clean(path, None, quarantine, check=False)
    assert rows(path, "PRAGMA journal_mode") == [(journal_mode.encode(),)]


def test_sees_rows_that_are_still_in_the_write_ahead_log(make_source, quarantine, start_writer):
    path = make_source(FILES[0], journal_mode="wal")
    start_writer(path, "db.execute(\"INSERT INTO chat_file VALUES ('f', 'gone')\")").kill()
    assert os.path.getsize(path + "-wal")
    assert counted(clean(path, None, quarantine, check=True)) == ([("chat_file", "chat", 1)], [])
    assert clean(path, None, quarantine, check=False)["changed"]
    assert rows(path, "SELECT * FROM chat_file") == []


def test_rolls_a_hot_journal_back_first(make_source, quarantine, start_writer):
    path = make_source(*FILES)
    start_writer(
        path,
        "db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN'); db.execute('DELETE FROM chat'); "
        "db.execute('INSERT INTO chat_file SELECT hex(randomblob(900)), 1 FROM pragma_function_list')",
    ).kill()
    assert os.path.exists(path + "-journal")
    assert counted(clean(path, None, quarantine, check=False)) == ([("chat_file", "chat", 2)], [])
    assert rows(path, "SELECT id FROM chat_file") == [(b"f1",)]
    assert os.listdir(os.path.dirname(path)) == ["webui.db"]


def test_only_the_named_tables_are_cleaned(make_source, quarantine):
    path = make_source(*FILES, *FOLDERS)
    result = clean(path, ["folder"], quarantine, check=False)
    assert counted(result) == ([("folder", "folder", 3)], [])
    # Left as they are, also the one that is an orphan only now.
    assert rows(path, "SELECT folder FROM leaf WHERE folder IS NOT NULL") == [(2,), (13,), (99,)]
    assert len(rows(path, "SELECT * FROM chat_file")) == 3


def test_a_table_that_is_not_there_is_refused(make_source, quarantine):
    with pytest.raises(Refused, match=r"has no table chat_files$"):
        clean(make_source(*FILES), ["chat_file", "chat_files"], quarantine, check=False)


@pytest.mark.parametrize(
    "declared",
    ["parent TEXT NOT NULL REFERENCES chat (id) ON DELETE SET NULL", "parent TEXT PRIMARY KEY REFERENCES chat ON DELETE SET NULL"],
)
def test_what_cannot_be_null_is_removed(make_source, quarantine, declared):
    path = make_source(f"CREATE TABLE child ({declared})", "INSERT INTO child VALUES ('gone')")
    assert counted(clean(path, None, quarantine, check=False)) == ([("child", "chat", 1)], [])
    assert rows(path, "SELECT * FROM child") == []


@pytest.mark.parametrize("action", ["NO ACTION", "RESTRICT", "SET DEFAULT", "CASCADE"])
def test_all_other_actions_remove(make_source, quarantine, action):
    path = make_source(
        f"CREATE TABLE child (parent TEXT DEFAULT 'x' REFERENCES chat (id) ON DELETE {action})", "INSERT INTO child VALUES ('gone')"
    )
    assert counted(clean(path, None, quarantine, check=False)) == ([("child", "chat", 1)], [])


def test_removal_wins_over_nulling(make_source, quarantine):
    path = make_source(
        "CREATE TABLE child (a TEXT REFERENCES chat (id) ON DELETE SET NULL, b TEXT REFERENCES user (id) ON DELETE CASCADE)",
        "INSERT INTO child VALUES ('gone', 'gone'), ('gone', NULL), (NULL, 'gone')",
    )
    result = clean(path, None, quarantine, check=False)
    assert counted(result) == ([("child", "user", 2)], [("child", "chat", "a", 1)])
    assert [(record["rowid"], record["action"], record["nulled"]) for record in records(result)] == [
        (1, "removed", []),
        (3, "removed", []),
        (2, "nulled", ["a"]),
    ]


def test_composite_keys(make_source, quarantine):
    path = make_source(
        "CREATE TABLE pair (a INTEGER, b TEXT, PRIMARY KEY (a, b))",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, FOREIGN KEY (a, b) REFERENCES pair ON DELETE SET NULL)",
        "CREATE TABLE strict_child (id INTEGER PRIMARY KEY, x TEXT, y INTEGER, FOREIGN KEY (x, y) REFERENCES pair (b, a))",
        "INSERT INTO pair VALUES (1, 'x')",
        "INSERT INTO child VALUES (1, 1, 'x'), (2, 1, 'y'), (3, NULL, 'y'), (4, 1, NULL)",
        "INSERT INTO strict_child VALUES (1, 'x', 1), (2, 'y', 1), (3, 'y', NULL)",
    )
    result = clean(path, None, quarantine, check=False)
    assert counted(result) == ([("strict_child", "pair", 1)], [("child", "pair", "a, b", 1)])
    assert rows(path, "SELECT * FROM child") == [(1, 1, b"x"), (2, None, None), (3, None, b"y"), (4, 1, None)]
    assert rows(path, "PRAGMA foreign_key_check") == []


def test_nulling_a_column_that_others_refer_to_orphans_these(make_source, quarantine):
    path = make_source(
        "CREATE TABLE middle (id INTEGER PRIMARY KEY, chat TEXT UNIQUE REFERENCES chat (id) ON DELETE SET NULL)",
        "CREATE TABLE low (id INTEGER PRIMARY KEY, chat TEXT REFERENCES middle (chat) ON DELETE CASCADE)",
        "INSERT INTO middle VALUES (1, 'gone')",
        "INSERT INTO low VALUES (7, 'gone')",
    )
    assert counted(clean(path, None, quarantine, check=False)) == ([("low", "middle", 1)], [("middle", "chat", "chat", 1)])
    assert rows(path, "PRAGMA foreign_key_check") == []


def test_rows_that_refer_to_each_other_or_to_themselves_stay(make_source, quarantine):
    path = make_source(FOLDERS[0], "INSERT INTO folder VALUES (1, 1), (2, 3), (3, 2), (4, 5)")
    assert counted(clean(path, None, quarantine, check=False)) == ([("folder", "folder", 1)], [])
    assert rows(path, "SELECT id FROM folder") == [(1,), (2,), (3,)]


def test_a_parent_table_that_is_gone_altogether(make_source, quarantine):
    path = make_source(
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent TEXT REFERENCES nowhere (id))", "INSERT INTO child VALUES (1, 'x'), (2, NULL)"
    )
    assert counted(clean(path, None, quarantine, check=False)) == ([("child", "nowhere", 1)], [])


def test_a_parent_whose_key_is_not_unique(make_source, quarantine):
    """SQLite's own check gives up here; migrations of old releases have lost such indexes."""
    path = make_source(
        "CREATE TABLE parent (id TEXT)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, parent TEXT REFERENCES parent (id))",
        "INSERT INTO parent VALUES ('a'), ('a')",
        "INSERT INTO child VALUES (1, 'a'), (2, 'b')",
    )
    assert counted(clean(path, None, quarantine, check=False)) == ([("child", "parent", 1)], [])


def test_agrees_with_foreign_key_check_on_how_values_are_compared(make_source, quarantine):
    path = make_source(
        "CREATE TABLE texts (id TEXT PRIMARY KEY)",
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY)",
        "CREATE TABLE caseless (id TEXT PRIMARY KEY COLLATE NOCASE)",
        "INSERT INTO texts VALUES ('1'), ('02'), ('a')",
        "INSERT INTO numbers VALUES (1), (2)",
        "INSERT INTO caseless VALUES ('Straße'), ('ab')",
        *(
            f"CREATE TABLE child_{number} (id INTEGER PRIMARY KEY, parent {declared} REFERENCES {parent} (id))"
            for number, (declared, parent) in enumerate(
                (declared, parent) for declared in ("TEXT", "INTEGER", "BLOB", "") for parent in ("texts", "numbers", "caseless")
            )
        ),
        *(
            f"INSERT INTO child_{number} (parent) VALUES ('1'), (1), ('02'), (2), (2.0), ('2.0'), ('A'), ('AB'), (x'31'), ('STRASSE')"
            for number in range(12)
        ),
    )
    expected: dict[str, int] = {}
    for table, _rowid, _parent, _key in rows(path, "PRAGMA foreign_key_check"):
        expected[table.decode()] = expected.get(table.decode(), 0) + 1
    assert len(expected) == 12
    result = clean(path, None, quarantine, check=False)
    assert {item["table"]: item["rows"] for item in result["removed"]} == expected


def test_hostile_names(make_source, quarantine):
    path = make_source(
        'CREATE TABLE "group" ("key" TEXT PRIMARY KEY, "from" TEXT REFERENCES "group" ("key") ON DELETE SET NULL)',
        'CREATE TABLE "it\'s ""quoted"" [and] `so` %s" ("a ""b""" TEXT REFERENCES "GROUP" ("KEY"), "rowid" TEXT, "parent" TEXT)',
        'CREATE TABLE webui_orphan (id INTEGER PRIMARY KEY, "oid" TEXT, chat TEXT REFERENCES chat)',
        "INSERT INTO \"group\" VALUES ('g', 'gone')",
        'INSERT INTO "it\'s ""quoted"" [and] `so` %s" VALUES (\'g\', 1, 1), (\'gone\', 2, 2)',
        "INSERT INTO webui_orphan VALUES (5, 6, 'gone')",
    )
    before = content(path)
    result = clean(path, None, quarantine, check=False)
    assert counted(result) == (
        [('it\'s "quoted" [and] `so` %s', "group", 1), ("webui_orphan", "chat", 1)],
        [("group", "group", "from", 1)],
    )
    assert restore(path, result["quarantine_file"], check=False)["changed"]
    assert content(path) == before


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("CREATE TABLE child (id TEXT PRIMARY KEY, chat TEXT REFERENCES chat (id)) WITHOUT ROWID", "('1', 'gone')"),
        ("CREATE TABLE child (rowid TEXT, oid TEXT, _rowid_ TEXT REFERENCES chat (id))", "('1', '2', 'gone')"),
    ],
)
def test_a_table_whose_rows_cannot_be_told_apart_is_refused(make_source, quarantine, statement, row):
    path = make_source(statement, f"INSERT INTO child VALUES {row}")
    with pytest.raises(Refused, match="table child has no rowid"):
        clean(path, None, quarantine, check=False)


def test_a_table_that_cannot_be_cleaned_is_no_obstacle_where_nothing_is_to_be_cleaned(make_source, quarantine):
    path = make_source(
        "CREATE TABLE child (id TEXT PRIMARY KEY, chat TEXT REFERENCES chat (id)) WITHOUT ROWID",
        "INSERT INTO chat VALUES ('c', NULL, NULL)",
        "INSERT INTO child VALUES ('1', 'c')",
    )
    assert not clean(path, None, quarantine, check=False)["changed"]


def test_a_table_that_cannot_be_cleaned_and_loses_its_parents_in_the_same_run(make_source, quarantine, folder_state):
    path = make_source(
        "CREATE TABLE page (id TEXT PRIMARY KEY, chat TEXT REFERENCES chat (id))",
        "CREATE TABLE child (id TEXT PRIMARY KEY, page TEXT REFERENCES page (id)) WITHOUT ROWID",
        "INSERT INTO page VALUES ('p', 'gone')",
        "INSERT INTO child VALUES ('1', 'p')",
    )
    before = folder_state(path)
    with pytest.raises(Refused, match="table child has no rowid, which Open WebUI never creates; leave it out with exclude_tables"):
        clean(path, None, quarantine, check=False)
    assert folder_state(path) == before
    assert clean(path, None, quarantine, check=False, exclude=["CHILD"])["removed"] == [{"table": "page", "parent": "chat", "rows": 1}]


def test_orphans_of_tables_that_are_left_out_stay(make_source, quarantine):
    path = make_source("CREATE TABLE child (id TEXT PRIMARY KEY, chat TEXT REFERENCES chat (id))", "INSERT INTO child VALUES ('1', 'gone')")
    assert not clean(path, None, quarantine, check=False, exclude=["child"])["changed"]
    with pytest.raises(Refused, match="has no table chlid"):
        clean(path, None, quarantine, check=False, exclude=["chlid"])
    with pytest.raises(Refused, match=r"has no table \(an empty name\)$"):
        clean(path, None, quarantine, check=False, exclude=[""])


def test_triggers_are_refused(make_source, quarantine, folder_state):
    path = make_source(*FILES, "CREATE TRIGGER t AFTER DELETE ON chat_file BEGIN DELETE FROM chat; END")
    before = folder_state(path)
    with pytest.raises(Refused, match="table chat_file has triggers"):
        clean(path, None, quarantine, check=True)
    with pytest.raises(Refused, match="table chat_file has triggers"):
        clean(path, None, quarantine, check=False)
    assert folder_state(path) == before


def test_a_constraint_in_the_way_of_nulling_undoes_everything(make_source, quarantine):
    path = make_source(
        *FILES,
        "CREATE TABLE child (chat TEXT REFERENCES chat ON DELETE SET NULL CHECK (chat IS NOT NULL))",
        "INSERT INTO child VALUES ('x')",
    )
    before = content(path)
    with pytest.raises(Refused, match="a constraint of its schema is in the way"):
        clean(path, None, quarantine, check=False)
    assert content(path) == before
    assert os.listdir(quarantine) == []


def test_the_quarantine_holds_every_column_and_only_its_owner_can_read_it(make_source, quarantine):
    path = make_source(*FILES, "ALTER TABLE chat_file ADD COLUMN data BLOB", "UPDATE chat_file SET data = x'00ff'")
    result = clean(path, None, quarantine, check=False)
    assert records(result)[0] == {
        "table": "chat_file",
        "rowid": 2,
        "action": "removed",
        "nulled": [],
        "row": {"id": {"text": "f2"}, "chat_id": {"text": "gone"}, "data": {"blob": "AP8="}},
    }
    assert stat.S_IMODE(os.stat(result["quarantine_file"]).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(quarantine).st_mode) == 0o700


VALUES = (
    "NULL",
    "1",
    "-9223372036854775808",
    "9223372036854775807",
    "0.1",
    "-0.0",
    "1e308",
    "9e999",
    "-9e999",
    "''",
    "x''",
    "'plain'",
    "'naïve 한국어 👩‍👩‍👧 e\u0301 \u2028'",
    "'it''s \"x\" \\N \\. %s {{ x }} {% raw %}'",
    "'a' || char(10, 13, 9) || 'b'",
    "x'00ff80'",
    "CAST(x'61ff62' AS TEXT)",
    "CAST(x'6100c3' AS TEXT)",
    "'a' || char(0) || 'b'",
    "CAST(x'eda080' AS TEXT)",
    "'\ufeff{}'",
)


@pytest.mark.parametrize("declared", ["TEXT", "JSON", "INTEGER", "REAL", "BLOB", "DATETIME", ""])
def test_every_value_comes_back_as_it_was(make_source, quarantine, declared):
    path = make_source(
        f"CREATE TABLE child (id INTEGER, chat TEXT REFERENCES chat (id), value {declared})",
        *(f"INSERT INTO child VALUES ({number}, 'gone', {value})" for number, value in enumerate(VALUES)),
        f"CREATE TABLE nulled (id TEXT PRIMARY KEY, value {declared} REFERENCES chat (id) ON DELETE SET NULL)",
        *(f"INSERT INTO nulled VALUES ({number}, {value})" for number, value in enumerate(VALUES)),
    )
    before = content(path)
    result = clean(path, None, quarantine, check=False)
    assert rows(path, "SELECT count(*) FROM child") == [(0,)]
    assert rows(path, "SELECT count(value) FROM nulled") == [(0,)]
    restored = restore(path, result["quarantine_file"], check=False)
    assert restored["restored"] == [{"table": "child", "rows": len(VALUES)}, {"table": "nulled", "rows": len(VALUES) - 1}]
    assert content(path) == before


def test_values_of_a_utf16_database_come_back_or_are_refused(tmp_path, quarantine):
    path = str(tmp_path / "webui.db")
    execute(path, "PRAGMA encoding = 'UTF-16le'", *(f"CREATE TABLE {name} (id)" for name in ("user", "auth", "chat")))
    execute(path, "CREATE TABLE child (a TEXT REFERENCES chat (id))", "INSERT INTO child VALUES ('한국어 👩')")
    before = content(path)
    result = clean(path, None, quarantine, check=False)
    assert restore(path, result["quarantine_file"], check=False)["changed"]
    assert content(path) == before


def test_restoring_twice_changes_nothing(make_source, quarantine, folder_state):
    path = make_source(*FILES, *FOLDERS, journal_mode="wal")
    before = content(path)
    file = clean(path, None, quarantine, check=False)["quarantine_file"]
    files = folder_state(path)
    rehearsal = restore(path, file, check=True)
    assert folder_state(path) == files
    assert restore(path, file, check=False) == rehearsal
    assert content(path) == before
    files = folder_state(path)
    again = restore(path, file, check=False)
    assert not again["changed"]
    assert again["restored"] == []
    assert folder_state(path) == files
    assert list(files) == ["webui.db"]


def test_restores_beside_rows_that_have_come_since(make_source, quarantine):
    """SQLite gives out the rowid of a removed row again; the key of the row is what counts."""
    path = make_source(*FILES)
    file = clean(path, None, quarantine, check=False)["quarantine_file"]
    execute(path, "INSERT INTO chat_file VALUES ('new', 'c1')")
    assert restore(path, file, check=False)["restored"] == [{"table": "chat_file", "rows": 2}]
    assert rows(path, "SELECT id FROM chat_file ORDER BY id") == [(b"f1",), (b"f2",), (b"f3",), (b"new",)]
    assert not restore(path, file, check=False)["changed"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("INSERT INTO chat_file VALUES ('f3', 'c1')", "chat_file f3: a row with this key is there, and differs"),
        ("DROP TABLE chat_file", "has no table chat_file any more"),
        ("ALTER TABLE chat_file RENAME COLUMN chat_id TO other", "chat_file f2: the table has no column chat_id any more"),
        (
            "DROP TABLE chat_file; CREATE TABLE chat_file (id TEXT PRIMARY KEY, chat_id TEXT, extra TEXT NOT NULL)",
            "a constraint of its schema is in the way",
        ),
        ("UPDATE leaf SET folder = 1 WHERE id = 'b'", "leaf b: folder has another value by now"),
        ("DELETE FROM leaf WHERE id = 'b'", "leaf b: the row is gone"),
    ],
)
def test_what_cannot_be_put_back_is_named_and_nothing_is(make_source, quarantine, statement, reason):
    path = make_source(*FILES, *FOLDERS)
    file = clean(path, None, quarantine, check=False)["quarantine_file"]
    execute(path, *statement.split("; "))
    before = content(path)
    with pytest.raises(Refused, match=reason):
        restore(path, file, check=False)
    assert content(path) == before


def test_another_row_with_the_same_unique_value(make_source, quarantine):
    path = make_source(
        "CREATE TABLE api_key (id TEXT PRIMARY KEY, user_id TEXT REFERENCES user (id), key TEXT UNIQUE)",
        "INSERT INTO api_key VALUES ('k1', 'gone', 'secret')",
    )
    file = clean(path, None, quarantine, check=False)["quarantine_file"]
    execute(path, "INSERT INTO api_key VALUES ('k2', NULL, 'secret')")
    for check in (True, False):
        with pytest.raises(Refused, match="api_key k1: another row has the same key by now") as refused:
            restore(path, file, check=check)
        assert "secret" not in str(refused.value)


def test_a_table_without_a_key_goes_by_the_rowid(make_source, quarantine):
    path = make_source("CREATE TABLE child (chat TEXT REFERENCES chat, x)", "INSERT INTO child VALUES ('gone', 1), ('gone', 1)")
    before = content(path)
    file = clean(path, None, quarantine, check=False)["quarantine_file"]
    assert restore(path, file, check=False)["changed"]
    assert content(path) == before
    assert not restore(path, file, check=False)["changed"]
    execute(path, "UPDATE child SET x = 2 WHERE rowid = 2")
    with pytest.raises(Refused, match="child rowid 2: a row with this key is there, and differs"):
        restore(path, file, check=False)


GOOD = '{"table": "chat_file", "rowid": 9, "action": "removed", "nulled": [], "row": {"id": {"text": "f9"}, "chat_id": {"text": "x"}}}\n'


@pytest.mark.parametrize(
    "line",
    [
        "no json\n",
        "[]\n",
        "7\n",
        "{}\n",
        "\n",
        GOOD[:-20] + "\n",
        GOOD.replace("removed", "dropped"),
        GOOD.replace("removed", "nulled"),
        GOOD.replace("9,", '"9",'),
        GOOD.replace("9,", "99999999999999999999,"),
        GOOD.replace('{"text": "f9"}', '{"text": 9}'),
        GOOD.replace('{"text": "f9"}', '"f9"'),
        GOOD.replace('{"text": "f9"}', '{"blob": "?"}'),
        GOOD.replace("text", "verse"),
        GOOD.replace('{"text": "f9"}', '{"integer": 18446744073709551616}'),
        GOOD.replace('{"text": "f9"}', "{}"),
        GOOD.replace('"nulled": []', '"nulled": ["nothing"]'),
        "[" * 100000 + "\n",
        '{"table": "chat", "key": "6f1c", "column": "chat", "rule": "nul", "original": {"text": "x"}}\n',
    ],
)
def test_a_file_that_is_no_quarantine_is_refused(make_source, tmp_path, line):
    path = make_source(*FILES)
    before = content(path)
    file = tmp_path / "garbage.jsonl"
    file.write_text(GOOD + line, encoding="utf-8")
    with pytest.raises(Refused, match=r"garbage\.jsonl: line 2 is not a (record|row)"):
        restore(path, str(file), check=False)
    assert content(path) == before


@pytest.mark.parametrize("table", ["sqlite_master", "sqlite_schema", "temp.x", "nothing"])
def test_a_quarantine_cannot_name_just_any_table(make_source, tmp_path, table):
    file = tmp_path / "q.jsonl"
    file.write_text(GOOD.replace("chat_file", table), encoding="utf-8")
    with pytest.raises(Refused, match=f"has no table {table} any more"):
        restore(make_source(*FILES), str(file), check=False)


@pytest.mark.parametrize(("name", "reason"), [("missing.jsonl", "No such file"), (".", "Is a directory"), ("latin1", "not UTF-8")])
def test_a_quarantine_that_cannot_be_read(make_source, tmp_path, name, reason):
    (tmp_path / "latin1").write_bytes(b'{"table": "\xff"}\n')
    with pytest.raises(Refused, match=reason):
        restore(make_source(*FILES), str(tmp_path / name), check=False)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_database_in_use_is_refused_but_can_be_rehearsed(make_source, quarantine, start_writer, journal_mode):
    path = make_source(*FILES, journal_mode=journal_mode)
    writer = start_writer(path)
    with pytest.raises(Refused, match=rf"is in use by python.* \(pid {writer.pid}\); stop Open WebUI first"):
        clean(path, None, quarantine, check=False)
    result = clean(path, None, quarantine, check=True)
    assert counted(result) == ([("chat_file", "chat", 2)], [])
    assert result["warnings"] == [f"{path} is in use by {_name(writer.pid)} (pid {writer.pid}); a real run refuses that"]
    assert not os.path.exists(quarantine)


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("where", ["quarantine/file", "file"])
def test_a_quarantine_that_cannot_be_written_changes_nothing(make_source, tmp_path, where):
    path = make_source(*FILES)
    (tmp_path / "file").write_text("")
    (tmp_path / "quarantine").symlink_to(tmp_path / "file")
    before = content(path)
    with pytest.raises(Refused, match="the quarantine cannot be written"):
        clean(path, None, str(tmp_path / where), check=False)
    assert content(path) == before


def test_a_full_disk_leaves_no_file_and_changes_nothing(make_source, quarantine, monkeypatch):
    path = make_source(*FILES)
    before = content(path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Refused, match="No space left on device"):
        clean(path, None, quarantine, check=False)
    monkeypatch.undo()
    assert content(path) == before
    assert os.listdir(quarantine) == []


def test_a_folder_that_cannot_be_written_to(make_source, open_folder, as_nobody):
    path = open_folder / "webui.db"
    path.write_bytes(Path(make_source(*FILES)).read_bytes())
    path.chmod(0o444)
    before = content(str(path))
    quarantine = open_folder / "quarantine"
    quarantine.mkdir()
    quarantine.chmod(0o777)
    with as_nobody(), pytest.raises(Refused, match="the file or its folder cannot be written to"):
        clean(str(path), None, str(quarantine), check=False)
    assert content(str(path)) == before
    assert sorted(os.listdir(open_folder)) == ["quarantine", "webui.db"]
    assert os.listdir(quarantine) == []


KILLED = """
import os, signal, sys
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import database as _sqlite
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import orphans as _orphans
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import quarantine as _quarantine

moment = sys.argv[1]

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

class DiesAtCommit(_sqlite.Source):
    def execute(self, sql, parameters=()):
        if sql == "COMMIT":
            if moment == "after":
                super().execute(sql, parameters)
            die()
        return super().execute(sql, parameters)

if moment == "writing":
    _quarantine.Quarantine.keep = die
elif moment == "kept":
    _orphans.Orphans.apply = die
else:
    _sqlite.Source = DiesAtCommit
_orphans.clean(sys.argv[2], None, sys.argv[3], check=False)
"""


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("moment", ["writing", "kept", "before", "after"])
def test_killed_at_any_moment_all_or_nothing_happened(make_source, quarantine, journal_mode, moment):
    path = make_source(*FILES, *FOLDERS, journal_mode=journal_mode)
    before = content(path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, moment, path, quarantine], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    (file,) = (os.path.join(quarantine, name) for name in os.listdir(quarantine))
    if moment == "after":
        assert rows(path, "PRAGMA foreign_key_check") == []
        assert restore(path, file, check=False)["changed"]
    elif moment != "writing":
        # Nothing is missing, so nothing is put back; but every row is in quarantine already.
        assert not restore(path, file, check=False)["changed"]
        assert len(Path(file).read_text(encoding="utf-8").splitlines()) == 7
    assert content(path) == before
    assert clean(path, None, quarantine, check=False)["changed"]
    assert rows(path, "PRAGMA foreign_key_check") == []


CLEANING = """
import sys
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import orphans as _orphans
from ansible_collections.openwebui.postgres.plugins.module_utils import _problems
try:
    print(_orphans.clean(sys.argv[1], None, sys.argv[2], check=False)["changed"])
except _problems.Refused as refused:
    print(refused.problems[0].kind)
"""


def test_of_two_at_once_one_does_it_and_the_other_finds_nothing_or_is_refused(make_source, quarantine):
    path = make_source(*FILES, *FOLDERS, journal_mode="wal")
    command = [sys.executable, "-c", CLEANING, path, quarantine]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _number in range(2)]
    answers = sorted(process.communicate(timeout=60)[0].strip() for process in started)
    assert answers.count("True") == 1
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert len(os.listdir(quarantine)) == 1


def test_forty_thousand_orphans_and_a_chain_of_ten_thousand(make_source, quarantine):
    path = make_source(
        *FILES[:1],
        *FOLDERS[:2],
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) "
        "INSERT INTO chat_file SELECT 'f' || i, 'c' || i FROM n",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO folder SELECT i + 1, i FROM n",
    )
    started = time.monotonic()
    assert counted(clean(path, None, quarantine, check=True))[0] == [("chat_file", "chat", 40000), ("folder", "folder", 10000)]
    # A loop over rows of rows would take minutes here.
    assert time.monotonic() - started < 30


def test_reads_no_source_that_is_not_open_webui(tmp_path, quarantine):
    execute(str(tmp_path / "other.db"), "CREATE TABLE t (x)")
    with pytest.raises(Refused, match="is a SQLite database, but not Open WebUI's"):
        clean(str(tmp_path / "other.db"), None, quarantine, check=False)


def test_what_is_left_undone_is_refused(make_source, quarantine, monkeypatch):
    """A guard against what nobody has thought of: what was found and what was changed have to be equal."""
    path = make_source(*FILES)
    find = _orphans.Orphans._find

    def find_more(self):
        find(self)
        self.source.execute("INSERT INTO temp.webui_orphan VALUES (0, 0, 4711, 1, 1)")

    monkeypatch.setattr(_orphans.Orphans, "_find", find_more)
    with pytest.raises(Refused, match="3 orphans were found, but 2 could be dealt with"):
        clean(path, None, quarantine, check=False)
    assert len(rows(path, "SELECT * FROM chat_file")) == 3
    assert os.listdir(quarantine) == []


def test_counts_orphans_as_the_check_does(make_source):
    path = make_source(*FILES, *FOLDERS)
    with open_source(path) as source:
        found = [(item.table, item.parent, item.column, item.rows, item.on_delete) for item in source.orphans()]
    assert found == [
        ("chat_file", "chat", "chat_id", 2, "CASCADE"),
        ("folder", "folder", "parent", 1, "CASCADE"),
        ("leaf", "folder", "folder", 1, "SET NULL"),
    ]


def test_a_table_reads_as_if_its_orphans_had_been_dealt_with(make_source):
    with open_source(make_source(*FOLDERS)) as source:
        orphans = _orphans.Orphans(source, None)
        folders, leaves = orphans.omission("folder"), orphans.omission("leaf")
        assert [key for (key,) in source.query(f"SELECT id FROM main.folder WHERE {folders.stays}")] == [1, 2]
        query = f"SELECT id, CASE WHEN NOT ({leaves.nulled['folder']}) THEN folder END FROM main.leaf WHERE {leaves.stays}"
        assert list(source.query(query)) == [(b"a", 2), (b"b", None), (b"c", None), (b"d", None)]
        assert orphans.omission("user") is None
