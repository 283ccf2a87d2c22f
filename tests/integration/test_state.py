# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_state asks a real PostgreSQL who is connected. A small HTTP server stands in for Open WebUI, which is always well, and a file
for whether it runs."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Iterator

import pytest
from lab.databases import Target

HEAD = "0bd252b206fb"


class AlwaysWell(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_ignored: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), AlwaysWell) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/health"
        server.shutdown()


@pytest.fixture
def up(tmp_path: Path) -> Path:
    """It runs as long as this is there."""
    up = tmp_path / "up"
    up.write_text("")
    return up


@pytest.fixture
def serving(run_module, url, up, tmp_path):
    commands = {"probe": ["test", "-e", str(up)], "start": ["touch", str(up)], "stop": ["rm", str(up)]}
    chat = {"runtime": "command", "env_file": str(tmp_path / "chat.env"), "commands": commands, "health_url": url}

    def run(target: Target, **options) -> dict:
        return run_module("webui_state", {**chat, "state": "serving", "connect_timeout": 0, **target.options, **options})

    return run


def test_its_connection_is_seen(serving, any_schema_target):
    with any_schema_target.connect():
        answer = serving(any_schema_target, expected_revision=HEAD)
    assert (answer["changed"], answer["health"]["healthy"], answer["connections"], answer["revision"]) == (False, True, 1, HEAD)


def test_without_one_it_is_on_another_database(serving, schema_target):
    answer = serving(schema_target)
    assert answer["failed"]
    assert "Open WebUI is healthy, but the server sees no connection of" in answer["msg"]
    assert schema_target.login_password not in str(answer)


def test_one_from_before_the_start_proves_nothing(serving, schema_target, up):
    up.unlink()
    with schema_target.connect():
        answer = serving(schema_target)
        assert (answer["failed"], answer["started"]) == (True, True)
        # Where nothing is started, any will do.
        assert serving(schema_target)["connections"] == 1


def test_one_of_another_revision(serving, schema_target):
    with schema_target.connect():
        answer = serving(schema_target, expected_revision="aaaaaaaaaaaa")
    assert f"to revision {HEAD}, but" in answer["msg"]
    assert "is at aaaaaaaaaaaa" in answer["msg"]


def test_one_of_somebody_else_proves_nothing(serving, schema_target):
    with schema_target.admin():
        assert serving(schema_target)["failed"]


def test_a_connection_after_the_start_is_waited_for(serving, schema_target, up):
    """It comes when the module has looked once: its own connection is what the test waits for."""
    up.unlink()
    opened = []

    def open_after_first_look() -> None:
        with schema_target.admin(autocommit=True) as admin:
            seen = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND usename = %s"
            while not admin.execute(seen, ("%make_interval%", schema_target.login_user)).fetchone()[0]:
                pass
        opened.append(schema_target.connect())

    thread = threading.Thread(target=open_after_first_look, daemon=True)
    thread.start()
    try:
        assert serving(schema_target, connect_timeout=300)["connections"] == 1
    finally:
        thread.join()
        for connection in opened:
            connection.close()


def test_a_schema_that_is_not_there_has_no_revision(serving, schema_target):
    with schema_target.connect():
        answer = serving(schema_target, schema="nowhere")
    assert answer["revision"] is None


def test_a_server_that_does_not_answer(serving, schema_target):
    answer = serving(schema_target, login_host="127.0.0.1", login_port=1)
    assert answer["failed"]
    assert "cannot connect to database" in answer["msg"]
    assert schema_target.login_password not in str(answer)
