# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: complete, one file each, never half there, and only our own are ever removed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import backup as _backup
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.backup import back_up

USERS = ("INSERT INTO user VALUES ('u1', 'Ada'), ('u2', 'Grace')",)

# A thousand pages and more, so that a copy takes several steps.
BULK = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
    "INSERT INTO chat SELECT 'c' || i, 'u1', replace(hex(zeroblob(1000)), '0', 'x') FROM n"
)


@pytest.fixture
def dest(tmp_path: Path) -> str:
    return str(tmp_path / "backups")


def rows(path: str, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def execute(path: str, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def dump(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def count(result: dict, table: str) -> int:
    return next(item["rows"] for item in result["tables"] if item["name"] == table)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_copy_holds_the_same_and_stands_alone(make_source, dest, folder_state, journal_mode):
    path = make_source(*USERS, journal_mode=journal_mode)
    before = folder_state(path)
    result = back_up(path, dest, 5, check=False)
    assert result["changed"]
    assert result["removed"] == []
    assert folder_state(path) == before
    assert sorted(os.listdir(dest)) == sorted(os.path.basename(result[name]) for name in ("backup_file", "manifest_file"))
    assert count(result, "user") == 2
    assert dump(result["backup_file"]) == dump(path)
    assert rows(result["backup_file"], "PRAGMA journal_mode") == [("delete",)]


def test_the_manifest_describes_it(make_source, dest):
    path = make_source(*USERS)
    result = back_up(path, dest, 5, check=False)
    content = Path(result["backup_file"]).read_bytes()
    manifest = json.loads(Path(result["manifest_file"]).read_text(encoding="utf-8"))
    assert result["manifest_file"] == result["backup_file"] + ".json"
    assert manifest["module"] == "openwebui.postgres.webui_sqlite_backup"
    assert manifest["source"] == path
    assert manifest["sha256"] == result["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["size_bytes"] == result["size_bytes"] == len(content)
    assert manifest["tables"] == result["tables"]
    assert manifest["revision"] == "0bd252b206fb"
    assert manifest["sqlite_version"] == sqlite3.sqlite_version
    assert manifest["created_at"].endswith("Z")
    assert len(manifest["fingerprint"]) == 64


def test_only_the_owner_can_read_it(make_source, dest):
    old = os.umask(0)
    try:
        result = back_up(make_source(*USERS), dest, 5, check=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(dest).st_mode) == 0o700
    for name in ("backup_file", "manifest_file"):
        assert stat.S_IMODE(os.stat(result[name]).st_mode) == 0o600


def test_an_unchanged_source_is_not_copied_again(make_source, dest):
    path = make_source(*USERS)
    first = back_up(path, dest, 5, check=False)
    assert back_up(path, dest, 5, check=False) == {**first, "changed": False}
    assert back_up(path, dest, 5, check=True) == {**first, "changed": False}
    execute(path, "UPDATE user SET name = 'Eve' WHERE id = 'u1'")
    second = back_up(path, dest, 5, check=False)
    assert second["changed"]
    assert second["backup_file"] != first["backup_file"]


@pytest.mark.parametrize("damage", ["content", "size", "file", "manifest"])
def test_a_damaged_copy_does_not_count(make_source, dest, damage):
    path = make_source(*USERS)
    first = back_up(path, dest, 5, check=False)
    with open(first["backup_file"], "r+b") as file:
        if damage == "content":
            file.seek(5000)
            file.write(b"\xff")
        if damage == "size":
            file.truncate(4096)
    if damage == "file":
        os.unlink(first["backup_file"])
    if damage == "manifest":
        Path(first["manifest_file"]).write_text("{", encoding="utf-8")
    second = back_up(path, dest, 5, check=False)
    assert second["changed"]
    assert second["backup_file"] != first["backup_file"]
    assert dump(second["backup_file"]) == dump(path)


def test_keeps_the_newest(make_source, dest):
    path = make_source(*USERS)
    made = []
    for number in range(4):
        execute(path, f"INSERT INTO user VALUES ('n{number}', '')")
        made.append(back_up(path, dest, 2, check=False))
    assert [result["removed"] for result in made] == [[], [], [made[0]["backup_file"]], [made[1]["backup_file"]]]
    assert len(os.listdir(dest)) == 4
    for result in made[2:]:
        assert os.path.exists(result["backup_file"])
        assert os.path.exists(result["manifest_file"])
    fewer = back_up(path, dest, 1, check=True)
    assert fewer["changed"]
    assert fewer["removed"] == [made[2]["backup_file"]]
    assert back_up(path, dest, 1, check=False) == fewer
    assert not back_up(path, dest, 1, check=False)["changed"]
    assert len(os.listdir(dest)) == 2


def test_never_removes_what_is_not_its_own(make_source, dest, tmp_path):
    path = make_source(*USERS)
    other = tmp_path / "other.db"
    shutil.copy(path, other)
    kept = back_up(str(other), dest, 1, check=False)
    precious = Path(dest, "precious.db")
    precious.write_text("mine")
    link = Path(dest, "link.db")
    link.symlink_to(precious)
    manifest = json.loads(Path(kept["manifest_file"]).read_text(encoding="utf-8"))
    foreign = {
        "precious.db.json": {**manifest, "source": path, "module": "another"},
        "link.db.json": {**manifest, "source": path},
        "missing.db.json": {**manifest, "source": path, "file": str(precious)},
        "list.json": [],
        "incomplete.json": {"source": path, "module": manifest["module"]},
    }
    for name, content in foreign.items():
        Path(dest, name).write_text(json.dumps(content), encoding="utf-8")
    before = set(os.listdir(dest))
    for number in range(3):
        execute(path, f"INSERT INTO user VALUES ('n{number}', '')")
        last = back_up(path, dest, 1, check=False)
    added = {os.path.basename(last["backup_file"]), os.path.basename(last["manifest_file"])}
    assert set(os.listdir(dest)) == before | added
    assert os.path.exists(kept["backup_file"])


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_check_mode_makes_nothing(make_source, dest, folder_state, journal_mode):
    path = make_source(*USERS, journal_mode=journal_mode)
    before = folder_state(path)
    result = back_up(path, dest, 5, check=True)
    assert result["changed"]
    assert result["backup_file"] is None
    assert count(result, "user") == 2
    assert not os.path.exists(dest)
    assert folder_state(path) == before


def test_rows_still_in_the_write_ahead_log_of_a_running_server(make_source, dest, start_writer, folder_state):
    path = make_source(journal_mode="wal")
    writer = start_writer(
        path,
        "db.execute(\"INSERT INTO user VALUES ('u', 'in the log')\"); db.execute('BEGIN IMMEDIATE'); "
        "db.execute(\"INSERT INTO user VALUES ('v', 'not committed')\")",
    )
    before = folder_state(path)
    result = back_up(path, dest, 5, check=False)
    assert rows(result["backup_file"], "SELECT name FROM user") == [("in the log",)]
    assert folder_state(path) == before
    assert writer.process.poll() is None


def test_rows_in_the_log_of_a_killed_server(make_source, dest, start_writer, folder_state):
    path = make_source(journal_mode="wal")
    start_writer(path, "db.execute(\"INSERT INTO user VALUES ('u', 'in the log')\")").kill()
    os.unlink(path + "-shm")
    before = folder_state(path)
    assert "webui.db-wal" in before
    result = back_up(path, dest, 5, check=False)
    assert rows(result["backup_file"], "SELECT name FROM user") == [("in the log",)]
    assert folder_state(path) == before
    assert len(os.listdir(dest)) == 2
    assert not back_up(path, dest, 5, check=False)["changed"]


def test_a_hot_journal_of_a_killed_server(make_source, dest, start_writer, folder_state):
    path = make_source(*USERS, BULK)
    code = "".join(
        f'db.execute("{statement}"); '
        for statement in (
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = 1",
            "BEGIN",
            "DELETE FROM user",
            "UPDATE chat SET chat = 'torn'",
        )
    )
    start_writer(path, code).kill()
    before = folder_state(path)
    assert "webui.db-journal" in before
    result = back_up(path, dest, 5, check=False)
    assert count(result, "user") == 2
    assert rows(result["backup_file"], "SELECT count(*) FROM chat WHERE chat = 'torn'") == [(0,)]
    assert folder_state(path) == before


def test_a_writer_in_the_middle_of_a_transaction_with_a_journal(make_source, dest, start_writer):
    """Its journal is its own and not hot: what is committed is copied."""
    path = make_source(*USERS, BULK)
    start_writer(path, "db.execute('BEGIN IMMEDIATE'); db.execute('DELETE FROM user')")
    assert os.path.exists(path + "-journal")
    result = back_up(path, dest, 5, check=False)
    assert count(result, "user") == 2


# Counts its rows in a log. It waits for a lock as long as no step of a copy lasts, and then ends for good.
BUSY = """
import threading, time

def work():
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
    # What a disk makes it wait for says nothing about locks.
    db.execute("PRAGMA synchronous = OFF")
    for number in range(1000000):
        db.execute("INSERT INTO user VALUES (?, ?)", (str(number), "x" * 500))
        with open(sys.argv[1] + ".log", "a") as log:
            print(number, file=log)
        time.sleep(PAUSE)

threading.Thread(target=work, daemon=True).start()
"""


def rows_written(path: str) -> int:
    log = Path(path + ".log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def wait_for_another_row(path: str) -> None:
    before = rows_written(path)
    deadline = time.monotonic() + 60
    while rows_written(path) == before:
        assert time.monotonic() < deadline, "the writer has stopped"
        time.sleep(0.01)


@pytest.mark.parametrize(("journal_mode", "pause"), [("wal", "0.001"), ("delete", "0.5")])
def test_a_busy_writer_is_not_held_up(make_source, dest, start_writer, monkeypatch, journal_mode, pause):
    path = make_source(BULK, journal_mode=journal_mode)
    monkeypatch.setattr(_backup, "PAGES_AT_ONCE", 50)
    patience = _backup._Patience.__call__

    def let_it_write_once(self, status, remaining, total):
        if self.remaining is None:
            wait_for_another_row(path)
        patience(self, status, remaining, total)

    monkeypatch.setattr(_backup._Patience, "__call__", let_it_write_once)
    start_writer(path, BUSY.replace("PAUSE", pause))
    wait_for_another_row(path)
    for _number in range(3):
        result = back_up(path, dest, 9, check=False)
        assert result["changed"]
        assert rows(result["backup_file"], "PRAGMA integrity_check") == [("ok",)]
        assert count(result, "user") == rows(result["backup_file"], "SELECT count(*) FROM user")[0][0]
    wait_for_another_row(path)


def test_a_writer_that_never_rests_is_given_up_on(make_source, dest, monkeypatch):
    """In a rollback journal mode every commit makes SQLite begin again."""
    path = make_source(*USERS, BULK)
    monkeypatch.setattr(_backup, "PAGES_AT_ONCE", 10)
    patience = _backup._Patience.__call__

    def write_between_steps(self, status, remaining, total):
        command = f"import sqlite3; sqlite3.connect({path!r}, isolation_level=None).execute('UPDATE user SET name = name || 1')"
        subprocess.run([sys.executable, "-c", command], check=True)
        patience(self, status, remaining, total)

    monkeypatch.setattr(_backup._Patience, "__call__", write_between_steps)
    with pytest.raises(Refused, match="is being written to all the time; stop Open WebUI for the backup"):
        back_up(path, dest, 5, check=False)
    assert os.listdir(dest) == []
    assert len(rows(path, "SELECT name FROM user WHERE id = 'u1'")[0][0]) > _backup.RESTARTS_AT_MOST


def test_a_writer_that_keeps_its_lock_is_given_up_on(make_source, dest, monkeypatch, start_writer):
    path = make_source(*USERS, BULK)
    copy = _backup._copy

    def locked(source, target):
        source.execute("PRAGMA busy_timeout = 10")
        start_writer(path, "db.execute('BEGIN EXCLUSIVE')")
        copy(source, target)

    monkeypatch.setattr(_backup, "_copy", locked)
    monkeypatch.setattr(_backup, "WAITS_AT_MOST", 2)
    with pytest.raises(Refused, match="is being written to all the time"):
        back_up(path, dest, 5, check=False)
    assert os.listdir(dest) == []


def test_written_to_behind_its_back_it_is_copied_once_more(make_source, dest, monkeypatch):
    """Without a lock a write can tear the copy; the second time the writer is seen."""
    path = make_source(*USERS, journal_mode="wal")
    copy = _backup._copy
    methods = []

    def write_meanwhile(source, target):
        copy(source, target)
        methods.append(source.method)
        if len(methods) == 1:
            execute(path, "INSERT INTO user VALUES ('u3', '')")

    monkeypatch.setattr(_backup, "_copy", write_meanwhile)
    assert count(back_up(path, dest, 5, check=False), "user") == 3
    assert methods == ["lock-free", "lock-free"]


def test_a_damaged_source_is_not_passed_off_as_backed_up(make_source, dest):
    path = make_source(*USERS, BULK, "CREATE INDEX chats ON chat (chat)")
    older = back_up(path, dest, 1, check=False)
    with open(path, "r+b") as file:
        file.seek(50 * 4096)
        file.write(os.urandom(4096))
    with pytest.raises(Refused, match="damaged"):
        back_up(path, dest, 1, check=False)
    assert set(os.listdir(dest)) == {os.path.basename(older[name]) for name in ("backup_file", "manifest_file")}


def test_a_copy_with_other_rows_is_refused(make_source, dest, monkeypatch):
    path = make_source(*USERS, journal_mode="wal")
    make_one_file = _backup._make_one_file

    def lose_a_row(source, copy):
        make_one_file(source, copy)
        execute(copy, "DELETE FROM user WHERE id = 'u1'")

    monkeypatch.setattr(_backup, "_make_one_file", lose_a_row)
    with pytest.raises(Refused, match="its copy does not hold the same rows"):
        back_up(path, dest, 5, check=False)
    assert os.listdir(dest) == []


@pytest.mark.parametrize("check", [True, False])
def test_too_little_room_is_found_out_first(make_source, dest, monkeypatch, check):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1 << 30, (1 << 30) - 4096, 4096))
    with pytest.raises(Refused, match="has room for 0 MB, and the backup needs 1 MB"):
        back_up(make_source(*USERS), dest, 5, check=check)
    assert not os.path.exists(dest) or os.listdir(dest) == []


@pytest.mark.parametrize("operation", ["fsync", "rename"])
def test_a_disk_that_fails_leaves_nothing(make_source, dest, monkeypatch, operation):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    path = make_source(*USERS)
    os.mkdir(dest)
    monkeypatch.setattr(os, operation, fail)
    with pytest.raises(Refused, match=r"the backup cannot be written \(No space left on device\)"):
        back_up(path, dest, 5, check=False)
    assert os.listdir(dest) == []


def test_a_disk_that_is_full_for_sqlite_leaves_nothing(make_source, dest, monkeypatch):
    """A limit on the size of files is what a full disk is to SQLite."""
    path = make_source(*USERS, BULK)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "from ansible_collections.openwebui.postgres.plugins.module_utils import _problems\n"
        "from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import backup as _backup\n"
        "try:\n    _backup.back_up(sys.argv[1], sys.argv[2], 5, False)\n"
        "except _problems.Refused as refused:\n    print(refused)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code, path, dest], env=environment, capture_output=True, text=True, check=True)
    (said,) = run.stdout.splitlines()
    # The folder is called so too, and says nothing.
    reasons = "there is no room left for its backup; make room, or name another folder|cannot be backed up [(].+[)]"
    assert re.fullmatch(reasons, said.removeprefix(f"{path}: ")), said
    assert os.listdir(dest) == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("name", ["file", "file/folder"])
def test_a_destination_that_is_a_file(make_source, tmp_path, name, check):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="file"):
        back_up(make_source(*USERS), str(tmp_path / name), 5, check)


@pytest.mark.parametrize("check", [True, False])
def test_a_destination_that_cannot_be_written_to(make_source, open_folder, as_nobody, check):
    path = open_folder / "webui.db"
    shutil.copy(make_source(*USERS), path)
    path.chmod(0o444)
    dest = open_folder / "backups"
    dest.mkdir(mode=0o755)
    dest.chmod(0o555)
    with as_nobody(), pytest.raises(Refused, match=r"backups.* cannot be written"):
        back_up(str(path), str(dest), 5, check)
    assert os.listdir(dest) == []


KILLED = """
import os, signal, sys
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import backup as _backup

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

renamed = []

def rename(source, target, rename=os.rename):
    rename(source, target)
    renamed.append(target)
    if len(renamed) == 1:
        die()

if sys.argv[1] == "renaming":
    os.rename = rename
else:
    setattr(_backup, sys.argv[1], die)
_backup.back_up(sys.argv[2], sys.argv[3], 5, check=False)
"""


@pytest.mark.parametrize("moment", ["_make_one_file", "_verify", "_sha256", "sync", "renaming"])
def test_killed_at_any_moment_no_half_backup_is_taken_for_one(make_source, dest, moment):
    path = make_source(*USERS, journal_mode="wal")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, moment, path, dest], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [name for name in os.listdir(dest) if name.endswith(".db")] == []
    result = back_up(path, dest, 5, check=False)
    assert result["changed"]
    assert dump(result["backup_file"]) == dump(path)
    # What the killed one has left is gone, but for a manifest without its copy, which says nothing.
    assert [name for name in os.listdir(dest) if name.startswith(".")] == []
    assert len(os.listdir(dest)) == (3 if moment == "renaming" else 2)


def test_two_at_once_make_one(make_source, dest):
    path = make_source(*USERS, BULK)
    results = []
    threads = [threading.Thread(target=lambda: results.append(back_up(path, dest, 5, check=False))) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["changed"] for result in results) == [False, True]
    assert len(os.listdir(dest)) == 2


def test_a_folder_that_cannot_be_locked_is_used_all_the_same(make_source, dest, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(_backup.fcntl, "flock", no_locks)
    assert back_up(make_source(*USERS), dest, 5, check=False)["changed"]


def test_sources_that_are_none(tmp_path, dest):
    (tmp_path / "text").write_text("no database")
    for name, reason in (("missing", "no such file"), ("text", "is not a SQLite database"), (".", "is a folder")):
        for check in (True, False):
            with pytest.raises(Refused, match=reason):
                back_up(str(tmp_path / name), dest, 5, check=check)
    assert not os.path.exists(dest)


def test_a_name_with_everything_in_it(make_source, tmp_path, dest):
    path = str(tmp_path / "a b?c#d%20é'.sqlite3")
    shutil.copy(make_source(*USERS), path)
    result = back_up(path, dest, 5, check=False)
    assert os.path.basename(result["backup_file"]).startswith("a b?c#d%20é'-")
    assert result["backup_file"].endswith("Z.sqlite3")
    assert not back_up(path, dest, 5, check=False)["changed"]


def test_takes_no_longer_for_many_pages_than_copying_takes(make_source, dest, monkeypatch):
    path = make_source(BULK)
    monkeypatch.setattr(_backup, "PAGES_AT_ONCE", 1)
    started = time.monotonic()
    back_up(path, dest, 5, check=False)
    # More than a thousand steps: SQLite's usual pause of a quarter of a second between them would make it minutes.
    assert time.monotonic() - started < 120
