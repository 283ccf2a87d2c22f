# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runtime that nobody has heard of is added to a copy of the collection, as docs/runtimes.md says, and takes the whole road.

The tests of this file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lab import paths, tree, webui_play
from lab.webui_play import Run
from lab.webui_service import write_private

from .conftest import Site, SiteMaker

OWN = Path(__file__).with_name("own_runtime")
NAME = "pidfile"
MODULE = f"ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.{NAME}"


def put(path: Path, before: str, more: str) -> None:
    """Write something before a text that is there once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{before!r} in {path}"
    path.write_text(text.replace(before, more + before), encoding="utf-8")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as it would be installed, with the four steps of the page, and not one more."""
    found = tree.copy(tmp_path_factory.mktemp("collection"))
    # The class.
    shutil.copy(OWN / "pidfile.py", found / "plugins" / "module_utils" / "_instance" / "runtimes")
    # Its line in the registry.
    registry = found / "plugins" / "module_utils" / "_instance" / "registry.py"
    put(registry, "\n# In the order", f"from {MODULE} import PidFile\n")
    put(registry, ")}\n", ", PidFile")
    # The folder of tasks.
    shutil.copytree(OWN / "tasks", found / "roles" / "webui_instance" / "tasks" / "runtimes" / NAME)
    # The choice.
    put(found / "roles" / "webui" / "meta" / "argument_specs.yml", "          - command\n", f"          - {NAME}\n")
    return found


class Road:
    """A site whose Open WebUI is handled by that runtime, from that copy."""

    def __init__(self, site: Site, collection: Path) -> None:
        self.site = site
        self._collection = collection

    def play(self, playbook: str, *arguments: str) -> Run:
        env = webui_play.environment(ANSIBLE_NOCOLOR="1", ANSIBLE_COLLECTIONS_PATH=str(self._collection.parents[2]))
        return webui_play.play(str(self._collection / playbook), self.site.inventory(), *arguments, env=env)


@pytest.fixture(scope="module")
def road(site: SiteMaker, collection: Path) -> Road:
    found = site("own-runtime", webui_runtime=NAME, webui_instance_systemd_python=str(paths.OPEN_WEBUI_PYTHON))
    # What the commands of the lab say otherwise, and this runtime does not know of.
    found.variables = {name: value for name, value in found.variables.items() if not name.startswith("webui_command_")}
    env_file = found.service.env_file
    write_private(env_file, f"{env_file.read_text()}PORT={found.service.port}\n")
    found.start()
    return Road(found, collection)


@pytest.fixture(scope="module")
def before(road: Road) -> bytes:
    return road.site.service.env_file.read_bytes()


@pytest.fixture(scope="module")
def migrated(road: Road, before: bytes) -> Run:
    return road.play(webui_play.MIGRATE).succeeded()


def users(site: Site) -> int:
    """How many accounts the new database has."""
    with site.server.admin(site.variables["webui_database_name"]) as connection:
        (found,) = connection.execute('SELECT count(*) FROM "user"').fetchone()
    return int(found)


def test_the_page_names_every_place_that_was_touched() -> None:
    page = (paths.ROOT / "docs" / "runtimes.md").read_text(encoding="utf-8")
    step = page.partition("## How to add a runtime")[2].partition("\n## ")[0]
    places = ("_instance/runtimes/", "_instance/registry.py", "roles/webui_instance/tasks/runtimes/", "roles/webui/meta/argument_specs.yml")
    assert [place for place in places if place not in step] == []
    described = set(re.findall(r"^ *\| `(\w+\.yml)`", step, re.MULTILINE))
    assert sorted({path.name for path in (OWN / "tasks").iterdir()} - described) == []


def test_an_audit_finds_it_by_that_runtime(road: Road) -> None:
    run = road.play(webui_play.AUDIT).succeeded()
    assert run.changed == 0
    assert "READY to be moved." in run.said, run.end


def test_a_run_moves_it(road: Road, migrated: Run) -> None:
    site = road.site
    assert site.service.is_running()
    assert site.database_url().startswith("postgresql://")
    environment = Path(f"/proc/{site.service.pid}/environ").read_bytes().split(b"\0")
    assert [value for value in environment if value.startswith(b"DATABASE_URL=postgresql://")]
    assert users(site) == len(site.world.accounts)
    site.service.client().sign_in(site.world.admin.email, site.world.admin.password)
    assert [secret for secret in site.secrets if secret in migrated.output] == []


def test_a_second_run_changes_nothing_and_does_not_stop_it(road: Road, migrated: Run) -> None:
    pid = road.site.service.pid
    run = road.play(webui_play.MIGRATE).succeeded()
    assert run.changed == 0, run.end
    assert road.site.service.pid == pid


def test_the_way_back_ends_where_it_began(road: Road, migrated: Run, before: bytes) -> None:
    site = road.site
    run = road.play(webui_play.ROLLBACK).succeeded()
    assert f"Open WebUI runs on SQLite again: {site.service.database}." in run.said
    assert site.service.is_running()
    assert site.service.env_file.read_bytes() == before
    site.service.client().sign_in(site.world.admin.email, site.world.admin.password)


def test_one_that_is_not_there_is_said_to_be_none_of_that_runtime(road: Road) -> None:
    run = road.play(webui_play.AUDIT, "-e", "webui_env_file=/nowhere/webui.env")
    assert f"Nothing here runs Open WebUI under the runtime {NAME}. Correct webui_env_file or webui_instance_systemd_python, " in run.output
