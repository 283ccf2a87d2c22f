# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_sqlite_check as Ansible calls it: options in, answer out."""

from __future__ import annotations

import sqlite3

import pytest
from ansible_collections.openwebui.postgres.plugins.modules.webui_sqlite_check import main

ORPHANS = (
    "CREATE TABLE chat_file (id TEXT NOT NULL PRIMARY KEY, chat_id TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE)",
    "INSERT INTO chat_file VALUES ('f1', 'gone'), ('f2', 'gone')",
)
# The first release with a revision, whose files have hardly more than the tables that every file of a test has.
OLD = ("CREATE TABLE config (id, data, version, created_at, updated_at)", "UPDATE alembic_version SET version_num = 'ca81bd47c050'")
VALUES = (r"""INSERT INTO chat (id, chat) VALUES ('c1', '"\u0000"'), ('c2', '{'), ('c3', '{"secret": "\\u0000"}')""",)


@pytest.mark.parametrize("check", [False, True])
def test_a_sound_file(call_module, make_source, complete, folder_state, check):
    path = make_source("INSERT INTO user VALUES ('u', 'Ada')", *complete)
    before = folder_state(path)
    answer = call_module(main, {"path": path}, check=check)
    assert folder_state(path) == before
    assert not answer["changed"]
    assert answer["ready"]
    assert (answer["problems"], answer["problems_total"]) == ([], 0)
    assert answer["sqlite_version"] == sqlite3.sqlite_version
    assert (answer["revision"], answer["webui_versions"]) == ("0bd252b206fb", {"first": "0.12.1", "last": "0.12.4"})
    assert {"name": "user", "rows": 1} in answer["tables"]
    assert answer["integrity"] == {"ok": True, "errors": []}
    assert (answer["orphans"], answer["value_findings"], answer["in_use"], answer["holders"]) == ([], [], False, [])
    assert (answer["journal_mode"], answer["wal_bytes"]) == ("delete", 0)


def test_orphans_are_reported_and_fail_only_where_asked_for(call_module, make_source):
    path = make_source(*ORPHANS, *OLD)
    answer = call_module(main, {"path": path})
    assert not answer.get("failed")
    assert not answer["ready"]
    assert answer["orphans"] == [{"table": "chat_file", "parent": "chat", "column": "chat_id", "rows": 2, "on_delete": "CASCADE"}]
    failing = call_module(main, {"path": path, "fail_on": ["foreign_keys"]})
    assert failing["failed"]
    assert "chat_file" in failing["msg"]
    assert failing["orphans"] == answer["orphans"]


def test_values_are_reported_with_their_keys_and_without_their_content(call_module, make_source):
    answer = call_module(main, {"path": make_source(*VALUES)})
    found = {group["rule"]: group for group in answer["value_findings"]}
    assert {rule: (group["refused"], group["rows"], group["sample_keys"]) for rule, group in found.items()} == {
        "json_escape": (False, 1, ["c1"]),
        "json": (True, 1, ["c2"]),
    }
    assert not answer["ready"]
    assert "secret" not in str(answer)


def test_findings_are_told_alike_on_success_and_on_failure(call_module, make_source):
    path = make_source(*ORPHANS, *VALUES, *OLD)
    answer = call_module(main, {"path": path})
    assert not answer.get("failed")
    assert sorted((problem["kind"], problem["message"]) for problem in answer["problems"]) == [
        ("foreign_keys", "chat_file.chat_id: 2 rows refer to rows of chat that are gone"),
        ("repair", "chat.chat: 1 values will be repaired (json_escape)"),
        ("values", "chat.chat: 1 values cannot be moved (json)"),
    ]
    assert answer["problems_total"] == 3
    failing = call_module(main, {"path": path, "fail_on": ["values"]})
    assert failing["failed"]
    assert failing["msg"] == f"{path}: chat.chat: 1 values cannot be moved (json)"
    assert (failing["problems"], failing["problems_total"]) == (answer["problems"], 3)


def test_a_finding_about_a_table_names_it(call_module, make_source, complete):
    answer = call_module(main, {"path": make_source(*complete, "CREATE TABLE plugin (id TEXT)", "INSERT INTO plugin VALUES ('x')")})
    assert [(problem["kind"], problem["table"]) for problem in answer["problems"]] == [("tables", "plugin")]


def test_values_that_are_repaired_never_fail(call_module, make_source):
    path = make_source(r"""INSERT INTO chat (id, chat) VALUES ('c1', '"\u0000"')""", *OLD)
    answer = call_module(main, {"path": path, "fail_on": ["values"]})
    assert not answer.get("failed")
    assert answer["ready"]


def test_only_what_was_asked_for_is_looked_at(call_module, make_source):
    answer = call_module(main, {"path": make_source(*ORPHANS, *VALUES), "checks": ["quick"]})
    assert answer["integrity"] == {"ok": True, "errors": []}
    assert "orphans" not in answer
    assert "value_findings" not in answer


def test_a_revision_that_nobody_knows_fails(call_module, make_source):
    answer = call_module(main, {"path": make_source("UPDATE alembic_version SET version_num = 'ffffffffffff'")})
    assert answer["failed"]
    assert "ffffffffffff" in answer["msg"]
    assert answer["webui_versions"] == {}


def test_a_file_in_use(call_module, make_source, start_writer):
    path = make_source(journal_mode="wal")
    writer = start_writer(path)
    answer = call_module(main, {"path": path})
    assert answer["in_use"]
    assert writer.pid in [holder["pid"] for holder in answer["holders"]]
    assert call_module(main, {"path": path, "fail_on": ["in_use"]})["failed"]


def test_what_is_no_such_file_is_told_in_one_line(call_module, tmp_path):
    answer = call_module(main, {"path": str(tmp_path / "missing.db")})
    assert answer["failed"]
    assert answer["ready"] is False
    assert answer["msg"] == f"{tmp_path}/missing.db: there is no such file; check the data folder of Open WebUI"
    assert answer["problems"] == [{"kind": "source", "message": answer["msg"]}]
    assert answer["problems_total"] == 1


@pytest.mark.parametrize("given", [{"checks": ["all"]}, {"fail_on": ["quick"]}, {"paht": "x"}])
def test_options_that_cannot_be(call_module, make_source, given):
    assert call_module(main, {"path": make_source(), **given})["failed"]
