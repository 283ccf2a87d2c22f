# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI as a service of the user's own Compose project, from SQLite to PostgreSQL and back.

The user goes on typing `docker compose up -d`, and the user's files stay as they are. The tests of this file are steps of one
road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
import stat
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

ON_SQLITE = "sqlite:////app/backend/data/webui.db"
# Everything that could get the better of a DATABASE_URL: "environment" as a list, filled from .env, and an env file.
COMPOSE_FILE = """\
# Our chat. This comment stays.
services:
  chat:
    image: {image}
    container_name: {name}
    restart: always
    ports:
      - "127.0.0.1:${{CHAT_PORT}}:8080"
    env_file: chat.env
    environment:
      - DATABASE_URL=${{DATABASE_URL}}
      - WEBUI_SECRET_KEY=
      - WEBUI_NAME=it's $$5
    volumes:
      - ./data:/app/backend/data
"""
FILES = {
    ".env": "CHAT_PORT={port}\nDATABASE_URL=" + ON_SQLITE + "\n",
    "chat.env": "DATABASE_TYPE=sqlite\nDATABASE_USER=nobody\n",
}
OVERRIDE = "compose.override.yaml"
SETTINGS = "openwebui-postgres.secret.yaml"


@pytest.fixture(scope="module")
def project(scratch: Scratch) -> Path:
    return scratch.folder(scratch.name("project"))


@pytest.fixture(scope="module")
def webui(
    docker: Docker, image: Callable[..., str], scratch: Scratch, project: Path, use: Callable[[Path], Path]
) -> Iterator[WebUIContainer]:
    found = WebUIContainer(docker, scratch.name("chat"), scratch.port(), use(project))
    (project / "compose.yaml").write_text(COMPOSE_FILE.format(image=image("open-webui"), name=found.name))
    for name, text in FILES.items():
        (project / name).write_text(text.format(port=found.port))
    docker.compose(project, "up", "-d")
    found.wait_ready()
    yield found
    docker.compose(project, "down")


@pytest.fixture(scope="module")
def inventory(docker: Docker, image: Callable[..., str], scratch: Scratch, webui: WebUIContainer) -> Path:
    variables = host_variables(docker, scratch.folder("host"), image("postgres", 18), scratch.port())
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    variables.update({f"webui_postgres_{key}": name for key, name in names.items()}, webui_container_name=webui.name)
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", {"host": variables})


@pytest.fixture(scope="module")
def key(docker: Docker, webui: WebUIContainer) -> str:
    """The secret key that the image has made up, in the container's own layer."""
    return docker.exec(webui.name, "cat", "/app/backend/.webui_secret_key").strip()


@pytest.fixture(scope="module")
def before(webui: WebUIContainer, world: World, key: str) -> tuple[Snapshot, dict[str, Any]]:
    return snapshot(webui.client(), world), webui.inspect()


@pytest.fixture(scope="module")
def migrated(inventory: Path, before: object) -> Run:
    return webui_play.play(webui_play.MIGRATE, inventory, "-vvv", "--diff").succeeded()


def of_the_user(project: Path) -> dict[str, str]:
    return {name: (project / name).read_text() for name in ("compose.yaml", *FILES)}


def test_one_run_moves_it(webui: WebUIContainer, world: World, key: str, before: tuple[Snapshot, dict[str, Any]], migrated: Run) -> None:
    assert webui.environment["DATABASE_URL"].startswith("postgresql://")
    assert not webui.environment["DATABASE_TYPE"]
    assert webui.environment["WEBUI_SECRET_KEY"] == key
    assert webui.environment["WEBUI_NAME"] == "it's $5"
    assert differences(repaired(before[0]), snapshot(webui.wait_ready(), world)) == []


def test_nothing_else_of_the_container_changes(webui: WebUIContainer, before: tuple[Snapshot, dict[str, Any]], migrated: Run) -> None:
    old, new = before[1], webui.inspect()
    for part in ("Binds", "PortBindings", "RestartPolicy", "NetworkMode"):
        assert new["HostConfig"][part] == old["HostConfig"][part], part
    assert set(old["NetworkSettings"]["Networks"]) < set(new["NetworkSettings"]["Networks"])
    names = ("DATABASE_URL", "DATABASE_TYPE", "DATABASE_USER", "WEBUI_SECRET_KEY")
    others = [{line for line in found["Config"]["Env"] if not line.startswith(names)} for found in (old, new)]
    assert others[0] == others[1]


def test_the_files_of_the_user_stay_as_they_are(project: Path, image: Callable[..., str], webui: WebUIContainer, migrated: Run) -> None:
    written = {"compose.yaml": COMPOSE_FILE.format(image=image("open-webui"), name=webui.name)}
    assert of_the_user(project) == {**written, **{name: text.format(port=webui.port) for name, text in FILES.items()}}


def test_secrets_are_in_one_file_that_nobody_else_can_read(project: Path, key: str, webui: WebUIContainer, migrated: Run) -> None:
    assert stat.S_IMODE((project / SETTINGS).stat().st_mode) == 0o600
    password = webui.environment["DATABASE_URL"].partition("@")[0].rpartition(":")[2]
    readable = (project / OVERRIDE).read_text()
    assert [secret for secret in (password, key) if secret in readable + migrated.output] == []


def test_compose_by_hand_leaves_it_alone(docker: Docker, project: Path, webui: WebUIContainer, migrated: Run) -> None:
    there = (webui.id, webui.started_at)
    docker.compose(project, "up", "-d")
    assert (webui.id, webui.started_at) == there


def test_a_second_run_changes_nothing(webui: WebUIContainer, inventory: Path, migrated: Run) -> None:
    there = (webui.id, webui.started_at)
    assert webui_play.play(webui_play.MIGRATE, inventory).succeeded().changed == 0
    assert (webui.id, webui.started_at) == there


def test_a_setting_that_has_changed_takes_effect(webui: WebUIContainer, inventory: Path, migrated: Run) -> None:
    there = webui.id
    webui_play.play(webui_play.MIGRATE, inventory, "-e", "webui_database_pool_size=7").succeeded()
    assert webui.id != there
    assert webui.environment["DATABASE_POOL_SIZE"] == "7"


def test_one_that_compose_makes_anew_is_on_postgresql_too(
    docker: Docker, project: Path, webui: WebUIContainer, world: World, before: tuple[Snapshot, dict[str, Any]], migrated: Run
) -> None:
    docker.compose(project, "down")
    docker.compose(project, "up", "-d")
    assert differences(repaired(before[0]), snapshot(webui.wait_ready(), world)) == []


def test_the_way_back_keeps_the_secret_key(
    docker: Docker,
    project: Path,
    webui: WebUIContainer,
    world: World,
    inventory: Path,
    key: str,
    before: tuple[Snapshot, dict[str, Any]],
    migrated: Run,
) -> None:
    webui_play.play(webui_play.ROLLBACK, inventory).succeeded()
    assert differences(before[0], snapshot(webui.wait_ready(), world)) == []
    environment = webui.environment
    assert (environment["DATABASE_URL"], environment["DATABASE_TYPE"]) == (ON_SQLITE, "sqlite")
    # The container whose layer held the key is gone, so the key is all that stays of our settings.
    assert environment["WEBUI_SECRET_KEY"] == key
    assert "DATABASE" not in (project / SETTINGS).read_text()
    assert set(webui.inspect()["NetworkSettings"]["Networks"]) == set(before[1]["NetworkSettings"]["Networks"])
    there = (webui.id, webui.started_at)
    docker.compose(project, "up", "-d")
    assert webui_play.play(webui_play.ROLLBACK, inventory).succeeded().changed == 0
    assert (webui.id, webui.started_at) == there


# From here on: other projects, whose containers are made and never started.
VARIANTS = {
    "map": {
        "compose.yaml": {
            "profiles": ["ai"],
            "networks": {"default": {"aliases": ["talk"]}, "second": None},
            "environment": {"DATABASE_URL": ON_SQLITE, "DATABASE_TYPE": "sqlite", "WEBUI_SECRET_KEY": "mine"},
        }
    },
    "list": {"docker-compose.yml": {"environment": [f"DATABASE_URL={ON_SQLITE}", "DATABASE_TYPE", "WEBUI_SECRET_KEY=mine"]}},
    "env-file": {
        "compose.yml": {"env_file": ["own.env"], "extends": {"file": "base.yaml", "service": "base"}},
        "own.env": "DATABASE_TYPE=sqlite\nWEBUI_SECRET_KEY=mine\n",
        "base.yaml": json.dumps({"services": {"base": {"environment": {"DATABASE_URL": ON_SQLITE}}}}),
    },
    "host-network": {"compose.yaml": {"network_mode": "host", "environment": {"WEBUI_SECRET_KEY": "mine"}}},
    "listed": {
        "compose.yaml": {"environment": {"WEBUI_SECRET_KEY": "mine"}},
        "compose.override.yaml": json.dumps({"services": {"chat": {"mem_limit": "1g"}}}),
        "last.yaml": "services: {}\n",
        ".env": "COMPOSE_FILE=compose.yaml:compose.override.yaml:last.yaml\n",
    },
}
REFUSED = {
    "has-override": (
        {"compose.yaml": {}, "docker-compose.override.yml": json.dumps({"services": {"chat": {"mem_limit": "1g"}}})},
        "docker-compose.override.yml already, which is not touched",
    ),
    "names-its-files": ({"chat.yaml": {}, ".env": "COMPOSE_FILE=chat.yaml\n"}, "was started with a list of files of its own (chat.yaml)"),
    "changed-since": ({"compose.yaml": {"environment": {"NEW": "1"}}}, "is not what its Compose files describe now"),
    "broken-since": ({"compose.yaml": {"no_such_key": 1}}, "cannot make out the service chat"),
}
LOOK_AND_SWITCH = """\
- hosts: webui
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: openwebui.postgres.webui_instance
        tasks_from: "{{ step }}"
      loop: "{{ steps }}"
      loop_control:
        loop_var: step
"""


@pytest.fixture(scope="module")
def made(docker: Docker, image: Callable[..., str], scratch: Scratch) -> dict[str, Path]:
    """A folder for each project, with a container that was made from it."""
    folders = {}
    for name, files in {**VARIANTS, **{name: files for name, (files, text) in REFUSED.items()}}.items():
        folder = folders[name] = scratch.folder(scratch.name(name))
        (folder / "data").mkdir()
        (folder / "data" / "webui.db").touch()
        container = {"image": image("open-webui"), "container_name": folder.name, "volumes": ["./data:/app/backend/data"]}
        for file, text in files.items():
            if isinstance(text, dict):
                added = {} if name.endswith("-since") else text
                networks = {"networks": {"second": {}}} if "networks" in text else {}
                text = json.dumps({"services": {"chat": {**container, **added}}, **networks}, indent=2)
            (folder / file).write_text(text)
        docker.compose(folder, "--profile", "*", "create")
        if name.endswith("-since"):
            edited = json.loads((folder / "compose.yaml").read_text())
            edited["services"]["chat"].update(files["compose.yaml"])
            (folder / "compose.yaml").write_text(json.dumps(edited))
    return folders


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def look(docker: Docker, scratch: Scratch, made: dict[str, Path]) -> Callable[..., Run]:
    """look("switch"): these steps of the role webui_instance for all the projects that are named."""
    folder = scratch.folder("look")
    (folder / "look.yml").write_text(LOOK_AND_SWITCH)
    common = host_variables(docker, folder, "", 5432)
    common.update(
        webui_database_password="s3cr3t $x'\"\\", webui_database_pool_size=15, webui_postgres_network="pg", webui_postgres_alias="pg"
    )

    def run(names: Any, *steps: str, check: bool = False) -> Run:
        hosts = {name: {**common, "webui_container_name": made[name].name} for name in names}
        if "listed" in hosts:
            hosts["listed"]["webui_instance_compose_override"] = str(made["listed"] / "last.yaml")
        inventory = webui_play.write_inventory(folder / "hosts.json", hosts)
        return webui_play.play(str(folder / "look.yml"), inventory, "--extra-vars", json.dumps({"steps": steps}), *["--check"] * check)

    return run


def test_what_stands_in_the_way_is_said_before_anything_is_stopped(look: Callable[..., Run], made: dict[str, Path]) -> None:
    there = {name: texts(made[name]) for name in REFUSED}
    run = look(REFUSED, "main")
    assert run.code != 0
    for name, (_files, text) in REFUSED.items():
        (line,) = [line for line in run.output.splitlines() if line.startswith(f"fatal: [{name}]")]
        assert text in line, name
    assert {name: texts(made[name]) for name in REFUSED} == there


def test_one_that_compose_has_not_made(docker: Docker, image: Callable[..., str], scratch: Scratch) -> None:
    name = scratch.name("plain")
    docker.cli("create", "--name", name, image("open-webui"))
    variables = {**host_variables(docker, scratch.folder("plain"), "", 5432), "webui_container_name": name, "webui_runtime": "compose"}
    inventory = webui_play.write_inventory(scratch.folder("plain-inventory") / "hosts.json", {"host": variables})
    output = webui_play.play(webui_play.AUDIT, inventory).succeeded().output
    assert f"{name}: runs Open WebUI here, but was not made by Docker Compose. Set webui_runtime to container" in output


def test_every_way_to_write_a_compose_file(docker: Docker, look: Callable[..., Run], made: dict[str, Path]) -> None:
    there = {name: texts(made[name]) for name in VARIANTS}
    assert look(["map"], "main", "switch", check=True).succeeded().changed == 1
    assert {name: texts(made[name]) for name in VARIANTS} == there
    # The second time nothing is left to be done.
    assert look(VARIANTS, "main", "switch", "switch").succeeded().changed == len(VARIANTS)
    for name in VARIANTS:
        now = texts(made[name])
        assert {file: text for file, text in now.items() if file in there[name] and file != "last.yaml"} == {
            file: text for file, text in there[name].items() if file != "last.yaml"
        }
        result = json.loads(docker.compose(made[name], "--profile", "*", "config", "--format", "json"))
        service = result["services"]["chat"]
        host = "127.0.0.1" if name == "host-network" else "pg"
        # Compose doubles "$" in what it prints, and percent-encoding leaves none.
        database = f"openwebui_{name.replace('-', '_')}"
        assert service["environment"]["DATABASE_URL"] == f"postgresql://{database}:s3cr3t%20%24x%27%22%5C@{host}:5432/{database}", name
        assert not service["environment"].get("DATABASE_TYPE"), name
        assert (service["environment"]["DATABASE_POOL_SIZE"], service["environment"]["WEBUI_SECRET_KEY"]) == ("15", "mine"), name
        assert ("pg" in (service.get("networks") or {})) == (name != "host-network"), name
        assert ("default" in (service.get("networks") or {})) == (name != "host-network"), name
        if name == "map":
            assert service["networks"]["default"]["aliases"] == ["talk"]
        if name == "listed":
            assert service["mem_limit"] == "1073741824"
    look(VARIANTS, "main", "restore").succeeded()
    assert {name: texts(made[name]) for name in VARIANTS} == there
