# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_health as Ansible calls it, without a database."""

from __future__ import annotations

import time

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.health import Answer, Connected
from ansible_collections.openwebui.postgres.plugins.modules import webui_health
from ansible_collections.openwebui.postgres.plugins.modules.webui_health import main

URL = "http://127.0.0.1:8080/health"
DATABASE = {"connected": True, "login_db": "openwebui", "login_user": "ada", "login_password": "s3cret"}


@pytest.fixture
def says(monkeypatch):
    """says(answer, connected): what Open WebUI and the server will say."""
    waits = []

    def prepare(answer, connected=None):
        monkeypatch.setattr(webui_health, "wait", lambda ask, timeout: waits.append(timeout) or answer)

        def wait_connected(_options, _ask, since, timeout):
            waits.append((since, timeout))
            return connected

        monkeypatch.setattr(webui_health, "wait_connected", wait_connected)
        return waits

    return prepare


def test_healthy(call_module, says):
    waits = says(Answer(200, ""))
    answer = call_module(main, {"url": URL, "timeout": 30})
    assert (answer["changed"], answer["healthy"], answer["status"], answer["reason"]) == (False, True, 200, "")
    assert waits == [30]


def test_not_healthy_in_time(call_module, says):
    says(Answer(503, "HTTP 503"))
    answer = call_module(main, {"url": URL, "timeout": 7})
    assert answer["failed"]
    assert answer["msg"] == f"{URL} did not answer with 200 within 7 seconds (HTTP 503)"
    assert answer["problems"] == [{"kind": "health", "message": answer["msg"]}]
    assert (answer["healthy"], answer["status"]) == (False, 503)


def test_healthy_and_connected(call_module, says):
    waits = says(Answer(200, ""), Connected(3, "0bd252b206fb"))
    answer = call_module(main, {"url": URL, **DATABASE, "connected_since": 1.5})
    assert (answer["connections"], answer["revision"]) == (3, "0bd252b206fb")
    (health, (since, patience)) = waits
    assert (health, patience) == (180, 60)
    assert 1.5 <= time.monotonic() - since < 60


def test_healthy_on_another_database(call_module, says):
    says(Answer(200, ""), Connected(0, "0bd252b206fb"))
    answer = call_module(main, {"url": URL, **DATABASE})
    assert answer["failed"]
    assert answer["msg"] == f"the server sees no connection of ada to openwebui, though {URL} answers"
    assert answer["problems"][0]["kind"] == "connected"
    assert (answer["healthy"], answer["connections"]) == (True, 0)


@pytest.mark.parametrize(("answer", "connected"), [(Answer(0, "connection refused"), None), (Answer(200, ""), Connected(0, None))])
def test_check_mode_looks_once_and_does_not_fail(call_module, says, answer, connected):
    waits = says(answer, connected)
    found = call_module(main, {"url": URL, **DATABASE}, check=True)
    assert "failed" not in found
    assert found["healthy"] == answer.healthy
    assert waits[0] == 0


def test_a_database_has_to_be_named(call_module, says):
    says(Answer(200, ""))
    assert "login_db" in call_module(main, {"url": URL, "connected": True})["msg"]


def test_an_address_that_cannot_be_asked(call_module):
    assert "webui_health_url wants" in call_module(main, {"url": "ftp://host"})["msg"]
