# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_kept asks a real PostgreSQL, of a real move. A small HTTP server stands in for Open WebUI, which is always well, and a file that
is there while it runs."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from lab.databases import Target
from lab.source import SourceFile


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
def look(run_module, url: str, up: Path, tmp_path: Path, schema_target: Target, source: SourceFile) -> Callable[..., dict[str, Any]]:
    commands = {"probe": ["test", "-e", str(up)], "start": ["false"], "stop": ["false"]}
    chat = {"runtime": "command", "env_file": str(tmp_path / "chat.env"), "commands": commands, "health_url": url}

    def run(**options: Any) -> dict[str, Any]:
        return run_module("webui_kept", {**chat, **schema_target.options, "path": str(source.path), **options})

    return run


def test_one_that_was_moved(look, migrate, source, schema_target):
    assert migrate(source.path, schema_target)["changed"]
    with schema_target.connect():
        answer = look(requirements=["psycopg>=3.1,<4"])
    assert (answer["changed"], answer["kept"], answer["amiss"]) == (False, True, [])


def test_one_that_was_not(look, schema_target, source):
    with schema_target.connect():
        answer = look()
    assert answer["amiss"] == [f"{schema_target.login_db} does not hold what {source.path} holds"]


def test_one_that_works_elsewhere(look, migrate, source, schema_target):
    migrate(source.path, schema_target)
    answer = look()
    assert not answer["kept"]
    assert "the server sees no connection of" in answer["amiss"][0]
    assert schema_target.login_password not in str(answer)


def test_one_that_does_not_run_is_left_alone(look, migrate, source, schema_target, up):
    migrate(source.path, schema_target)
    up.unlink()
    with schema_target.connect():
        answer = look()
    assert (answer["changed"], answer["kept"]) == (False, False)
    assert not up.exists()


def test_a_password_that_is_not_the_one(look, schema_target):
    answer = look(login_password="another")
    assert not answer["kept"]
    assert "cannot connect" in answer["amiss"][0]
