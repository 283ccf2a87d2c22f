# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_sqlite_check on Open WebUI's own schema: what it finds, what it says of other files, and that it leaves no trace."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

ALL = ["integrity", "foreign_keys", "values", "schema"]
CHAT = (
    "INSERT INTO chat (id, user_id, title, archived, created_at, updated_at, chat, meta) "
    "VALUES (:id, 'u', 't', :archived, 1, 1, :chat, '{}')"
)


def execute(path: Path | str, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def add_chat(path: Path, key: str, chat: object = "{}", archived: object = 0) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(CHAT, {"id": key, "chat": chat, "archived": archived})


def state(path: Path) -> dict[str, object]:
    """What lies in the folder. Readers leave their marks in shared memory; that is what it is for."""
    return {
        file.name: None if file.name.endswith("-shm") else (file.stat().st_mode, file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(path.parent.iterdir())
    }


def messages(answer: dict) -> list[str]:
    """What webui_sqlite_check has found, in words."""
    assert answer["problems_total"] == len(answer["problems"])
    return [problem["message"] for problem in answer["problems"]]


@pytest.fixture
def check(run_module):
    """Check a file, and make sure that nothing about it has changed."""

    def run(path: Path | str, **options) -> dict:
        before = state(Path(path))
        answer = run_module("webui_sqlite_check", {"path": str(path), **options})
        assert state(Path(path)) == before
        assert not answer.get("changed")
        return answer

    return run


def test_a_file_that_is_ready(check, webui_db):
    add_chat(webui_db, "c1", '{"title": "emoji 👩‍👩‍👧"}')
    answer = check(webui_db)
    assert "failed" not in answer
    assert answer["ready"]
    assert answer["problems"] == []
    assert answer["integrity"] == {"ok": True, "errors": []}
    assert answer["orphans"] == []
    assert answer["value_findings"] == []
    assert answer["revision"] == "0bd252b206fb"
    assert answer["webui_versions"] == {"first": "0.12.1", "last": "0.12.4"}
    assert answer["journal_mode"] == "wal"
    assert answer["wal_bytes"] == 0
    assert answer["size_bytes"] == webui_db.stat().st_size
    assert answer["sqlite_version"] == sqlite3.sqlite_version
    assert answer["in_use"] is False
    assert answer["holders"] == []
    tables = {table["name"]: table["rows"] for table in answer["tables"]}
    assert len(tables) == 48
    assert tables["chat"] == 1
    assert tables["user"] == 0


@pytest.mark.parametrize(
    ("checks", "returned"),
    [
        (["integrity"], {"integrity"}),
        (["quick"], {"integrity"}),
        (["foreign_keys"], {"orphans"}),
        (["values"], {"value_findings"}),
        (["schema"], set()),
        ([], set()),
        (["integrity", "quick", "foreign_keys", "values", "schema"], {"integrity", "orphans", "value_findings"}),
    ],
)
def test_looks_only_at_what_is_asked_for(check, webui_db, checks, returned):
    answer = check(webui_db, checks=checks)
    assert {"integrity", "orphans", "value_findings"} & set(answer) == returned
    assert answer["ready"]


def test_orphans_are_counted_by_key(check, webui_db):
    execute(
        webui_db,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) "
        "INSERT INTO chat_file (id, user_id, chat_id, file_id, created_at, updated_at) SELECT i, 'u', 'c' || i, 'f', 1, 1 FROM n",
        "INSERT INTO 'group' (id, user_id, name, description, created_at, updated_at, parent_group_id) "
        "VALUES ('g', 'u', 'n', '', 1, 1, 'x')",
    )
    answer = check(webui_db, checks=["foreign_keys"])
    assert "failed" not in answer
    assert not answer["ready"]
    assert answer["orphans"] == [
        {"table": "chat_file", "parent": "file", "column": "file_id", "rows": 40000, "on_delete": "CASCADE"},
        {"table": "chat_file", "parent": "chat", "column": "chat_id", "rows": 40000, "on_delete": "CASCADE"},
        {"table": "group", "parent": "group", "column": "parent_group_id", "rows": 1, "on_delete": "SET NULL"},
    ]
    assert messages(answer)[0] == "chat_file.file_id: 40000 rows refer to rows of file that are gone"
    failed = check(webui_db, fail_on=["foreign_keys"])
    assert failed["failed"]
    assert failed["msg"].startswith(f"{webui_db}: chat_file.file_id: 40000 rows refer to rows of file that are gone; ")
    assert failed["orphans"] == answer["orphans"]


def test_values_are_counted_by_rule_and_never_shown(check, webui_db):
    secret = "what nobody but its owner may read"
    for number in range(7):
        add_chat(webui_db, f"repaired {number}", json.dumps({"text": secret + "\0"}))
    add_chat(webui_db, "refused", f"{{'{secret}'")
    add_chat(webui_db, "no boolean", archived="maybe")
    answer = check(webui_db)
    assert "failed" not in answer
    assert not answer["ready"]
    found = {
        (item["table"], item["column"], item["rule"]): (item["rows"], item["refused"], item["sample_keys"])
        for item in answer["value_findings"]
    }
    assert found == {
        ("chat", "chat", "json"): (1, True, ["refused"]),
        ("chat", "archived", "boolean"): (1, True, ["no boolean"]),
        ("chat", "chat", "json_escape"): (7, False, [f"repaired {number}" for number in range(5)]),
    }
    assert "chat.chat: 1 values cannot be moved (json)" in messages(answer)
    assert "chat.chat: 7 values will be repaired (json_escape)" in messages(answer)
    assert secret not in answer.stdout + answer.stderr
    failed = check(webui_db, fail_on=["values"])
    assert failed["failed"]
    assert "cannot be moved" in failed["msg"]
    assert "repaired" not in failed["msg"]


def test_repairs_neither_fail_nor_stand_in_the_way(check, webui_db):
    add_chat(webui_db, "c", '{"a": "\\ud800"}')
    answer = check(webui_db, fail_on=["integrity", "foreign_keys", "values", "schema", "in_use"])
    assert "failed" not in answer
    assert answer["ready"]
    assert len(answer["problems"]) == 1


@pytest.mark.parametrize(
    ("statements", "problem", "revision"),
    [
        (
            ["UPDATE alembic_version SET version_num = 'ffffffffffff'"],
            "revision ffffffffffff (a release this collection does not know); a newer version of this collection may know it",
            "ffffffffffff",
        ),
        (
            ["DELETE FROM alembic_version"],
            "the file has no alembic revision: its table alembic_version is empty; move a backup that has one, or insert the true one, with"
            " Open WebUI stopped (its tables and columns are those of 0bd252b206fb (Open WebUI 0.12.1 to 0.12.4))",
            None,
        ),
        (
            ["DROP TABLE alembic_version"],
            "the file has no alembic revision; it is older than Open WebUI 0.3.18, or was never upgraded",
            None,
        ),
    ],
)
def test_the_revision(check, webui_db, statements, problem, revision):
    execute(webui_db, *statements)
    answer = check(webui_db)
    assert answer["failed"]
    assert answer["msg"] == f"{webui_db}: {problem}"
    assert answer["revision"] == revision
    assert answer["webui_versions"] == {}
    assert not answer["ready"]
    assert "failed" not in check(webui_db, fail_on=["integrity"])


def test_an_older_revision_is_named_with_its_releases(check, webui_db):
    execute(webui_db, "UPDATE alembic_version SET version_num = '3781e22d8b01'")
    answer = check(webui_db)
    assert answer["ready"]
    assert answer["webui_versions"] == {"first": "0.5.3", "last": "0.6.5"}


def test_leftovers_are_told_and_do_no_harm(check, webui_db):
    execute(webui_db, "CREATE TABLE _alembic_tmp_chat (id)", "INSERT INTO _alembic_tmp_chat VALUES (1)", "CREATE TABLE migratehistory (id)")
    answer = check(webui_db)
    assert answer["ready"]
    assert messages(answer) == ["table _alembic_tmp_chat (1 rows) is left over from an upgrade and will not be moved"]


def test_a_damaged_file(check, webui_db):
    for number in range(300):
        add_chat(webui_db, str(number), json.dumps({"text": "x" * 3000}))
    with open(webui_db, "r+b") as file:
        file.seek(webui_db.stat().st_size - 100 * 4096)
        file.write(random.Random(0).randbytes(20 * 4096))
    answer = check(webui_db)
    assert answer["failed"]
    assert answer["msg"].startswith(f"{webui_db}: integrity: ")
    assert "\n" not in answer["msg"]
    assert answer["integrity"]["ok"] is False
    assert 0 < len(answer["integrity"]["errors"]) <= 100
    assert answer["revision"] == "0bd252b206fb"
    assert not answer["ready"]
    # What is read of a damaged file says nothing.
    assert "orphans" not in answer
    assert "value_findings" not in answer
    assert "failed" not in check(webui_db, checks=["integrity"], fail_on=["schema"])
    assert check(webui_db, checks=["quick"])["failed"]


def no_sqlite(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n" * 1000)


def sqlcipher(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(40 * 4096))


def truncated(path: Path) -> None:
    os.truncate(path, 20 * 4096)


def foreign(path: Path) -> None:
    path.unlink()
    execute(path, "CREATE TABLE moz_places (id)")


def no_tables(path: Path) -> None:
    path.unlink()
    execute(path, "CREATE TABLE t (id)", "DROP TABLE t")


def corrupt_start(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3996)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (Path.unlink, "there is no such file; check the data folder of Open WebUI"),
        (folder, "is a folder; name the file in it, usually webui.db"),
        (lambda path: path.write_bytes(b""), "is empty (0 bytes); Open WebUI has not created its database here"),
        (no_sqlite, "is not a SQLite database"),
        (sqlcipher, "looks encrypted (SQLCipher); decrypt it with Open WebUI's key first"),
        (truncated, "is truncated, 729088 bytes by its own header but 81920 on disk; restore it from a backup"),
        (foreign, "is a SQLite database, but not Open WebUI's (no table auth, chat, user)"),
        (no_tables, "holds no tables; Open WebUI has not created its schema here"),
        (corrupt_start, "is damaged (database disk image is malformed); restore it from a backup, or try sqlite3's .recover"),
    ],
)
def test_what_is_not_what_it_should_be(run_module, webui_db, spoil, reason):
    spoil(webui_db)
    answer = run_module("webui_sqlite_check", {"path": str(webui_db)})
    assert answer["failed"]
    assert answer["msg"] == f"{webui_db}: {reason}"
    assert messages(answer) == [answer["msg"]]
    assert answer["ready"] is False


def test_a_running_server(check, webui_db):
    with closing(sqlite3.connect(webui_db, isolation_level=None)) as server:
        server.execute("INSERT INTO tag (id, name, user_id) VALUES ('in the log', 'n', 'u')")
        answer = check(webui_db)
        assert "failed" not in answer
        assert answer["in_use"]
        assert [holder["pid"] for holder in answer["holders"]] == [os.getpid()]
        assert not answer["ready"]
        assert answer["wal_bytes"] > 0
        assert {"name": "tag", "rows": 1} in answer["tables"]
        assert any(problem.startswith("in use by ") and problem.endswith(f"(pid {os.getpid()})") for problem in messages(answer))
        failed = check(webui_db, fail_on=["in_use"])
        assert failed["failed"]
        assert f"in use by {answer['holders'][0]['command']} (pid {os.getpid()})" in failed["msg"]


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_server_that_goes_on_writing_never_waits(run_module, webui_db, journal_mode):
    execute(webui_db, f"PRAGMA journal_mode = {journal_mode}")
    for number in range(200):
        add_chat(webui_db, f"c{number}", json.dumps({"text": "x" * 20000}))
    # A look without a lock never makes anybody wait. In WAL mode every reader holds some lock for a moment, when it begins.
    patience = 0 if journal_mode == "delete" else 0.2
    with closing(sqlite3.connect(webui_db, isolation_level=None, timeout=patience)) as server:
        # What a disk makes it wait for says nothing about locks.
        server.execute("PRAGMA synchronous = OFF")
        add_tag = "INSERT INTO tag (id, name, user_id) VALUES (?, 'n', 'u')"
        server.execute(add_tag, ("before",))
        module = run_module.start("webui_sqlite_check", {"path": str(webui_db), "checks": ALL})
        written = 0
        while module.process.poll() is None:
            # Where it would have to wait, this says "database is locked".
            server.execute(add_tag, (str(written),))
            written += 1
            time.sleep(0.005)
        answer = module.result()
    assert written >= 2
    assert "failed" not in answer, answer
    assert answer["integrity"]["ok"] in (True, None)
    assert answer["in_use"]


SERVER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO tag (id, name, user_id) VALUES ('in the log', 'n', 'u')")
os.kill(os.getpid(), 9)
"""


def test_a_file_whose_server_was_killed(check, webui_db):
    subprocess.run([sys.executable, "-c", SERVER, str(webui_db)], check=False)
    assert os.path.getsize(f"{webui_db}-wal")
    answer = check(webui_db)
    assert answer["ready"]
    assert {"name": "tag", "rows": 1} in answer["tables"]
    os.unlink(f"{webui_db}-shm")
    answer = check(webui_db)
    assert answer["ready"]
    assert {"name": "tag", "rows": 1} in answer["tables"]


def test_check_mode_is_the_same(run_module, webui_db):
    assert run_module("webui_sqlite_check", {"path": str(webui_db)}, check=True) == run_module(
        "webui_sqlite_check", {"path": str(webui_db)}
    )


def test_on_the_oldest_python(run_module, webui_db, python39):
    add_chat(webui_db, "c", json.dumps({"text": "\0"}))
    answer = run_module("webui_sqlite_check", {"path": str(webui_db)}, python=python39)
    assert answer["ready"]
    assert answer["value_findings"][0]["rule"] == "json_escape"
