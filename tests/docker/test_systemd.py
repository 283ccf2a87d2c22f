# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI as a service of systemd on a Debian host, from SQLite to PostgreSQL and back.

The host is a container with systemd as its first process; plays reach it by the connection of community.docker. The tests of this
file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.containers import WAIT_SECONDS, Docker, Scratch
from lab.webui_container import WebUIContainer
from lab.webui_fill import World
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

from .conftest import SECRET_KEY

HERE = Path(__file__).resolve().parent
PORT = 8090
PASSWORDS = {"chat": "p@ss/w:rd %41#?'\"\\ $HOME ~`", "postgres": "administrator's $ecret"}
UNIT = f"""\
[Unit]
Description=Open WebUI

[Service]
User=open-webui
WorkingDirectory=/var/lib/open-webui
Environment="WEBUI_NAME=our chat" DATABASE_TYPE=sqlite
EnvironmentFile=-/etc/open-webui.env
ExecStart=/opt/open-webui/bin/open-webui serve --port {PORT}
Restart=always
RestartSec=2
"""
# "systemctl edit" writes into this one. Of two env files the later one counts.
OVERRIDE = "[Service]\nEnvironmentFile=/etc/more.env\n"
FILES = {
    "/etc/systemd/system/open-webui.service": UNIT,
    "/etc/systemd/system/open-webui.service.d/override.conf": OVERRIDE,
    "/etc/more.env": "DATABASE_URL='sqlite:////var/lib/open-webui/data/webui.db'\n",
    "/etc/open-webui.env": """\
# The image's settings do not reach a service.
DATA_DIR=/var/lib/open-webui/data
USE_SLIM_DOCKER=true
OFFLINE_MODE=true
HF_HUB_OFFLINE=1
ENABLE_OLLAMA_API=false
ENABLE_OPENAI_API=false
RAG_EMBEDDING_ENGINE=openai
""",
}
SETTINGS = "/etc/openwebui-postgres/open-webui.service.env"
DROP_IN = "/etc/systemd/system/open-webui.service.d/zz-openwebui-postgres.conf"


@dataclass(frozen=True)
class Host:
    """A host with systemd. Its Open WebUI answers at a port of this machine."""

    docker: Docker
    webui: WebUIContainer

    def run(self, *command: str) -> str:
        return self.docker.exec(self.webui.name, *command).strip()

    def write(self, path: str, text: str) -> None:
        self.run("mkdir", "-p", str(Path(path).parent))
        self.run("sh", "-c", 'printf %s "$1" >"$2"', "sh", text, path)

    def shows(self, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", "open-webui.service")

    @property
    def environment(self) -> dict[str, str]:
        """What the running service was started with."""
        words = self.run("cat", f"/proc/{self.shows('MainPID')}/environ").split("\0")
        return dict(word.split("=", 1) for word in words if "=" in word)

    def unit(self) -> str:
        return self.run("systemctl", "cat", "open-webui.service")


@pytest.fixture(scope="module")
def systemd_image(docker: Docker, image: Callable[..., str], scratch: Scratch) -> Iterator[str]:
    """Kept in an engine of our own, as the other images are."""
    name = "openwebui-lab-systemd:12"
    docker.cli("build", "--build-arg", f"IMAGE={image('open-webui')}", "--tag", name, str(HERE / "systemd"))
    yield name
    if not docker.engine.own:
        scratch.clean()
        docker.cli("rmi", name)


@pytest.fixture(scope="module")
def host(docker: Docker, systemd_image: str, scratch: Scratch, use: Callable[[Path], Path]) -> Host:
    webui = WebUIContainer(docker, scratch.name("host"), scratch.port(), use(scratch.folder("webui")))
    docker.cli("network", "create", scratch.name("network"))
    docker.run(
        *("--name", webui.name, "--network", scratch.name("network"), "--publish", f"127.0.0.1:{webui.port}:{PORT}"),
        # A cgroup tree and the right to mount are all that systemd needs.
        *(
            "--cgroupns",
            "private",
            "--cap-add",
            "SYS_ADMIN",
            "--security-opt",
            "seccomp=unconfined",
            "--security-opt",
            "apparmor=unconfined",
        ),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec", "--volume", f"{webui.data}:/var/lib/open-webui/data"),
        systemd_image,
    )
    found = Host(docker, webui)
    found.write("/var/lib/open-webui/.webui_secret_key", SECRET_KEY)
    for path, text in FILES.items():
        found.write(path, text)
    found.run("chown", "-R", "open-webui", "/var/lib/open-webui")
    wait_until(lambda: found.run("sh", "-c", "systemctl is-system-running || true") in ("running", "degraded"))
    found.run("systemctl", "daemon-reload")
    found.run("systemctl", "start", "open-webui")
    webui.wait_ready()
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


def wait_until(true: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.5)


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
