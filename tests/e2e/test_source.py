# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that is moved is the one that Open WebUI has open."""

from __future__ import annotations

import os
import shutil

from lab import webui_play
from lab.webui_snapshot import differences, repaired, snapshot

from .conftest import SiteMaker


def test_a_link_is_followed_there_and_back(site: SiteMaker) -> None:
    """A link to a link, and the log of a running Open WebUI beside the file that they lead to."""
    place = site("linked")
    fast = place.service.folder / "fast disk"
    fast.mkdir()
    # Its log goes with it: Open WebUI leaves one behind when it is stopped.
    for file in place.service.data.glob("webui.db*"):
        os.rename(file, fast / file.name.replace("webui.db", "real.db"))
    (place.service.data / "second.db").symlink_to(fast / "real.db")
    place.service.database.symlink_to("second.db")
    client = place.start()
    place.service.client(place.world.admin.token).post("/api/v1/notes/create", {"title": "written to the log", "data": {}})
    before = snapshot(client, place.world, users=1)

    audit = place.play(webui_play.AUDIT).succeeded()
    assert "NOT READY" not in audit.output
    assert f"leads to {fast}/real.db" in audit.output
    assert " and 0 B of write-ahead log" not in audit.output
    place.play().succeeded()
    assert place.database_url()
    assert differences(repaired(before), snapshot(place.service.client(), place.world, users=1)) == []

    place.play(webui_play.ROLLBACK).succeeded()
    assert not place.database_url()
    assert place.service.database.is_symlink()
    assert differences(before, snapshot(place.service.client(), place.world, users=1)) == []


def test_another_file_than_the_one_in_use_is_refused(site: SiteMaker) -> None:
    """A file that was put in the place of the open one, as when a backup is restored in haste; and then a copy elsewhere."""
    place = site("replaced")
    shutil.copy(place.service.database, place.service.data / "restored.db")
    place.start()
    pid = place.service.pid
    elsewhere = place.service.folder / "copy" / "webui.db"
    elsewhere.parent.mkdir()
    shutil.copy(place.service.database, elsewhere)
    place.variables["webui_sqlite_path"] = str(elsewhere)
    place.play().failed_saying("Nothing was stopped", f"works with {place.service.database}, and not with {elsewhere}")
    del place.variables["webui_sqlite_path"]

    os.replace(place.service.data / "restored.db", place.service.database)
    for suffix in ("-wal", "-shm"):
        place.service.database.with_name(f"webui.db{suffix}").unlink(missing_ok=True)
    place.play().failed_saying("Nothing was stopped", f"has a file open that is not at {place.service.database} any more")
    assert place.service.pid == pid
