# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts in one run, with the collection built and installed as its users have it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab import paths, webui_play
from lab.webui_play import play
from lab.webui_snapshot import differences, repaired, snapshot

from .conftest import SiteMaker

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


def _environment(installed: Path) -> dict[str, str]:
    return webui_play.environment(ANSIBLE_NOCOLOR="1", ANSIBLE_CONFIG=str(installed / "ansible.cfg"))


def test_one_host_fails_and_the_other_completes(site: SiteMaker, installed: Path) -> None:
    good, bad = site("good"), site("bad")
    bad.variables["webui_command_start"] = [
        *("/bin/sh", "-c", NEVER_UP_ON_POSTGRESQL),
        *bad.variables["webui_command_start"],
    ]
    bad.variables["webui_health_timeout"] = 20
    before = {place.name: snapshot(place.start(), place.world, users=1) for place in (good, bad)}
    hosts = {place.name: place.variables for place in (good, bad)}
    inventory = webui_play.write_inventory(installed / "inventory.json", hosts)

    run = play("openwebui.postgres.migrate", inventory, env=_environment(installed)).failed_saying("fatal: [bad]")

    assert str(paths.COLLECTIONS) not in run.output, "this was not the installed collection"
    assert "fatal: [good]" not in run.output, run.end
    assert good.database_url()
    assert good.service.is_running()
    assert not bad.database_url()
    assert bad.service.is_running()
    after = {place.name: snapshot(place.service.client(), place.world, users=1) for place in (good, bad)}
    assert differences(repaired(before["good"]), after["good"]) == []
    assert differences(before["bad"], after["bad"]) == []
