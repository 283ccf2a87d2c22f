# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of one host at the end: one verdict, which no other verdict holds, and a line for all there is to know."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import prose
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.estimate import Rates
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.record import Told, record
from lab import fleet_facts as facts
from lab.fleet_facts import SECRET

READY = "READY to be moved."
NOT_READY = "NOT READY:"
ON_POSTGRESQL = "ON POSTGRESQL already. There is nothing to move."
FIRST = "Nothing was stopped. First put right:"
UNREACHABLE = {"webui_instance_info": {"unreachable": True, "msg": "No route to host"}}
BACKUP = "Backup of the SQLite database: /var/lib/backup.db"
LEFT = "What was written since the move is in the database openwebui at db1:5432, which was left as it is, and not in this file."
BEFORE_ANOTHER = "Before another move, decide what becomes of that: empty that database, or set webui_migrate_target_data to replace."


def made(playbook: str, found: dict[str, Any], **told: Any) -> dict[str, Any]:
    target = {"name": "openwebui", "host": "db1", "port": 5432}
    whole = {"database": target, "data_dir": "/srv/open-webui", "sqlite_path": "/srv/open-webui/webui.db", **told}
    return record(Told(host="chat1", playbook=playbook, **whole), found, Rates())


def said(playbook: str, found: dict[str, Any], **told: Any) -> list[str]:
    lines = prose.lines(made(playbook, found, **told))
    assert SECRET not in "\n".join(lines)
    assert all(lines)
    return lines


# An audit


@pytest.mark.parametrize(
    ("found", "told", "verdict"),
    [
        (facts.looked(), {}, READY),
        (facts.looked(), {"findings": ["chat holds 3 values that PostgreSQL refuses."]}, NOT_READY),
        (facts.kept(), {"already": True}, ON_POSTGRESQL),
        (facts.kept(), {"already": True, "findings": ["Open WebUI does not answer."]}, NOT_READY),
        # Nothing was found out at all.
        ({}, {"findings": ["Nothing here runs Open WebUI."]}, NOT_READY),
        (UNREACHABLE, {}, NOT_READY),
    ],
)
def test_there_is_one_verdict_and_it_comes_first(found: dict[str, Any], told: dict[str, Any], verdict: str) -> None:
    lines = said("audit", found, **told)
    assert lines[0] == verdict
    assert [line for line in lines if line in (READY, NOT_READY, ON_POSTGRESQL)] == [verdict]


def test_reasons_follow_the_verdict() -> None:
    assert said("audit", facts.looked(), findings=["one", "two"])[:3] == [NOT_READY, "  one", "  two"]


def test_an_audit_says_what_there_is() -> None:
    lines = said("audit", facts.looked())
    assert lines[:4] == [
        READY,
        "Open WebUI runs, on sqlite (/srv/open-webui/webui.db).",
        "Revision: 0bd252b206fb, Open WebUI 0.12.1 to 0.12.4.",
        "Size: 1.4 MB and 50.0 kB of write-ahead log, 1345 rows.",
    ]
    assert len(lines) == 5


def test_an_audit_says_what_a_move_would_take_and_how_it_knows() -> None:
    (line,) = (line for line in said("audit", facts.looked()) if line.startswith("A move"))
    told = made("audit", facts.looked())["estimate"]
    assert line == (
        f"A move would take: 2.9 MB of disk, about {told['online_seconds']} seconds while users work, "
        f"and {told['downtime_seconds']} seconds of downtime ({told['from']})."
    )


def test_an_open_webui_that_does_not_run_and_a_file_behind_a_link_are_said_to_be_so() -> None:
    stopped = facts.looked(
        webui_instance_info=facts.instance(running=False, database={"kind": "sqlite"}),
        webui_migrate_source=facts.source(real_path="/mnt/webui.db", webui_versions=None, wal_bytes=None),
    )
    lines = said("audit", stopped)
    assert lines[1:4] == [
        "Open WebUI does not run, on sqlite.",
        "/srv/open-webui/webui.db leads to /mnt/webui.db.",
        "Revision: 0bd252b206fb.",
    ]
    assert " and 0 B of write-ahead log, " in lines[4]


def test_values_are_told_with_the_keys_of_some_rows() -> None:
    found = {"table": "chat", "column": "chat", "rule": "json", "rows": 2, "refused": True, "sample_keys": ["a", "b"]}
    values = [found, {**found, "rule": "json_escape", "rows": 1, "refused": False, "sample_keys": ["c"]}]
    lines = said("audit", facts.looked(webui_migrate_source=facts.source(value_findings=values)))
    assert [line for line in lines if " values in " in line] == [
        "Refused: 2 values in chat.chat (json), for example of a; b.",
        "To be repaired: 1 values in chat.chat (json_escape), for example of c.",
    ]


def test_what_is_left_out_what_is_orphaned_and_who_has_the_file_open() -> None:
    source = facts.source(
        left_out=[
            {"table": "plugin", "column": None, "why": "left out by exclude_tables", "rows": 12},
            {"table": "chat", "column": "x", "why": "PostgreSQL has none", "rows": None},
        ],
        orphans=[{"table": "chat_file", "parent": "chat", "column": "chat_id", "rows": 12}],
        holders=[{"command": "uvicorn", "pid": 812}],
    )
    lines = said("audit", facts.looked(webui_migrate_source=source))
    assert lines[4:7] == [
        "Left out: plugin (left out by exclude_tables, 12 rows).",
        "Orphaned: 12 rows of chat_file without their chat.",
        "In use by: uvicorn (pid 812).",
    ]


# A move


def test_a_move_in_full() -> None:
    assert said("migrate", facts.moved()) == [
        "Open WebUI runs on PostgreSQL: openwebui at db1:5432, revision 0bd252b206fb.",
        "Moved and proven: 1345 rows, 1.4 MB.",
        "Seconds: plan 0.21, load 0.4, total 1.1.",
        "Loaded ahead while users worked: 1.4 MB in 4 seconds.",
        "Loaded while it was down: what had changed since.",
        "Downtime: 10 seconds, of which Open WebUI's own stop and start 6 seconds.",
        BACKUP,
        "Orphaned: 4 rows of chatidtag without their chat.",
        "Orphaned: 1 rows of feedback no longer point at a lost user (user_id).",
        "Kept in quarantine: /var/lib/orphans.jsonl",
        "Repaired: 3 values. Originals: /var/lib/repaired.jsonl",
        "  chat.chat: nul, 3 values",
        "Left out: plugin (left out by exclude_tables, 12 rows).",
        "Still to be done: Remove the old container.",
        "Next: sign in and open a chat. /srv/open-webui stays in use for uploads and vectors. "
        "Keep webui.db and the backup until you are content.",
    ]


def test_a_move_of_an_older_file_that_was_not_loaded_ahead() -> None:
    found = facts.moved(
        webui_migrate_ahead="",
        webui_migrate_snapshot={"failed": True, "msg": "No room for a snapshot."},
        webui_schema_upgrade={"needed": True, "from": "aaaa", "to": "bbbb"},
        webui_migrate_result=facts.load(road="full", road_reason="nothing was loaded ahead", already_migrated=True),
        webui_cutover_result={},
    )
    lines = said("migrate", found, findings=["No backup."])
    assert lines[1:6] == [
        "Moved and proven: 1345 rows, 1.4 MB, already by an earlier run.",
        "Upgraded on a copy: from revision aaaa to bbbb. /srv/open-webui/webui.db is as it was.",
        "Seconds: plan 0.21, load 0.4, total 1.1.",
        "Not loaded ahead: No room for a snapshot.",
        "Loaded while it was down: everything, because nothing was loaded ahead.",
    ]
    assert "Still to be done: No backup." in lines
    assert [line for line in lines if line.startswith("Downtime")] == []


def test_no_more_repairs_are_listed_than_somebody_reads() -> None:
    listed = [{"table": "chat", "column": f"c{number}", "rule": "nul"} for number in range(30)]
    repairs = {"total": 30, "listed": listed, "quarantine_file": None}
    lines = said("migrate", facts.moved(webui_migrate_result=facts.load(repairs=repairs)))
    assert "Repaired: 30 values." in lines
    assert len([line for line in lines if line.endswith("nul, 1 values")]) == prose.REPAIRS_LISTED


def test_a_column_that_was_left_out_is_told_without_rows() -> None:
    left = [{"table": "chat", "column": "x", "why": "PostgreSQL has none", "rows": None}]
    assert "Left out: chat.x (PostgreSQL has none)." in said("migrate", facts.moved(webui_migrate_result=facts.load(left_out=left)))


def test_a_cutover_that_failed_says_first_what_runs_now() -> None:
    put_back = facts.moved(webui_instance_serving={"serving_at": facts.BEGAN + 40})
    assert said("migrate", put_back, failure=["Start it:", "unhealthy"]) == [
        "FAILED, and Open WebUI runs on SQLite again, as before.",
        "Start it:",
        "unhealthy",
        "Next: put that right and run this play again.",
        "Downtime: 28 seconds.",
        BACKUP,
    ]


def test_an_open_webui_that_is_down_is_said_to_be_loudly() -> None:
    assert said("migrate", facts.moved(webui_backup_result={}), failure=["Start it:"], return_failure=["Stop it:"]) == [
        "FAILED, and OPEN WEBUI DOES NOT RUN: it could not be started again on SQLite.",
        "Start it:",
        "On the way back: Stop it:",
        "Next: put that right and run rollback.yml, which tries the way back again; or run this play again. webui.db is whole.",
    ]


def test_what_was_refused_is_said_with_all_reasons() -> None:
    assert said("migrate", facts.looked(), findings=["one", "two"]) == [FIRST, "one", "two"]
    assert said("migrate", UNREACHABLE) == [FIRST, "Could not be reached: No route to host"]


def test_one_that_is_on_postgresql_and_could_not_be_kept_there() -> None:
    assert said("migrate", facts.kept(), already=True, findings=["No server."]) == [
        "Open WebUI is on PostgreSQL, and could not be kept there as it is described. Put right:",
        "No server.",
    ]


def test_one_that_is_on_a_postgresql_of_somebody_else_was_not_stopped() -> None:
    elsewhere = facts.instance(database={"kind": "postgresql", "where": "db9:5432/other", "on_target": False})
    assert said("migrate", facts.looked(webui_instance_info=elsewhere), findings=["It uses another."]) == [FIRST, "It uses another."]


def test_one_that_was_stopped_for_new_settings_and_did_not_come_back() -> None:
    stopped = facts.kept(webui_instance_at_rest={"stopped_at": 1.0})
    assert said("migrate", stopped, already=True, findings=["Unhealthy."]) == [
        "FAILED, and OPEN WEBUI MAY NOT RUN: it was stopped on PostgreSQL, to be started again with settings that have changed.",
        "Unhealthy.",
        "Next: put that right and run this play again.",
    ]


def test_one_whose_hours_were_over_is_told_what_comes_next() -> None:
    assert said("migrate", facts.looked(), window_over=True) == [
        "Nothing was stopped: the hours in which it may be were over. What was loaded ahead is kept. Next: run this play again."
    ]


def test_one_that_was_kept() -> None:
    kept = facts.kept(webui_instance_switched={"advice": ["Restart the proxy."]})
    assert said("migrate", kept, already=True) == [
        "Open WebUI runs on PostgreSQL (openwebui at db1:5432). There was nothing to move.",
        "Still to be done: Restart the proxy.",
    ]
    # A run of some tags.
    assert said("migrate", facts.looked()) == ["Nothing was moved in this run."]


# Check mode


def test_a_rehearsal_says_what_a_run_would_do() -> None:
    found = facts.looked(
        webui_migrate_rehearsal=facts.rehearsal(repairs={"total": 2, "listed": [], "quarantine_file": None}),
        webui_migrate_source=facts.source(orphans=[{"table": "chat_file", "parent": "chat", "column": "chat_id", "rows": 12}]),
        webui_schema_upgrade={"needed": True, "from": "aaaa", "to": "bbbb"},
    )
    assert said("migrate", found, check=True) == [
        "Check mode: nothing was changed.",
        "Older: /srv/open-webui/webui.db is at revision aaaa and would be upgraded to bbbb, on a copy.",
        "Rehearsed: 1345 rows can be moved to openwebui at db1:5432.",
        "Way of a run: everything is loaded ahead while Open WebUI works, and what differs once it is stopped.",
        "Downtime to expect: Open WebUI's own stop and start, Ansible's way to the host, and at most 1 seconds, measured just now.",
        "To be repaired on the way: 2 values.",
        "Orphaned: 12 rows of chat_file without their chat, to be moved into quarantine.",
    ]


def test_a_rehearsal_of_a_move_that_loads_nothing_ahead() -> None:
    lines = said("migrate", facts.looked(webui_migrate_rehearsal=facts.rehearsal()), check=True, online=False)
    assert lines[2:] == [
        "Way of a run: everything is loaded once Open WebUI is stopped.",
        "Downtime to expect: Open WebUI's own stop and start, Ansible's way to the host, and about 6 seconds, measured just now.",
    ]


def test_what_could_not_be_tried_is_said() -> None:
    why = "There is no psycopg on the target host yet, so PostgreSQL could not be asked anything."
    assert said("migrate", facts.looked(), check=True, untried=[why]) == [
        "Check mode: nothing was changed.",
        f"{why} A run without --check makes it, before anything is stopped, and then tries the rest.",
        "Way of a run: everything is loaded ahead while Open WebUI works, and what differs once it is stopped.",
    ]


# The way back


@pytest.mark.parametrize(
    ("found", "told", "lines"),
    [
        (facts.kept(), {}, ["Open WebUI runs on SQLite again: /srv/open-webui/webui.db.", LEFT, BEFORE_ANOTHER]),
        (
            facts.kept(webui_migrate_orphans_restored={"failed": True, "msg": "In use."}),
            {},
            [
                "Open WebUI runs on SQLite again: /srv/open-webui/webui.db.",
                "Still to be done: Orphaned rows were not put back: In use. Open WebUI does not miss them.",
                LEFT,
                BEFORE_ANOTHER,
            ],
        ),
        (
            facts.kept(webui_instance_info=facts.instance("postgresql", missing=True)),
            {},
            ["There was no container before the move, so there is none now. /srv/open-webui/webui.db is as it was.", LEFT, BEFORE_ANOTHER],
        ),
        (facts.looked(), {"already": True}, ["Open WebUI runs on SQLite (/srv/open-webui/webui.db). There was nothing to put back."]),
        (facts.kept(), {"check": True}, ["Check mode: nothing was changed. Open WebUI would run on SQLite again."]),
        (UNREACHABLE, {}, [FIRST, "Could not be reached: No route to host"]),
        (
            facts.kept(),
            {"failure": ["Start it:", "unhealthy"]},
            [
                "FAILED: Open WebUI could not be put back on SQLite.",
                "Start it:",
                "unhealthy",
                "Next: put that right and run this play again. webui.db is whole.",
            ],
        ),
    ],
)
def test_a_way_back(found: dict[str, Any], told: dict[str, Any], lines: list[str]) -> None:
    assert said("rollback", found, **told) == lines


# What the task says that fails


@pytest.mark.parametrize(
    ("playbook", "found", "told", "first"),
    [
        ("audit", facts.looked(), {"findings": ["No room."]}, NOT_READY),
        ("audit", UNREACHABLE, {}, FIRST),
        ("migrate", facts.looked(), {"findings": ["No room."]}, FIRST),
        ("migrate", facts.looked(), {"window_over": True}, "Nothing was stopped: the hours in which it may be were over."),
        ("migrate", facts.moved(), {"failure": ["Start it:"]}, "FAILED, and Open WebUI runs on SQLite again, as before."),
        ("migrate", facts.moved(), {"return_failure": ["Stop it:"]}, "FAILED, and OPEN WEBUI DOES NOT RUN"),
        ("rollback", facts.kept(), {"failure": ["Start it:"]}, "FAILED: Open WebUI could not be put back on SQLite."),
        # An audit that is to fail on hosts that are still to be moved.
        ("audit", facts.looked(), {}, READY),
    ],
)
def test_a_message_begins_with_what_became_of_it(playbook: str, found: dict[str, Any], told: dict[str, Any], first: str) -> None:
    whole = made(playbook, found, **told)
    message = prose.message(whole)
    assert message.startswith(first)
    assert [reason for reason in whole["reasons"] if reason not in message] == []
