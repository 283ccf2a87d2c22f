# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts in one run, with the collection built and installed as its users have it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from lab import paths, webui_play
from lab.webui_play import play
from lab.webui_snapshot import differences, repaired, snapshot

from .conftest import Site, SiteMaker

GALAXY = paths.VENV / "bin" / "ansible-galaxy"

# Says that all is well and starts nothing, so that only the health address tells.
NEVER_UP_ON_POSTGRESQL = """
if grep -q '^DATABASE_URL=postgresql:' "$WEBUI_ENV_FILE"; then exit 0; fi
exec "$0"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections: this one, built and installed, and what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    collections = folder / "ansible_collections"
    collections.mkdir()
    (collections / "community").symlink_to(paths.COLLECTIONS / "ansible_collections" / "community")
    (folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {folder}\n")
    galaxy = {"capture_output": True, "cwd": folder, "env": _environment(folder)}
    subprocess.run([GALAXY, "collection", "build", paths.ROOT, "--output-path", folder], check=True, **galaxy)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run([GALAXY, "collection", "install", archive, "--no-deps", "-p", folder], check=True, **galaxy)
    return folder


def unhealthy(place: Site) -> dict[str, Any]:
    """Its variables, so that it does not come up on PostgreSQL."""
    start = ["/bin/sh", "-c", NEVER_UP_ON_POSTGRESQL, *place.variables["webui_command_start"]]
    return {**place.variables, "webui_command_start": start, "webui_health_timeout": 40}


def _environment(installed: Path) -> dict[str, str]:
    return webui_play.environment(ANSIBLE_NOCOLOR="1", ANSIBLE_CONFIG=str(installed / "ansible.cfg"))


def test_one_host_fails_and_the_other_completes(site: SiteMaker, installed: Path) -> None:
    good, bad = site("good"), site("bad")
    before = {place.name: snapshot(place.start(), place.world, users=1) for place in (good, bad)}
    hosts = {"good": good.variables, "bad": unhealthy(bad)}
    inventory = webui_play.write_inventory(installed / "inventory.json", hosts)

    run = play("openwebui.postgres.migrate", inventory, *webui_play.IN_ONE_WAVE, env=_environment(installed)).failed_saying("fatal: [bad]")

    assert str(paths.COLLECTIONS) not in run.output, "this was not the installed collection"
    assert "fatal: [good]" not in run.output, run.end
    assert good.database_url()
    assert good.service.is_running()
    assert not bad.database_url()
    assert bad.service.is_running()
    after = {place.name: snapshot(place.service.client(), place.world, users=1) for place in (good, bad)}
    assert differences(repaired(before["good"]), after["good"]) == []
    assert differences(before["bad"], after["bad"]) == []


def test_two_hosts_that_would_share_a_database_are_refused_before_anything_is_looked_at(site: SiteMaker) -> None:
    one, two = site("one"), site("two")
    two.variables["webui_database_name"] = one.variables["webui_database_name"]
    inventory = webui_play.write_inventory(one.service.folder / "inventory.json", {"one": one.variables, "two": two.variables})
    # Also where this run is about one of them only.
    run = play(webui_play.MIGRATE, inventory, "--limit", "two").failed_saying(
        "one and two would share the database", "Nothing was stopped."
    )
    assert "Find Open WebUI" not in run.output
