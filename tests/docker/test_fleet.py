# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts in one run, reached by SSH with sudo, each with an Open WebUI of its own; one PostgreSQL for all of them.

The tests of this file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
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
# Hosts that have gone back have left their data on PostgreSQL.
AGAIN = ("-e", "webui_migrate_target_data=replace")
# A module that Ansible copies to the host, as a file, where it has no pipelining.
LEFT_WITHOUT_PIPELINING = "AnsiballZ_webui_info.py"
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
        return webui_play.play(playbook, self._inventory(), *arguments, env=webui_play.environment(**settings))

    def _new_folder(self) -> Path:
        made = self.folder / f"cp{len(list(self.folder.iterdir()))}"
        made.mkdir()
        return made

    def _inventory(self) -> Path:
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
            "webui_database_password": f"{name}: p@ss/w:rd %41#?'\"\\ $HOME ~`",
            "webui_postgres_admin_user": "postgres",
            "webui_postgres_admin_password": ADMINISTRATOR,
        }

    def states(self) -> dict[str, str]:
        """What the report says of each host, for the run that was the last."""
        newest = max((self.folder / "report" / "runs").iterdir())
        report = json.loads((newest / "report.json").read_text())
        return {record["host"]: record["state"] for record in report["hosts"]}

    def see(self, name: str) -> Snapshot:
        """What users see."""
        return snapshot(self.hosts[name].webui.wait_ready(), self.world, users=1)

    def write(self, name: str, text: str) -> None:
        """Somebody writes a note, which no other host has."""
        note = {"title": f"{text} on {name}", "data": {"content": {"json": None, "html": "", "md": f"{text} on {name}"}}}
        Client(self.hosts[name].webui.url, self.world.admin.token).post("/api/v1/notes/create", note)

    def database(self, name: str) -> str:
        """The database that its Open WebUI works on; empty for SQLite."""
        _address, found, database = self.hosts[name].environment.get("DATABASE_URL", "").rpartition(f"@{self.server}:5432/")
        return database.partition("?")[0] if found else ""

    def databases_in_use(self) -> dict[str, str]:
        return {name: self.database(name) for name in self.hosts}

    def databases(self) -> list[str]:
        """Those that the server has for Open WebUI."""
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'openwebui%' ORDER BY 1"
        return self.docker.exec(self.server, "psql", "-U", "postgres", "-Atc", query).split()


@pytest.fixture(scope="module")
def fleet(docker: Docker, image: Callable[..., str], host_image: str, scratch: Scratch, use: Callable[[Path], Path], world: World) -> Fleet:
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


def pid(fleet: Fleet, name: str) -> str:
    """Another one after each start."""
    return fleet.hosts[name].shows("MainPID")


def on_postgresql(*names: str) -> dict[str, str]:
    """What `Fleet.databases_in_use` says when these hosts, and no others, work on the database that is called after them."""
    return {name: f"openwebui_{name}" if name in names else "" for name in NAMES}


def called_unreachable(run: Run) -> set[str]:
    """The hosts of which the output says so."""
    return {name for name in NAMES for line in run.output.splitlines() if name in line and "UNREACHABLE!" in line}


def serves(address: str) -> bool:
    try:
        socket.create_connection((address, webui_host.PORT), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def sick(fleet: Fleet) -> Iterator[str]:
    """A host whose Open WebUI does not come up on PostgreSQL."""
    host = fleet.hosts["chat2"]
    host.run("cp", "--preserve", PROGRAM, f"{PROGRAM}.well")
    host.write(PROGRAM, SICK)
    yield "chat2"
    host.run("mv", f"{PROGRAM}.well", PROGRAM)


@pytest.fixture
def without_sshd(fleet: Fleet) -> Iterator[str]:
    fleet.hosts["chat1"].run("systemctl", "stop", "ssh")
    yield "chat1"
    fleet.hosts["chat1"].run("systemctl", "start", "ssh")


def test_a_canary_that_does_not_come_up_keeps_the_others_from_being_touched(fleet: Fleet, before: dict[str, Snapshot], sick: str) -> None:
    there = {name: pid(fleet, name) for name in NAMES}
    run = fleet.play(webui_play.MIGRATE, "-e", f"webui_canary={sick}", pipelining=True).failed_saying(sick)
    assert fleet.states() == {"chat1": "pending", "chat2": "restored", "chat3": "pending"}
    assert fleet.databases_in_use() == on_postgresql()
    # The canary has been there and is back; nothing was made for the others.
    assert fleet.databases() == [f"openwebui_{sick}"], run.end
    assert {name for name in NAMES if pid(fleet, name) != there[name]} == {sick}
    assert differences(before[sick], fleet.see(sick)) == []


def test_one_that_cannot_be_reached_and_one_that_dies_half_way_do_not_keep_the_third_from_being_moved(
    fleet: Fleet, before: dict[str, Snapshot], without_sshd: str
) -> None:
    there = pid(fleet, without_sshd)
    host, address = fleet.hosts["chat3"], fleet.hosts["chat3"].address

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fleet.play, webui_play.MIGRATE, *webui_play.IN_ONE_WAVE, *AGAIN, pipelining=True)
        # Everything is loaded ahead and Open WebUI stopped: from here on users wait.
        wait_until(lambda: not serves(address) or running.done(), every=0.1)
        assert not running.done(), running.result().end
        wait_until(lambda: host.shows("ActiveState") == "inactive", every=0.1)
        fleet.docker.cli("kill", host.webui.name)
        run = running.result()
    assert run.code != 0, run.end
    assert called_unreachable(run) == {without_sshd, "chat3"}, run.end
    assert fleet.states() == {"chat1": "unreachable", "chat2": "migrated", "chat3": "lost"}
    assert pid(fleet, without_sshd) == there
    assert differences(before[without_sshd], fleet.see(without_sshd)) == []
    assert differences(repaired(before["chat2"]), fleet.see("chat2")) == []


def test_a_repeated_run_moves_both_of_them(fleet: Fleet, before: dict[str, Snapshot]) -> None:
    host = fleet.hosts["chat3"]
    fleet.docker.cli("start", host.webui.name)
    host.wait_booted()
    host.webui.wait_ready()
    assert fleet.databases_in_use() == on_postgresql("chat2")
    fleet.write("chat3", "After the lights came back")
    before["chat3"], there = fleet.see("chat3"), pid(fleet, "chat2")
    run = fleet.play(webui_play.MIGRATE, *webui_play.IN_ONE_WAVE, *AGAIN, "-vvv", pipelining=False).succeeded()
    assert LEFT_WITHOUT_PIPELINING in run.output
    assert fleet.states() == {"chat1": "migrated", "chat2": "kept", "chat3": "migrated"}
    assert fleet.databases_in_use() == on_postgresql(*NAMES)
    assert {name: differences(repaired(before[name]), fleet.see(name)) for name in NAMES} == {name: [] for name in NAMES}
    assert pid(fleet, "chat2") == there


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    there = {name: pid(fleet, name) for name in NAMES}
    run = fleet.play(webui_play.MIGRATE, *webui_play.IN_ONE_WAVE, "-vvv", pipelining=True).succeeded()
    assert LEFT_WITHOUT_PIPELINING not in run.output
    assert run.changed == 0
    assert {name: pid(fleet, name) for name in NAMES} == there


def test_they_go_back(fleet: Fleet, before: dict[str, Snapshot]) -> None:
    fleet.play(webui_play.ROLLBACK, pipelining=False).succeeded()
    assert fleet.databases_in_use() == on_postgresql()
    assert {name: differences(before[name], fleet.see(name)) for name in NAMES} == {name: [] for name in NAMES}
