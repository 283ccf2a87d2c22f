# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack of Portainer: made by Compose from a folder that is not on this host.

Its container is adopted when asked for, and the stack's owner is told what to change in the stack. The tests of this file are steps
of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import WebUIContainer, host_variables
from lab.webui_fill import World
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, snapshot

ASKED_FOR = ("-e", "webui_runtime=container")


@pytest.fixture(scope="module")
def name(scratch: Scratch) -> str:
    return scratch.name("stack")


@pytest.fixture(scope="module")
def deploy(docker: Docker, scratch: Scratch, name: str) -> Callable[[dict[str, Any]], None]:
    """What Portainer does: from a folder of its own, which the host does not see."""

    def up(stack: dict[str, Any]) -> None:
        folder = scratch.folder()
        (folder / "docker-compose.yml").write_text(json.dumps(stack))
        docker.compose(folder, "--project-name", name, "up", "--detach")
        folder.rename(folder.with_name(f"{folder.name}-inside-portainer"))

    return up


@pytest.fixture(scope="module")
def stack(image: Callable[..., str], scratch: Scratch, webui: WebUIContainer) -> dict[str, Any]:
    environment = {"DATABASE_TYPE": "sqlite", "WEBUI_NAME": "ours"}
    service = {
        "image": image("open-webui"),
        "restart": "unless-stopped",
        "labels": {"mine": "yes"},
        "ports": [f"127.0.0.1:{webui.port}:8080"],
        "volumes": [f"{webui.data}:/app/backend/data"],
        "environment": environment,
    }
    return {"services": {"chat": service}}


@pytest.fixture(scope="module")
def webui(docker: Docker, scratch: Scratch, name: str, use: Callable[[Path], Path]) -> WebUIContainer:
    return WebUIContainer(docker, f"{name}-chat-1", scratch.port(), use(scratch.folder("data")))


@pytest.fixture(scope="module")
def deployed(webui: WebUIContainer, stack: dict[str, Any], deploy: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    deploy(stack)
    webui.wait_ready()
    return webui.inspect()


@pytest.fixture(scope="module")
def network(scratch: Scratch) -> str:
    return scratch.name("postgres")


@pytest.fixture(scope="module")
def inventory(docker: Docker, image: Callable[..., str], scratch: Scratch, webui: WebUIContainer, network: str) -> Path:
    variables = host_variables(docker, scratch.folder("host"), image("postgres", 18), scratch.port())
    names = dict.fromkeys(("project", "container_name", "network", "alias"), network)
    variables.update({f"webui_postgres_{key}": value for key, value in names.items()}, webui_container_name=webui.name)
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", {"host": variables})


@pytest.fixture(scope="module")
def key(docker: Docker, webui: WebUIContainer, deployed: object) -> str:
    return docker.exec(webui.name, "cat", "/app/backend/.webui_secret_key").strip()


@pytest.fixture(scope="module")
def before(webui: WebUIContainer, world: World, key: str) -> Snapshot:
    return snapshot(webui.client(), world)


@pytest.fixture(scope="module")
def migrated(inventory: Path, before: Snapshot) -> Run:
    return webui_play.play(webui_play.MIGRATE, inventory, *ASKED_FOR, "-vvv").succeeded()


def test_it_is_refused_with_the_way_to_go(inventory: Path, name: str, deployed: dict[str, Any]) -> None:
    output = webui_play.play(webui_play.AUDIT, inventory).succeeded().output
    assert "NOT READY" in output
    folder = deployed["Config"]["Labels"]["com.docker.compose.project.working_dir"]
    assert f"belongs to the Compose project {name}, but {folder} is not on this host" in output
    assert "Set webui_runtime to container" in output


def test_asked_for_it_is_ready(inventory: Path, before: Snapshot) -> None:
    assert "READY to be moved." in webui_play.play(webui_play.AUDIT, inventory, *ASKED_FOR).succeeded().output


def test_it_is_moved_labels_and_all(
    webui: WebUIContainer, world: World, before: Snapshot, key: str, deployed: dict[str, Any], migrated: Run
) -> None:
    assert differences(repaired(before), snapshot(webui.wait_ready(), world)) == []
    assert webui.environment["DATABASE_URL"].startswith("postgresql://")
    assert webui.environment["WEBUI_SECRET_KEY"] == key
    assert webui.inspect()["Config"]["Labels"] == deployed["Config"]["Labels"]
    assert webui.docker.inspect(f"{webui.name}-on-sqlite")["Id"] == deployed["Id"]


def test_the_owner_of_the_stack_is_told_what_to_do(webui: WebUIContainer, name: str, network: str, key: str, migrated: Run) -> None:
    report = migrated.output.partition("Moved and proven")[2]
    assert f"Still to be done: {webui.name} belongs to the Compose project {name}, which was not changed" in report
    assert "in the service chat of that project, set DATABASE_URL, WEBUI_SECRET_KEY" in report
    assert f"take out DATABASE_TYPE, and add the external network {network}." in report
    assert f"[WARNING]: {webui.name} belongs to the Compose project" in migrated.output.replace("\n", " ")
    password = webui.environment["DATABASE_URL"].partition("@")[0].rpartition(":")[2]
    assert [secret for secret in (password, key) if secret in migrated.output] == []


def test_a_second_run_changes_nothing(webui: WebUIContainer, inventory: Path, migrated: Run) -> None:
    there = (webui.id, webui.started_at)
    run = webui_play.play(webui_play.MIGRATE, inventory, *ASKED_FOR).succeeded()
    assert run.changed == 0
    assert "Still to be done:" in run.output
    assert (webui.id, webui.started_at) == there


def test_the_way_back_is_the_container_of_the_stack(
    webui: WebUIContainer, world: World, inventory: Path, before: Snapshot, deployed: dict[str, Any], migrated: Run
) -> None:
    webui_play.play(webui_play.ROLLBACK, inventory, *ASKED_FOR).succeeded()
    assert webui.id == deployed["Id"]
    assert differences(before, snapshot(webui.wait_ready(), world)) == []


def test_a_deploy_of_the_changed_stack_keeps_it_on_postgresql(
    docker: Docker,
    webui: WebUIContainer,
    world: World,
    inventory: Path,
    before: Snapshot,
    network: str,
    stack: dict[str, Any],
    deploy: Callable[[dict[str, Any]], None],
    migrated: Run,
) -> None:
    again = (*ASKED_FOR, "-e", "webui_migrate_target_data=replace")
    webui_play.play(webui_play.MIGRATE, inventory, *again).succeeded()
    made = webui.id
    # As the report says, with the values that docker inspect shows.
    docker.cli("rm", f"{webui.name}-on-sqlite")
    service = stack["services"]["chat"]
    service["environment"] = {"WEBUI_NAME": "ours", **{name: webui.environment[name] for name in ("DATABASE_URL", "WEBUI_SECRET_KEY")}}
    deploy({**stack, "services": {"chat": {**service, "networks": ["default", network]}}, "networks": {network: {"external": True}}})
    assert webui.id != made
    assert differences(repaired(before), snapshot(webui.wait_ready(), world)) == []
    assert webui.environment["DATABASE_URL"].startswith("postgresql://")
    run = webui_play.play(webui_play.MIGRATE, inventory, *ASKED_FOR).succeeded()
    assert run.changed == 0
    assert "Still to be done" not in run.output
