# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role webui_instance with a small server in the place of Open WebUI: which file is in use, before and after the stop."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import openwebui, paths, webui_play
from lab.postgres import free_port
from lab.webui_play import Run

# Holds the file open with rows in its log, and answers.
SERVER = """
import http.server, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("INSERT INTO tag (id, name, user_id) VALUES ('log', 'in the log', 'u')")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
print("ready", flush=True)
server.serve_forever()
"""
LOOK_AND_STOP = [
    {
        "hosts": "webui",
        "gather_facts": False,
        "tasks": [
            {"name": "Look", "ansible.builtin.include_role": {"name": "openwebui.postgres.webui_instance"}},
            {"name": "Stop", "ansible.builtin.include_role": {"name": "openwebui.postgres.webui_instance", "tasks_from": "stop"}},
        ],
    }
]


@dataclass
class Place:
    """A data folder, a server that works with a file, and what the inventory says of both."""

    folder: Path
    port: int = field(default_factory=free_port)
    variables: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    @property
    def database(self) -> Path:
        return self.folder / "data" / "webui.db"

    def serve(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(file), str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def play(self, playbook: str = "", then: str = ":") -> Run:
        """Run a playbook, by default one that looks and then stops. `then` is what the stop does besides."""
        pid = self.process.pid if self.process else 0
        # A process that has ended and that nobody has asked for yet is still there for kill.
        alive = f"grep -q '^State:.[RSD]' /proc/{pid}/status"
        commands = {"probe": alive, "stop": f"kill {pid}; {then}", "start": "exit 1", "bootstrap": "exit 1"}
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(paths.PYTHON),
            "webui_runtime": "command",
            "webui_data_dir": str(self.database.parent),
            "webui_env_file": str(self.folder / "webui.env"),
            "webui_health_url": f"http://127.0.0.1:{self.port}/health",
            "webui_state_dir": str(self.folder / "state"),
            "webui_instance_health_delay": 1,
            "webui_instance_settle_timeout": 10,
            **{f"webui_command_{name}": ["/bin/sh", "-c", text] for name, text in commands.items()},
            **self.variables,
        }
        inventory = webui_play.write_inventory(self.folder / "inventory.json", {"host": variables})
        own = self.folder / "look-and-stop.json"
        own.write_text(json.dumps(LOOK_AND_STOP))
        return webui_play.play(playbook or str(own), inventory)

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    found.database.parent.mkdir()
    shutil.copy(openwebui.SQLITE_TEMPLATE, found.database)
    yield found
    found.end()


def test_at_rest_after_the_stop(place: Place) -> None:
    place.serve(place.database)
    place.play().succeeded()
    assert place.process.wait(10) != 0


def gone(place: Place) -> str:
    return f"mv '{place.database}' '{place.folder}/away'"


def another(place: Place) -> str:
    shutil.copy(place.database, place.folder / "other.db")
    return f"mv '{place.folder}/other.db' '{place.database}'"


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (gone, "was there before Open WebUI was stopped and cannot be read any more"),
        (another, "is another file than before Open WebUI was stopped"),
    ],
)
def test_a_file_that_goes_away_with_open_webui_is_none_at_rest(place: Place, then: Callable[[Place], str], reason: str) -> None:
    """As when it lies on something that is mounted for Open WebUI alone."""
    place.serve(place.database)
    place.play(then=then(place)).failed_saying(f"{place.database} {reason}")


def test_an_old_file_in_the_data_folder(place: Place) -> None:
    """The settings are in no file that anybody has told of; what runs knows."""
    other = place.folder / "elsewhere" / "webui.db"
    other.parent.mkdir()
    shutil.copy(place.database, other)
    place.serve(other)
    reason = f"Open WebUI works with {other}, and not with {place.database}. Set webui_sqlite_path to the file in use."
    place.play().failed_saying(reason)
    assert place.process.poll() is None
    audit = place.play(webui_play.AUDIT).succeeded()
    assert "NOT READY" in audit.output
    assert reason in audit.output


def test_a_link_and_its_log_are_seen_by_an_audit(place: Place) -> None:
    real = place.folder / "fast" / "real.db"
    real.parent.mkdir()
    os.rename(place.database, real)
    place.database.symlink_to(real)
    place.serve(place.database)
    audit = place.play(webui_play.AUDIT).succeeded()
    assert "NOT READY" not in audit.output, audit.end
    assert f"{place.database} leads to {real}." in audit.output
    assert " and 0 B of write-ahead log" not in audit.output
    place.play().succeeded()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("webui.db", "is a symbolic link that leads round in a circle"),
        ("/not-mounted/webui.db", "is a symbolic link to /not-mounted/webui.db, which is not there"),
    ],
)
def test_a_link_that_leads_nowhere(place: Place, target: str, reason: str) -> None:
    place.database.unlink()
    place.database.symlink_to(target)
    audit = place.play(webui_play.AUDIT).succeeded()
    assert "NOT READY" in audit.output
    assert f"{place.database}: {reason}" in audit.output
