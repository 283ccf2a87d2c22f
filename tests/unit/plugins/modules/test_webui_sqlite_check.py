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


@pytest.mark.parametrize(
    ("statements", "asked", "places"),
    [
        (ORPHANS, {}, [("foreign_keys", "chat_file", "chat_id")]),
        (VALUES, {}, [("values", "chat", "chat"), ("repair", "chat", "chat")]),
        (
            ("CREATE TABLE _alembic_tmp_chat (id)", "INSERT INTO _alembic_tmp_chat VALUES ('c')"),
            {"upgrade_to": "0bd252b206fb", "checks": []},
            [("upgrade", None, None), ("upgrade", "_alembic_tmp_chat", None)],
        ),
    ],
)
def test_a_finding_names_its_place(call_module, make_source, statements, asked, places):
    answer = call_module(main, {"path": make_source(*statements, *OLD), **asked})
    assert [(problem["kind"], problem.get("table"), problem.get("column")) for problem in answer["problems"]] == places


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


def test_what_stands_in_the_way_of_a_move(call_module, make_source):
    path = make_source(*OLD)
    target = {"name": "webui", "image": "open-webui:main", "can_upgrade": True}
    asked = {"path": path, "checks": ["schema"], "upgrade_to": "0bd252b206fb", "new_database": target}
    assert "obstacles" not in call_module(main, {"path": path, "checks": ["schema"]})
    answer = call_module(main, asked)
    assert (answer["obstacles"], answer["upgrade"]["needed"]) == ([], True)
    (said,) = call_module(main, {**asked, "new_database": {**target, "image_revision": "ffffffffffff"}})["obstacles"]
    assert "but the image open-webui:main works with ffffffffffff" in said
    (said,) = call_module(main, {**asked, "new_database": {"name": "webui"}})["obstacles"]
    assert "Start that newer release once on SQLite" in said


def test_a_schema_that_is_yet_to_be_made_is_in_the_way_of_a_real_run_only(call_module, make_source):
    asked = {"path": make_source(), "checks": ["schema"], "upgrade_to": "", "new_database": {"name": "webui", "made_by": "nobody"}}
    answer = call_module(main, asked, check=True)
    assert answer["obstacles"] == []
    assert "upgrade" not in answer
    (said,) = call_module(main, asked)["obstacles"]
    assert said.endswith("create its schema there, or set webui_schema_bootstrap to true.")


def test_a_copy_that_was_not_upgraded(call_module, make_source):
    path = make_source(*OLD)
    asked = {"path": path, "checks": ["integrity", "schema"], "fail_on": [], "upgrade_to": "0bd252b206fb", "upgraded_from": "/srv/webui.db"}
    assert call_module(main, asked)["obstacles"] == [
        "The upgraded copy is at revision ca81bd47c050, not at 0bd252b206fb. /srv/webui.db is as it was."
    ]
