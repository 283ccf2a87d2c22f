# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The env file says which database Open WebUI uses, by Open WebUI's own rules. What it says is what is moved."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3

from lab import webui_play
from lab.webui_snapshot import differences, repaired, snapshot

from .conftest import Site, SiteMaker


def add_settings(place: Site, settings: dict[str, object]) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    place.service.env_file.write_text(place.service.env_file.read_text() + lines)


def test_the_file_that_the_settings_name_is_moved_and_an_old_one_in_the_data_folder_is_not(site: SiteMaker) -> None:
    place = site("elsewhere")
    used = place.service.folder / "elsewhere" / "webui.db"
    used.parent.mkdir()
    shutil.copy(place.service.database, used)
    # The old one of the same name has lost its users since.
    with contextlib.closing(sqlite3.connect(place.service.database)) as connection:
        connection.execute('DELETE FROM "user"')
        connection.commit()
    add_settings(place, {"DATABASE_URL": f"sqlite:///{used}"})
    client = place.start()
    before, old, env_file = snapshot(client, place.world, users=1), place.fingerprint(), place.service.env_file.read_bytes()

    audit = place.play(webui_play.AUDIT).succeeded()
    assert "READY to be moved." in audit.output
    assert f"on sqlite ({used})" in audit.output

    pid = place.service.pid
    place.variables["webui_sqlite_path"] = str(place.service.database)
    refused = place.play().failed_saying("Nothing was stopped", f"Open WebUI uses {used}", f"webui_sqlite_path is {place.service.database}")
    assert "Moved" not in refused.output
    assert place.service.pid == pid
    del place.variables["webui_sqlite_path"]

    place.play().succeeded()
    assert place.database_url().startswith("postgresql://")
    assert differences(repaired(before), snapshot(place.service.client(), place.world, users=1)) == []
    assert place.play().succeeded().changed == 0

    place.play(webui_play.ROLLBACK).succeeded()
    assert place.service.env_file.read_bytes() == env_file
    assert differences(before, snapshot(place.service.client(), place.world, users=1)) == []
    assert place.fingerprint() == old


def test_single_settings_without_a_password_are_postgresql(site: SiteMaker) -> None:
    """libpq finds the password by itself. An old webui.db lies in the data folder, and is none of this Open WebUI's."""
    place = site("trusted")
    cluster = place.server.cluster
    with place.server.admin(autocommit=True) as connection:
        connection.execute('CREATE DATABASE "by-single-settings"')
    settings = {
        "DATABASE_TYPE": "postgresql",
        "DATABASE_USER": cluster.superuser,
        "DATABASE_HOST": cluster.host,
        "DATABASE_PORT": cluster.port,
        "DATABASE_NAME": "by-single-settings",
    }
    add_settings(place, {**settings, "PGPASSWORD": cluster.password})
    place.start()
    with place.server.admin("by-single-settings") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
    pid, content = place.service.pid, place.fingerprint()
    where = f"{cluster.host}:{cluster.port}/by-single-settings"

    audit = place.play(webui_play.AUDIT).succeeded()
    assert "NOT READY:" in audit.output
    assert f"Open WebUI already uses {where}, not SQLite." in audit.output
    place.play().failed_saying("Nothing was stopped", f"Open WebUI already uses {where}, not SQLite.")

    assert (place.service.pid, place.fingerprint()) == (pid, content)
