# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A filled Open WebUI, made once for all runs of a day and copied for each test, and plays against it.

filled       the folder of an Open WebUI on SQLite, stopped: full of real data and real orphans; never started again
server       PostgreSQL 18 for the whole session, empty
site         makes sites: a copy of `filled` as a service of its own, with a database of its own on `server`
stand_in     in place of Open WebUI's programs, for sites of which there are to be many
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import filled as lab_filled
from lab import images, paths, postgres, webui_fill, webui_play
from lab import stand_in as lab_stand_in
from lab.databases import DatabaseServer
from lab.postgres import free_port
from lab.webui_fill import World
from lab.webui_play import Run, play
from lab.webui_service import Client, OpenWebUI

# All that a URL, a shell, an env file, YAML and SQL could stumble over.
HOSTILE_PASSWORD = "p@ss/w:rd %41#?'\"\\ $HOME ~`"


@dataclass
class Site:
    """One Open WebUI with the database that it is to move to."""

    name: str
    service: OpenWebUI
    world: World
    server: DatabaseServer
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def secrets(self) -> list[str]:
        """What no output may hold, in every form that it has somewhere."""
        passwords = [HOSTILE_PASSWORD, self.server.cluster.password]
        escaped = [json.dumps(password)[1:-1] for password in passwords]
        return [*passwords, *escaped, *(account.password for account in self.world.accounts), self.service.secret_key]

    def start(self) -> Client:
        return self.service.start()

    def inventory(self) -> Path:
        path = self.service.folder / "inventory.json"
        return webui_play.write_inventory(path, {self.name: self.variables})

    def play(self, playbook: str = webui_play.MIGRATE, *arguments: str) -> Run:
        return play(playbook, self.inventory(), *arguments)

    def database_url(self) -> str:
        """What the next start will use; empty for SQLite."""
        return self.service.setting("DATABASE_URL")

    def users_on_postgresql(self, database: str = "") -> int:
        """How many users there are in its database, or in the one of this name."""
        with self.server.admin(database or self.variables["webui_database_name"]) as connection:
            return connection.execute('SELECT count(*) FROM "user"').fetchone()[0]

    def orphans(self) -> list[tuple[str, str, int]]:
        """What SQLite says of rows whose parent is gone: table, parent, how many."""
        with contextlib.closing(sqlite3.connect(f"{self.service.database.as_uri()}?mode=ro", uri=True)) as connection:
            rows = collections.Counter((row[0], row[2]) for row in connection.execute("PRAGMA foreign_key_check"))
        return sorted((table, parent, number) for (table, parent), number in rows.items())

    def fingerprint(self) -> dict[str, str]:
        """The content of the SQLite database, its write-ahead log included, as digests."""
        files = [self.service.database, self.service.database.with_name("webui.db-wal")]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()}


SiteMaker = Callable[..., Site]


def play_until(marker: str, inventory: Path) -> str:
    """Run migrate.yml and kill it when its output says `marker`, with all its children. Returns what it said."""
    process = subprocess.Popen(
        [webui_play.ANSIBLE_PLAYBOOK, webui_play.MIGRATE, "-i", inventory, "-e", f"webui_report_dir={inventory.parent / 'report'}"],
        cwd=paths.ROOT,
        env=webui_play.environment(ANSIBLE_NOCOLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if marker in line:
            break
    # Not by process group: Ansible's workers and asynchronous jobs have sessions of their own.
    for pid in [process.pid, *_descendants(process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return "".join(said)


def _descendants(ancestor: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


@pytest.fixture(scope="session")
def filled() -> Path:
    def fill_folder(folder: Path) -> World:
        service = OpenWebUI.create(folder, free_port())
        try:
            return webui_fill.fill(service.start())
        finally:
            service.stop()

    return lab_filled.folder("service", fill_folder, Path(__file__), Path(webui_fill.__file__), images.REQUIREMENTS)


@pytest.fixture(scope="session")
def server() -> Iterator[DatabaseServer]:
    with postgres.temporary("18") as cluster:
        yield DatabaseServer(cluster)


@pytest.fixture(scope="session")
def stand_in(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab_stand_in.install(tmp_path_factory.mktemp("stand-in") / "venv", server)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium on this machine; on Debian: apt-get install chromium"
    return found


@pytest.fixture(scope="module")
def site(filled: Path, server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteMaker]:
    made: list[Site] = []

    def make(name: str, venv: Path = paths.OPEN_WEBUI, **variables: Any) -> Site:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(filled / "data", folder / "data")
        # Uploads are found by the absolute path in the database: the copies share those of `filled`, and delete none.
        service = OpenWebUI.create(folder, free_port(), OpenWebUI(filled, 0).secret_key, venv)
        database = {
            "webui_database_host": server.cluster.host,
            "webui_database_port": server.cluster.port,
            "webui_database_name": f"{name}-db",
            "webui_database_user": f"{name}.owner",
            "webui_database_password": HOSTILE_PASSWORD,
            "webui_postgres_admin_user": server.cluster.superuser,
            "webui_postgres_admin_password": server.cluster.password,
        }
        world = World.load(filled / lab_filled.WORLD)
        found = Site(name, service, world, server, {**webui_play.host_variables(service, database), **variables})
        made.append(found)
        return found

    yield make
    for found in made:
        found.service.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With a failed test, show the end of each Open WebUI's log: the reason is often there and nowhere else."""
    report = yield
    if report.failed and "site" in getattr(item, "fixturenames", ()):
        base = item.config._tmp_path_factory.getbasetemp()
        for log in sorted(base.glob("*[0-9]/webui.log")):
            lines = [line for line in log.read_text(errors="replace").splitlines() if not line.endswith('HTTP/1.1" 200')]
            print(f"--- the end of {log}", *lines[-10:], sep="\n", file=sys.stderr)
    return report
