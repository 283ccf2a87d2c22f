# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small SQLite files that pass for Open WebUI's, processes that write to them, and a look at what became of a folder.

complete      statements that give a source all tables and columns of its revision, empty ones
make_source   make_source("CREATE TABLE …", journal_mode="wal") -> path of a webui.db in a folder of its own
start_writer  start_writer(path, "code") -> a process that has run the code with `db`, a connection, and then waits
folder_state  folder_state(path) -> what lies beside the file and what is in it, to be compared with a later look
open_folder   a folder that also other users can reach
as_nobody     a context in which the file system's permissions count, also when root runs the tests
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Callable, ContextManager, Iterator

import pytest

ESSENTIALS = (
    "CREATE TABLE user (id TEXT NOT NULL PRIMARY KEY, name TEXT)",
    "CREATE TABLE auth (id TEXT NOT NULL PRIMARY KEY)",
    "CREATE TABLE chat (id TEXT NOT NULL PRIMARY KEY, user_id TEXT, chat JSON)",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('0bd252b206fb')",
)

WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.2)
{code}
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def complete() -> list[str]:
    from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import known_tables

    essentials = {"user": {"id", "name"}, "auth": {"id"}, "chat": {"id", "user_id", "chat"}}
    statements = []
    for table, columns in known_tables("0bd252b206fb").items():
        if table in essentials:
            new = [name for name in columns if name not in essentials[table]]
            statements += [f'ALTER TABLE "{table}" ADD COLUMN "{name}"' for name in new]
        else:
            statements.append(f'CREATE TABLE "{table}" ({", ".join(chr(34) + name + chr(34) for name in columns)})')
    return statements


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., str]:
    def make(*statements: str, journal_mode: str = "delete") -> str:
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        path = folder / "webui.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA journal_mode = {journal_mode}").fetchall()
            for statement in (*ESSENTIALS, *statements):
                connection.execute(statement)
        return str(path)

    return make


class Writer:
    """A process that has the file open."""

    def __init__(self, path: str, code: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER.format(code=code), path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_writer() -> Iterator[Callable[[str, str], Writer]]:
    started: list[Writer] = []

    def start(path: str, code: str = "db.execute('SELECT count(*) FROM user').fetchall()") -> Writer:
        started.append(Writer(path, code))
        return started[-1]

    yield start
    for writer in started:
        writer.kill()


@pytest.fixture
def folder_state() -> Callable[[str], dict[str, object]]:
    def look(path: str) -> dict[str, object]:
        found = {}
        for file in sorted(Path(path).parent.iterdir()):
            facts = file.stat()
            # Readers leave their marks in shared memory; that is what it is for.
            content = None if file.name.endswith("-shm") else (file.read_bytes(), facts.st_mtime_ns)
            found[file.name] = facts.st_mode, facts.st_size, content
        return found

    return look


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="webui-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> Callable[[], ContextManager[None]]:
    @contextmanager
    def become() -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    return become
