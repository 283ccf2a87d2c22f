# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook is killed, again and again, at one point after the other. The run after that brings it home."""

from __future__ import annotations

import contextlib
import sqlite3

from lab.webui_snapshot import differences, repaired, snapshot

from .conftest import SiteMaker, play_until

# What the play says when the moment has come. Each time it is repeated on what the time before has left.
MOMENTS = (
    "Run the bootstrap command",
    "Load and prove it while Open WebUI works",
    "Load, prove and commit",
    "Write the database settings into the env file",
    "Start Open WebUI, and wait until it is healthy and works on the new database",
)


def test_a_run_that_is_killed_at_any_point_can_be_repeated(site: SiteMaker) -> None:
    place = site("killed")
    before = snapshot(place.start(), place.world, users=1)
    users = [account.id for account in place.world.accounts]

    for moment in MOMENTS:
        said = play_until(moment, place.inventory())
        assert moment in said, said
        # Whatever was going on: the old database is whole.
        with contextlib.closing(sqlite3.connect(place.service.database)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
            kept = {key for (key,) in connection.execute('SELECT id FROM "user"')}
        assert kept == set(users)

    run = place.play().succeeded()
    assert place.service.is_running(), run.end
    assert place.database_url(), run.end
    assert differences(repaired(before), snapshot(place.service.client(), place.world, users=1)) == []
