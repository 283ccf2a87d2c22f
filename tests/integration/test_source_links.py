# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webui.db behind links, with rows in its log: checked, backed up, cleaned and moved with all it holds, or refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO tag (id, name, user_id) VALUES ('in the log', 'n', 'u')")
connection.execute("INSERT INTO chat_file (id, user_id, chat_id, file_id, created_at, updated_at) VALUES ('o', 'u', 'gone', 'gone', 1, 1)")
print("ready", flush=True)
sys.stdin.read()
"""


class Writer:
    """A process that holds the file open, with rows in its log, as Open WebUI does. It never closes it in an orderly way."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", WRITE, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def write():
    started: list[Writer] = []

    def start(path: Path) -> Writer:
        started.append(Writer(path))
        return started[-1]

    yield start
    for writer in started:
        writer.kill()


@pytest.fixture(params=["file", "chain", "folder"])
def linked(request: pytest.FixtureRequest, webui_db: Path, tmp_path: Path) -> Path:
    """A path that leads to webui.db."""
    fast = tmp_path / "fast"
    fast.mkdir()
    real = fast / "data of 2023.sqlite"
    os.rename(webui_db, real)
    if request.param == "folder":
        (fast / "webui.db").symlink_to(real.name)
        (tmp_path / "data").symlink_to("fast")
        return tmp_path / "data" / "webui.db"
    if request.param == "chain":
        (tmp_path / "second").symlink_to(real)
        webui_db.symlink_to("second")
    else:
        webui_db.symlink_to(real)
    return webui_db


def rows(answer: dict[str, Any]) -> dict[str, int]:
    assert "failed" not in answer, answer
    return {table["name"]: table["rows"] for table in answer["tables"]}


@pytest.mark.parametrize("running", [True, False])
def test_checked_and_backed_up_with_its_log(run_module, write, linked, tmp_path, running):
    writer = write(linked)
    if not running:
        writer.kill()
    real = os.path.realpath(linked)
    checked = run_module("webui_sqlite_check", {"path": str(linked)})
    assert rows(checked)["tag"] == 1
    assert (checked["real_path"], checked["log_path"], checked["in_use"]) == (real, f"{real}-wal", running)
    assert checked["wal_bytes"] == os.path.getsize(f"{real}-wal") > 0
    backed_up = run_module("webui_sqlite_backup", {"path": str(linked), "dest": str(tmp_path / "backups")})
    assert rows(backed_up)["tag"] == 1
    assert backed_up["real_path"] == real
    commands = {name: ["true" if running else "false"] for name in ("probe", "stop", "start", "bootstrap")}
    options = {
        "env_file": str(tmp_path / "none.env"),
        "sqlite_path": str(linked),
        "commands": commands,
        "settle_timeout": 0,
        "refuse": False,
    }
    found = run_module("webui_info", options)["instance"]["source"]
    assert (found["evidence"], found["findings"]) == ("open" if running else "none", [])


def test_cleaned_and_moved_with_its_log(run_module, write, linked, schema_target, tmp_path, python39):
    write(linked).kill()
    options = {"path": str(linked), "quarantine": str(tmp_path / "quarantine")}
    assert run_module("webui_orphan_clean", options)["changed"]
    moved = run_module("webui_pg_migrate", {"path": str(linked), **schema_target.options})
    assert moved["changed"], moved
    with schema_target.connect() as connection:
        assert connection.execute("SELECT id FROM tag").fetchall() == [("in the log",)]
    again = run_module("webui_pg_migrate", {"path": os.path.realpath(linked), **schema_target.options})
    assert again["already_migrated"], again
    assert rows(run_module("webui_sqlite_check", {"path": str(linked)}, python=python39))["tag"] == 1


def test_a_second_name_in_another_folder_is_refused_everywhere(run_module, write, webui_db, schema_target, tmp_path):
    """The log lies beside the name by which it was opened."""
    other = tmp_path / "other.db"
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "webui.db"
    os.rename(webui_db, path)
    os.link(path, other)
    write(other).kill()
    for module, options in (
        ("webui_sqlite_check", {}),
        ("webui_sqlite_backup", {"dest": str(tmp_path / "backups")}),
        ("webui_orphan_clean", {"quarantine": str(tmp_path / "quarantine")}),
        ("webui_pg_migrate", schema_target.options),
    ):
        answer = run_module(module, {"path": str(path), **options})
        assert answer["failed"], module
        assert f"{path}: the file has 2 names (hard links), and SQLite keeps its log beside the one by which it was opened" in answer["msg"]
