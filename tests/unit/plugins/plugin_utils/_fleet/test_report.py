# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: hosts as they come, waves as they close, and what is there when it ends, or is killed."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import report as module
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.estimate import Rates
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.record import Told, record
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.report import Report
from lab import fleet_facts as facts

GOES_ON = "Run the playbook again: it goes on from wherever this run has ended."


def begin(folder: Path | str, *hosts: str, playbook: str = "migrate", canary: str = "", check: bool = False) -> Report:
    return Report.begin(str(folder), playbook, hosts, canary, check)


def again(report: Report) -> Report:
    """As the next task has it, in another process."""
    return Report(str(report.folder), report.kept)


def note(report: Report, host: str, playbook: str = "migrate", **told: Any) -> None:
    found = facts.moved() if playbook == "migrate" else facts.looked()
    target = {"name": "openwebui", "host": "db1", "port": 5432}
    report.note(record(Told(host=host, playbook=playbook, database=target, **told), found, Rates()))


def fate(host: str) -> str:
    return "lost" if host.startswith("lost") else "pending"


def read(report: Report) -> dict[str, Any]:
    return json.loads((report.folder / "report.json").read_text(encoding="utf-8"))


def states_of(report: Report) -> dict[str, str]:
    return {one["host"]: one["state"] for one in read(report)["hosts"]}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The time, which only a test moves on."""
    now = {"now": 1_790_000_000.0}
    monkeypatch.setattr(module.time, "time", lambda: now["now"])
    return now


# How it begins


def test_it_begins_with_the_order_that_earlier_runs_tell(tmp_path: Path) -> None:
    first = begin(tmp_path, "a", "b", "c")
    for host, size in (("a", 500), ("b", 20)):
        first.note({"host": host, "state": "refused", "source": {"size_bytes": size}})
    assert begin(tmp_path, "c", "a", "b").hosts == ["b", "a", "c"]
    assert begin(tmp_path, "c", "a", "b", canary="c").hosts == ["c", "b", "a"]
    # Whoever only looks, or goes back, has no canary to choose.
    assert begin(tmp_path, "c", "a", "b", playbook="audit").hosts == ["c", "a", "b"]


def test_an_audit_knows_how_long_earlier_moves_took(tmp_path: Path) -> None:
    note(begin(tmp_path, "a"), "a")
    assert begin(tmp_path, "a", playbook="audit").rates.moves == 1
    assert begin(tmp_path, "a", playbook="migrate").rates == Rates()


def test_what_is_known_of_a_run_is_on_disk_before_a_host_is_touched(tmp_path: Path) -> None:
    report = begin(tmp_path, "a", "b", check=True)
    told = again(report).told
    assert (told["playbook"], told["check"], told["hosts"], told["waves"], told["ended_at"]) == ("migrate", True, ["a", "b"], [], None)
    assert report.page == report.folder / "report.html"


def test_of_a_run_that_was_killed_the_next_one_shows_all_that_it_has_noted(tmp_path: Path) -> None:
    killed = begin(tmp_path, "a", "b", "c")
    note(killed, "a")
    note(killed, "b", under_way=True)
    # Its page is of a moment before.
    assert states_of(killed) == {"a": "pending", "b": "pending", "c": "pending"}
    begin(tmp_path, "a", "b", "c")
    assert states_of(killed) == {"a": "migrated", "b": "lost", "c": "pending"}
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "1 migrated" in index
    assert "1 lost" in index


def test_whatever_is_in_an_old_folder_a_new_run_begins(tmp_path: Path) -> None:
    killed = begin(tmp_path, "a")
    (killed.folder / "hosts" / "a.json").write_text('{"host": "a", "state": "none that there is"}')
    again = begin(tmp_path, "a")
    assert again.folder != killed.folder
    (killed.folder / "run.json").write_text('{"ended_at": null}')
    assert begin(tmp_path, "a").page


def test_the_folder_may_be_that_of_whoever_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert begin("~/reports", "a").folder.is_relative_to(tmp_path / "reports" / "runs")


# Waves


def test_waves_hold_their_hosts_also_those_that_were_lost_at_their_end(tmp_path: Path) -> None:
    report = begin(tmp_path, "a", "b", "lost1", "c", "lost2")
    for host in ("a", "b", "c"):
        note(report, host)
    assert [one["state"] for one in again(report).close_wave(["a"], fate)] == ["migrated"]
    assert [one["state"] for one in again(report).close_wave(["b", "lost1"], fate)] == ["migrated", "lost"]
    assert [one["state"] for one in again(report).close_wave(["c", "lost2"], fate)] == ["migrated", "lost"]
    ended = again(report)
    ended.end(fate, 100)
    assert [wave["hosts"] for wave in ended.told["waves"]] == [["a"], ["b", "lost1"], ["c", "lost2"]]
    closed = [wave["closed_at"] for wave in ended.told["waves"]]
    assert closed == sorted(closed)


def test_a_host_that_was_lost_is_noted_with_what_comes_next_and_one_that_never_began_is_not(tmp_path: Path) -> None:
    report = begin(tmp_path, "a", "lost", "later")
    note(report, "a")
    (_moved, lost) = report.close_wave(["a", "lost"], fate)
    assert lost["todo"] == [GOES_ON]
    assert sorted(path.name for path in (report.folder / "hosts").iterdir()) == ["a.json", "lost.json"]
    assert states_of(report) == {"a": "migrated", "lost": "lost", "later": "pending"}


def test_a_wave_is_summed_up_in_a_line(tmp_path: Path) -> None:
    report = begin(tmp_path, "a", "b", "c")
    note(report, "a")
    note(report, "b", failure=["Start it:", "unhealthy"])
    line = report.wave_summary(report.close_wave(["a", "b"], fate))
    assert line.startswith("Wave 1")
    assert "1 migrated, 1 restored (b)" in line


def test_the_page_is_not_made_anew_more_often_than_somebody_looks(tmp_path: Path, clock: dict[str, float]) -> None:
    report = begin(tmp_path, "a", "b", "c", "d")

    def close(host: str) -> bool:
        """Whether the page was made anew."""
        before = report.page.stat().st_ino
        note(again(report), host)
        again(report).close_wave([host], fate)
        after = report.page.stat()
        if after.st_ino != before:
            os.utime(report.page, (clock["now"], clock["now"]))
        return after.st_ino != before

    made = [close("a")]
    clock["now"] += 9.9
    made.append(close("b"))
    clock["now"] += 0.2
    made.append(close("c"))
    assert made == [True, False, True]
    # What came of each host is kept at once all the same, and so is the wave.
    assert len(again(report).told["waves"]) == 3
    assert sorted(path.stem for path in (report.folder / "hosts").iterdir()) == ["a", "b", "c"]
    # The end is always there.
    note(report, "d")
    again(report).end(fate, 100)
    assert states_of(report)["d"] == "migrated"


# How it ends


def test_a_run_leaves_a_page_a_table_and_a_line_in_the_history(tmp_path: Path) -> None:
    report = begin(tmp_path, "a", "b<script>")
    note(report, "a")
    note(report, "b<script>", failure=["Start it:", "<img src=x>"])
    report.close_wave(["a", "b<script>"], fate)
    said = again(report).end(fate, 100)
    assert said[-1] == f"Report: {report.page}"
    told = read(report)["run"]
    assert told["ended_at"] >= told["started_at"]
    assert told["counts"] == {"restored": 1, "migrated": 1}
    assert told["rows"] == 2690
    rows = list(csv.DictReader((report.folder / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["host"], row["state"]) for row in rows] == [("a", "migrated"), ("b<script>", "restored")]
    for page in (report.page, tmp_path / "index.html"):
        text = page.read_text(encoding="utf-8")
        assert "b<script>" not in text
        assert "<img src=x>" not in text
        assert page.stat().st_mode & 0o777 == 0o600
    assert f"runs/{report.folder.name}/report.html" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_run_in_which_nothing_was_closed_can_end_as_well(tmp_path: Path) -> None:
    """All hosts of the first wave were lost, so that Ansible has ended the play."""
    report = begin(tmp_path, "lost", "later")
    said = again(report).end(fate, 100)
    assert states_of(report) == {"lost": "lost", "later": "pending"}
    assert any("lost" in line for line in said)


@pytest.mark.parametrize("playbook", ["audit", "migrate", "rollback"])
def test_without_a_folder_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, playbook: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    report = begin("", "a", "b", playbook=playbook)
    assert (report.kept, report.page) == (False, None)
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o700]
    note(report, "a", playbook)
    again(report).close_wave(["a", "b"], fate)
    said = again(report).end(fate, 100)
    assert said
    assert [line for line in said if "Report" in line] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("playbook", "told", "first"),
    [
        ("migrate", {}, "Open WebUI runs on PostgreSQL"),
        # The task that fails says it.
        ("migrate", {"failure": ["Start it:"]}, "Report: "),
        ("audit", {}, "READY to be moved."),
        ("audit", {"findings": ["No room."]}, "NOT READY:"),
    ],
)
def test_of_one_host_there_is_prose_where_no_task_says_it(tmp_path: Path, playbook: str, told: dict[str, Any], first: str) -> None:
    report = begin(tmp_path, "a", playbook=playbook)
    note(report, "a", playbook, **told)
    said = again(report).end(fate, 100)
    assert said[0].startswith(first)
    assert said[-1] == f"Report: {report.page}"


@pytest.mark.parametrize(("playbook", "host"), [("audit", "later"), ("audit", "lost"), ("migrate", "later"), ("migrate", "lost")])
def test_one_host_that_has_noted_nothing_is_said_to_be_so(tmp_path: Path, playbook: str, host: str) -> None:
    report = begin(tmp_path, host, playbook=playbook)
    said = again(report).end(fate, 100)
    words = {"later": ["later: not begun."], "lost": ["lost: its run ended without a result.", f"Still to be done: {GOES_ON}"]}
    assert said == [*words[host], f"Report: {report.page}"]


def test_reasons_of_an_audit_are_told_in_full_but_not_without_end(tmp_path: Path) -> None:
    report = begin(tmp_path, "a", "b", playbook="audit")
    note(report, "a", "audit", findings=[f"reason {number} {'x' * 300}" for number in range(25)])
    note(report, "b", "audit")
    said = again(report).end(fate, 80)
    assert [line for line in said if line.startswith("a: reason")] == [f"a: reason {number} {'x' * 300}" for number in range(20)]
    assert said[-1] == "and 5 more; the report has all of them"


def test_other_runs_of_the_folder_do_no_harm(tmp_path: Path) -> None:
    for name, content in (("2026-killed", None), ("2026-mine", b"[1]"), ("2026-damaged", b"{")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        if content is not None:
            (folder / "run.json").write_bytes(content)
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    report = begin(tmp_path, "a", "b")
    note(report, "a")
    again(report).end(fate, 100)
    assert report.folder.name in (tmp_path / "index.html").read_text(encoding="utf-8")
