# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit over several hosts: what it tells of each, what it ends with, and that it changes nothing.

All tests but the last look at one run over all hosts: one to be moved, one on PostgreSQL already, one whose file is damaged, and one that
cannot be reached. None of them has to run for it.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.webui_play import Run, play
from lab.webui_service import free_port

from .conftest import Site, SiteMaker

# The worst first.
STATES = {"out-of-reach": "unreachable", "damaged": "refused", "to-be-moved": "ready", "moved": "kept"}
PAGE = 4096


@dataclass
class Fleet:
    """The hosts, and the inventory that names them in an order of its own."""

    sites: dict[str, Site]
    inventory: Path

    def digests(self) -> dict[str, dict[str, str]]:
        """All files of all hosts, with when they were last written."""
        return {name: _digests(site.service.folder) for name, site in self.sites.items()}

    def audit(self, reports: Path, *arguments: str) -> Run:
        return play(webui_play.AUDIT, self.inventory, "-e", f"webui_report_dir={reports}", *arguments)


def _digests(folder: Path) -> dict[str, str]:
    """Without SQLite's shared memory, in which whoever reads a file has to note that it reads."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm")}
    found = {str(name): f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}" for name, path in files.items()}
    return {**found, "folders": " ".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir()))}


def _spoil_a_value(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE user SET name = name || char(0) WHERE id = (SELECT min(id) FROM user)")
        connection.commit()


def _damage(database: Path) -> None:
    """Nothing is left of a third of its pages but the first ones, so that it is still found to be Open WebUI's."""
    content = bytearray(database.read_bytes())
    start = len(content) // 3 // PAGE * PAGE
    content[start : 2 * start] = b"\xff" * start
    database.write_bytes(content)


@pytest.fixture(scope="module")
def fleet(site: SiteMaker, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    sites = {name: site(name) for name in ("moved", "to-be-moved", "damaged")}
    _spoil_a_value(sites["to-be-moved"].service.database)
    _damage(sites["damaged"].service.database)
    place = sites["moved"].variables
    url = f"postgresql://{place['webui_database_user']}:secret@{place['webui_database_host']}:{place['webui_database_port']}"
    with sites["moved"].service.env_file.open("a", encoding="utf-8") as settings:
        settings.write(f"DATABASE_URL={url}/{place['webui_database_name']}\n")
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": free_port(), "ansible_ssh_retries": 0}
    hosts = {**{name: found.variables for name, found in sites.items()}, "out-of-reach": away}
    return Fleet(sites, webui_play.write_inventory(tmp_path_factory.mktemp("fleet") / "inventory.json", hosts))


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, dict[str, str]]:
    return fleet.digests()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def audited(fleet: Fleet, before: dict[str, dict[str, str]], reports: Path) -> Run:
    return fleet.audit(reports)


@pytest.fixture(scope="module")
def folder(audited: Run, reports: Path) -> Path:
    """Where the report of the run is."""
    (found,) = (reports / "runs").iterdir()
    return found


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, dict[str, Any]]:
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {record["host"]: record for record in told["hosts"]}


def test_nothing_is_changed(fleet: Fleet, audited: Run, before: dict[str, dict[str, str]]) -> None:
    assert audited.changed == 0, audited.end
    assert fleet.digests() == before
    assert len(before["to-be-moved"]) > 5


def test_one_line_for_each_host_tells_how_it_is_the_worst_first(audited: Run) -> None:
    words = [line.strip(' ",').split() for line in audited.output.splitlines()]
    told = [(line[0], line[1]) for line in words if len(line) > 1 and STATES.get(line[0]) == line[1]]
    assert told == list(STATES.items()), audited.end


def test_a_host_that_could_not_be_reached_fails_the_run(audited: Run) -> None:
    assert audited.code == 4, audited.end


def test_the_report_is_there_for_people_and_for_programs(folder: Path, reports: Path) -> None:
    assert folder.name.endswith("-audit")
    page, history = ((place).read_text(encoding="utf-8") for place in (folder / "report.html", reports / "index.html"))
    assert [host for host in STATES if host not in page] == []
    assert f"runs/{folder.name}/report.html" in history
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["host"]: line["state"] for line in lines} == STATES
    # What nobody could count is not nothing.
    assert {line["host"] for line in lines if line["orphans"]} == {"to-be-moved"}


def test_each_host_has_its_state_and_the_reason_for_it(records: dict[str, dict[str, Any]], fleet: Fleet) -> None:
    assert {host: record["state"] for host, record in records.items()} == STATES
    assert {host for host, record in records.items() if record["reasons"]} == {"damaged", "out-of-reach"}
    (*_others, reason) = records["damaged"]["reasons"]
    assert str(fleet.sites["damaged"].service.database) in reason


def test_what_is_to_be_moved_is_told_to_the_row(records: dict[str, dict[str, Any]], fleet: Fleet) -> None:
    site, record = fleet.sites["to-be-moved"], records["to-be-moved"]
    with contextlib.closing(sqlite3.connect(f"{site.service.database.as_uri()}?mode=ro", uri=True)) as connection:
        (users,) = connection.execute("SELECT count(*) FROM user").fetchone()
    assert {table["table"]: table["rows"] for table in record["tables"]}["user"] == users > 1
    assert record["source"]["rows"] == sum(table["rows"] for table in record["tables"])
    assert record["source"]["size_bytes"] == site.service.database.stat().st_size
    assert record["instance"]["runtime"] == "command"
    assert sorted((one["table"], one["parent"], one["rows"]) for one in record["orphans"]) == site.orphans() != []
    spoilt = [one for one in record["values"] if (one["table"], one["column"], one["rule"]) == ("user", "name", "nul")]
    assert [(one["rows"], one["refused"]) for one in spoilt] == [(1, False)]


def test_it_is_told_what_the_move_will_take(records: dict[str, dict[str, Any]]) -> None:
    estimate = records["to-be-moved"]["estimate"]
    assert estimate["disk_bytes"] >= records["to-be-moved"]["source"]["size_bytes"]
    assert estimate["online_seconds"] > 0
    # Open WebUI has to stop and to start, whatever the size.
    assert 5 < estimate["downtime_seconds"] < 60
    # How fast so small a file was read says nothing.
    assert estimate["from"] == "what benchmarks of this collection took"


def test_nothing_of_it_holds_a_secret_or_what_users_wrote(audited: Run, folder: Path, reports: Path, fleet: Fleet) -> None:
    written = [path.read_text(encoding="utf-8") for path in (reports / "index.html", *folder.rglob("*")) if path.is_file()]
    secrets = {secret for site in fleet.sites.values() for secret in site.secrets}
    with contextlib.closing(sqlite3.connect(fleet.sites["to-be-moved"].service.database)) as connection:
        titles = {title for (title,) in connection.execute("SELECT title FROM chat") if len(title) > 8}
    assert titles
    assert [text for text in secrets | titles for told in (*written, audited.output) if text in told] == []


@pytest.mark.parametrize(
    ("limit", "fail_on", "code"),
    [
        ("all:!out-of-reach", "", 0),
        ("all:!out-of-reach", "not_ready", 2),
        ("to-be-moved:moved", "not_ready", 0),
        ("to-be-moved:moved", "not_moved", 2),
        ("moved", "not_moved,not_ready", 0),
    ],
)
def test_what_it_ends_with(fleet: Fleet, tmp_path: Path, limit: str, fail_on: str, code: int) -> None:
    asked = ["-e", f"webui_audit_fail_on={fail_on}"] if fail_on else []
    run = fleet.audit(tmp_path, "--limit", limit, *asked)
    assert run.code == code, run.end
    # Also where it fails, everybody can read why.
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "report.html").is_file()


def test_a_word_that_means_nothing_is_refused_before_any_host_is_looked_at(fleet: Fleet, tmp_path: Path) -> None:
    run = fleet.audit(tmp_path, "-e", "webui_audit_fail_on=notready").failed_saying(
        "webui_audit_fail_on: notready is none of never, not_ready"
    )
    assert "Find Open WebUI" not in run.output
    assert list(tmp_path.iterdir()) == []
