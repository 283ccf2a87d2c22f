# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two stages of the demo: Open WebUI as a program that commands start, and Open WebUI in a container.

A stage sets Open WebUI up on SQLite, says how Ansible reaches it, and takes everything away again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, Protocol

from lab import engine, images, install, paths, webui_container, webui_play
from lab.containers import Docker
from lab.engine import PREFIX
from lab.postgres import Cluster
from lab.webui_container import DATA_INSIDE, WebUIContainer
from lab.webui_service import Client, OpenWebUI, free_port, write_private

FOLDER = paths.LAB / "demo"
STATE = FOLDER / "state.json"
FIRST_POSTGRES_PORT = 54320


class Stage(Protocol):
    """What the demo does with either of them."""

    url: str
    database: Path

    def start(self) -> Client: ...

    def client(self) -> Client: ...

    def variables(self) -> dict[str, Any]:
        """The variables of its host in Ansible's inventory. Brings up what they name."""

    def environment(self) -> dict[str, str]:
        """What ansible-playbook needs in its environment besides."""

    def state(self) -> str:
        """What has become of it, for a demo that failed."""


class CommandStage:
    """Open WebUI from PyPI and PostgreSQL 18 from PyPI, below .lab/demo. No root, no Docker."""

    def __init__(self, port: int) -> None:
        self._service = OpenWebUI.create(FOLDER / "open-webui", port)
        self.url = self._service.url
        self.database = self._service.database
        remember(runtime="command", port=port)

    def start(self) -> Client:
        return self._service.start()

    def client(self) -> Client:
        return self._service.client()

    def variables(self) -> dict[str, Any]:
        cluster = self._start_postgres()
        database = {
            "webui_database_host": cluster.host,
            "webui_database_port": cluster.port,
            "webui_database_password": secrets.token_urlsafe(18),
            # The playbook creates role and database; the server has neither yet.
            "webui_postgres_admin_user": cluster.superuser,
            "webui_postgres_admin_password": cluster.password,
        }
        return webui_play.host_variables(self._service, database)

    def _start_postgres(self) -> Cluster:
        home = _postgres_home()
        remember(postgres=str(home))
        # The lab's servers are made to be thrown away; this one is for somebody to look at, and to keep what they write.
        cluster = Cluster.create("18", home, {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"})
        cluster.start(detached=True)
        return cluster

    def environment(self) -> dict[str, str]:
        return {}

    def state(self) -> str:
        where = f"still runs on SQLite at {self.url}" if self._service.is_running() else "is not running"
        return f"Open WebUI {where}. Its log: {self._service.log}"

    @staticmethod
    def clean(state: dict[str, Any]) -> None:
        OpenWebUI(FOLDER / "open-webui", state["port"]).stop()
        if home := state.get("postgres"):
            if (Path(home) / "cluster.json").exists():
                Cluster(Path(home)).destroy()
            shutil.rmtree(home, ignore_errors=True)


class ContainerStage:
    """Open WebUI by `docker run`, as its guide says; the playbook brings PostgreSQL by Compose."""

    NAME = f"{PREFIX}-demo"

    def __init__(self, port: int) -> None:
        install.for_docker()
        remember(runtime="container", port=port)
        self._engine, started = engine.start(detached=True)
        remember(engine_is_ours=started)
        images.build(self._engine)
        self._docker = Docker(self._engine)
        self._webui = WebUIContainer(self._docker, self.NAME, port, FOLDER / "open-webui")
        self.url = self._webui.url
        self.database = self._webui.database

    def start(self) -> Client:
        self._docker.run(
            *("--publish", f"{self._webui.port}:8080", "--volume", f"{self._webui.data}:{DATA_INSIDE}"),
            *("--restart=always", "--name", self.NAME, images.name(self._engine, "open-webui")),
        )
        return self._webui.wait_ready()

    def client(self) -> Client:
        return self._webui.wait_ready()

    def variables(self) -> dict[str, Any]:
        port = free_port(FIRST_POSTGRES_PORT, FIRST_POSTGRES_PORT + 99)
        found = webui_container.host_variables(self._docker, FOLDER, images.name(self._engine, "postgres", 18), port)
        names = dict.fromkeys(("project", "container_name", "network", "alias"), f"{self.NAME}-postgres")
        return {**found, "webui_container_name": self.NAME, **{f"webui_postgres_{key}": name for key, name in names.items()}}

    def environment(self) -> dict[str, str]:
        return self._engine.environment

    def state(self) -> str:
        docker = " ".join(f"{name}={value}" for name, value in self._engine.environment.items())
        return f"See {docker} docker ps --all; docker logs {self.NAME}"

    @classmethod
    def clean(cls, state: dict[str, Any]) -> None:
        found = engine.find()
        if found is None:
            return
        docker = Docker(found)
        for container in docker.api.containers.list(all=True, ignore_removed=True):
            if container.name.startswith(cls.NAME):
                container.remove(force=True, v=True)
        for network in docker.api.networks.list():
            if network.name.startswith(cls.NAME):
                network.remove()
        if state.get("engine_is_ours"):
            engine.stop()


STAGES = {"command": CommandStage, "container": ContainerStage}


def remember(**values: object) -> None:
    """Note what `clean` must know, before it is there to be cleaned."""
    write_private(STATE, json.dumps({**recall(), **values}))


def recall() -> dict[str, Any]:
    return json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}


def clean() -> None:
    """Stop what an earlier demo left running, also one that was interrupted, and remove its folders."""
    if state := recall():
        STAGES[state["runtime"]].clean(state)
    shutil.rmtree(FOLDER, ignore_errors=True)


def _postgres_home() -> Path:
    """A folder that PostgreSQL can get at. Root lends it another user, who may not be let into root's own folders."""
    home = FOLDER / "postgres"
    if os.geteuid() == 0 and not all(folder.stat().st_mode & stat.S_IXOTH for folder in home.parents):
        return Path(tempfile.mkdtemp(prefix="openwebui-postgres-demo-", dir="/var/tmp"))
    return home
