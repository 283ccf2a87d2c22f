# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_pg_migrate as Ansible calls it: options in, answer out. No server is needed, the migration itself is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, refuse
from ansible_collections.openwebui.postgres.plugins.modules import webui_pg_migrate
from ansible_collections.openwebui.postgres.plugins.modules.webui_pg_migrate import main

PASSWORD = "p@ss/w:rd %41#?'"
OPTIONS = {"path": "/data/webui.db", "login_db": "webui", "login_password": PASSWORD}


class Calls:
    """Stands in for the migration: remembers what was asked for, and answers or refuses."""

    def __init__(self) -> None:
        self.seen: list[tuple] = []
        self.refusals: list[Refused] = []

    def migrate(self, request, check, progress):
        progress.begin("load", 10, 100)
        self.seen.append(("migrate", request, check, progress.path))
        for refusal in self.refusals:
            raise refusal
        return {"changed": True, "run_id": "r1"}

    def abandon(self, request, check):
        self.seen.append(("abandon", request, check, None))
        return {"changed": False, "run_id": None}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(webui_pg_migrate, "PSYCOPG_IMPORT_ERROR", None)
    monkeypatch.setattr(webui_pg_migrate, "migrate", calls.migrate)
    monkeypatch.setattr(webui_pg_migrate, "abandon", calls.abandon)
    return calls


def test_what_it_does_by_default(call_module, calls):
    answer = call_module(main, OPTIONS)
    assert answer["changed"]
    assert answer["run_id"] == "r1"
    ((name, request, check, progress_file),) = calls.seen
    assert (name, check, progress_file) == ("migrate", False, None)
    assert (request.path, request.schema, request.repair, request.quarantine) == ("/data/webui.db", "public", True, None)
    assert (request.replace_invalid, request.replace_target, request.live, request.rehearse) == (False, False, False, "load")
    assert request.connection["login_password"] == PASSWORD
    assert (request.connection["login_port"], request.connection["ssl_mode"]) == (5432, "prefer")


def test_every_option_reaches_the_migration(call_module, calls):
    given = {
        "repair": False,
        "invalid_utf8": "replace",
        "target_data": "replace",
        "quarantine": "/q",
        "live": True,
        "schema": "webui",
        "rehearse": "scan",
        "login_host": "db",
        "connect_params": {"target_session_attrs": "read-write"},
    }
    call_module(main, {**OPTIONS, **given}, check=True)
    ((_name, request, check, _file),) = calls.seen
    assert check
    assert not request.repair
    assert request.rehearse == "scan"
    assert request.replace_invalid
    assert request.replace_target
    assert request.live
    assert (request.quarantine, request.schema, request.connection["login_host"]) == ("/q", "webui", "db")
    assert request.connection["connect_params"] == {"target_session_attrs": "read-write"}


@pytest.mark.parametrize("check", [False, True])
def test_abandoned(call_module, calls, check):
    answer = call_module(main, {**OPTIONS, "state": "abandoned"}, check=check)
    assert not answer["changed"]
    assert [(name, asked) for name, _request, asked, _file in calls.seen] == [("abandon", check)]


def test_a_refusal_tells_every_reason(call_module, calls):
    problems = [Problem("value", f"chat c{number}: chat is not JSON", "chat", "chat", f"c{number}", "json") for number in range(4)]
    calls.refusals.append(Refused(problems, 1200))
    answer = call_module(main, OPTIONS)
    assert answer["failed"]
    assert answer["msg"].endswith("; and 1197 more (see problems)")
    assert answer["problems_total"] == 1200
    assert answer["problems"][0] == {
        "kind": "value",
        "message": "chat c0: chat is not JSON",
        "table": "chat",
        "column": "chat",
        "key": "c0",
        "rule": "json",
    }


def test_the_password_is_in_no_answer(call_module, calls):
    calls.refusals.append(refuse("connection", f"it holds {PASSWORD}"))
    assert PASSWORD not in json.dumps(call_module(main, OPTIONS))


@pytest.mark.parametrize("refused", [False, True])
def test_the_progress_file_is_gone_in_the_end(call_module, calls, tmp_path: Path, refused):
    calls.refusals = [refuse("in_use", "in use")] if refused else []
    file = tmp_path / "progress"
    assert call_module(main, {**OPTIONS, "progress_file": str(file)}).get("failed", False) == refused
    assert calls.seen[0][3] == str(file)
    assert list(tmp_path.iterdir()) == []


def test_without_psycopg_it_says_what_is_missing_and_where(call_module, calls, monkeypatch):
    monkeypatch.setattr(webui_pg_migrate, "PSYCOPG_IMPORT_ERROR", "Traceback (most recent call last): no psycopg")
    answer = call_module(main, OPTIONS)
    assert answer["failed"]
    assert answer["msg"].startswith("Failed to import the required Python library (psycopg) on ")
    assert "Python " in answer["msg"]
    assert calls.seen == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"path": None}, "path"),
        ({"login_db": None}, "login_db"),
        ({"state": "gone"}, "value of state must be one of: migrated, abandoned"),
        ({"invalid_utf8": "ignore"}, "value of invalid_utf8 must be one of: refuse, replace"),
        ({"target_data": "keep"}, "value of target_data must be one of: refuse, replace"),
        ({"ssl_mode": "yes"}, "value of ssl_mode must be one of: allow, disable, prefer, require, verify-ca, verify-full"),
        ({"login_port": "http"}, "login_port"),
        ({"passwort": "x"}, "Unsupported parameters"),
    ],
    ids=["path", "login_db", "state", "invalid_utf8", "target_data", "ssl_mode", "login_port", "unknown"],
)
def test_options_that_cannot_be(call_module, calls, given, words):
    options = {name: value for name, value in {**OPTIONS, **given}.items() if value is not None}
    answer = call_module(main, options)
    assert answer["failed"]
    assert words in answer["msg"]
    assert calls.seen == []
