# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet on one machine: instances with a webui.db each, a database each on one server, and what can be wrong with some of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import source
from lab import openwebui, postgres, stand_in, webui_play
from lab.databases import DatabaseServer, Target
from lab.webui_service import OpenWebUI
from psycopg import sql

# Of each webui.db, in MB: some 400 messages in twenty chats.
SIZE = 2
AT_ONCE = 8
# Of the file system for a database that gets full: an empty one with the schema is about 12.
FULL_MB = 24
# For whoever never becomes healthy.
PATIENCE = 15


@dataclass
class Instance:
    """One Open WebUI, with the database that it is to move to."""

    name: str
    service: OpenWebUI
    target: Target
    variables: dict[str, Any]
    # What the play has to say of it; empty for one that is to be moved.
    reason: str = ""
    digest: str = ""

    def look(self) -> None:
        """Remember webui.db as it is before the run."""
        self.digest = self._digest()

    def _digest(self) -> str:
        return hashlib.sha256(self.service.database.read_bytes()).hexdigest()

    def faults(self) -> list[str]:
        """What is not as it has to be after the run."""
        found = [] if self.service.is_running() else ["does not run"]
        found += [] if self._digest() == self.digest else ["webui.db is not as it was"]
        url = self.service.setting("DATABASE_URL")
        if self.reason:
            return found + (["is not on SQLite any more"] if url else [])
        return found + (self._unproven() if url == self.target.url else ["is not on PostgreSQL"])

    def _unproven(self) -> list[str]:
        """A run that has ended notes what it has proven, table by table; every row has to be among it, and there."""
        with self.target.connect() as connection:
            runs = connection.execute("SELECT tables FROM webui_migration.run WHERE abandoned_at IS NULL").fetchall()
            proven = {table["name"]: table["rows"] for (tables,) in runs for table in tables if table["digest"]}
            there = {name: _count(connection, name) for name in proven}
        with contextlib.closing(sqlite3.connect(f"{self.service.database.as_uri()}?mode=ro", uri=True)) as connection:
            wanted = {name: rows for name in _tables(connection) if (rows := _count(connection, name))}
        lacking = [name for name, rows in wanted.items() if not proven.get(name) == there.get(name) == rows]
        return [f"is not proven: {', '.join(lacking)}"] if lacking or not wanted else []


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in names if name not in ("alembic_version", "migratehistory")]


def _count(connection: sqlite3.Connection | psycopg.Connection, table: str) -> int:
    return connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


@dataclass
class Fleet:
    """All instances, and what there is to take away behind them."""

    folder: Path
    server: DatabaseServer
    instances: list[Instance] = field(default_factory=list)
    mounts: list[Path] = field(default_factory=list)

    @property
    def venv(self) -> Path:
        """What stands in for Open WebUI, with the schema that the real one has made."""
        return self.folder / "stand-in"

    def build(self, healthy: int, broken: int) -> None:
        """Make them and start them all."""
        stand_in.install(self.venv, self.server)
        source.build(openwebui.SQLITE_TEMPLATE, SIZE, self.folder / "source.db")
        flaws = list(FLAWS)[:broken]
        names = [*(f"chat{number:03}" for number in range(1, healthy + 1)), *(f"broken-{flaw}" for flaw in flaws)]
        self.instances = [self._instance(name, port) for name, port in zip(names, _free_ports(len(names)))]
        for instance, flaw in zip(self.instances[healthy:], flaws):
            instance.reason = FLAWS[flaw](self, instance)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _client in pool.map(lambda instance: instance.service.start(), self.instances):
                pass
        for instance in self.instances:
            instance.look()

    def inventory(self) -> Path:
        return webui_play.write_inventory(self.folder / "hosts.json", {each.name: each.variables for each in self.instances})

    def destroy(self) -> None:
        """Stop them, and unmount what was mounted for them."""
        for instance in self.instances:
            instance.service.command("stop")
        for mount in self.mounts:
            subprocess.run(["umount", "--lazy", mount], check=False)

    def _instance(self, name: str, port: int) -> Instance:
        service = OpenWebUI.create(self.folder / name, port, venv=self.venv)
        shutil.copyfile(self.folder / "source.db", service.database)
        target = self.server.create_database()
        database = {name.replace("login", "webui_database"): value for name, value in target.options.items() if name != "login_db"}
        database["webui_database_name"] = target.login_db
        return Instance(name, service, target, webui_play.host_variables(service, database))

    def small_disk(self, path: Path, size_kb: int) -> Path:
        """A file system of its own. It takes root to mount one."""
        path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=0700", "tmpfs", path], check=True)
        self.mounts.append(path)
        return path


def _free_ports(number: int) -> list[int]:
    """So many ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _turn in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


# -- what can be wrong with one: each returns a part of what the play has to say of it ----------------------------------------------------


def _corrupt_file(_fleet: Fleet, instance: Instance) -> str:
    """Nothing is left of some pages in the middle. Open WebUI notices only when somebody opens one of these chats."""
    middle = instance.service.database.stat().st_size // 2 // 4096 * 4096
    with instance.service.database.open("r+b") as file:
        file.seek(middle)
        file.write(b"\xa5" * 4096 * 4)
    return "integrity"


def _wrong_file(_fleet: Fleet, instance: Instance) -> str:
    other = instance.service.folder / "old" / "webui.db"
    other.parent.mkdir()
    shutil.copyfile(instance.service.database, other)
    instance.variables["webui_sqlite_path"] = str(other)
    return "Set webui_sqlite_path to the file in use"


def _full_target(fleet: Fleet, instance: Instance) -> str:
    """Its database is in a file system of its own, with the schema, and nothing is free there but a few pages."""
    disk = fleet.small_disk(fleet.server.home / "small", FULL_MB * 1024)
    postgres.own(disk)
    name, owner = sql.Identifier(f"{instance.target.login_db}"), sql.Identifier(instance.target.login_user)
    fleet.server.execute(
        sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(disk))),
        sql.SQL("DROP DATABASE {}").format(name),
        sql.SQL("CREATE DATABASE {} OWNER {} TABLESPACE small").format(name, owner),
    )
    environment = {**os.environ, "DATABASE_URL": instance.target.url}
    subprocess.run([fleet.venv / "bin" / "alembic", "upgrade", "head"], env=environment, check=True)
    # What the server has only in memory yet needs its room as well: no checkpoint of the whole server would come to its end without.
    fleet.server.execute(sql.SQL("CHECKPOINT"))
    free = shutil.disk_usage(disk).free
    (disk / "other").write_bytes(b"\0" * (free - 100_000))
    return "disk is full"


def _wrong_password(_fleet: Fleet, instance: Instance) -> str:
    instance.variables["webui_database_password"] = "not-this-one"
    return "password authentication failed"


def _unhealthy_afterwards(_fleet: Fleet, instance: Instance) -> str:
    with instance.service.env_file.open("a", encoding="utf-8") as file:
        file.write("STAND_IN_UNWELL_ON=postgresql\n")
    instance.variables["webui_health_timeout"] = PATIENCE
    return "HTTP 503"


def _unreachable(_fleet: Fleet, instance: Instance) -> str:
    (port,) = _free_ports(1)
    instance.variables.update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=port)
    return "Connection refused"


def _no_room(fleet: Fleet, instance: Instance) -> str:
    """No room for a backup, where this collection keeps its own things."""
    instance.variables["webui_state_dir"] = str(fleet.small_disk(instance.service.folder / "state", 512))
    return "and the backup needs"


def _somebodys_data(fleet: Fleet, instance: Instance) -> str:
    environment = {**os.environ, "DATABASE_URL": instance.target.url}
    subprocess.run([fleet.venv / "bin" / "alembic", "upgrade", "head"], env=environment, check=True)
    with instance.target.connect() as connection:
        connection.execute("INSERT INTO tag (id, name, user_id) VALUES ('mine', 'mine', 'me')")
    return "the target holds data"


FLAWS: dict[str, Callable[[Fleet, Instance], str]] = {
    "corrupt-file": _corrupt_file,
    "wrong-file": _wrong_file,
    "full-target": _full_target,
    "wrong-password": _wrong_password,
    "unhealthy-afterwards": _unhealthy_afterwards,
    "unreachable": _unreachable,
    "no-room": _no_room,
    "somebodys-data": _somebodys_data,
}
