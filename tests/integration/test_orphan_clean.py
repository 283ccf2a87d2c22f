# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_orphan_clean on Open WebUI's own schema."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

# Every foreign key of Open WebUI 0.12.4, and what it refers to.
KEYS = {
    ("api_key", "user_id"): "user",
    ("channel_file", "channel_id"): "channel",
    ("channel_file", "file_id"): "file",
    ("channel_file", "message_id"): "message",
    ("channel_webhook", "channel_id"): "channel",
    ("chat_file", "chat_id"): "chat",
    ("chat_file", "file_id"): "file",
    ("chat_message", "chat_id"): "chat",
    ("group", "parent_group_id"): "group",
    ("group_member", "group_id"): "group",
    ("group_member", "user_id"): "user",
    ("knowledge_directory", "knowledge_id"): "knowledge",
    ("knowledge_directory", "parent_id"): "knowledge_directory",
    ("knowledge_file", "directory_id"): "knowledge_directory",
    ("knowledge_file", "file_id"): "file",
    ("knowledge_file", "knowledge_id"): "knowledge",
    ("oauth_session", "user_id"): "user",
    ("pinned_note", "note_id"): "note",
    ("shared_chat", "chat_id"): "chat",
}
NULLED = {("group", "parent_group_id"), ("knowledge_file", "directory_id")}


def _quote(name: str) -> str:
    return f'"{name}"'


def insert(connection: sqlite3.Connection, table: str, row_id: str, **given: str | None) -> None:
    """A row with something in every column that wants it."""
    values: dict[str, object] = {"id": row_id}
    for _number, name, declared, not_null, default, _primary in connection.execute(f"PRAGMA table_info({_quote(table)})"):
        if not_null and default is None and name not in values:
            values[name] = 1 if declared in ("BIGINT", "INTEGER", "BOOLEAN") else f'"{row_id}"'
    values.update(given)
    names = ", ".join(map(_quote, values))
    connection.execute(f"INSERT INTO {_quote(table)} ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def references(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {(table, key[3]): key[2] for table in tables for key in connection.execute(f"PRAGMA foreign_key_list({_quote(table)})")}


def _referring(table: str, row_id: str) -> dict[str, str]:
    return {column: row_id for child, column in KEYS if child == table}


def fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert references(connection) == KEYS
        for row_id in ("here", "there"):
            for parent in sorted(set(KEYS.values())):
                insert(connection, parent, row_id, **_referring(parent, row_id))
        for number, (table, column) in enumerate(KEYS):
            # All of its references hold but one.
            insert(connection, table, f"orphan {number}", **{**_referring(table, "here"), column: "gone"})
        for table in sorted({table for table, _column in KEYS}):
            insert(connection, table, "kept", **_referring(table, "there"))
        connection.commit()


def everything(path: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f"SELECT rowid, * FROM {_quote(table)} ORDER BY rowid").fetchall() for table in tables}


@pytest.fixture
def source(webui_db: Path) -> Path:
    fill(webui_db)
    return webui_db


def test_every_foreign_key_of_open_webui(run_module, source, tmp_path):
    before = everything(source)
    options = {"path": str(source), "quarantine": str(tmp_path / "quarantine")}
    rehearsal = run_module("webui_orphan_clean", options, check=True, diff=True)
    assert everything(source) == before
    answer = run_module("webui_orphan_clean", options, diff=True)
    assert {item["table"]: item for item in answer["nulled"]} == {
        table: {"table": table, "parent": KEYS[table, column], "column": column, "rows": 1} for table, column in NULLED
    }
    removed = {(item["table"], item["parent"]): item["rows"] for item in answer["removed"]}
    assert removed == {(table, parent): 1 for (table, column), parent in KEYS.items() if (table, column) not in NULLED}
    for name in ("changed", "removed", "nulled", "diff"):
        assert rehearsal[name] == answer[name]
    with closing(sqlite3.connect(source)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    after = everything(source)
    gone = sum(map(len, before.values())) - sum(map(len, after.values()))
    assert gone == len(KEYS) - len(NULLED)
    assert not run_module("webui_orphan_clean", options)["changed"]

    restoring = {"path": str(source), "state": "restored", "quarantine_file": answer["quarantine_file"]}
    assert run_module("webui_orphan_clean", restoring)["changed"]
    assert everything(source) == before
    assert not run_module("webui_orphan_clean", restoring)["changed"]


def test_a_directory_takes_its_children_along(run_module, webui_db, tmp_path):
    with closing(sqlite3.connect(webui_db)) as connection:
        insert(connection, "knowledge", "k")
        insert(connection, "file", "f")
        for number in range(10):
            insert(connection, "knowledge_directory", f"d{number}", knowledge_id="k", parent_id=f"d{number - 1}")
        insert(connection, "knowledge_file", "kf", knowledge_id="k", file_id="f", directory_id="d9")
        connection.commit()
    answer = run_module("webui_orphan_clean", {"path": str(webui_db), "quarantine": str(tmp_path / "quarantine")})
    assert answer["removed"] == [{"table": "knowledge_directory", "parent": "knowledge_directory", "rows": 10}]
    assert answer["nulled"] == [{"table": "knowledge_file", "parent": "knowledge_directory", "column": "directory_id", "rows": 1}]


def test_on_the_oldest_python(run_module, source, tmp_path, python39):
    options = {"path": str(source), "quarantine": str(tmp_path / "quarantine")}
    before = everything(source)
    answer = run_module("webui_orphan_clean", options, python=python39)
    assert answer["changed"]
    assert run_module("webui_sqlite_check", {"path": str(source)}, python=python39)["orphans"] == []
    restoring = {"path": str(source), "state": "restored", "quarantine_file": answer["quarantine_file"]}
    assert run_module("webui_orphan_clean", restoring, python=python39)["changed"]
    assert everything(source) == before


def test_no_row_content_is_in_the_answer(run_module, webui_db, tmp_path):
    secret = "a secret that is nobody's business"
    with closing(sqlite3.connect(webui_db)) as connection:
        insert(connection, "api_key", "k1", user_id="gone", key=secret)
        connection.commit()
    quarantine = tmp_path / "quarantine"
    answer = run_module("webui_orphan_clean", {"path": str(webui_db), "quarantine": str(quarantine)}, diff=True)
    assert secret not in answer.stdout + answer.stderr
    record = json.loads(Path(answer["quarantine_file"]).read_text(encoding="utf-8"))
    assert record["row"]["key"] == {"text": secret}
    with closing(sqlite3.connect(webui_db)) as connection:
        insert(connection, "api_key", "k2", key=secret)
        connection.commit()
    restoring = {"path": str(webui_db), "state": "restored", "quarantine_file": answer["quarantine_file"]}
    refused = run_module("webui_orphan_clean", restoring)
    assert refused["failed"]
    assert refused["msg"] == "api_key k1: another row has the same key by now"
    assert secret not in refused.stdout + refused.stderr
