# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a server ends as soon as it answers, and with what to do when it never does."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres import waiting
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.waiting import wait_for
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


class Clock:
    """Time that passes only where somebody waits, and a server that is there from some time on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, there_at: float) -> None:
        self.now = 0.0
        self.tried: list[tuple[str, int, float]] = []
        self._there_at = there_at
        monkeypatch.setattr(waiting.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(waiting.time, "sleep", self.sleep)
        monkeypatch.setattr(waiting.socket, "create_connection", self.connect)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def connect(self, place: tuple[str, int], timeout: float) -> Any:
        self.tried.append((*place, timeout))
        if self.now < self._there_at:
            self.now += timeout
            raise socket.timeout
        return socket.socket()


def test_it_ends_when_the_server_answers(monkeypatch):
    clock = Clock(monkeypatch, 12)
    wait_for("db", 5432, 30)
    assert 12 <= clock.now < 17
    assert clock.tried[0] == ("db", 5432, waiting.ATTEMPT)


def test_it_ends_when_the_time_is_over(monkeypatch):
    clock = Clock(monkeypatch, 1000)
    with pytest.raises(Refused) as caught:
        wait_for("db", 5433, 7)
    assert 7 <= clock.now < 7.5
    assert caught.value.problems[0].kind == "connection"
    assert str(caught.value) == (
        "Nothing answers at db port 5433 from the target host. Start PostgreSQL, let the target host through its firewall, or correct "
        "webui_database_host and webui_database_port."
    )


@pytest.mark.parametrize(("host", "seconds"), [("/run/postgresql", 30), ("", 30), ("db", 0)])
def test_there_is_nothing_to_wait_for(monkeypatch, host, seconds):
    clock = Clock(monkeypatch, 1000)
    wait_for(host, 5432, seconds)
    assert clock.tried == []


def test_a_real_server_and_a_name_that_there_is_none_of():
    with socket.create_server(("127.0.0.1", 0)) as server:
        wait_for("127.0.0.1", server.getsockname()[1], 30)
    with pytest.raises(Refused, match=r"Nothing answers at nowhere\.invalid port 1 "):
        wait_for("nowhere.invalid", 1, 0.01)
