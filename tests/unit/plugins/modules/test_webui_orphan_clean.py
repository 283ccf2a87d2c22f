# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_orphan_clean as Ansible calls it: options in, answer out."""

from __future__ import annotations

import os

import pytest
from ansible_collections.openwebui.postgres.plugins.modules.webui_orphan_clean import main

ORPHANS = (
    "CREATE TABLE chat_file (id TEXT NOT NULL PRIMARY KEY, chat_id TEXT REFERENCES chat (id) ON DELETE CASCADE)",
    "CREATE TABLE leaf (id TEXT NOT NULL PRIMARY KEY, chat_id TEXT REFERENCES chat (id) ON DELETE SET NULL)",
    "INSERT INTO chat_file VALUES ('f1', 'gone'), ('f2', 'gone')",
    "INSERT INTO leaf VALUES ('l1', 'gone')",
)
REMOVED = [{"table": "chat_file", "parent": "chat", "rows": 2}]
NULLED = [{"table": "leaf", "parent": "chat", "column": "chat_id", "rows": 1}]


def test_cleans_and_restores(call_module, make_source, tmp_path):
    options = {"path": make_source(*ORPHANS), "quarantine": str(tmp_path / "quarantine")}
    rehearsal = call_module(main, options, check=True)
    cleaned = call_module(main, options)
    for answer in (rehearsal, cleaned):
        assert answer["changed"]
        assert (answer["removed"], answer["nulled"]) == (REMOVED, NULLED)
    assert rehearsal["quarantine_file"] is None
    assert os.path.dirname(cleaned["quarantine_file"]) == options["quarantine"]
    assert not call_module(main, options)["changed"]

    options = {"path": options["path"], "state": "restored", "quarantine_file": cleaned["quarantine_file"]}
    rehearsal = call_module(main, options, check=True)
    restored = call_module(main, options)
    assert rehearsal == restored
    assert restored["changed"]
    assert restored["restored"] == [{"table": "chat_file", "rows": 2}, {"table": "leaf", "rows": 1}]
    assert not call_module(main, options)["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_the_difference_is_shown_when_asked_for(call_module, make_source, tmp_path, check):
    options = {"path": make_source(*ORPHANS), "quarantine": str(tmp_path / "quarantine")}
    if check:
        assert "diff" not in call_module(main, options, check=True)
    assert call_module(main, options, check=check, diff=True)["diff"] == {
        "before": {"chat_file": {"rows": 2, "orphans": 2}, "leaf": {"rows": 1, "orphans": 1}},
        "after": {"chat_file": {"rows": 0, "orphans": 0}, "leaf": {"rows": 1, "orphans": 0}},
    }


def test_tables_narrow_it_down(call_module, make_source, tmp_path):
    options = {"path": make_source(*ORPHANS), "quarantine": str(tmp_path / "quarantine"), "tables": ["leaf"]}
    answer = call_module(main, options)
    assert (answer["removed"], answer["nulled"]) == ([], NULLED)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "quarantine"),
        ({"state": "cleaned", "quarantine_file": "/q.jsonl"}, "quarantine"),
        ({"state": "restored", "quarantine": "/q"}, "quarantine_file"),
    ],
)
def test_each_state_needs_its_own_option(call_module, make_source, options, missing):
    answer = call_module(main, {"path": make_source(*ORPHANS), **options})
    assert answer["failed"]
    assert answer["msg"].endswith(f"missing: {missing}")


def test_a_refusal_names_every_row(call_module, make_source, tmp_path):
    path = make_source(*ORPHANS)
    cleaned = call_module(main, {"path": path, "quarantine": str(tmp_path / "quarantine")})
    make_source_again = tmp_path / "data" / "webui.db"
    make_source_again.unlink()
    make_source(*ORPHANS[:2], "INSERT INTO chat_file VALUES ('f1', 'other'), ('f2', NULL)", "INSERT INTO leaf VALUES ('l1', 'other')")
    answer = call_module(main, {"path": path, "state": "restored", "quarantine_file": cleaned["quarantine_file"]})
    assert answer["failed"]
    assert answer["problems_total"] == 3
    assert [(item["kind"], item["table"], item["key"]) for item in answer["problems"]] == [
        ("restore", "chat_file", "f1"),
        ("restore", "chat_file", "f2"),
        ("restore", "leaf", "l1"),
    ]
    assert "\n" not in answer["msg"]


def test_in_use_is_a_warning_in_check_mode(call_module, make_source, tmp_path, start_writer):
    options = {"path": make_source(*ORPHANS), "quarantine": str(tmp_path / "quarantine")}
    start_writer(options["path"])
    answer = call_module(main, options, check=True)
    assert answer["removed"] == REMOVED
    assert "a real run refuses that" in str(answer["warnings"])
    answer = call_module(main, options)
    assert answer["failed"]
    assert answer["problems"][0]["kind"] == "in_use"
