# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_health asks a real PostgreSQL who is connected. A small HTTP server stands in for Open WebUI, which is always well."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator

import pytest
from lab.databases import Target

HEAD = "0bd252b206fb"
LONG_AGO = 3600.0


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
def health(run_module, url):
    def run(target: Target, **options) -> dict:
        return run_module("webui_health", {"url": url, "connected": True, "connection_timeout": 0, **target.options, **options})

    return run


def test_its_connection_is_seen(health, any_schema_target):
    with any_schema_target.connect():
        answer = health(any_schema_target, connected_since=LONG_AGO)
    assert (answer["changed"], answer["healthy"], answer["connections"], answer["revision"]) == (False, True, 1, HEAD)


def test_without_one_it_is_on_another_database(health, schema_target):
    answer = health(schema_target)
    assert answer["failed"]
    assert "the server sees no connection of" in answer["msg"]
    assert schema_target.login_password not in str(answer)


def test_one_from_before_the_start_proves_nothing(health, schema_target):
    with schema_target.connect():
        assert health(schema_target, connected_since=0.0)["failed"]
        assert health(schema_target)["connections"] == 1


def test_one_of_somebody_else_proves_nothing(health, schema_target):
    with schema_target.admin():
        assert health(schema_target)["failed"]


def test_a_connection_is_waited_for(health, schema_target):
    """It comes when the module has looked once: its own connection is what the test waits for."""
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
        assert health(schema_target, connection_timeout=300)["connections"] == 1
    finally:
        thread.join()
        for connection in opened:
            connection.close()


def test_a_schema_that_is_not_there_has_no_revision(health, schema_target):
    with schema_target.connect():
        answer = health(schema_target, schema="nowhere")
    assert answer["revision"] is None


def test_a_server_that_does_not_answer(health, schema_target):
    answer = health(schema_target, login_host="127.0.0.1", login_port=1)
    assert answer["failed"]
    assert "cannot connect to database" in answer["msg"]
    assert schema_target.login_password not in str(answer)
