# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for an address of HTTP: a real server on this machine that says what a test has it say."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Iterator

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import health as _health
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.health import Answer, asker, wait
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

HANG_UP = 0


class Script(HTTPServer):
    """Gives one answer after the other, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Speaker)
        self.answers = [200]
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/health"


class Speaker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status = self.server.answers[0] if len(self.server.answers) == 1 else self.server.answers.pop(0)
        if status == HANG_UP:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_ignored: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    monkeypatch.setattr(_health, "PAUSE", 0)
    with Script() as script:
        thread = threading.Thread(target=script.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield script
        script.shutdown()
        thread.join()


def test_one_that_is_well_is_asked_once(server):
    assert wait(asker(server.url), 60) == Answer(200, "")
    assert server.asked == ["/health"]


def test_one_that_starts_is_waited_for(server):
    server.answers = [HANG_UP, 502, 503, 200]
    assert wait(asker(server.url), 3600).healthy
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [204, 302, 404, 500, 503])
def test_any_other_status_is_not_healthy(server, status):
    server.answers = [status]
    answer = wait(asker(server.url), 0)
    assert not answer.healthy
    assert answer == Answer(status, f"HTTP {status}")


def test_one_that_hangs_up_says_so(server):
    server.answers = [HANG_UP]
    answer = asker(server.url)()
    assert answer.status == 0
    assert answer.reason


def test_nobody_there(monkeypatch):
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port, and nobody answers.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/health"
        assert wait(asker(url), 0) == Answer(0, "connection refused")


def test_a_proxy_of_the_environment_is_not_asked_for_this_host(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert asker(server.url)().healthy


def test_plain_http_where_tls_is_expected(server):
    answer = asker(server.url.replace("http:", "https:"))()
    assert not answer.healthy
    assert answer.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/health",
        "ftp://host/health",
        "127.0.0.1:8080/health",
        "http:///health",
        "file:///etc/passwd",
        "http://[::1/health",
        "http://host:port/health",
        "http://host:99999/health",
        "http://host:0/health",
    ],
)
def test_what_cannot_be_asked_is_refused(url):
    with pytest.raises(Refused, match="webui_health_url wants"):
        asker(url)


def test_a_host_that_no_name_server_could_be_asked_for_does_not_answer():
    answer = asker(f"http://{'a' * 70}.example/health")()
    assert (answer.status, answer.healthy, bool(answer.reason)) == (0, False, True)
