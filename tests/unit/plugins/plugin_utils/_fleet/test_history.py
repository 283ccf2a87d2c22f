# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of all runs: the newest first, what was killed shown as such, and the fleet over time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import history
from lab import report_sample as sample


def entry(day: int, counts: dict[str, int], ended: bool = True, **run: Any) -> dict[str, Any]:
    started = sample.STARTED + 86_400 * day
    part = {"id": f"run{day}", "playbook": "migrate", "check": False, "started_at": started, "ended_at": started + 90 if ended else None}
    return {"run": {**part, **run}, "counts": counts, "rows": 1345}


def rows(text: str) -> list[str]:
    return re.findall(r"<tr>.*?</tr>", text.partition("<tbody>")[2], re.DOTALL)


def heights(text: str) -> list[dict[str, float]]:
    """Percent of the height that each band takes, for each bar."""
    drawing = text.partition('class="chart past"')[2].partition("</svg>")[0]
    groups = re.findall(r"<g>.*?</g>", drawing, re.DOTALL)
    return [
        {band: float(height) for band, height in re.findall(r'<rect class="(?!hatch)(\w+)"[^>]* height="([\d.]+)%"', group)}
        for group in groups
    ]


def test_the_newest_comes_first_with_a_link_to_its_page() -> None:
    text = history.render([entry(1, {"migrated": 1}), entry(3, {"kept": 1}), entry(2, {"migrated": 1})])
    assert re.findall(r'href="(runs/[^"]*)"', text) == [f"runs/run{day}/report.html" for day in (3, 2, 1)]
    assert "1,345" in rows(text)[0]
    assert "1 min 30 s" in rows(text)[0]


def test_a_run_that_did_not_end_says_so() -> None:
    first, second, third = rows(history.render([entry(1, {}, ended=False), entry(2, {}), entry(3, {}, ended=False)]))
    assert "under way, or killed" in first
    assert "killed" not in second
    assert "killed: did not end" in third


def test_check_mode_and_counts_are_said() -> None:
    (row,) = rows(history.render([entry(1, {"rehearsed": 12, "refused": 3}, check=True)]))
    assert "--check" in row
    assert re.findall(r"(\d+ \w+)</span>", row) == ["3 refused", "12 rehearsed"]


def test_the_drawing_shows_shares_of_hosts_the_oldest_at_the_left() -> None:
    runs = [
        entry(3, {"migrated": 2, "kept": 6}),
        entry(2, {"unreachable": 1, "restored": 1, "migrated": 2, "pending": 4}),
        entry(1, {"refused": 1, "ready": 3}, playbook="audit"),
        entry(4, {"rolled_back": 1, "kept": 1}, playbook="rollback"),
    ]
    assert heights(history.render(runs)) == [
        {"good": 75, "warn": 25},
        {"moved": 25, "pending": 50, "warn": 12.5, "bad": 12.5},
        {"moved": 100},
        {"good": 100},
    ]


def test_of_many_runs_the_last_are_drawn_and_all_are_listed() -> None:
    text = history.render([entry(day, {"kept": 1}) for day in range(100)])
    assert len(heights(text)) == 40
    assert len(rows(text)) == 100


def test_what_somebody_else_wrote_is_text() -> None:
    text = history.render([entry(day, {"migrated": 1}, id=sample.HOSTILE, playbook=sample.HOSTILE) for day in (1, 2)])
    assert text.count("<script") == 1
    assert "<img" not in text
    assert 'href="runs/%3C%2Fscript%3E' in text


def test_a_state_of_a_later_version_is_shown_by_its_name() -> None:
    assert "2 teleported" in history.render([entry(1, {"teleported": 2})])


@pytest.mark.parametrize("runs", [[], [{"run": {}, "counts": {}}], [{"run": {"id": "a"}, "counts": {"migrated": 1}, "rows": None}]])
def test_next_to_nothing_is_known(runs: list[dict[str, Any]]) -> None:
    assert "None<" not in history.render(runs)
    assert ">None" not in history.render(runs)
