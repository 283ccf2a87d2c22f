# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose file in the shape that Open WebUI publishes it: beside Ollama, which it depends on.

The dependencies are part of the digest by which Compose knows a container again. The tests of this file are steps of one road and
build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import WebUIContainer, host_variables
from lab.webui_fill import World
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

COMPOSE_FILE = """\
services:
  ollama:
    volumes:
      - ollama:/root/.ollama
    pull_policy: always
    tty: true
    restart: unless-stopped
    image: {ollama}:${{OLLAMA_DOCKER_TAG-latest}}

  open-webui:
    build:
      context: .
      dockerfile: Dockerfile
    image: {webui}:${{WEBUI_DOCKER_TAG-main}}
    volumes:
      - open-webui:/app/backend/data
    depends_on:
      - ollama
    ports:
      - ${{OPEN_WEBUI_PORT-3000}}:8080
    environment:
      - 'OLLAMA_BASE_URL=http://ollama:11434'
      - 'WEBUI_SECRET_KEY='
    extra_hosts:
      - host.docker.internal:host-gateway
    restart: unless-stopped

volumes:
  ollama: {{}}
  open-webui: {{}}
"""


@pytest.fixture(scope="module")
def project(scratch: Scratch) -> Path:
    return scratch.folder(scratch.name("published"))


@pytest.fixture(scope="module")
def ollama(docker: Docker, image: Callable[..., str]) -> Iterator[str]:
    """An image that has the name of Ollama's, and does nothing."""
    name = docker.engine.image("ollama/ollama")
    dockerfile = f'FROM {image("postgres", 18)}\nENTRYPOINT ["sleep", "infinity"]\n'
    docker.cli("build", "--tag", f"{name}:latest", "-", input=dockerfile)
    yield name
    docker.cli("rmi", f"{name}:latest")


@pytest.fixture(scope="module")
def by_hand(docker: Docker, project: Path) -> Callable[[], None]:
    """docker compose up -d, as the user types it; without a pull, for there is nothing to pull from."""
    return lambda: docker.compose(project, "up", "-d", "--pull", "never") and None


@pytest.fixture(scope="module")
def webui(
    docker: Docker,
    image: Callable[..., str],
    ollama: str,
    scratch: Scratch,
    project: Path,
    by_hand: Callable[[], None],
    use: Callable[[Path], Path],
) -> Iterator[WebUIContainer]:
    port = scratch.port()
    (project / "docker-compose.yaml").write_text(COMPOSE_FILE.format(ollama=ollama, webui=image("open-webui").rpartition(":")[0]))
    (project / ".env").write_text(f"OPEN_WEBUI_PORT={port}\n")
    docker.compose(project, "up", "--no-start", "--pull", "never")
    data = Path(json.loads(docker.cli("volume", "inspect", f"{project.name}_open-webui"))[0]["Mountpoint"])
    shutil.copytree(use(scratch.folder("filled")), data, dirs_exist_ok=True)
    found = WebUIContainer(docker, f"{project.name}-open-webui-1", port, data)
    by_hand()
    found.wait_ready()
    yield found
    docker.compose(project, "down", "--volumes", "--timeout", "1")


@pytest.fixture(scope="module")
def inventory(docker: Docker, image: Callable[..., str], scratch: Scratch, webui: WebUIContainer) -> Path:
    variables = host_variables(docker, scratch.folder("host"), image("postgres", 18), scratch.port())
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    variables.update({f"webui_postgres_{key}": name for key, name in names.items()}, webui_container_name=webui.name)
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", {"host": variables})


@pytest.fixture(scope="module")
def neighbour(docker: Docker, project: Path) -> Callable[[], tuple[str, str]]:
    """The container of Ollama, and since when it runs; or that it does not."""

    def look() -> tuple[str, str]:
        found = docker.inspect(f"{project.name}-ollama-1")
        return found["Id"], found["State"]["StartedAt"] if found["State"]["Running"] else ""

    return look


@pytest.fixture(scope="module")
def before(webui: WebUIContainer, world: World) -> Snapshot:
    return snapshot(webui.client(), world)


@pytest.fixture(scope="module")
def key(docker: Docker, webui: WebUIContainer) -> str:
    return docker.exec(webui.name, "cat", "/app/backend/.webui_secret_key").strip()


@pytest.fixture(scope="module")
def migrated(inventory: Path, before: Snapshot, key: str) -> Run:
    return webui_play.play(webui_play.MIGRATE, inventory, "-vvv", "--diff").succeeded()


def test_right_after_it_was_brought_up_it_is_ready(webui: WebUIContainer, inventory: Path, by_hand: Callable[[], None]) -> None:
    there = (webui.id, webui.started_at)
    assert "READY to be moved." in webui_play.play(webui_play.AUDIT, inventory).succeeded().output
    by_hand()
    assert (webui.id, webui.started_at) == there


def test_one_run_moves_it_and_nothing_else(
    docker: Docker,
    project: Path,
    webui: WebUIContainer,
    world: World,
    before: Snapshot,
    key: str,
    neighbour: Callable[[], tuple[str, str]],
    request: pytest.FixtureRequest,
) -> None:
    # On purpose: this one is not to be started for the sake of the other.
    docker.compose(project, "stop", "--timeout", "1", "ollama")
    stopped = neighbour()
    assert not stopped[1]
    migrated = request.getfixturevalue("migrated")
    assert webui.environment["DATABASE_URL"].startswith("postgresql://")
    assert webui.environment["WEBUI_SECRET_KEY"] == key
    assert differences(repaired(before), snapshot(webui.wait_ready(), world)) == []
    assert neighbour() == stopped
    password = webui.environment["DATABASE_URL"].partition("@")[0].rpartition(":")[2]
    assert [secret for secret in (password, key) if secret in migrated.output] == []


def test_compose_by_hand_leaves_it_alone(
    webui: WebUIContainer, neighbour: Callable[[], tuple[str, str]], by_hand: Callable[[], None], migrated: Run
) -> None:
    there, other = (webui.id, webui.started_at), neighbour()[0]
    by_hand()
    assert (webui.id, webui.started_at) == there
    assert neighbour()[0] == other
    assert neighbour()[1]


def test_a_second_run_changes_nothing(webui: WebUIContainer, inventory: Path, migrated: Run) -> None:
    there = (webui.id, webui.started_at)
    assert webui_play.play(webui_play.MIGRATE, inventory).succeeded().changed == 0
    assert (webui.id, webui.started_at) == there


def test_it_goes_back(
    webui: WebUIContainer,
    world: World,
    inventory: Path,
    key: str,
    before: Any,
    neighbour: Callable[[], tuple[str, str]],
    by_hand: Callable[[], None],
    migrated: Run,
) -> None:
    other = neighbour()
    webui_play.play(webui_play.ROLLBACK, inventory).succeeded()
    assert differences(before, snapshot(webui.wait_ready(), world)) == []
    assert "DATABASE_URL" not in webui.environment
    assert webui.environment["WEBUI_SECRET_KEY"] == key
    there = (webui.id, webui.started_at)
    by_hand()
    assert (webui.id, webui.started_at) == there
    assert neighbour() == other
