# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees while webui_pg_migrate runs, through ansible-playbook as they would start it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from lab import paths

# A poll every half second sees for certain what lasts for so long, and nothing that is shorter.
SLOW_LOAD = """
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(6); RETURN NULL; END$$;
CREATE TRIGGER linger BEFORE INSERT ON chat FOR EACH STATEMENT EXECUTE FUNCTION linger();
"""
# A rehearsal tries the unique indexes that SQLite does not keep itself, so it evaluates this one.
SLOW_REHEARSAL = """
CREATE FUNCTION linger(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(3); RETURN $1; END$$;
CREATE UNIQUE INDEX linger ON chat (linger(id::text));
"""


def fill(path: Path, chats: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO user (id, email, name, role, created_at, updated_at, last_active_at, profile_image_url)"
            " VALUES ('u', 'u@example.com', 'U', 'user', 1, 1, 1, '/user.png')"
        )
        chat = json.dumps({"messages": ["a line of text \\ with a backslash\n"]})
        rows = ((f"c{number}", "u", "title", chat, 1, 1, "{}") for number in range(chats))
        connection.executemany(
            "INSERT INTO chat (id, user_id, title, chat, created_at, updated_at, meta) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
        )
    connection.close()


@pytest.fixture
def play(tmp_path: Path, webui_db: Path, pg18):
    """play(hosts, **options): the output of a play in which each of the hosts migrates a database of its own.

    :param slow: SQL that makes each of the new databases slow.
    """

    def run(hosts: list[str], extra: tuple[str, ...] = (), slow: str = "", **options) -> str:
        targets = {}
        for host in hosts:
            shutil.copy(webui_db, tmp_path / f"{host}.db")
            target = pg18.create_open_webui_database()
            with target.connect() as connection:
                connection.execute(slow)
            targets[host] = target.options
        task = {
            "name": "Migrate",
            "openwebui.postgres.webui_pg_migrate": {
                "path": str(tmp_path / "{{ inventory_hostname }}.db"),
                **{name: f"{{{{ targets[inventory_hostname].{name} }}}}" for name in next(iter(targets.values()))},
                **options,
            },
        }
        playbook = [{"name": "Move", "hosts": "all", "gather_facts": False, "tasks": [task]}]
        (tmp_path / "play.json").write_text(json.dumps(playbook))
        (tmp_path / "vars.json").write_text(json.dumps({"targets": targets}))
        variables = f"ansible_connection=local ansible_python_interpreter={paths.PYTHON}"
        inventory = "\n".join(f"{host} {variables}" for host in hosts)
        (tmp_path / "hosts.ini").write_text(inventory + "\n")
        command = [
            paths.PYTHON.parent / "ansible-playbook",
            "-i",
            tmp_path / "hosts.ini",
            "-e",
            f"@{tmp_path}/vars.json",
            tmp_path / "play.json",
            *extra,
        ]
        # A /tmp of its own: other runs have their files in the common one at the same time.
        (tmp_path / "tmp").mkdir(exist_ok=True)
        environment = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(paths.COLLECTIONS),
            ANSIBLE_SYSTEM_TMPDIRS=str(tmp_path / "tmp"),
            ANSIBLE_NOCOLOR="1",
            HOME=str(tmp_path),
        )
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def left_behind(home: Path) -> list[Path]:
    return [*home.glob("tmp/*"), *home.glob("tmp/.*"), *home.glob(".ansible_async/*")]


def test_tells_of_several_hosts_at_once_and_leaves_nothing_behind(play, webui_db, tmp_path):
    fill(webui_db, 1200)
    output = play(["alpha", "beta"], slow=SLOW_LOAD)
    for host in ("alpha", "beta"):
        assert re.search(rf"^\[{host} *\] loading +\d+ %", output, re.M), output
    assert output.count("changed=1") == 2
    assert left_behind(tmp_path) == []


def test_of_one_host_it_tells_more(play, webui_db):
    fill(webui_db, 1200)
    output = play(["alpha"], slow=SLOW_LOAD)
    assert re.search(r"^\[alpha\] loading +\d+ % \| \w+ \| [\d,]+ of 1,201 rows", output, re.M), output


def test_is_quiet_when_told_so(play):
    output = play(["alpha"], progress=False)
    assert "[alpha] " not in output.replace("changed: [alpha]", "")
    assert re.search(r"^alpha +: ok=1 +changed=1 ", output, re.M), output


def test_a_rehearsal_shows_progress_and_changes_nothing(play, webui_db, tmp_path):
    fill(webui_db, 1)
    output = play(["alpha"], extra=("--check",), slow=SLOW_REHEARSAL)
    assert re.search(r"^\[alpha\] looking at every value +\d+ %", output, re.M), output
    assert left_behind(tmp_path) == []


def test_says_why_it_refuses_and_keeps_the_password_to_itself(play, webui_db, tmp_path):
    with pytest.raises(AssertionError) as refusal:
        play(["alpha"], extra=("-vvv",), schema="elsewhere")
    assert "has no schema elsewhere" in str(refusal.value)
    secret = json.loads((tmp_path / "vars.json").read_text())["targets"]["alpha"]["login_password"]
    assert secret not in str(refusal.value)
    assert left_behind(tmp_path) == []
