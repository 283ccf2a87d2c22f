# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts in one run, reached by SSH with sudo, each with an Open WebUI of its own; one PostgreSQL for all of them.

The tests of this file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab import webui_host, webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import WebUIContainer
from lab.webui_fill import World
from lab.webui_host import Host, wait_until
from lab.webui_play import Run
from lab.webui_service import Client
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

from .conftest import SECRET_KEY

NAMES = ("chat1", "chat2", "chat3")
# What one host does is of no consequence for another.
ALL_AT_ONCE = ("-e", "webui_serial=100%", "-e", "webui_max_fail_percentage=100")
ADMINISTRATOR = "administrator's $ecret"
UNIT = f"""\
[Unit]
Description=Open WebUI

[Service]
User=open-webui
WorkingDirectory=/var/lib/open-webui
EnvironmentFile=/etc/open-webui.env
ExecStart=/opt/open-webui/bin/open-webui serve --port {webui_host.PORT}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""
FILES = {webui_host.UNIT: UNIT, "/etc/open-webui.env": webui_host.SETTINGS}
PROGRAM = "/opt/open-webui/bin/open-webui"
# An Open WebUI that does not come up on PostgreSQL.
SICK = """\
#!/opt/open-webui/bin/python
import os
import sys

from open_webui import app

if os.environ.get("DATABASE_URL", "").startswith("postgresql"):
    sys.exit("out of order")
app()
"""


@dataclass(frozen=True)
class Fleet:
    """The hosts by their names in the inventory, and the server that they move to."""

    docker: Docker
    hosts: dict[str, Host]
    world: World
    server: str
    folder: Path

    def play(self, playbook: str, *arguments: str, pipelining: bool) -> Run:
        """Each play by connections of its own, which Ansible would otherwise keep from the one before."""
        settings = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": str(pipelining), "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._new_folder())}
        return webui_play.play(playbook, self.inventory(), *arguments, env=webui_play.environment(**settings))

    def _new_folder(self) -> Path:
        made = self.folder / f"cp{len(list(self.folder.iterdir()))}"
        made.mkdir()
        return made

    def inventory(self) -> Path:
        connections = webui_host.ssh_variables(self.hosts, self.folder / "key", self.folder)
        hosts = {name: {**variables, **self._variables(name)} for name, variables in connections.items()}
        return webui_play.write_inventory(self.folder / "hosts.json", hosts)

    def _variables(self, name: str) -> dict[str, Any]:
        return {
            "ansible_become": True,
            "ansible_python_interpreter": "/usr/bin/python3",
            # It has psycopg, so that nothing has to be installed first.
            "webui_python_interpreter": "/usr/bin/python3",
            "webui_database_host": self.server,
            "webui_database_name": f"openwebui_{name}",
            "webui_database_user": f"owner of {name}",
            "webui_database_password": f"{name}: p@ss/w:rd %41#?'\"\\ $HOME ~`",
            "webui_postgres_admin_user": "postgres",
            "webui_postgres_admin_password": ADMINISTRATOR,
            "webui_report_dir": str(self.folder / "report"),
        }

    def see(self, name: str) -> Snapshot:
        """What users see."""
        return snapshot(self.hosts[name].webui.wait_ready(), self.world, users=2)

    def write(self, name: str, text: str) -> None:
        """Somebody writes a note, which no other host has."""
        note = {"title": f"{text} on {name}", "data": {"content": {"json": None, "html": "", "md": f"{text} on {name}"}}}
        Client(self.hosts[name].webui.url, self.world.admin.token).post("/api/v1/notes/create", note)

    def database(self, name: str) -> str:
        """The database that its Open WebUI works on; empty for SQLite."""
        _address, found, database = self.hosts[name].environment.get("DATABASE_URL", "").rpartition(f"@{self.server}:5432/")
        return database.partition("?")[0] if found else ""

    def databases(self) -> list[str]:
        """Those that the server has for Open WebUI."""
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'openwebui%' ORDER BY 1"
        return self.docker.exec(self.server, "psql", "-U", "postgres", "-Atc", query).split()


@pytest.fixture(scope="module")
def fleet(
    docker: Docker, image: Callable[..., str], host_image: str, scratch: Scratch, use: Callable[[Path], Path], world: World
) -> Fleet:
    network, server = scratch.name("network"), scratch.name("postgres")
    docker.cli("network", "create", network)
    docker.run("--name", server, "--network", network, "--env", f"POSTGRES_PASSWORD={ADMINISTRATOR}", image("postgres", 18))
    hosts = {name: Host(docker, WebUIContainer(docker, scratch.name(name), scratch.port(), use(scratch.folder(name)))) for name in NAMES}
    folder = scratch.folder("controller")
    key = webui_host.make_key(folder / "key")
    for host in hosts.values():
        host.create(host_image, network)
    for host in hosts.values():
        host.serve(SECRET_KEY, FILES)
        host.run("systemctl", "enable", "open-webui")
        host.let_in(key)
    found = Fleet(docker, hosts, world, server, folder)
    for name, host in hosts.items():
        host.webui.wait_ready()
        found.write(name, "The first note")
    wait_until(lambda: "accepting" in docker.exec(server, "sh", "-c", "pg_isready -h 127.0.0.1 || true"))
    return found


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, Snapshot]:
    seen = {name: fleet.see(name) for name in NAMES}
    assert differences(seen["chat1"], seen["chat2"]), "the hosts have to be told apart"
    return seen


def lines_about(run: Run, name: str, word: str) -> list[str]:
    return [line for line in run.output.splitlines() if name in line and word in line.lower()]


def serves(host: Host, address: str) -> bool:
    try:
        socket.create_connection((address, webui_host.PORT), timeout=5).close()
    except OSError:
        return False
    return True


def test_one_run_moves_all_of_them(fleet: Fleet, before: dict[str, Snapshot]) -> None:
    run = fleet.play(webui_play.MIGRATE, *ALL_AT_ONCE, "-vvv", pipelining=True).succeeded()
    assert {name: fleet.database(name) for name in NAMES} == {name: f"openwebui_{name}" for name in NAMES}
    assert {name: differences(repaired(before[name]), fleet.see(name)) for name in NAMES} == {name: [] for name in NAMES}


def test_a_second_run_changes_nothing(fleet: Fleet, before: dict[str, Snapshot]) -> None:
    there = {name: fleet.hosts[name].shows("MainPID") for name in NAMES}
    run = fleet.play(webui_play.MIGRATE, *ALL_AT_ONCE, "-vvv", pipelining=False).succeeded()
    assert run.changed == 0
    assert {name: fleet.hosts[name].shows("MainPID") for name in NAMES} == there


def test_all_of_them_go_back(fleet: Fleet, before: dict[str, Snapshot]) -> None:
    fleet.play(webui_play.ROLLBACK, *ALL_AT_ONCE, pipelining=False).succeeded()
    assert {name: fleet.database(name) for name in NAMES} == dict.fromkeys(NAMES, "")
    assert {name: differences(before[name], fleet.see(name)) for name in NAMES} == {name: [] for name in NAMES}
