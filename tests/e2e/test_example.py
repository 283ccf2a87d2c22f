# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory of docs/examples as it stands there, and one beside it that says where things are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab import paths, webui_play

from .conftest import Site, SiteMaker

EXAMPLE = paths.ROOT / "docs" / "examples" / "command"
HOSTS = {"chat.example.org": "openwebui_chat_example_org", "chat-research.example.org": "openwebui_chat_research_example_org"}
# What the example says, so that it is not said here as well.
OF_THE_EXAMPLE = ("webui_runtime", "webui_database_name", "webui_database_user", "webui_database_password")


def here(place: Site) -> dict[str, Any]:
    """Its places, with this user's rights, and a server without TLS."""
    told = {name: value for name, value in place.variables.items() if name not in OF_THE_EXAMPLE}
    return {**told, "ansible_become": False, "webui_database_ssl_mode": "disable"}


def test_the_example_for_commands_of_ones_own_moves_its_hosts(site: SiteMaker, stand_in: Path, tmp_path: Path) -> None:
    places = {name: site(name.partition(".")[0], stand_in) for name in HOSTS}
    for place in places.values():
        place.start()
    beside = webui_play.write_inventory(tmp_path / "here.json", {name: here(place) for name, place in places.items()})

    run = webui_play.play(webui_play.MIGRATE, EXAMPLE, "-i", str(beside), "-e", f"webui_report_dir={tmp_path / 'report'}").succeeded()

    for name, database in HOSTS.items():
        assert places[name].database_url().partition("?")[0].endswith(f"/{database}"), run.end
        assert places[name].users_on_postgresql(database) == len(places[name].world.accounts)
