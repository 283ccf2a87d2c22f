# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a run on one host, drawn from what the roles have registered there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.estimate import Rates
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.record import FACTS, Told, record
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.states import STATES
from lab import fleet_facts as facts
from lab.fleet_facts import BEGAN, SECRET

DATABASE = {"name": "openwebui_chat1", "host": "127.0.0.1", "port": 5432}


def made(playbook: str, found: dict[str, Any], **told: Any) -> dict[str, Any]:
    whole = {"database": DATABASE, "data_dir": "/srv/open-webui", "sqlite_path": "/srv/open-webui/webui.db", **told}
    return record(Told(host="chat1", playbook=playbook, **whole), found, Rates())


UNREACHABLE = {
    "webui_instance_info": {"unreachable": True, "changed": False, "msg": "ssh: connect to host chat1 port 22: No route to host"}
}

STATES_OF = [
    ("audit", facts.looked(), {}, "ready"),
    ("audit", facts.looked(), {"findings": ["No room."]}, "refused"),
    ("audit", facts.kept(), {"already": True}, "kept"),
    ("audit", facts.kept(), {"already": True, "findings": ["Unhealthy."]}, "refused"),
    ("audit", UNREACHABLE, {"findings": ["unreachable"]}, "unreachable"),
    ("audit", {}, {"findings": ["Nothing here runs Open WebUI."]}, "refused"),
    ("migrate", facts.moved(), {}, "migrated"),
    # What fails when users are back does not take back the move.
    ("migrate", facts.moved(webui_backup_result={}), {"findings": ["No backup."]}, "migrated"),
    ("migrate", facts.looked(), {"findings": ["No room."]}, "refused"),
    ("migrate", facts.looked(webui_migrate_result={}), {"check": True}, "rehearsed"),
    ("migrate", facts.moved(), {"check": True, "findings": ["A value."]}, "refused"),
    ("migrate", facts.kept(), {"already": True}, "kept"),
    ("migrate", facts.kept(), {"already": True, "check": True}, "kept"),
    ("migrate", facts.kept(), {"already": True, "findings": ["No server."]}, "refused"),
    ("migrate", facts.looked(), {"window_over": True}, "waiting"),
    ("migrate", facts.looked(), {"window_over": True, "findings": ["No catching up."]}, "refused"),
    # A run of some tags stops nothing.
    ("migrate", facts.looked(), {}, "rehearsed"),
    # Said before the stop, and true until something else is said.
    ("migrate", facts.looked(), {"under_way": True}, "lost"),
    # It was stopped for settings that have changed.
    ("migrate", facts.kept(webui_instance_at_rest={"stopped_at": 1.0}), {"already": True, "findings": ["Unhealthy."]}, "down"),
    ("migrate", facts.kept(webui_instance_at_rest={"stopped_at": 1.0}), {"already": True}, "kept"),
    ("migrate", facts.moved(), {"failure": ["Start:", "unhealthy"]}, "restored"),
    ("migrate", facts.moved(), {"failure": ["Start:"], "return_failure": ["Stop:"]}, "down"),
    ("migrate", UNREACHABLE, {}, "unreachable"),
    ("rollback", facts.kept(), {}, "rolled_back"),
    ("rollback", facts.looked(), {"already": True}, "kept"),
    ("rollback", facts.kept(), {"check": True}, "rehearsed"),
    ("rollback", facts.kept(), {"findings": ["webui.db is gone."]}, "refused"),
    ("rollback", facts.kept(), {"failure": ["Start:", "unhealthy"]}, "down"),
    ("rollback", UNREACHABLE, {}, "unreachable"),
]


@pytest.mark.parametrize(("playbook", "found", "told", "state"), STATES_OF)
def test_a_state_for_everything_that_can_come_of_a_run(playbook, found, told, state):
    assert made(playbook, found, **told)["state"] == state


def test_every_state_that_a_host_can_note_itself_is_among_these():
    assert {state for *_given, state in STATES_OF} == set(STATES) - {"pending"}


@pytest.mark.parametrize(("playbook", "found", "told", "state"), STATES_OF)
def test_a_record_is_plain_and_holds_no_secret(playbook, found, told, state):
    text = json.dumps(made(playbook, found, **told))
    assert SECRET not in text
    # The test itself would be of no use otherwise.
    assert SECRET in json.dumps(found) or playbook == "audit" or found is UNREACHABLE


@pytest.mark.parametrize("nothing", [None, {}, {"changed": False, "skipped": True, "skip_reason": "Conditional result was False"}])
def test_what_was_skipped_or_never_ran_is_as_if_it_was_not_there(nothing):
    """Ansible registers also what it has skipped."""
    found = dict.fromkeys(FACTS, nothing)
    assert {**made("migrate", found), "at": 0} == {**made("migrate", {}), "at": 0}


def test_a_step_that_failed_in_its_own_way_is_no_end_of_the_record():
    """A module that ended in a traceback has registered a failure, and none of what it returns."""
    broken = {"failed": True, "msg": "MODULE FAILURE: No start of json char found", "module_stdout": SECRET, "rc": 1}
    whole = made("migrate", dict.fromkeys(FACTS, broken) | {"webui_migrate_loads": []}, failure=["Load:", "MODULE FAILURE"])
    assert (whole["state"], whole["reasons"], whole["rows"]) == ("restored", ["Load:", "MODULE FAILURE"], None)
    assert SECRET not in json.dumps(whole)


def test_all_that_a_move_leaves():
    whole = made("migrate", facts.moved())
    assert whole["note"] == "to be done: Remove the old container."
    assert (whole["rows"], whole["bytes"]) == (1345, 1_450_000)
    assert whole["target"] == {**DATABASE, "revision": "0bd252b206fb"}
    assert whole["source"] == {
        "size_bytes": 1_400_000,
        "wal_bytes": 50_000,
        "revision": "0bd252b206fb",
        "versions": "0.12.1 to 0.12.4",
        "rows": 1345,
        "real_path": "/srv/open-webui/webui.db",
        "holders": [],
    }
    assert whole["downtime"] == {"from": BEGAN + 12, "to": BEGAN + 22, "seconds": 10.0, "own_seconds": 6.5}
    assert whole["ahead"]["seconds"] == 4.0
    assert whole["tables"] == [{"table": "chat", "rows": 1300, "bytes": 1_400_000, "seconds": 0.3, "digest": "5f0c"}]
    assert whole["repairs"] == {
        "total": 3,
        "by_rule": [{"table": "chat", "column": "chat", "rule": "nul", "rows": 3}],
        "file": "/var/lib/repaired.jsonl",
    }
    assert whole["orphans"] == [
        {"table": "chatidtag", "parent": "chat", "column": "chat_id", "rows": 4, "fate": "quarantined"},
        {"table": "feedback", "parent": "user", "column": "user_id", "rows": 1, "fate": "nulled"},
    ]
    assert whole["backup"] == {"file": "/var/lib/backup.db", "sha256": "ab12", "bytes": 1_450_000}
    assert whole["quarantine"] == ["/var/lib/orphans.jsonl"]
    assert whole["rollback"] == "ansible-playbook openwebui.postgres.rollback -e webui_hosts='chat1'"
    assert whole["estimate"] is None


def test_the_timeline_is_in_order_and_says_when_users_wait():
    timeline = made("migrate", facts.moved())["timeline"]
    assert [(phase["phase"], phase["from"] - BEGAN, phase["down"]) for phase in timeline] == [
        ("look", 0, False),
        ("check", 1, False),
        ("load ahead", 5, False),
        ("load ahead", 10, False),
        ("stop", 12, True),
        ("load", 14, True),
        ("switch", 16, True),
        ("start", 17, True),
        ("back up", 22, False),
    ]


@pytest.mark.parametrize("stopped_at", [BEGAN + 12, str(BEGAN + 12)])
def test_users_of_one_that_was_put_back_have_waited_since_the_first_stop(stopped_at: Any) -> None:
    """Older releases of Ansible make text of numbers."""
    found = facts.moved(
        webui_instance_at_rest={"stopped_at": BEGAN + 30, "at_rest_at": None},
        webui_cutover_result={"failed": True, "msg": "unhealthy", "serving_at": None},
        webui_instance_serving={"serving_at": BEGAN + 50, "timing": {"began_at": BEGAN + 40, "ended_at": BEGAN + 50}},
    )
    put_back = made("migrate", found, failure=["unhealthy"], stopped_at=stopped_at)
    assert put_back["state"] == "restored"
    assert put_back["downtime"] == {"from": BEGAN + 12, "to": BEGAN + 50, "seconds": 38.0, "own_seconds": None}
    assert ("go back", True) in [(phase["phase"], phase["down"]) for phase in put_back["timeline"]]


def test_users_wait_for_a_rollback_too() -> None:
    found = facts.kept(
        webui_instance_at_rest={"stopped_at": BEGAN + 1, "at_rest_at": BEGAN + 2},
        webui_instance_serving={"serving_at": BEGAN + 9},
    )
    assert made("rollback", found)["downtime"]["seconds"] == 8.0


def test_there_is_no_downtime_to_tell_before_users_are_back():
    assert made("migrate", facts.moved(webui_cutover_result={"failed": True, "msg": "unhealthy"}))["downtime"] is None
    assert made("migrate", facts.moved(webui_instance_at_rest={"changed": False}))["downtime"] is None


def test_reasons_are_those_of_the_failure_then_of_the_way_back_then_what_was_left_each_once():
    whole = made("migrate", facts.moved(), failure=["Start:", "x"], return_failure=["Start:"], left=["left", "x"], findings=["found"])
    assert whole["reasons"] == ["Start:", "x", "On the way back: Start:", "left", "found"]
    assert whole["note"] == "Start: (and 4 more)"
    assert whole["todo"] == ["Remove the old container."]


def test_what_was_found_after_the_move_is_still_to_be_done():
    whole = made("migrate", facts.moved(), findings=["No backup."])
    assert (whole["reasons"], whole["todo"]) == ([], ["Remove the old container.", "No backup."])


def test_an_audit_that_finds_nothing_has_no_reasons_and_says_what_a_move_takes():
    whole = made("audit", facts.looked())
    assert (whole["reasons"], whole["note"], whole["rollback"]) == ([], "", None)
    assert whole["estimate"]["downtime_seconds"] > 0
    assert made("audit", facts.kept(), already=True)["estimate"] is None


def test_a_note_has_one_length_at_most():
    whole = made("audit", facts.looked(), findings=["x" * 500, "y"])
    assert whole["note"] == "x" * 187 + " (and 1 more)"


def test_why_a_host_could_not_be_reached_is_told_also_without_a_reason():
    assert made("audit", UNREACHABLE)["reasons"] == ["Could not be reached: ssh: connect to host chat1 port 22: No route to host"]
    assert made("audit", {"webui_instance_info": {"unreachable": True}})["reasons"] == ["Could not be reached: no reason given"]


def test_orphans_that_were_only_found_and_those_that_were_cleaned_out_of_the_file():
    orphan = {"table": "chat_file", "parent": "chat", "column": "chat_id", "rows": 12, "on_delete": "CASCADE"}
    plain = {name: orphan[name] for name in ("table", "parent", "column", "rows")}
    seen = facts.looked(webui_migrate_source=facts.source(orphans=[orphan]))
    assert made("audit", seen)["orphans"] == [{**plain, "fate": "found"}]
    cleaned = {"removed": [orphan], "nulled": [], "quarantine_file": "/var/lib/cleaned.jsonl"}
    found = facts.moved(webui_migrate_cleaned=cleaned, webui_migrate_result=facts.load(removed=[], nulled=[], quarantine_file=None))
    assert made("migrate", found)["orphans"] == [{**plain, "fate": "quarantined"}]
    assert made("migrate", found)["quarantine"] == ["/var/lib/cleaned.jsonl"]


@pytest.mark.parametrize(
    ("answer", "todo"),
    [
        ({"restored": 4}, []),
        ({"skipped": True}, []),
        ({}, []),
        (
            {"failed": True, "msg": "The file is in use."},
            ["Orphaned rows were not put back: The file is in use. Open WebUI does not miss them."],
        ),
    ],
)
def test_orphans_that_were_not_put_back_are_still_to_be_done(answer, todo):
    assert made("rollback", facts.kept(webui_migrate_orphans_restored=answer))["todo"] == todo


@pytest.mark.parametrize(
    ("playbook", "told", "is_there"),
    [("migrate", {"return_failure": ["x"]}, True), ("migrate", {"failure": ["x"]}, False), ("rollback", {}, False), ("audit", {}, False)],
)
def test_the_way_back_is_told_where_there_is_one(playbook, told, is_there):
    assert (made(playbook, facts.moved(), **told)["rollback"] is not None) == is_there


def test_who_has_the_file_open_is_told_by_name():
    holders = [{"command": "uvicorn", "pid": 812}, {"command": "a container", "pid": None}]
    found = facts.looked(webui_migrate_source=facts.source(holders=holders))
    assert made("audit", found)["source"]["holders"] == ["uvicorn (pid 812)", "a container"]


def test_a_size_is_known_even_where_the_file_could_not_be_examined():
    """The order of the next run goes by it."""
    assert made("audit", {"webui_instance_info": facts.instance()}, findings=["x"])["source"]["size_bytes"] == 1_400_000
