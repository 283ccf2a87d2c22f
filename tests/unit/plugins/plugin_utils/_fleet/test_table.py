# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as a table on a terminal and as one for other programs."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import states
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.table import csv_text, table, wave_summary
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.text import width


def host(name: str, state: str = "migrated", **more: Any) -> dict[str, Any]:
    return {"host": name, "playbook": "migrate", "state": state, **more}


def moved(name: str, rows: int, downtime: float, **more: Any) -> dict[str, Any]:
    return host(name, rows=rows, bytes=rows * 1000, downtime={"seconds": downtime}, note="moved", **more)


def audited(name: str, state: str = "ready") -> dict[str, Any]:
    return {
        "host": name,
        "playbook": "audit",
        "state": state,
        "note": "nothing stands in the way",
        "instance": {"runtime": "container", "version": "0.12.4"},
        "source": {"size_bytes": 3_000_000, "wal_bytes": 1_000_000, "rows": 1345},
        "orphans": [{"rows": 4}, {"rows": 2}],
        "estimate": {"disk_bytes": 9_000_000, "online_seconds": 3.0, "downtime_seconds": 12.0},
    }


def report(*hosts: dict[str, Any], playbook: str = "migrate", **run: Any) -> dict[str, Any]:
    names = [record["host"] for record in hosts]
    waves = [{"hosts": names, "closed_at": 75.0}]
    return {"run": {"playbook": playbook, "hosts": names, "started_at": 5.0, "waves": waves, **run}, "hosts": list(hosts)}


# The table


def test_a_move_of_several_hosts_the_worst_first():
    hosts = [
        moved("chat1", 1345, 14.0),
        host("chat2", "unreachable", note="could not be reached"),
        moved("chat10", 1_200_000, 9.0),
        host("chat3", "restored", note="unhealthy", downtime={"seconds": 75.0}),
    ]
    assert table(report(*hosts), 80, "/home/ada/report.html") == [
        "host    state             rows    size  downtime  note",
        "chat2   unreachable                               could not be reached",
        "chat3   restored                            75 s  unhealthy",
        "chat1   migrated         1,345  1.3 MB      14 s  moved",
        "chat10  migrated     1,200,000  1.2 GB     9.0 s  moved",
        "",
        "2 migrated, 1 restored, 1 unreachable; 1.2 million rows; longest downtime 75 s",
        "Report: /home/ada/report.html",
    ]


def test_an_audit():
    assert table(report(audited("chat1"), audited("chat2", "kept"), playbook="audit"), 140)[:3] == [
        "host   state  runtime    version    size   rows  orphans  database      disk  online  downtime  note",
        "chat1  ready  container  0.12.4   4.0 MB  1,345        6  SQLite      9.0 MB   3.0 s      12 s  nothing stands in the way",
        "chat2  kept   container  0.12.4   4.0 MB  1,345        6  PostgreSQL  9.0 MB   3.0 s      12 s  nothing stands in the way",
    ]


@pytest.mark.parametrize("columns", [40, 60, 79, 100, 132])
@pytest.mark.parametrize("name", ["chat1", "聊天.example.com", "h" * 100])
def test_no_host_takes_more_than_a_line(columns, name):
    hosts = [audited(name), {**audited("b"), "note": "a long story\nof many lines " * 20}]
    lines = table(report(*hosts, playbook="audit"), columns)
    assert len(lines) == 5
    assert all(width(line) <= columns for line in lines[:3])
    assert lines[2].endswith("…")


def test_columns_make_room_for_the_note():
    lines = table(report(audited("chat1"), playbook="audit"), 57)
    assert lines[0] == "host   state   rows  downtime  note"
    assert lines[1] == "chat1  ready  1,345      12 s  nothing stands in the way"


def test_wide_characters_are_reckoned_with():
    lines = table(report(moved("聊天", 1, 1.0), moved("chat1", 1, 1.0)), 80)
    assert [width(line.partition("migrated")[0]) for line in lines[1:3]] == [7, 7]


def test_what_no_host_has_has_no_column():
    assert table(report(host("chat1", "pending"), host("chat2", "pending")), 80) == [
        "host   state",
        "chat1  pending",
        "chat2  pending",
        "",
        "2 pending",
    ]


def test_a_name_orders_nothing():
    lines = table(report(host("a\x1b[2Jb\nc", note="x\x1b[31m\ny")), 80)
    assert lines[1] == "ab c  migrated  x y"


@pytest.mark.parametrize("state", states.STATES)
def test_every_state_has_a_line_and_a_place_among_the_counts(state):
    lines = table(report(host("chat1", state)), 80)
    assert lines[1].endswith(states.STATES[state].label)
    assert lines[-1] == f"1 {states.STATES[state].label}"


def test_a_run_without_hosts():
    assert table(report(), 80)[-1] == "no hosts"


# Waves


def test_a_wave_is_one_line_with_the_names_of_those_that_went_wrong():
    hosts = [moved("chat1", 1345, 14.0), *(host(f"chat{number}", "restored") for number in range(2, 7)), moved("chat7", 1, 99.0)]
    waves = [{"hosts": [f"chat{number}" for number in range(1, 7)], "closed_at": 75.0}, {"hosts": ["chat7"], "closed_at": None}]
    run = report(*hosts, waves=waves)
    assert wave_summary(run, 0) == (
        "Wave 1, 6 of 7 hosts so far: 1 migrated, 5 restored (chat2, chat3, chat4 and 2 more); 1,345 rows; longest downtime 14 s; took 70 s"
    )
    assert wave_summary(run, 1) == "Wave 2, 7 of 7 hosts so far: 1 migrated; 1 row; longest downtime 99 s"


def test_a_later_wave_begins_when_the_one_before_was_closed():
    waves = [{"hosts": ["a"], "closed_at": 75.0}, {"hosts": ["b"], "closed_at": 80.0}]
    assert wave_summary(report(host("a"), host("b"), waves=waves), 1) == "Wave 2, 2 of 2 hosts so far: 1 migrated; took 5.0 s"


# For other programs


def rows_of(run: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(run))))


def test_a_line_for_each_host_in_the_order_of_the_run():
    full = moved("chat2", 5, 1.23456, at=0.0, backup={"file": "/b", "sha256": "ff"}, reasons=["a, b", 'c"d'], repairs={"total": 3})
    first, second = rows_of(report(full, host("chat1", "lost")))
    given = {"rows": "5", "bytes": "5000", "downtime_seconds": "1.235", "backup": "/b", "repairs": "3", "reasons": 'a, b | c"d'}
    assert given.items() <= first.items()
    assert first["at"] == "1970-01-01T00:00:00+00:00"
    assert (first["database"], second["database"]) == ("PostgreSQL", "")
    assert {"host": "chat1", "state": "lost", "rows": "", "reasons": ""}.items() <= second.items()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\x1b[0m=1"])
def test_no_cell_is_a_formula(cell):
    (found,) = rows_of(report(host("chat1", note=cell, reasons=[cell, "x"])))
    assert found["note"].startswith("'")
    assert found["reasons"].startswith("'")


def test_a_host_is_one_line_whatever_it_says():
    run = report(host("chat1", note="one\ntwo\r\nthree"), host("chat2"))
    assert len(csv_text(run).splitlines()) == 3


@pytest.mark.parametrize(
    ("playbook", "state", "database"),
    [
        ("rollback", "rolled_back", "SQLite"),
        ("rollback", "kept", "SQLite"),
        ("rollback", "refused", ""),
        ("migrate", "restored", "SQLite"),
        ("migrate", "kept", "PostgreSQL"),
        ("migrate", "down", ""),
        ("audit", "refused", ""),
    ],
)
def test_what_open_webui_runs_on_is_said_where_the_state_says_it(playbook, state, database):
    (found,) = rows_of(report({**host("chat1", state), "playbook": playbook}, playbook=playbook))
    assert found["database"] == database
