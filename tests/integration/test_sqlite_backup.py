# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_sqlite_backup on Open WebUI's own schema, in a process that can be killed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

FILL = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    "INSERT INTO chat (id, user_id, title, archived, created_at, updated_at, chat, meta) "
    "SELECT 'c' || i, 'u', 'title', 0, 1, 1, '{{\"text\": \"' || replace(hex(zeroblob(2000)), '0', 'x') || '\"}}', '{{}}' FROM n"
)


def fill(path: Path, rows: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(FILL.format(rows=rows))


def dump(path: str | Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_backs_up_once_and_what_it_holds_goes_back(run_module, webui_db, tmp_path):
    fill(webui_db, 100)
    options = {"path": str(webui_db), "dest": str(tmp_path / "backups")}
    assert run_module("webui_sqlite_backup", options, check=True)["changed"]
    made = run_module("webui_sqlite_backup", options)
    assert made["changed"]
    assert {"name": "chat", "rows": 100} in made["tables"]
    assert not run_module("webui_sqlite_backup", options)["changed"]
    assert not run_module("webui_sqlite_backup", options, check=True)["changed"]
    before = dump(webui_db)
    # The way back, as the documentation has it.
    fill_more = sqlite3.connect(webui_db)
    fill_more.execute("DELETE FROM chat")
    fill_more.commit()
    fill_more.close()
    shutil.copy(made["backup_file"], webui_db)
    assert dump(webui_db) == before
    check = run_module("webui_sqlite_check", {"path": str(webui_db)})
    assert check["ready"]


def test_a_server_that_goes_on_writing(run_module, webui_db, tmp_path):
    fill(webui_db, 5000)
    # Every reader holds some lock for a moment, when it begins, but none for longer.
    with closing(sqlite3.connect(webui_db, isolation_level=None, timeout=0.2)) as server:
        assert server.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        # What a disk makes it wait for says nothing about locks.
        server.execute("PRAGMA synchronous = OFF")
        add_tag = "INSERT INTO tag (id, name, user_id) VALUES (?, 'n', 'u')"
        server.execute(add_tag, ("0",))
        written = 1
        backup = run_module.start("webui_sqlite_backup", {"path": str(webui_db), "dest": str(tmp_path / "backups")})
        while backup.process.poll() is None:
            # Where it would have to wait, this says "database is locked".
            server.execute(add_tag, (str(written),))
            written += 1
            time.sleep(0.01)
        made = backup.result()
        assert made["changed"], made
        assert {"name": "chat", "rows": 5000} in made["tables"]
        tags = next(table["rows"] for table in made["tables"] if table["name"] == "tag")
        assert 1 <= tags <= written
    with closing(sqlite3.connect(made["backup_file"])) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        # A moment in the middle, whole: what was written first is there, and nothing has a gap.
        assert [int(key) for (key,) in copy.execute("SELECT id FROM tag ORDER BY rowid")] == list(range(tags))


@pytest.mark.parametrize("after", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_killed_at_some_moment(run_module, webui_db, tmp_path, after):
    fill(webui_db, 10000)
    dest = tmp_path / "backups"
    options = {"path": str(webui_db), "dest": str(dest)}
    backup = run_module.start("webui_sqlite_backup", options)
    while not dest.exists() and backup.process.poll() is None:
        time.sleep(0.005)
    time.sleep(after)
    backup.kill()
    finished = [name for name in os.listdir(dest) if name.endswith(".db")]
    made = run_module("webui_sqlite_backup", options)
    assert made["changed"] == (not finished)
    assert sorted(name for name in os.listdir(dest) if not name.endswith(".json")) == [os.path.basename(made["backup_file"])]
    with closing(sqlite3.connect(made["backup_file"])) as copy:
        assert copy.execute("SELECT count(*) FROM chat").fetchone() == (10000,)


def test_on_the_oldest_python(run_module, webui_db, tmp_path, python39):
    options = {"path": str(webui_db), "dest": str(tmp_path / "backups")}
    assert run_module("webui_sqlite_backup", options, python=python39)["changed"]
    assert not run_module("webui_sqlite_backup", options, python=python39)["changed"]


def test_before_and_after_cleaning(run_module, webui_db, tmp_path):
    """The order of a cutover: a backup, then the only write to the source. The next backup is a new one."""
    with closing(sqlite3.connect(webui_db, isolation_level=None)) as connection:
        connection.execute("INSERT INTO pinned_note (id, user_id, note_id, created_at) VALUES ('p', 'u', 'gone', 1)")
    options = {"path": str(webui_db), "dest": str(tmp_path / "backups")}
    first = run_module("webui_sqlite_backup", options)
    cleaning = {"path": str(webui_db), "quarantine": str(tmp_path / "quarantine")}
    assert run_module("webui_orphan_clean", cleaning)["changed"]
    second = run_module("webui_sqlite_backup", options)
    assert second["changed"]
    rows = [next(table["rows"] for table in made["tables"] if table["name"] == "pinned_note") for made in (first, second)]
    assert rows == [1, 0]
