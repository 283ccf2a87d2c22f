# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading SQLite: what each file is, all of its rows, and not a trace that it was read."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import database as _sqlite
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import (
    ForeignKey,
    Holder,
    holders,
    look,
    open_source,
    open_writable,
    quote,
    text,
)

USERS = ("INSERT INTO user VALUES ('u1', 'Ada'), ('u2', 'Grace')",)
BULK = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
    "INSERT INTO chat SELECT 'c' || i, 'u1', replace(hex(zeroblob(1000)), '0', 'x') FROM n"
)
INSERT = "db.execute(\"INSERT INTO user VALUES ('log', 'in the log')\"); "
# Spills into the file before the commit, so that the journal is needed to read it.
SPILL = (
    "db.execute('PRAGMA synchronous = OFF'); db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN'); "
    "db.execute('DELETE FROM user'); db.execute(\"UPDATE chat SET chat = 'torn'\"); "
)


@pytest.fixture(autouse=True)
def _leaves_no_copies(monkeypatch, tmp_path):
    """Private copies hold users' data: none may be left. (pytest's own folder is elsewhere by now.)"""
    folder = tempfile.mkdtemp(prefix="webui-test-")
    os.chmod(folder, 0o1777)
    monkeypatch.setattr(tempfile, "tempdir", folder)
    yield
    # Fails when there is something in it.
    os.rmdir(folder)


def users(path: str, live: bool = False) -> tuple[str, list[bytes]]:
    with open_source(path, live) as source:
        return source.method, [name for (name,) in source.query("SELECT name FROM user ORDER BY id")]


def execute(path: str, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()


def everything(source: _sqlite.Source) -> None:
    """All that a check and a migration ask."""
    assert source.integrity() == []
    assert source.integrity(quick=True) == []
    source.orphans()
    source.revision()
    for table in source.tables():
        source.columns(table)
        source.unique_keys(table)
        source.count(table)
        list(source.query(f"SELECT * FROM {quote(table)}"))


# What a file is, if it is not what it should be.


def test_not_there(tmp_path):
    with pytest.raises(Refused, match="there is no such file; check the data folder of Open WebUI"):
        look(str(tmp_path / "webui.db"))


def test_a_folder(tmp_path):
    with pytest.raises(Refused, match=r"is a folder; name the file in it, usually webui\.db"):
        look(str(tmp_path))


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot be reached \(Not a directory\)"):
        look(str(tmp_path / "file" / "webui.db"))


def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "webui.db")
    with pytest.raises(Refused, match="is not a regular file"):
        look(str(tmp_path / "webui.db"))


def test_a_file_of_somebody_else(make_source, open_folder, as_nobody):
    path = open_folder / "webui.db"
    shutil.copy(make_source(), path)
    path.chmod(0o600)
    with as_nobody(), pytest.raises(Refused, match=r"webui\.db: cannot be read \(Permission denied\); run as root or as its owner"):
        look(str(path))


def encrypted() -> bytes:
    return random.Random(0).randbytes(4096 * 20)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty (0 bytes); Open WebUI has not created its database here"),
        (b"hello", "is not a SQLite database"),
        (b'{"version": 1}' * 1000, "is not a SQLite database"),
        (b"\x00" * 8192, "is not a SQLite database"),
        (b"\x1f\x8b" + random.Random(1).randbytes(8191), "is not a SQLite database"),
        (b"SQLite format 3\x00", "is truncated, only 16 bytes are left; restore it from a backup"),
        (encrypted(), "looks encrypted (SQLCipher); decrypt it with Open WebUI's key first"),
    ],
)
def test_not_sqlite(tmp_path, content, reason):
    path = tmp_path / "webui.db"
    path.write_bytes(content)
    with pytest.raises(Refused) as refused:
        look(str(path))
    assert str(refused.value) == f"{path}: {reason}"


@pytest.mark.parametrize("size", [50, 99, 512, 4096, 4097, 100000])
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_truncated(make_source, size, journal_mode):
    path = make_source(BULK, journal_mode=journal_mode)
    os.truncate(path, size)
    with pytest.raises(Refused, match=rf"is truncated, .*\b{size}\b.*; restore it from a backup"):
        look(path)


def test_no_tables(tmp_path):
    path = str(tmp_path / "webui.db")
    execute(path, "CREATE TABLE t (x)", "DROP TABLE t")
    with pytest.raises(Refused, match="holds no tables; Open WebUI has not created its schema here"), open_source(path):
        pass


def test_of_another_application(tmp_path):
    path = str(tmp_path / "webui.db")
    execute(path, "CREATE TABLE user (x)", "CREATE TABLE moz_places (x)")
    with pytest.raises(Refused, match=r"is a SQLite database, but not Open WebUI's \(no table auth, chat\)"), open_source(path):
        pass


def test_a_corrupt_page(make_source, folder_state):
    path = make_source(*USERS, BULK)
    with open(path, "r+b") as file:
        file.seek(60 * 4096)
        file.write(os.urandom(4096))
    before = folder_state(path)
    with open_source(path) as source:
        errors = source.integrity()
        assert errors
        assert all("\n" not in error for error in errors)
        assert source.integrity(quick=True)
        with pytest.raises(Refused, match=r"is damaged .*; restore it from a backup"):
            list(source.query("SELECT * FROM chat"))
    assert folder_state(path) == before


def test_a_corrupt_first_page(make_source):
    path = make_source(*USERS)
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3996)
    with pytest.raises(Refused, match="is damaged"), open_source(path):
        pass


def test_an_index_that_lacks_a_row_is_found_by_integrity_only(make_source):
    path = make_source(*USERS, "CREATE INDEX names ON user (name)")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE INDEX names ON user (id)' WHERE name = 'names'")
    with open_source(path) as source:
        assert source.integrity()
        assert source.integrity(quick=True) == []


# All rows, and no trace.


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist", "wal"])
def test_at_rest(make_source, folder_state, journal_mode, live):
    path = make_source(*USERS, journal_mode=journal_mode)
    before = folder_state(path)
    with open_source(path, live) as source:
        everything(source)
        assert folder_state(path).keys() == before.keys()
        assert not source.changed()
    assert folder_state(path) == before
    assert users(path, live)[1] == [b"Ada", b"Grace"]


@pytest.mark.parametrize("live", [True, False])
def test_a_running_server_with_rows_in_the_log(make_source, start_writer, folder_state, live):
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, INSERT)
    before = folder_state(path)
    assert "webui.db-wal" in before
    with open_source(path, live) as source:
        everything(source)
    assert users(path, live) == ("shared", [b"in the log", b"Ada", b"Grace"])
    assert folder_state(path) == before


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("shm", [True, False])
def test_a_killed_server_with_rows_in_the_log(make_source, start_writer, folder_state, shm, live):
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, INSERT).kill()
    if not shm:
        os.unlink(path + "-shm")
    before = folder_state(path)
    with open_source(path, live) as source:
        everything(source)
    assert users(path, live) == ("shared" if shm else "copy", [b"in the log", b"Ada", b"Grace"])
    assert folder_state(path) == before


def test_a_log_whose_end_is_torn(make_source, start_writer, folder_state):
    """As after a power cut: what is whole counts, what is not does not."""
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, INSERT + "db.execute(\"INSERT INTO user VALUES ('z', 'torn')\")").kill()
    os.unlink(path + "-shm")
    os.truncate(path + "-wal", os.path.getsize(path + "-wal") - 100)
    before = folder_state(path)
    assert users(path) == ("copy", [b"in the log", b"Ada", b"Grace"])
    assert folder_state(path) == before


@pytest.mark.parametrize("live", [True, False])
def test_a_hot_journal(make_source, start_writer, folder_state, live):
    path = make_source(*USERS, BULK)
    start_writer(path, SPILL).kill()
    before = folder_state(path)
    assert look(path).hot_journal
    with open_source(path, live) as source:
        assert source.method == "copy"
        everything(source)
        assert source.value("SELECT count(*) FROM chat WHERE chat = 'torn'") == 0
    assert users(path, live)[1] == [b"Ada", b"Grace"]
    assert folder_state(path) == before


@pytest.mark.parametrize("live", [True, False])
def test_a_writer_in_the_middle_of_a_transaction(make_source, start_writer, folder_state, live):
    """Its journal is its own and not hot."""
    path = make_source(*USERS)
    start_writer(path, "db.execute('BEGIN IMMEDIATE'); db.execute('DELETE FROM user')")
    before = folder_state(path)
    assert users(path, live) == ("lock-free" if live else "shared", [b"Ada", b"Grace"])
    assert folder_state(path) == before


def test_no_room_for_a_private_copy(make_source, start_writer, monkeypatch):
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, INSERT).kill()
    os.unlink(path + "-shm")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    reason = r"no private copy could be made in .* \(No space left on device\); make room there"
    with pytest.raises(Refused, match=reason), open_source(path):
        pass


def test_no_folder_for_a_private_copy(make_source, start_writer, tmp_path):
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, INSERT).kill()
    os.unlink(path + "-shm")
    reason = r"no private copy could be made in .*missing \(No such file or directory\)"
    with pytest.raises(Refused, match=reason), open_source(path, scratch=str(tmp_path / "missing")):
        pass


def test_the_private_copy_goes_where_there_is_room(make_source, start_writer, tmp_path):
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, INSERT).kill()
    os.unlink(path + "-shm")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_source(path, scratch=str(scratch)) as source:
        assert source.method == "copy"
        (folder,) = scratch.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(scratch) == []


@pytest.mark.parametrize("companion", ["-wal", "-journal", "-shm"])
@pytest.mark.parametrize("there", [True, False])
def test_a_companion_that_is_a_link(make_source, tmp_path, companion, there):
    path = make_source(journal_mode="wal")
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.write_bytes(b"x")
    os.symlink(elsewhere, path + companion)
    with pytest.raises(Refused) as refused, open_source(path):
        pass
    assert str(refused.value).startswith(f"{path}{companion}: is a symbolic link (to {elsewhere}), and SQLite opens no log or journal")
    assert "run as root" not in str(refused.value)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_folder_that_cannot_be_written_to(make_source, open_folder, as_nobody, folder_state, journal_mode):
    path = open_folder / "webui.db"
    shutil.copy(make_source(*USERS, journal_mode=journal_mode), path)
    path.chmod(0o444)
    before = folder_state(str(path))
    with as_nobody():
        with open_source(str(path)) as source:
            everything(source)
        assert users(str(path))[1] == [b"Ada", b"Grace"]
    assert folder_state(str(path)) == before


@pytest.mark.parametrize("companions", [("-wal", "-shm"), ("-wal",), ("-journal",)])
def test_companions_in_a_folder_that_cannot_be_written_to(make_source, start_writer, open_folder, as_nobody, folder_state, companions):
    hot = "-journal" in companions
    original = make_source(*USERS, *([BULK] if hot else []), journal_mode="delete" if hot else "wal")
    start_writer(original, SPILL if hot else INSERT).kill()
    path = open_folder / "webui.db"
    for suffix in ("", *companions):
        shutil.copy(original + suffix, f"{path}{suffix}")
        os.chmod(f"{path}{suffix}", 0o444)
    before = folder_state(str(path))
    with as_nobody():
        names = users(str(path))[1]
    assert names == [b"Ada", b"Grace"] if hot else [b"in the log", b"Ada", b"Grace"]
    assert folder_state(str(path)) == before


# Others at work.

GROWING = """
import threading

def work():
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
    while True:
        db.execute("INSERT INTO user VALUES (hex(randomblob(8)), replace(hex(zeroblob(9000)), '0', 'x'))")

threading.Thread(target=work, daemon=True).start()
"""

# Counts its rows in a log, and ends for good as soon as it would have to wait for a lock for longer than it is told to.
BUSY = """
import threading, time

def work():
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=PATIENCE)
    # What a disk makes it wait for says nothing about locks.
    db.execute("PRAGMA synchronous = OFF")
    for number in range(1000000):
        db.execute("INSERT INTO user VALUES (?, ?)", (str(number), "x" * 500))
        with open(sys.argv[1] + ".log", "a") as log:
            print(number, file=log)
        time.sleep(0.002)

threading.Thread(target=work, daemon=True).start()
"""


def rows_written(path: str) -> int:
    log = Path(path + ".log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def wait_for_more_rows(path: str, rows: int) -> None:
    """Wait until the busy writer has written so many more rows, however slow the machine is."""
    wanted = rows_written(path) + rows
    deadline = time.monotonic() + 60
    while rows_written(path) < wanted:
        assert time.monotonic() < deadline, "the writer has stopped"
        time.sleep(0.01)


# A look without a lock never makes anybody wait. In WAL mode every reader holds some lock for a moment, when it begins.
@pytest.mark.parametrize(("journal_mode", "patience"), [("delete", "0"), ("wal", "0.2")])
def test_a_busy_writer_never_waits(make_source, start_writer, journal_mode, patience):
    path = make_source(*USERS, BULK, journal_mode=journal_mode)
    start_writer(path, BUSY.replace("PATIENCE", patience))
    wait_for_more_rows(path, 1)
    with open_source(path, live=True) as source:
        assert source.method == ("shared" if journal_mode == "wal" else "lock-free")
        for _round in range(20):
            # A look without a lock can meet a file that is half written, and then says so.
            with contextlib.suppress(Refused) if source.method == "lock-free" else contextlib.nullcontext():
                source.count("chat")
                list(source.query("SELECT * FROM chat"))
            wait_for_more_rows(path, 1)
        assert source.changed()


def test_what_is_read_of_a_busy_file_in_wal_mode_is_one_moment(make_source, start_writer):
    path = make_source(*USERS, journal_mode="wal")
    start_writer(path, BUSY.replace("PATIENCE", "0.2"))
    wait_for_more_rows(path, 1)
    with open_source(path, live=True) as source:
        assert source.method == "shared"
        first = source.count("user")
        wait_for_more_rows(path, 5)
        assert source.count("user") == first
        assert source.changed()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_change_is_noticed(make_source, journal_mode):
    path = make_source(*USERS, journal_mode=journal_mode)
    with open_source(path) as source:
        # Done with reading, so that nobody has to wait.
        source.execute("COMMIT")
        assert not source.changed()
        execute(path, "INSERT INTO auth VALUES ('a')")
        assert source.changed()


@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist"])
def test_a_file_that_grows_is_not_taken_for_a_truncated_one(make_source, start_writer, journal_mode):
    path = make_source(journal_mode=journal_mode)
    start_writer(path, f"db.execute('PRAGMA journal_mode = {journal_mode}'); db.execute('PRAGMA synchronous = OFF')\n" + GROWING)
    for _look in range(3000):
        look(path)


def test_damage_in_a_file_that_was_written_to_meanwhile_is_not_believed(make_source):
    """Read without a lock, two pages can be of two moments."""
    path = make_source(*USERS, BULK, journal_mode="wal")
    with open_source(path) as source:
        assert source.method == "lock-free"
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 60 * 4096)
        with pytest.raises(Refused, match="was written to while it was read; try again, or stop Open WebUI") as refused:
            list(source.query("SELECT * FROM chat"))
    assert refused.value.problems[0].kind == "in_use"


def test_a_locked_file_says_so(make_source, start_writer, monkeypatch):
    path = make_source(*USERS)
    start_writer(path, "db.execute('BEGIN EXCLUSIVE')")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *arguments, **options: connect(*arguments, **{**options, "timeout": 0.1}))
    with pytest.raises(Refused, match="is locked by a writer; stop Open WebUI and try again"), open_source(path):
        pass
    with pytest.raises(Refused, match="is locked by a writer; stop Open WebUI and try again"), open_writable(path):
        pass


# Who has it open.


def test_nobody(make_source):
    assert holders(make_source()) == []


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_process_that_has_it_open(make_source, start_writer, journal_mode):
    path = make_source(journal_mode=journal_mode)
    writer = start_writer(path)
    assert holders(path) == [Holder(writer.pid, Path(f"/proc/{writer.pid}/comm").read_text(encoding="utf-8").strip())]
    writer.kill()
    assert holders(path) == []


def test_a_link_to_it_is_the_same_file(make_source, start_writer, tmp_path):
    path = make_source()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    hard = tmp_path / "hard.db"
    hard.hardlink_to(path) if hasattr(hard, "hardlink_to") else os.link(path, hard)
    writer = start_writer(str(link))
    for name in (path, str(link), str(hard)):
        assert [holder.pid for holder in holders(name)] == [writer.pid]


def test_one_who_only_reads_does_not_count(make_source, start_writer):
    path = make_source(*USERS)
    start_writer(path, "keep = open(sys.argv[1], 'rb'); db.close()")
    start_writer(
        path,
        "db.close(); db = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True, isolation_level=None); "
        "db.execute('BEGIN'); db.execute('SELECT * FROM user').fetchall()",
    )
    assert holders(path) == []


def test_a_lock_counts_whoever_holds_it(make_source, start_writer, monkeypatch):
    """Processes of others cannot be looked into without root; their locks are seen."""
    path = make_source()
    writer = start_writer(path, "db.execute('BEGIN IMMEDIATE')")
    monkeypatch.setattr(_sqlite, "_other_processes", list)
    assert holders(path) == [Holder(writer.pid, "a process that cannot be seen from here")]


def test_this_process_does_not_count(make_source):
    path = make_source()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT * FROM user").fetchall()
        assert holders(path) == []


def test_asking_does_not_take_sqlites_locks_away(make_source):
    """POSIX drops all of a process's locks on a file when it closes any descriptor of it: not in the middle of a reading."""
    path = make_source(*USERS)
    code = (
        "import sqlite3, sys\ntry:\n    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN EXCLUSIVE')\n"
        "except sqlite3.OperationalError as error:\n    print(error)"
    )
    with open_source(path) as source:
        assert not source.changed()
        run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert "locked" in run.stdout


# Fingerprints.


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_the_fingerprint_of_an_untouched_file_stays(make_source, journal_mode):
    path = make_source(*USERS, journal_mode=journal_mode)
    first = look(path).fingerprint
    users(path)
    assert look(path).fingerprint == first


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_every_write_changes_the_fingerprint(make_source, journal_mode):
    path = make_source(*USERS, journal_mode=journal_mode)
    seen = {look(path).fingerprint}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number in range(5):
            connection.execute("UPDATE user SET name = ?", (str(number),))
            seen.add(look(path).fingerprint)
    assert len(seen) == 6


def test_an_empty_log_comes_and_goes(make_source):
    path = make_source(*USERS, journal_mode="wal")
    first = look(path).fingerprint
    Path(path + "-wal").touch()
    assert look(path).fingerprint == first


# What there is in it.


def test_the_journal_mode_is_told(make_source):
    path = make_source()
    assert look(path).journal_mode == "delete"
    execute(path, "PRAGMA journal_mode = wal")
    assert look(path).journal_mode == "wal"


def test_names_that_sql_has_a_use_for(make_source):
    path = make_source(
        'CREATE TABLE "group" ("key" TEXT PRIMARY KEY, "from" TEXT, "it\'s ""x""" TEXT)',
        'INSERT INTO "group" VALUES (1, NULL, 2)',
        'CREATE TABLE "a ""b"" [c] `d` \'e\'" (x)',
        "CREATE TABLE sqliteish (x)",
    )
    with open_source(path) as source:
        assert "a \"b\" [c] `d` 'e'" in source.tables()
        assert "sqliteish" in source.tables()
        assert [column.name for column in source.columns("group")] == ["key", "from", 'it\'s "x"']
        assert source.count("group") == 1
        assert source.holds_data("group", 'it\'s "x"')
        assert not source.holds_data("group", "from")
        everything(source)


def test_sqlites_own_tables_are_not_listed(make_source):
    path = make_source("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)", "CREATE INDEX i ON chat (user_id)", "ANALYZE")
    with open_source(path) as source:
        assert source.tables() == ["alembic_version", "auth", "chat", "counted", "user"]


def test_keys(make_source):
    path = make_source(
        "CREATE TABLE t (a TEXT, b TEXT, c TEXT UNIQUE, d TEXT, e TEXT, PRIMARY KEY (b, a), UNIQUE (d, e))",
        "CREATE UNIQUE INDEX partial ON t (d) WHERE e IS NULL",
        "CREATE UNIQUE INDEX expression ON t (lower(e))",
    )
    with open_source(path) as source:
        assert source.primary_key("t") == ["b", "a"]
        assert source.unique_keys("t") == {frozenset("ab"), frozenset("c"), frozenset("de")}
        assert source.primary_key("alembic_version") == ["version_num"]


def test_foreign_keys(make_source):
    path = make_source(
        "CREATE TABLE pair (a, b, PRIMARY KEY (a, b))",
        "CREATE TABLE t (x REFERENCES User (id) ON DELETE SET NULL, y REFERENCES CHAT, z REFERENCES nowhere (q), a, b, "
        "FOREIGN KEY (b, a) REFERENCES pair (b, a) ON DELETE CASCADE)",
    )
    with open_source(path) as source:
        assert sorted(source.foreign_keys("t"), key=lambda key: key.columns) == [
            ForeignKey(0, "t", ("b", "a"), "pair", ("b", "a"), True, "CASCADE"),
            ForeignKey(3, "t", ("x",), "user", ("id",), True, "SET NULL"),
            ForeignKey(2, "t", ("y",), "chat", ("id",), True, "NO ACTION"),
            ForeignKey(1, "t", ("z",), "nowhere", ("q",), False, "NO ACTION"),
        ]


def test_a_foreign_key_that_fits_no_key(make_source):
    path = make_source("CREATE TABLE pair (a, b, PRIMARY KEY (a, b))", "CREATE TABLE t (x REFERENCES pair)")
    with open_source(path) as source, pytest.raises(Refused, match="the foreign key of t fits no key of pair"):
        source.orphans()


@pytest.mark.parametrize(
    ("statements", "revision"),
    [
        ((), "0bd252b206fb"),
        (("DELETE FROM alembic_version",), None),
        (("DROP TABLE alembic_version",), None),
        (("UPDATE alembic_version SET version_num = 'é?'",), "é?"),
    ],
)
def test_the_revision(make_source, statements, revision):
    with open_source(make_source(*statements)) as source:
        assert source.revision() == revision


def test_texts_are_bytes_and_nothing_is_decoded(make_source):
    path = make_source("INSERT INTO user VALUES (CAST(x'ff00' AS TEXT), x'01')")
    with open_source(path) as source:
        assert list(source.query("SELECT * FROM user")) == [(b"\xff\x00", b"\x01")]
    assert text(b"\xff") == "\\xff"
    assert text(7) == "7"


def test_nothing_can_be_written(make_source):
    path = make_source(*USERS)
    with open_source(path) as source, pytest.raises(Refused):
        source.execute("DELETE FROM user")


def test_json_valid_is_there_even_where_sqlite_lacks_it(make_source, monkeypatch):
    with open_source(make_source()) as source:
        source.offer_json_valid(lambda value: value == "mine")
        assert source.value("SELECT json_valid('{}')") == 1
        assert source.value("SELECT json_valid('mine')") == 0


def test_a_name_that_a_url_has_a_use_for(make_source, tmp_path):
    path = str(tmp_path / "a b?mode=rwc#c%20é&immutable=0.db")
    shutil.copy(make_source(*USERS), path)
    assert users(path)[1] == [b"Ada", b"Grace"]


def test_the_size_by_the_header_is_not_believed_when_it_is_old(make_source):
    """SQLite itself goes by the file's size when another program has written to it last."""
    path = make_source(*USERS)
    with open(path, "r+b") as file:
        file.seek(24)
        changes, _pages = struct.unpack(">II", file.read(8))
        file.seek(24)
        file.write(struct.pack(">II", changes + 1, 1 << 20))
    assert users(path)[1] == [b"Ada", b"Grace"]


# Writing.


def test_a_change_counts_only_when_it_is_committed(make_source):
    path = make_source(*USERS)
    with open_writable(path) as source:
        assert source.execute("DELETE FROM user") == 2
    assert len(users(path)[1]) == 2
    with open_writable(path) as source:
        source.execute("DELETE FROM user WHERE id = 'u1'")
        source.execute("COMMIT")
    assert users(path)[1] == [b"Grace"]


def test_a_change_brings_no_others_about(make_source):
    path = make_source(*USERS, "CREATE TABLE t (x REFERENCES user (id) ON DELETE CASCADE)", "INSERT INTO t VALUES ('u1')")
    with open_writable(path) as source:
        source.execute("DELETE FROM user")
        source.execute("COMMIT")
    with open_source(path) as source:
        assert source.count("t") == 1


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(Refused, match="there is no such file"), open_writable(str(tmp_path / "webui.db")):
        pass
    assert not (tmp_path / "webui.db").exists()
