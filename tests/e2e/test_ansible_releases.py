# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The road of the runtime `command`, there and back, on each promised release of ansible-core but the controller's own.

That one has all the other tests. The releases move the same data, one after the other, each into a database of its own. They are what is
looked at, so that a small program stands in for Open WebUI.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from lab import releases, webui_play
from lab.postgres import free_port
from lab.releases import Release
from lab.webui_play import Run
from lab.webui_service import OpenWebUI

from .conftest import Site, SiteMaker


class Walk(NamedTuple):
    """What was said on the way, and what was there at its far end."""

    audit: Run
    first: Run
    second: Run
    back: Run
    database_url: str
    users: int

    @property
    def runs(self) -> list[Run]:
        return [self.audit, self.first, self.second, self.back]


@pytest.fixture(scope="module")
def place(site: SiteMaker, stand_in: Path) -> Site:
    found = site("releases", stand_in)
    found.start()
    return found


@pytest.fixture(scope="module", params=releases.installed(), ids=lambda release: release.series)
def walk(request: pytest.FixtureRequest, place: Site) -> Walk:
    release: Release = request.param
    place.variables["webui_database_name"] = f"ansible-core-{release.series}"

    def play(playbook: str) -> Run:
        return webui_play.play(playbook, place.inventory(), ansible_playbook=release.ansible_playbook).succeeded()

    audit, first, second = play(webui_play.AUDIT), play(webui_play.MIGRATE), play(webui_play.MIGRATE)
    database_url = place.database_url()
    users = place.users_on_postgresql()
    return Walk(audit, first, second, play(webui_play.ROLLBACK), database_url, users)


def test_every_release_is_another() -> None:
    series = [release.series for release in releases.OTHERS]
    assert len({*series, releases.CONTROLLER.series}) == len(series) + 1


def test_an_audit_says_that_it_is_ready(walk: Walk) -> None:
    assert walk.audit.changed == 0
    assert "READY to be moved." in walk.audit.said


def test_the_first_run_moves_it(walk: Walk, place: Site) -> None:
    assert walk.database_url.startswith("postgresql://")
    assert walk.users == len(place.world.accounts)
    assert [line for line in walk.first.said if line.startswith("Moved and proven: ")], walk.first.end


def test_the_second_run_changes_nothing(walk: Walk) -> None:
    assert walk.second.changed == 0, walk.second.end


def test_the_way_back_ends_on_sqlite(walk: Walk, place: Site) -> None:
    assert walk.back.said[0] == f"Open WebUI runs on SQLite again: {place.service.database}."
    assert not place.database_url()
    assert place.orphans()
    assert place.service.client().get("/ready") == {"status": True}


def test_nothing_is_deprecated_and_nothing_warned_of(walk: Walk) -> None:
    """Neither of our own making nor of the collections we use: what is deprecated in one release fails in the next."""
    found = [line for run in walk.runs for line in run.output.splitlines() if "WARNING]" in line or "[ERROR]" in line]
    assert found == []


@pytest.mark.parametrize("release", releases.installed(), ids=lambda release: release.series)
def test_what_stands_in_the_way_is_told_in_the_same_words(release: Release, tmp_path: Path) -> None:
    """What a rescue learns of a failure is not the same in every release."""
    service = OpenWebUI.create(tmp_path / "service", free_port())
    service.database.write_bytes(b"notes, not a database")
    inventory = webui_play.write_inventory(tmp_path / "inventory.json", {"host": webui_play.host_variables(service, {})})

    run = webui_play.play(webui_play.AUDIT, inventory, ansible_playbook=release.ansible_playbook).succeeded()

    assert run.said[:2] == ["NOT READY:", f"  {service.database}: is not a SQLite database"]
