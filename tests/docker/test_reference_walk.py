# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI as a widely read guide installs it, from SQLite to PostgreSQL and back, with nothing declared about it.

The tests of this file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import collections
import contextlib
import json
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import webui_play
from lab.containers import Docker, Scratch
from lab.webui_container import DATA_INSIDE, WebUIContainer, host_variables
from lab.webui_fill import World
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, sign_in_everybody, snapshot

from .conftest import SECRET_KEY

ON_POSTGRESQL = "ON POSTGRESQL already. There is nothing to move."


@pytest.fixture(scope="module")
def webui(docker: Docker, image: Callable[..., str], scratch: Scratch, use: Callable[[Path], Path]) -> Iterator[WebUIContainer]:
    """In an engine of our own with the names and the port of the guide; in somebody else's with names that are free."""
    name = scratch.adopt("open-webui") if docker.engine.own else scratch.name("webui")
    found = WebUIContainer(docker, name, 80 if docker.engine.own else scratch.port(), use(scratch.folder("webui")))
    docker.run(
        *("-p", f"{found.port}:8080", "-v", f"{found.data}:{DATA_INSIDE}", "--restart=always"),
        *("-e", f"WEBUI_SECRET_KEY={SECRET_KEY}", "--name", found.name, image("open-webui")),
    )
    found.wait_ready()
    return found


@pytest.fixture(scope="module")
def variables(docker: Docker, image: Callable[..., str], scratch: Scratch, webui: WebUIContainer) -> dict[str, Any]:
    found = host_variables(docker, scratch.folder("host"), image("postgres", 18), scratch.port())
    if docker.engine.own:
        scratch.adopt("openwebui-postgres")
        return found
    names = dict.fromkeys(("project", "container_name", "network", "alias"), scratch.name("postgres"))
    return {**found, "webui_container_name": webui.name, **{f"webui_postgres_{key}": name for key, name in names.items()}}


@pytest.fixture(scope="module")
def inventory(variables: dict[str, Any], scratch: Scratch) -> Path:
    return webui_play.write_inventory(scratch.folder("inventory") / "hosts.json", {"host": variables})


@pytest.fixture(scope="module")
def before(webui: WebUIContainer, world: World) -> tuple[Snapshot, dict[str, Any]]:
    """What its users see and what the engine says of it."""
    return snapshot(webui.client(), world), webui.inspect()


@pytest.fixture(scope="module")
def migrated(inventory: Path, before: tuple[Snapshot, dict[str, Any]]) -> Run:
    """The run that moves it, with all that Ansible can say."""
    return webui_play.play(webui_play.MIGRATE, inventory, "-vvv", "--diff").succeeded()


def orphans(database: Path) -> collections.Counter[str]:
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return collections.Counter(row[0] for row in connection.execute("PRAGMA foreign_key_check"))


def postgres(docker: Docker, variables: dict[str, Any], sql: str) -> str:
    """Ask the server, inside its container."""
    name = variables.get("webui_postgres_container_name", "openwebui-postgres")
    return docker.cli("exec", "--user", "postgres", name, "psql", "-d", "openwebui_host", "-Atc", sql)


def test_the_source_has_orphans(webui: WebUIContainer, before: object) -> None:
    found = orphans(webui.database)
    assert found["chat_file"]
    assert found["knowledge_file"]


def test_an_audit_says_what_is_there(webui: WebUIContainer, inventory: Path, before: object) -> None:
    run = webui_play.play(webui_play.AUDIT, inventory).succeeded()
    assert run.changed == 0
    assert "READY to be moved." in run.said
    assert [line for line in run.said if line.startswith("Orphaned: ") and " rows of chat_file " in line], run.end


def test_check_mode_works_on_a_first_run_and_changes_nothing(
    docker: Docker,
    webui: WebUIContainer,
    inventory: Path,
    variables: dict[str, Any],
    before: tuple[Snapshot, dict[str, Any]],
) -> None:
    webui_play.play(webui_play.MIGRATE, inventory, "--check", "--diff").succeeded()
    now = webui.inspect()
    # The health check goes on.
    same = now.keys() - {"State"}
    assert {key: now[key] for key in same} == {key: before[1][key] for key in same}
    assert now["State"]["StartedAt"] == before[1]["State"]["StartedAt"]
    network = variables.get("webui_postgres_network", "openwebui-postgres")
    assert network not in {found.name for found in docker.api.networks.list()}
    assert not Path(variables["webui_postgres_dir"]).exists()


def test_one_run_moves_it(webui: WebUIContainer, world: World, before: tuple[Snapshot, dict[str, Any]], migrated: Run) -> None:
    assert webui.environment["DATABASE_URL"].startswith("postgresql://")
    after = snapshot(webui.wait_ready(), world)
    assert differences(repaired(before[0]), after) == []


def test_it_is_the_same_container_but_for_its_database(
    webui: WebUIContainer, before: tuple[Snapshot, dict[str, Any]], migrated: Run
) -> None:
    old, new = before[1], webui.inspect()
    assert new["Id"] != old["Id"]
    assert new["Image"] == old["Image"]
    assert new["Mounts"] == old["Mounts"]
    added = set(new["Config"]["Env"]) - set(old["Config"]["Env"])
    assert {line.partition("=")[0] for line in added} == {"DATABASE_URL"}
    # The engine names a container's host after its id.
    own = {"Env", "Hostname"}
    assert {key: new["Config"][key] for key in new["Config"].keys() - own} == {
        key: old["Config"][key] for key in old["Config"].keys() - own
    }
    assert new["HostConfig"] == old["HostConfig"]
    assert webui.environment["WEBUI_SECRET_KEY"] == SECRET_KEY


def test_the_server_sees_it(docker: Docker, variables: dict[str, Any], world: World, migrated: Run) -> None:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'openwebui_host' AND usename = 'openwebui_host'"
    assert int(postgres(docker, variables, sessions)) > 0
    assert postgres(docker, variables, "SHOW server_version_num").startswith("18")
    assert int(postgres(docker, variables, 'SELECT count(*) FROM "user"')) == len(world.accounts)
    assert postgres(docker, variables, "SELECT rolsuper FROM pg_roles WHERE rolname = 'openwebui_host'") == "f"


def test_everybody_can_sign_in_again(webui: WebUIContainer, world: World, migrated: Run) -> None:
    assert sign_in_everybody(webui.client(), world) == {account.email: account.name for account in world.accounts}


def test_the_old_container_is_kept_and_stays_down(
    docker: Docker, webui: WebUIContainer, before: tuple[Snapshot, dict[str, Any]], migrated: Run
) -> None:
    kept = docker.inspect(before[1]["Id"])
    assert kept["State"]["Running"] is False
    assert kept["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_orphans_are_in_quarantine_and_still_in_the_old_file(webui: WebUIContainer, variables: dict[str, Any], migrated: Run) -> None:
    assert orphans(webui.database)["chat_file"]
    (file,) = Path(variables["webui_state_dir"]).rglob("orphans-*.jsonl")
    tables = {json.loads(line).get("table") for line in file.read_text(encoding="utf-8").splitlines()}
    assert {"chat_file", "knowledge_file"} <= tables


def test_no_secret_is_in_the_output(webui: WebUIContainer, variables: dict[str, Any], world: World, migrated: Run) -> None:
    files = [path for path in Path(variables["webui_postgres_dir"], "secrets").rglob("*") if path.is_file()]
    passwords = [path.read_text().strip() for path in files]
    assert len(passwords) == 2
    secrets = [*passwords, SECRET_KEY, json.dumps(SECRET_KEY)[1:-1], *(account.password for account in world.accounts)]
    assert [secret for secret in secrets if secret in migrated.output] == []
    assert [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_the_superuser_has_no_password_that_the_engine_knows(docker: Docker, variables: dict[str, Any], migrated: Run) -> None:
    name = variables.get("webui_postgres_container_name", "openwebui-postgres")
    folder = Path(variables["webui_postgres_dir"])
    told = json.dumps(docker.inspect(name)) + (folder / "compose.yaml").read_text()
    passwords = [path.read_text().strip() for path in (folder / "secrets").rglob("*") if path.is_file()]
    assert [password for password in passwords if password in told] == []


def test_a_second_run_changes_nothing_and_stops_nothing(webui: WebUIContainer, inventory: Path, migrated: Run) -> None:
    there = (webui.id, webui.started_at)
    assert webui_play.play(webui_play.MIGRATE, inventory).succeeded().changed == 0
    assert (webui.id, webui.started_at) == there


def test_an_audit_afterwards_works(inventory: Path, migrated: Run) -> None:
    run = webui_play.play(webui_play.AUDIT, inventory).succeeded()
    assert run.changed == 0
    assert ON_POSTGRESQL in run.said


def test_the_way_back(webui: WebUIContainer, world: World, inventory: Path, before: tuple[Snapshot, dict[str, Any]], migrated: Run) -> None:
    webui_play.play(webui_play.ROLLBACK, inventory, "-vvv").succeeded()
    now = webui.inspect()
    assert now["Id"] == before[1]["Id"]
    for part in ("Config", "HostConfig", "Mounts", "Name"):
        assert now[part] == before[1][part], part
    assert differences(before[0], snapshot(webui.wait_ready(), world)) == []
    assert orphans(webui.database)["chat_file"]


def test_the_way_back_again_changes_nothing(webui: WebUIContainer, inventory: Path, migrated: Run) -> None:
    there = (webui.id, webui.started_at)
    assert webui_play.play(webui_play.ROLLBACK, inventory).succeeded().changed == 0
    assert (webui.id, webui.started_at) == there
