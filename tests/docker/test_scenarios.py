# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as users have them, moved in one run over an inventory, and taken back in another.

host      in the host's network
custom    in two networks of its own, with an alias and an address; a named volume; a secret key that the image generated
tls       beside an external PostgreSQL that takes encrypted connections only, its certificate verified in full
rebuilt   no container any more: a data folder, an image, and what docker_container is to make of them
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import DATA_INSIDE, WebUIContainer, host_variables
from lab.webui_fill import World
from lab.webui_play import Run
from lab.webui_service import Client
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

from .conftest import SECRET_KEY

SUPERUSER_PASSWORD = "the administrator's"
# One server for all that have none of their own, and a database for each.
SHARED = ("host", "custom", "rebuilt")


@dataclass
class Scene:
    """One Open WebUI and what its host's variables say about it."""

    webui: WebUIContainer
    variables: dict[str, Any] = field(default_factory=dict)
    inspected: dict[str, Any] = field(default_factory=dict)


@dataclass
class Stage:
    docker: Docker
    image: Callable[..., str]
    scratch: Scratch
    use: Callable[[Path], Path]

    def webui(self, name: str, data: Path | None = None) -> WebUIContainer:
        port = self.scratch.port()
        return WebUIContainer(self.docker, self.scratch.name(name), port, data or self.use(self.scratch.folder(name)))

    def network(self, name: str, *options: str) -> str:
        self.docker.cli("network", "create", *options, self.scratch.name(name))
        return self.scratch.name(name)

    def run(self, webui: WebUIContainer, *options: str) -> None:
        self.docker.run("--name", webui.name, *options, self.image("open-webui"))

    def host(self) -> Scene:
        webui = self.webui("host")
        self.run(
            webui,
            *("--network", "host", "--env", f"PORT={webui.port}", "--volume", f"{webui.data}:{DATA_INSIDE}"),
            *("--env", f"WEBUI_SECRET_KEY={SECRET_KEY}", "--memory", "3g", "--log-opt", "max-size=1m"),
        )
        return Scene(webui)

    def custom(self) -> Scene:
        volume = self.scratch.name("volume")
        self.docker.cli("volume", "create", volume)
        data = Path(json.loads(self.docker.cli("volume", "inspect", volume))[0]["Mountpoint"])
        shutil.copytree(self.use(self.scratch.folder("custom")), data, dirs_exist_ok=True)
        webui = self.webui("custom", data)
        first = self.network("first", "--subnet", "10.213.77.0/24")
        second = self.network("second")
        self.docker.cli(
            *("create", "--name", webui.name, "--network", first, "--ip", "10.213.77.7", "--network-alias", "chat"),
            *("--publish", f"127.0.0.1:{webui.port}:8080", "--volume", f"{volume}:{DATA_INSIDE}", "--label", "mine=yes"),
            *("--add-host", "elsewhere:192.0.2.1", "--restart", "on-failure:5", self.image("open-webui")),
        )
        self.docker.cli("network", "connect", "--alias", "webui", second, webui.name)
        self.docker.cli("start", webui.name)
        return Scene(webui)

    def tls(self) -> Scene:
        network, server, port = self.network("tls"), self.scratch.name("tls-postgres"), self.scratch.port()
        keys = self._certificate(server)
        self.docker.run(
            *("--name", server, "--network", network, "--publish", f"127.0.0.1:{port}:5432"),
            *("--env", f"POSTGRES_PASSWORD={SUPERUSER_PASSWORD}", "--volume", f"{keys}:/keys:ro", self.image("postgres", 18)),
            *("postgres", "-c", "ssl=on", "-c", "ssl_cert_file=/keys/server.pem", "-c", "ssl_key_file=/keys/server.key"),
            *("-c", "hba_file=/keys/pg_hba.conf"),
        )
        webui = self.webui("tls")
        self.run(
            webui,
            *("--network", network, "--publish", f"127.0.0.1:{webui.port}:8080", "--volume", f"{webui.data}:{DATA_INSIDE}"),
            *("--env", f"WEBUI_SECRET_KEY={SECRET_KEY}"),
        )
        return Scene(
            webui,
            {
                "webui_postgres_mode": "external",
                "webui_database_host": "127.0.0.1",
                "webui_database_port": port,
                "webui_database_url_host": server,
                "webui_database_url_port": 5432,
                "webui_database_ssl_mode": "verify-full",
                "webui_database_ca_cert": str(keys / "ca.pem"),
                "webui_database_password": "p@ss/w:rd %41#?",
                "webui_postgres_admin_user": "postgres",
                "webui_postgres_admin_password": SUPERUSER_PASSWORD,
            },
        )

    def rebuilt(self) -> Scene:
        webui = self.webui("rebuilt")
        return Scene(
            webui,
            {
                "webui_image": self.image("open-webui"),
                "webui_data_dir": str(webui.data),
                "webui_secret_key": SECRET_KEY,
                "webui_container_options": {
                    "published_ports": [f"127.0.0.1:{webui.port}:8080"],
                    "restart_policy": "unless-stopped",
                    "env": {"WEBUI_NAME": "Rebuilt"},
                    "pull": "never",
                },
            },
        )

    def _certificate(self, name: str) -> Path:
        """A certificate for both names that the server goes by, and rules that let nobody in without encryption."""
        folder = self.scratch.folder("keys")
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name[:60]}"),
                *("-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"),
                *("-keyout", folder / "server.key", "-out", folder / "server.pem"),
            ],
            check=True,
            capture_output=True,
        )
        shutil.copy(folder / "server.pem", folder / "ca.pem")
        (folder / "pg_hba.conf").write_text("local all all trust\nhostssl all all all scram-sha-256\n")
        # The user that PostgreSQL has in its image.
        shutil.chown(folder / "server.key", 70, 70)
        folder.chmod(0o755)
        return folder


@pytest.fixture(scope="module")
def scenes(docker: Docker, image: Callable[..., str], scratch: Scratch, use: Callable[[Path], Path]) -> dict[str, Scene]:
    stage = Stage(docker, image, scratch, use)
    return {name: getattr(stage, name)() for name in ("host", "custom", "tls", "rebuilt")}


@pytest.fixture(scope="module")
def inventory(docker: Docker, image: Callable[..., str], scratch: Scratch, scenes: dict[str, Scene]) -> Path:
    common = host_variables(docker, scratch.folder("hosts"), image("postgres", 18), scratch.port())
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    common |= {f"webui_postgres_{key}": name for key, name in names.items()}
    hosts = {}
    for name, scene in scenes.items():
        own = {"webui_instance_name": name, "webui_container_name": scene.webui.name}
        own |= {"webui_database_name": f"db-{name}", "webui_database_user": f"owner-{name}"} if name in SHARED else {}
        hosts[name] = {**common, **own, **scene.variables}
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", hosts)


@pytest.fixture(scope="module")
def generated(scenes: dict[str, Scene], world: World) -> Client:
    """Somebody who has signed in where the image has generated the key."""
    return scenes["custom"].webui.wait_ready().sign_in(world.admin.email, world.admin.password)


@pytest.fixture(scope="module")
def before(scenes: dict[str, Scene], world: World, generated: Client) -> Snapshot:
    """What one user sees; the data is the same everywhere."""
    for name, scene in scenes.items():
        if name != "rebuilt":
            scene.webui.wait_ready()
            scene.inspected = scene.webui.inspect()
    return snapshot(scenes["host"].webui.client(), world, users=1)


@pytest.fixture(scope="module")
def migrated(before: Snapshot, inventory: Path) -> Run:
    return webui_play.play(webui_play.MIGRATE, inventory, *webui_play.IN_ONE_WAVE, "--diff").succeeded()


def host_part(address: str) -> str:
    return address.rpartition("@")[2].partition(":")[0]


@pytest.mark.parametrize("name", ["host", "tls", "rebuilt"])
def test_its_users_see_the_same(name: str, scenes: dict[str, Scene], world: World, before: Snapshot, migrated: Run) -> None:
    after = snapshot(scenes[name].webui.wait_ready(), world, users=1)
    assert [found for found in differences(repaired(before), after) if "Rebuilt" not in found] == []


@pytest.mark.parametrize("name", ["host", "custom", "tls"])
def test_only_its_database_settings_differ(name: str, scenes: dict[str, Scene], migrated: Run) -> None:
    old, new = scenes[name].inspected, scenes[name].webui.inspect()
    added = {line.partition("=")[0] for line in set(new["Config"]["Env"]) - set(old["Config"]["Env"])}
    assert added - {"PGSSLROOTCERT", "WEBUI_SECRET_KEY"} == {"DATABASE_URL"}
    assert ("WEBUI_SECRET_KEY" in added) == (name == "custom")
    assert new["Image"] == old["Image"]
    assert new["HostConfig"] == old["HostConfig"]
    assert new["Config"]["Labels"] == old["Config"]["Labels"]


def test_the_host_network_reaches_it_by_the_host(scenes: dict[str, Scene], migrated: Run) -> None:
    assert host_part(scenes["host"].webui.environment["DATABASE_URL"]) == "127.0.0.1"


def test_networks_keep_aliases_and_addresses(scenes: dict[str, Scene], scratch: Scratch, migrated: Run) -> None:
    networks = scenes["custom"].webui.inspect()["NetworkSettings"]["Networks"]
    assert set(networks) == {scratch.name("first"), scratch.name("second"), scratch.name("postgres")}
    assert networks[scratch.name("first")]["IPAddress"] == "10.213.77.7"
    assert "chat" in networks[scratch.name("first")]["Aliases"]
    assert "webui" in networks[scratch.name("second")]["Aliases"]


def test_a_generated_key_is_carried_over(scenes: dict[str, Scene], world: World, generated: Client, migrated: Run) -> None:
    """A session that was signed with it goes on."""
    scenes["custom"].webui.wait_ready()
    assert generated.get("/api/v1/auths/")["email"] == world.admin.email


def test_the_named_volume_is_in_use(scenes: dict[str, Scene], scratch: Scratch, migrated: Run) -> None:
    mounts = [mount for mount in scenes["custom"].webui.inspect()["Mounts"] if mount["Destination"] == DATA_INSIDE]
    assert [mount["Name"] for mount in mounts] == [scratch.name("volume")]


def test_the_connection_is_encrypted_and_verified(docker: Docker, scenes: dict[str, Scene], scratch: Scratch, migrated: Run) -> None:
    environment = scenes["tls"].webui.environment
    assert "sslmode=verify-full" in environment["DATABASE_URL"]
    assert environment["PGSSLROOTCERT"].startswith(DATA_INSIDE)
    query = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'openwebui_tls' AND ssl"
    assert int(docker.exec(scratch.name("tls-postgres"), "psql", "-U", "postgres", "-Atc", query)) > 0


def test_a_container_is_made_where_there_was_none(scenes: dict[str, Scene], migrated: Run) -> None:
    made = scenes["rebuilt"].webui.inspect()
    assert made["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert scenes["rebuilt"].webui.environment["WEBUI_NAME"] == "Rebuilt"
    assert scenes["rebuilt"].webui.environment["WEBUI_SECRET_KEY"] == SECRET_KEY


def test_no_secret_is_in_the_output(migrated: Run) -> None:
    assert [secret for secret in (SUPERUSER_PASSWORD, "p@ss/w:rd", "p%40ss", SECRET_KEY) if secret in migrated.output] == []


def test_a_second_run_changes_nothing(scenes: dict[str, Scene], inventory: Path, migrated: Run) -> None:
    there = {name: (scene.webui.id, scene.webui.started_at) for name, scene in scenes.items()}
    assert webui_play.play(webui_play.MIGRATE, inventory, *webui_play.IN_ONE_WAVE).succeeded().changed == 0
    assert {name: (scene.webui.id, scene.webui.started_at) for name, scene in scenes.items()} == there


def test_the_way_back(docker: Docker, scenes: dict[str, Scene], inventory: Path, generated: Client, migrated: Run) -> None:
    webui_play.play(webui_play.ROLLBACK, inventory).succeeded()
    for name in ("host", "custom", "tls"):
        now = scenes[name].webui.inspect()
        for part in ("Id", "Config", "HostConfig", "Mounts"):
            assert now[part] == scenes[name].inspected[part], (name, part)
    scenes["custom"].webui.wait_ready()
    assert generated.get("/api/v1/auths/")
    # Where there was no container before, there is none again.
    assert not docker.exists(scenes["rebuilt"].webui.name)
