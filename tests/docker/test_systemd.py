# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI as a service of systemd on a Debian host, from SQLite to PostgreSQL and back.

The host is a container with systemd as its first process; plays reach it by the connection of community.docker. The tests of this
file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import webui_host, webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import WebUIContainer
from lab.webui_fill import World
from lab.webui_host import Host, wait_until
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

from .conftest import SECRET_KEY

PASSWORDS = {"chat": "p@ss/w:rd %41#?'\"\\ $HOME ~`", "postgres": "administrator's $ecret"}
UNIT = f"""\
[Unit]
Description=Open WebUI

[Service]
User=open-webui
WorkingDirectory=/var/lib/open-webui
Environment="WEBUI_NAME=our chat" DATABASE_TYPE=sqlite
EnvironmentFile=-/etc/open-webui.env
ExecStart=/opt/open-webui/bin/open-webui serve --port {webui_host.PORT}
Restart=always
RestartSec=2
"""
# "systemctl edit" writes into this one. Of two env files the later one counts.
OVERRIDE = "[Service]\nEnvironmentFile=/etc/more.env\n"
FILES = {
    webui_host.UNIT: UNIT,
    "/etc/systemd/system/open-webui.service.d/override.conf": OVERRIDE,
    "/etc/more.env": "DATABASE_URL='sqlite:////var/lib/open-webui/data/webui.db'\n",
    "/etc/open-webui.env": webui_host.SETTINGS,
}
SETTINGS = "/etc/openwebui-postgres/open-webui.service.env"
DROP_IN = "/etc/systemd/system/open-webui.service.d/zz-openwebui-postgres.conf"


@pytest.fixture(scope="module")
def host(docker: Docker, host_image: str, scratch: Scratch, use: Callable[[Path], Path]) -> Host:
    docker.cli("network", "create", scratch.name("network"))
    found = Host(docker, WebUIContainer(docker, scratch.name("host"), scratch.port(), use(scratch.folder("webui"))))
    found.create(host_image, scratch.name("network"))
    found.serve(SECRET_KEY, FILES)
    found.webui.wait_ready()
    return found


@pytest.fixture(scope="module")
def postgres(docker: Docker, image: Callable[..., str], scratch: Scratch, host: Host) -> str:
    name = scratch.name("postgres")
    password = ("--env", f"POSTGRES_PASSWORD={PASSWORDS['postgres']}")
    docker.run("--name", name, "--network", scratch.name("network"), *password, image("postgres", 18))
    wait_until(lambda: "accepting" in docker.exec(name, "sh", "-c", "pg_isready -h 127.0.0.1 || true"))
    return name


@pytest.fixture(scope="module")
def variables(host: Host, postgres: str) -> dict[str, Any]:
    return {
        "ansible_connection": "community.docker.docker",
        "ansible_host": host.webui.name,
        "ansible_python_interpreter": "/usr/bin/python3",
        # It has psycopg, so that nothing has to be installed first.
        "webui_python_interpreter": "/usr/bin/python3",
        "webui_database_host": postgres,
        "webui_database_user": "chat",
        "webui_database_password": PASSWORDS["chat"],
        "webui_postgres_admin_user": "postgres",
        "webui_postgres_admin_password": PASSWORDS["postgres"],
    }


@pytest.fixture(scope="module")
def inventory(variables: dict[str, Any], scratch: Scratch) -> Path:
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", {"host": variables})


@pytest.fixture(scope="module")
def before(host: Host, world: World) -> tuple[Snapshot, str]:
    return snapshot(host.webui.client(), world), host.unit()


@pytest.fixture(scope="module")
def migrated(inventory: Path, before: object) -> Run:
    return webui_play.play(webui_play.MIGRATE, inventory, "-vvv", "--diff").succeeded()


def test_what_is_missing_is_said_before_anything_is_stopped(host: Host, variables: dict[str, Any], scratch: Scratch) -> None:
    host.run("python3", "-m", "venv", "--without-pip", "/opt/empty")
    host.run("python3", "-m", "venv", "--without-pip", "/opt/driverless")
    host.run("sh", "-c", "echo /app/backend >$(echo /opt/driverless/lib/python3*/site-packages)/open-webui.pth")
    pythons = {"empty": "/opt/empty/bin/python", "driverless": "/opt/driverless/bin/python"}
    hosts = {name: {**variables, "webui_instance_systemd_python": python} for name, python in pythons.items()}
    run = webui_play.play(webui_play.AUDIT, webui_play.write_inventory(scratch.folder("missing") / "hosts.json", hosts))
    assert "2 refused" in run.output
    assert "/opt/empty/bin/python, which webui_instance_systemd_python names, has no Open WebUI" in run.output
    assert "/opt/driverless/bin/python has no psycopg2" in run.output


def test_one_run_moves_it(host: Host, world: World, before: tuple[Snapshot, str], migrated: Run) -> None:
    environment = host.environment
    assert environment["DATABASE_URL"].startswith("postgresql://chat:")
    assert "DATABASE_TYPE" not in environment
    assert environment["WEBUI_NAME"] == "our chat"
    assert differences(repaired(before[0]), snapshot(host.webui.wait_ready(), world)) == []


def test_secrets_are_in_one_file_that_nobody_else_can_read(host: Host, world: World, migrated: Run) -> None:
    assert host.run("stat", "-c", "%a %U", SETTINGS) == "600 root"
    assert host.run("stat", "-c", "%a %U", DROP_IN) == "644 root"
    quoted = host.environment["DATABASE_URL"].partition("@")[0].rpartition(":")[2]
    secrets = [*PASSWORDS.values(), quoted, SECRET_KEY, *(account.password for account in world.accounts)]
    shown = migrated.output + host.unit()
    assert [secret for secret in secrets if secret in shown or json.dumps(secret)[1:-1] in shown] == []


def test_a_second_run_changes_nothing(host: Host, inventory: Path, migrated: Run) -> None:
    there = host.shows("MainPID")
    assert webui_play.play(webui_play.MIGRATE, inventory).succeeded().changed == 0
    assert host.shows("MainPID") == there


def test_a_setting_that_has_changed_takes_effect(host: Host, inventory: Path, migrated: Run) -> None:
    there = host.shows("MainPID")
    webui_play.play(webui_play.MIGRATE, inventory, "-e", "webui_database_pool_size=7").succeeded()
    assert host.shows("MainPID") != there
    assert host.environment["DATABASE_POOL_SIZE"] == "7"


def test_a_restart_by_hand_leaves_it_there(host: Host, migrated: Run) -> None:
    host.run("systemctl", "restart", "open-webui")
    host.webui.wait_ready()
    assert host.environment["DATABASE_URL"].startswith("postgresql://")


def test_the_way_back(host: Host, world: World, inventory: Path, before: tuple[Snapshot, str], migrated: Run) -> None:
    webui_play.play(webui_play.ROLLBACK, inventory).succeeded()
    assert host.unit() == before[1]
    assert (
        host.run(
            "sh",
            "-c",
            "ls -d /etc/openwebui-postgres || true",
        )
        == ""
    )
    assert host.run("cat", "/var/lib/open-webui/.webui_secret_key") == SECRET_KEY
    assert host.environment["DATABASE_TYPE"] == "sqlite"
    assert differences(before[0], snapshot(host.webui.wait_ready(), world)) == []
