# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real PostgreSQL servers, real Open WebUI schemas, real module runs.

pg18, pg15          a server for the whole session: PostgreSQL 18 from PyPI; Debian's (15 on Debian 12), with lz4 and TLS
schema_target       a database on pg18 with Open WebUI's schema and no rows, one per test
schema_target_pg15  the same on pg15
any_schema_target   the test runs twice, once on each server
webui_db            a webui.db with Open WebUI's schema and no rows, one per test
source, snapshot, migrate: for those that load ahead; see there
run_module          run_module("webui_sqlite_check", {"path": …}, check=False, diff=False, python=None) -> answer
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable, Iterator

import pytest
from lab import openwebui, paths, postgres
from lab.databases import DatabaseServer, Target
from lab.modules import ModuleRunner
from lab.source import SourceFile

_servers: list[DatabaseServer] = []


def _serve(kind: str) -> Iterator[DatabaseServer]:
    with postgres.temporary(kind) as cluster:
        server = DatabaseServer(cluster)
        _servers.append(server)
        yield server
        _servers.remove(server)


@pytest.fixture(scope="session")
def pg18() -> Iterator[DatabaseServer]:
    yield from _serve("18")


@pytest.fixture(scope="session")
def pg15() -> Iterator[DatabaseServer]:
    yield from _serve("debian")


@pytest.fixture(autouse=True)
def _give_back_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """Bring servers up again that a test left down, and drop the databases it made."""
    before = {id(server): server.databases() for server in _servers}
    yield
    for server in _servers:
        server.start()
        server.drop_databases(server.databases() - before.get(id(server), set()))


@pytest.fixture
def schema_target(pg18: DatabaseServer) -> Target:
    return pg18.create_open_webui_database()


@pytest.fixture
def schema_target_pg15(pg15: DatabaseServer) -> Target:
    return pg15.create_open_webui_database()


@pytest.fixture(params=["pg18", "pg15"])
def any_schema_target(request: pytest.FixtureRequest) -> Target:
    return request.getfixturevalue(request.param).create_open_webui_database()


@pytest.fixture
def webui_db(tmp_path: Path) -> Path:
    return Path(shutil.copy(openwebui.SQLITE_TEMPLATE, tmp_path / "webui.db"))


@pytest.fixture
def run_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleRunner]:
    runner = ModuleRunner(tmp_path_factory.mktemp("remote"))
    yield runner
    runner.kill_all()


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    """A webui.db with a user and a chat, in a data folder of its own. Most files have another one."""
    folder = webui_db.parent / "data"
    folder.mkdir()
    file = SourceFile(Path(shutil.move(webui_db, folder / "webui.db")))
    file.add_user("u")
    file.add_chat("c", chat='{"title": "hello"}')
    return file


@pytest.fixture
def snapshot(run_module, tmp_path: Path) -> Callable[[SourceFile], Path]:
    """snapshot(source) -> the file that a backup of it is, as it is made while Open WebUI works."""

    def take(source: SourceFile) -> Path:
        answer = run_module("webui_sqlite_backup", {"path": str(source.path), "dest": str(tmp_path / "snapshots"), "keep": 9})
        assert not answer.get("failed"), answer
        return Path(answer["backup_file"])

    return take


@pytest.fixture
def migrate(run_module, tmp_path: Path):
    """migrate(path, target, check=False, **options) -> answer, with a quarantine. Most files have another one."""

    def run(path, target, check=False, **options):
        given = {"path": str(path), "quarantine": str(tmp_path / "quarantine"), **target.options, **options}
        answer = run_module("webui_pg_migrate", {name: value for name, value in given.items() if value is not None}, check=check)
        # What it was called with says nothing, and hides what matters when a test fails.
        answer.pop("invocation", None)
        return answer

    return run


@pytest.fixture(scope="session")
def python39() -> Path:
    """A target's Python at the collection's floor; the controller's where the machine has none."""
    return paths.PYTHON39 if paths.PYTHON39.exists() else paths.PYTHON
