# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything is loaded while Open WebUI works; the stop finds only what was written since, and webui.db is never written to."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3

from lab import webui_play

from .conftest import Site, SiteMaker, play_until

# What a user does at the last moment, and what the file is like once it is at rest. No pin refers to the note that goes: Open WebUI would
# take it along, while a bare DELETE leaves an orphan.
STOP = """
import hashlib, json, pathlib, sqlite3, subprocess, sys
database, note, *stop = sys.argv[1:]
connection = sqlite3.connect(database, isolation_level=None)
connection.execute("INSERT OR IGNORE INTO tag (id, name, user_id) SELECT 'late', 'written at the last moment', id FROM user LIMIT 1")
connection.execute("DELETE FROM note WHERE id = (SELECT min(id) FROM note WHERE id NOT IN (SELECT note_id FROM pinned_note))")
connection.close()
subprocess.run(stop, check=True)
files = [path for path in (pathlib.Path(database), pathlib.Path(database + "-wal")) if path.exists()]
pathlib.Path(note).write_text(json.dumps({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}))
"""

COUNTED = "SELECT (SELECT count(*) FROM tag WHERE id = 'late'), (SELECT count(*) FROM note)"


def writing_until_the_stop(place: Site) -> None:
    note, stop = place.service.folder / "at-rest.json", place.variables["webui_command_stop"]
    python = place.variables["ansible_python_interpreter"]
    place.variables["webui_command_stop"] = [python, "-c", STOP, str(place.service.database), str(note), *stop]


def at_rest(place: Site) -> dict[str, str]:
    return json.loads((place.service.folder / "at-rest.json").read_text())


def on_postgresql(place: Site) -> tuple[int, int]:
    """How many rows there are of what was written at the last moment, and of notes."""
    with place.server.admin(place.variables["webui_database_name"]) as connection:
        return connection.execute(COUNTED).fetchone()


def on_sqlite(place: Site) -> tuple[int, int]:
    """The same in the old file, which Open WebUI had last."""
    with contextlib.closing(sqlite3.connect(f"{place.service.database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(COUNTED).fetchone()


def test_what_was_written_until_the_stop_is_there_and_the_old_file_is_as_it_was(site: SiteMaker) -> None:
    place = site("online")
    # Whatever it takes to load it, what was written meanwhile is loaded as well before the stop.
    place.variables["webui_migrate_catch_up"] = 0
    place.start()
    orphans = place.orphans()
    assert orphans
    writing_until_the_stop(place)
    run = place.play().succeeded()
    said = "\n".join(run.said)
    assert re.search(r"Loaded ahead while users worked: [\d.]+ [KM]B in \d+ seconds\.", said), run.end
    assert "Loaded while it was down: what had changed since." in run.said
    assert re.search(r"Downtime: \d+ seconds, of which Open WebUI's own stop and start \d+ seconds\.", said), run.end
    assert place.fingerprint() == at_rest(place)
    assert on_postgresql(place) == on_sqlite(place)
    assert on_sqlite(place)[0] == 1
    assert place.orphans() == orphans
    # The backup is of that file, and nothing is left of what it was loaded from.
    (backup,) = [line.partition(": ")[2] for line in run.said if line.startswith("Backup of the SQLite database: ")]
    assert backup.startswith(str(place.service.folder))
    assert not list(place.service.folder.rglob("snapshot/*"))
    place.play(webui_play.ROLLBACK).succeeded()
    assert place.orphans() == orphans


def test_what_was_loaded_ahead_by_a_run_that_was_killed_is_no_move_and_is_gone_on_from(site: SiteMaker) -> None:
    place = site("ahead")
    place.start()
    assert "Stop Open WebUI, and wait" in play_until("Stop Open WebUI, and wait", place.inventory())
    assert "READY to be moved." in place.play(webui_play.AUDIT).succeeded().said
    run = place.play(webui_play.ROLLBACK).succeeded()
    assert [line for line in run.said if line.endswith("There was nothing to put back.")], run.end
    assert place.service.is_running()
    assert not place.database_url()
    assert "Loaded while it was down: what had changed since." in place.play().succeeded().said
    assert on_postgresql(place) == on_sqlite(place)


def test_check_mode_names_the_way_and_what_users_will_notice(site: SiteMaker) -> None:
    place = site("expecting")
    place.start()
    place.play(webui_play.MIGRATE, "--tags", "postgres,schema").succeeded()
    pid, content = place.service.pid, place.fingerprint()
    for online, way, measure in (("auto", "loaded ahead while Open WebUI works", "at most"), ("never", "loaded once Open WebUI", "about")):
        run = place.play(webui_play.MIGRATE, "--check", "-e", f"webui_migrate_online={online}").succeeded()
        said = "\n".join(run.said)
        assert f"Way of a run: everything is {way}" in said, run.end
        expected = rf"Downtime to expect: Open WebUI's own stop and start, .* {measure} \d+ seconds, measured just now\."
        assert re.search(expected, said), run.end
    assert (place.service.pid, place.fingerprint()) == (pid, content)


def test_all_of_it_can_be_loaded_while_open_webui_is_down(site: SiteMaker) -> None:
    place = site("offline")
    place.variables["webui_migrate_online"] = "never"
    place.start()
    writing_until_the_stop(place)
    run = place.play().succeeded()
    assert not [line for line in run.said if line.startswith("Loaded ahead")]
    assert place.fingerprint() == at_rest(place)
    assert on_postgresql(place) == on_sqlite(place)
