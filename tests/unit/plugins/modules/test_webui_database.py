# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module hands to the work, and how it answers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused
from ansible_collections.openwebui.postgres.plugins.modules import webui_database

LOGIN = {"login_host": "db", "login_user": "ada", "login_password": "secret", "login_db": "webui", "schema": "ui"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What provide() was called with."""
    calls: list[tuple] = []

    def provide(*arguments: Any) -> dict:
        calls.append(arguments)
        return {"made": ["role", "database", "schema"], "ready": not arguments[3], "revision": ""}

    monkeypatch.setattr(webui_database, "provide", provide)
    return calls


def test_without_an_administrator(call_module, given):
    answer = call_module(webui_database.main, LOGIN, diff=True)
    _options, admin, wanted, check = given[0]
    assert (admin, check) == (None, False)
    assert wanted[:5] == ("ada", "secret", "webui", "ui", "db port 5432")
    assert (answer["changed"], answer["ready"]) == (True, True)
    assert answer["diff"] == {"before": {}, "after": {"role": "ada", "database": "webui", "schema": "ui"}}


def test_with_an_administrator(call_module, given):
    admin = {"admin_user": "boss", "admin_password": "other", "admin_db": "maintenance", "admin_help": "Ask."}
    call_module(webui_database.main, {**LOGIN, **admin, "password_file": "/srv/owner", "login_unix_socket": "/run/pg"}, check=True)
    options, admin_options, wanted, check = given[0]
    assert check is True
    assert (options["login_user"], options["login_db"]) == ("ada", "webui")
    assert [admin_options[f"login_{name}"] for name in ("user", "password", "db", "host")] == ["boss", "other", "maintenance", "db"]
    assert (wanted.where, wanted.password_file, wanted.admin_help) == ("/run/pg port 5432", "/srv/owner", "Ask.")


def test_the_server_is_waited_for_first(call_module, given, monkeypatch):
    waited: list[tuple] = []

    def wait_for(*place: Any) -> None:
        waited.append(place)
        raise Refused([Problem("connection", "Nothing answers.")])

    monkeypatch.setattr(webui_database, "wait_for", wait_for)
    answer = call_module(webui_database.main, {**LOGIN, "wait": 7}, check=True)
    assert (waited, given) == ([("db", 5432, 7)], [])
    assert answer["msg"] == "Nothing answers."
    call_module(webui_database.main, {**LOGIN, "login_unix_socket": "/run/pg"})
    assert waited[1:] == [("/run/pg", 5432, 0)]


def test_that_the_server_was_up_is_noted_once_it_can_be_used(call_module, given, monkeypatch, tmp_path):
    up = tmp_path / "initialised"
    call_module(webui_database.main, {**LOGIN, "up_file": str(up)}, check=True)
    assert not up.exists()
    assert call_module(webui_database.main, {**LOGIN, "up_file": str(up)})["changed"]
    assert up.exists()
    monkeypatch.setattr(webui_database, "provide", lambda *_arguments: {"made": [], "ready": True, "revision": "0bd252b206fb"})
    answer = call_module(webui_database.main, {**LOGIN, "up_file": str(up)})
    assert (answer["changed"], answer["revision"]) == (False, "0bd252b206fb")


def test_every_reason_is_in_a_line_of_its_own(call_module, monkeypatch):
    def provide(*_arguments: Any) -> dict:
        raise Refused([Problem("role", "One."), Problem("database", "Two.")])

    monkeypatch.setattr(webui_database, "provide", provide)
    answer = call_module(webui_database.main, LOGIN)
    assert answer["failed"]
    assert answer["msg"] == "One.\nTwo."
    assert answer["problems"] == [{"kind": "role", "message": "One."}, {"kind": "database", "message": "Two."}]
    assert answer["problems_total"] == 2


def test_somebody_has_to_own_it(call_module, given):
    assert call_module(webui_database.main, {"login_db": "webui"})["failed"]
    assert given == []


def test_without_psycopg(call_module, given, monkeypatch):
    monkeypatch.setattr(webui_database, "PSYCOPG_IMPORT_ERROR", "ImportError")
    answer = call_module(webui_database.main, LOGIN)
    assert "psycopg" in answer["msg"]
    assert given == []
